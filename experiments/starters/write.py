"""Writes a starter file of a kind of part under a name of one's own, and its test beside it."""

from __future__ import annotations

import re
from keyword import iskeyword
from pathlib import Path

from experiments.run.errors import UserError, did_you_mean
from verifiers.parts import KINDS

FOLDER = Path(__file__).parent
NAMED_IN = {  # kind -> how a config, or a command, names the part
    "environment": "env: {name}",
    "verifier": "env: {{name: 'jsonl:problems.jsonl', verify: '{name}'}}",
    "reward": "arms: {{{short}: {{method: rl, reward: {name}}}}}",
    "algorithm": "rl: {{algorithm: {name}}}",
    "curriculum": "rl: {{curriculum: {name}}}",
    "annotator": "preference: {{annotator: {name}}}",
    "demonstrator": "imitation: {{demonstrator: {{name: {name}}}}}",
    "selector": "preference: {{selector: {name}}}",
    "arm": "arms: {{{short}: {{method: {name}, other: rl}}}}",
    "backend": "workers: {{backend: {name}}}",
    "optimizer": "rl: {{optimizer: {{kind: {name}, lr: 0.05}}}}",
    "metric": "metrics: [{name}]",
    "tracker": "trackers: [{name}]",
    "section": "report_sections: [{name}]",
}


def starter(kind: str) -> str:
    """The text of a kind's starter, with the placeholders `mine` and `Mine`.

    Raises:
        UserError: there is no such kind.
    """
    if kind not in KINDS:
        raise UserError(f"no kind of part is called {kind!r}{did_you_mean(kind, KINDS)}; kinds: {', '.join(KINDS)}")
    return (FOLDER / "parts" / f"{kind}.py").read_text(encoding="utf-8")


def reference(kind: str, name: str) -> str:
    """`name.py:attribute` of a starter that was written under a name."""
    return f"{name}.py:{_named(name) if 'class Mine' in starter(kind) else name}"


def write_starter(kind: str, name: str, folder: Path) -> tuple[Path, Path]:
    """The paths of the new file and of its test.

    Raises:
        UserError: no such kind, a name that is no Python identifier, or a file that is there already.
    """
    text = starter(kind)
    if not name.isidentifier() or iskeyword(name):
        raise UserError(f"name is {name!r}, expected a Python identifier that is no keyword, such as my_{kind}")
    check = (FOLDER / "checks" / f"{kind}.py").read_text(encoding="utf-8")
    files = folder / f"{name}.py", folder / f"test_{name}.py"
    for file in files:
        if file.exists():
            raise UserError(f"{file} exists already; choose another name or folder")
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in zip(files, (text, check), strict=True):
        file.write_text(_renamed(content, name), encoding="utf-8")
    return files


def how_to_name(kind: str, name: str) -> str:
    """A line of a config that uses the new part."""
    return NAMED_IN[kind].format(name=reference(kind, name), short=name)


def _renamed(text: str, name: str) -> str:
    """The template with the name in place of `mine` and `Mine`, and without what is only for our own checks."""
    text = text.replace("  # type: ignore[no-untyped-def]", "").replace("  # type: ignore[attr-defined]", "")
    text = text.replace("  # type: ignore[operator]", "")
    return re.sub(r"\bMine\b", _named(name), re.sub(r"\bmine\b", name, text).replace("MINE", "PART"))


def _named(name: str) -> str:
    """`my_part` as `MyPart`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_")) or "Mine"
