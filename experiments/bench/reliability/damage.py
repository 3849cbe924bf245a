"""The damage matrix: every file of a study damaged in nine ways, and what each verb makes of it.

A verb's answer to a damaged study is one of

    same        it shows or writes what it does for the undamaged study (the file is written anew, or not read)
    told        it ends with an exit code and a sentence that names the file, or one of its folders
    warned      it goes on, and its answer differs, and it names the file or one of its folders
    vague       as told, but nothing of the file's path is named
    silent      its answer differs, and nothing is said
    traceback   an exception reached the user, or it did not end

of which the last three are failures. A cell is run in a process of its own: a file that is mapped into memory may end
it. Of a file that a verb does not open, only the absence is tried (deleted, and a folder in its place): what it holds
cannot matter. `eval` is asked of the policies that a file belongs to, and not asked about other files.
"""

from __future__ import annotations

import gc
import itertools
import json
import multiprocessing
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from experiments.bench.reliability.faults import FAULTS
from experiments.bench.reliability.verbs import VERBS, Answer, policy_of

OF_ABSENCE = ("deleted", "folder")  # faults that matter to a verb that only looks whether a file is there
MAPPED = (".safetensors", "tokenizer.json")  # opened by libraries, which Python does not see
FAILURES = ("vague", "silent", "traceback")
NO_FILES = (".lock", "report.html", "report.md", "report.json")  # written anew by whoever is asked for them
Cell = dict[str, Any]


class Subject:
    """A study's folder that is damaged and restored, with its master copy.

    Args:
        folder: holds `master` (as it was left), `other` (a study of another seed, for exchanges; may be missing), and
            `work/study`, which verbs are given.
        pattern: of the files that are damaged.
    """

    def __init__(self, folder: Path, settings: Sequence[str], pattern: str = "*") -> None:
        self.master, self.other = folder / "master", folder / "other"
        self.study, self.settings = folder / "work" / "study", tuple(settings)
        self.pattern = pattern

    def files(self) -> list[str]:
        """The files of the study that are damaged, by their paths in there."""
        paths = (str(path.relative_to(self.master)) for path in sorted(self.master.rglob("*")) if path.is_file())
        return [path for path in paths if path not in NO_FILES and fnmatch(path, self.pattern)]

    def restore(self) -> None:
        """Makes the study what it was."""
        self.study.mkdir(parents=True, exist_ok=True)
        wanted = {str(path.relative_to(self.master)): path for path in self.master.rglob("*")}
        for path in sorted(self.study.rglob("*"), reverse=True):  # what is in a folder before the folder
            source = wanted.get(str(path.relative_to(self.study)))
            if source is None or source.is_dir() != path.is_dir():
                path.rmdir() if path.is_dir() else path.unlink()
        for name, source in sorted(wanted.items()):
            target = self.study / name
            if source.is_dir():
                target.mkdir(exist_ok=True)
            elif not target.exists() or _stamp(target) != _stamp(source):
                shutil.copy2(source, target)

    def damage(self, name: str, fault: str) -> None:
        """Damages one file."""
        other = self.other / name.replace("seed-0", "seed-1", 1)
        FAULTS[fault](self.study / name, other if other.is_file() else None)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


class DamageMatrix:
    """The cells of a study's files; what the verbs answer to the undamaged study is asked once.

    Raises:
        RuntimeError: a verb fails on the undamaged study, or answers it in two ways.
    """

    def __init__(self, subject: Subject, verbs: Sequence[str]) -> None:
        self.subject, self.verbs = subject, tuple(verbs)
        for verb in verbs:  # loads what is heavy, once, before processes are forked
            subject.restore()
            VERBS[verb](subject.study, "", subject.settings)
        gc.collect()
        gc.freeze()  # a collection in a forked process would copy every page that it looks at
        self._expected: dict[tuple[str, str], Cell] = {}
        for verb in verbs:
            self._undamaged(verb, "")

    def _undamaged(self, verb: str, name: str) -> Cell:
        """The verb's answer to the undamaged study, or to the policy that a file of it belongs to."""
        key = verb, policy_of(self.subject.master, name) if verb == "eval" else ""
        if key not in self._expected:
            self.subject.restore()
            expected = _in_child(self.subject, verb, name, None)
            if expected["code"] != 0:
                raise RuntimeError(f"{verb} of the undamaged study: {expected['text'][-500:]}")
            self.subject.restore()
            if (again := _in_child(self.subject, verb, name, expected))["outcome"] != "same":
                raise RuntimeError(f"{verb} answers the undamaged study in two ways: {again['text'][-500:]}")
            self._expected[key] = expected
        return self._expected[key]

    def cells(self, name: str) -> list[Cell]:
        """One row per fault of a file and verb that it may matter to; `text` is what was said, where it failed."""
        rows = []
        for verb, fault in itertools.product(self.verbs, FAULTS):
            if not self._matters(verb, fault, name):
                continue
            expected = self._undamaged(verb, name)
            self.subject.restore()
            self.subject.damage(name, fault)
            row = _in_child(self.subject, verb, name, expected)
            if row["outcome"] not in FAILURES:
                row.pop("text")
            rows.append({"file": name, "fault": fault, "verb": verb, **row})
        return rows

    def _matters(self, verb: str, fault: str, name: str) -> bool:
        """Whether a fault of a file may matter to a verb, by the files of the undamaged study that it opened."""
        if verb == "eval":
            path = Path(name)
            is_beside = path.name == "manifest.json" and (self.subject.master / path.parent / "policy").is_dir()
            return "policy" in path.parts or is_beside
        is_opened = name in self._undamaged(verb, name)["opened"]
        return is_opened or fault in OF_ABSENCE or (verb == "resume" and name.endswith(MAPPED))


def _in_child(subject: Subject, verb: str, name: str, undamaged: Cell | None) -> Cell:
    """The cell, run in a forked process: everything heavy is loaded in this one already.

    Args:
        undamaged: the same verb's answer to the undamaged study; None: this is that one.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(theirs, subject, verb, name, undamaged or {}))
    child.start()
    theirs.close()
    try:
        row: Cell = ours.recv()
    except EOFError:
        row = {"outcome": "traceback", "code": None, "text": "the process was ended by a signal"}
    child.join()
    return row


def _run(pipe: Any, subject: Subject, verb: str, name: str, undamaged: Cell) -> None:
    os.environ["COLUMNS"] = "400"  # no sentence is folded
    opened: set[str] = set()
    sys.addaudithook(lambda event, given: _note(event, given, subject.study, opened))
    answer = VERBS[verb](subject.study, name, subject.settings)
    results, expected, before = answer.results, undamaged.get("results"), undamaged.get("text", "")
    if verb == "resume":  # compared without the damaged file, which the undamaged study has
        expected = {key: value for key, value in (expected or {}).items() if key != name}
    is_same = json.loads(json.dumps(_plain(results))) == json.loads(json.dumps(_plain(expected)))
    outcome = judge(answer, is_same, name, before)
    text = answer.text if not undamaged else "" if outcome == "same" else answer.text[-1500:]
    row: Cell = {"outcome": outcome, "code": answer.code, "text": text}
    if not undamaged:
        row |= {"results": _plain(results), "opened": opened}
    pipe.send(row)
    pipe.close()
    os._exit(0)  # nothing that this process shares with its parent is taken down twice


def _note(event: str, given: tuple[Any, ...], study: Path, opened: set[str]) -> None:
    """Notes a file of the study that is opened to be read."""
    if event == "open" and isinstance(given[0], str | Path) and str(given[0]).startswith(f"{study}/"):
        opened.add(str(Path(given[0]).relative_to(study)))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def judge(answer: Answer, is_same: bool, name: str, before: str) -> str:
    """The outcome of a cell, as the module's text has it.

    Args:
        before: what the verb says of the undamaged study.
    """
    if answer.code is None or "Traceback (most recent call last)" in answer.text:
        return "traceback"
    if answer.code == 0 and is_same:
        return "same"
    parts = named_by(name)
    if answer.code != 0:
        return "told" if any(part in answer.text for part in parts) else "vague"
    is_named = any(
        answer.text.count(part) > before.count(part) for part in parts
    )  # an answer may name what it is about
    return "warned" if is_named else "silent"


def named_by(name: str) -> list[str]:
    """What may stand for a file in a message: its name, or the folders that hold it within a seed."""
    path = Path(name)
    folders = [str(parent) for parent in path.parents if str(parent) not in (".", "seed-0")]
    return [path.name, *folders]


def summary(cells: Sequence[Cell]) -> dict[str, dict[str, int]]:
    """verb -> outcome -> number of cells."""
    counts: dict[str, Counter[str]] = {}
    for cell in cells:
        counts.setdefault(cell["verb"], Counter())[cell["outcome"]] += 1
    return {verb: dict(sorted(found.items())) for verb, found in counts.items()}
