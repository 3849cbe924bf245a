"""Problems from a data file, without code: `jsonl:problems.jsonl?prompt=question&answer=answer`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from envs.data.files import read_file, read_hugging_face, read_parts
from envs.data.rows import RowsEnvironment
from envs.data.values import (
    MISSING_WORDS,
    SPLIT_NAMES,
    column,
    plain,
    read_answers,
    read_level,
    read_prompt,
    read_split,
    read_steps,
)
from envs.environment import TAGS
from envs.registry import environment
from envs.splits import split_of
from envs.types import Problem
from verifiers.equivalence.reference import read_reference
from verifiers.parse.tree import Text
from verifiers.types import Verdict

ON_INVALID = ("refuse", "drop")
READ_AS_MATHEMATICS = ("symbolic", "numeric")  # verifiers whose references are expressions, or else words
FEW_WORDS = 0.1  # share of references of several words, below which they look like mistakes among mathematics
_MATHEMATICAL = frozenset("\\^_{}=<>+*/|0123456789")  # signs that hardly stand in an answer of plain words


class TableEnvironment(RowsEnvironment):
    """Columns of a table as problems. `a.b` is the field b of column a; all other columns stand in `Problem.info`.

    Args:
        prompt: column of the question: text, or a list of messages ({"role", "content"} or {"from", "value"}).
        answer: column of the reference answer: text or a number; of a list, every item is accepted.
        solution: column of worked steps: a list, or text with a step per line; none unless given.
        level: column of the difficulty; every row has level 1 unless given.
        split: column of the split; rows are split by content unless given. Where the data has no validation or no test
            part, one in twenty of the training rows, chosen by content, is it.
        verify: name of the verifier, or {"name": ..., **settings}.
        invalid: "refuse" data with a value that no problem can be made of (null, NaN, an empty answer), or "drop"
            such rows and say how many.
    """

    verify: Mapping[str, Any]  # {"name": ..., **settings}

    def __init__(
        self,
        prompt: str = "prompt",
        answer: str = "answer",
        solution: str | None = None,
        level: str | None = None,
        split: str | None = None,
        verify: str | Mapping[str, Any] = "symbolic",
        invalid: str = "refuse",
    ) -> None:
        if invalid not in ON_INVALID:
            raise ValueError(f"invalid is {invalid!r}, expected one of {', '.join(ON_INVALID)}")
        for key, name in {"prompt": prompt, "answer": answer}.items():
            if not isinstance(name, str) or not name:
                raise ValueError(f"{key} is {name!r}, expected the name of a column")
        for key, other in {"solution": solution, "level": level, "split": split}.items():
            if other is not None and not isinstance(other, str):
                raise ValueError(f"{key} is {other!r}, expected the name of a column, or null for none")
        self.columns = {"prompt": prompt, "answer": answer, "solution": solution, "level": level, "split": split}
        named = {"name": verify} if isinstance(verify, str) else dict(verify) if isinstance(verify, Mapping) else {}
        if not isinstance(named.get("name"), str):
            raise ValueError(f"verify is {verify!r}, expected a verifier's name, or {{name: ..., settings}}")
        self.verify = named
        self.invalid = invalid
        self.levels = tuple(sorted({problem.level for problem in self._loaded}))
        if any("\n" in problem.answer for problem in self._loaded):
            self.mark = TAGS  # type: ignore[misc]

    @cached_property
    def _loaded(self) -> tuple[Problem, ...]:
        problems, refused = [], []
        self._places: dict[str, str] = {}  # id of a problem -> where its row stands
        for row, source in self.read():
            try:
                problems.append(self._problem(row, source))
            except ValueError as error:
                if self.invalid == "refuse":
                    raise ValueError(f"{error}; invalid=drop leaves such rows out") from error
                refused.append(str(error))
        self._told = [f"{len(refused):,} rows were dropped, e.g. {refused[0]}"] if refused else []
        if not problems:
            where = getattr(self, "path", "") or getattr(self, "dataset", "")
            raise ValueError(
                f"no row of {where} makes a problem, e.g. {refused[0]}" if refused else f"{where} holds no rows"
            )
        return tuple(self._split_off(problems))

    def _split_off(self, problems: Sequence[Problem]) -> Iterator[Problem]:
        """The problems, with the parts that the data does not have taken from the training rows by content."""
        there = {problem.split for problem in problems}
        missing = {"validation", "test"} - there if "train" in there else set()
        taken: Counter[str] = Counter()
        for problem in problems:
            if problem.split == "train" and (part := split_of(problem)) in missing:
                taken[part] += 1
                problem = replace(problem, split=part)
            yield problem
        for part in sorted(missing):
            self._told.append(
                f"the data has no {part} part: {taken[part]:,} of its {len(problems):,} rows, chosen by content from "
                "the training rows, are it"
            )

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Rows, each with words that say where it stands."""
        raise TypeError(f"environment {type(self).__name__} defines no read()")

    def identity_of(self, problem: Problem) -> str:
        """The text, whose white space asks nothing: a space at its end makes no second problem."""
        return " ".join(problem.text.split())

    def load(self) -> tuple[Problem, ...]:
        """The problems of all rows."""
        return self._loaded

    def notes(self) -> tuple[str, ...]:
        """What was dropped, split off, and which references are compared as words."""
        return (*self._told, *super().notes(), *self._missing(), *self._words())

    def _missing(self) -> Iterator[str]:
        """A sentence where references are words that a program writes for a value that it lacks."""
        found = [problem for problem in self._loaded if problem.answer.strip().lower() in MISSING_WORDS]
        if found:
            yield (
                f"{len(found):,} references look like missing values that were written out, e.g. "
                f"{found[0].answer!r} ({self.place_of(found[0])}): such an answer is asked for as it stands"
            )

    def _words(self) -> Iterator[str]:
        """A sentence where references that look like mathematics could not be read as such."""
        if self.verify["name"] not in READ_AS_MATHEMATICS:
            return
        standing = [(answer, p) for p in self._loaded for answer in p.info.get("answers", (p.answer,))]
        every = [answer for answer, _ in standing]
        place = {answer: self.place_of(problem) for answer, problem in reversed(standing)}
        looking = [answer for answer in dict.fromkeys(every) if not _MATHEMATICAL.isdisjoint(answer)]
        unread = [answer for answer in looking if isinstance(read_reference(answer).tree, Text)]
        if unread:
            yield (
                f"{len(unread):,} references are no mathematics that the verifier reads and are compared as words, "
                f"e.g. {unread[0][:80]!r} ({place[unread[0]]})"
            )
        words = [answer for answer in every if _MATHEMATICAL.isdisjoint(answer) and len(answer.split()) > 1]
        if words and len(words) < FEW_WORDS * len(every):
            yield (
                f"{len(words):,} of {len(every):,} references are words where the others are mathematics, "
                f"e.g. {words[0][:80]!r} ({place[words[0]]})"
            )

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The verdict on a response; of several accepted answers any will do."""
        verdict = super().grade(problem, response)
        for other in problem.info.get("answers", ())[1:]:
            if verdict.is_correct:
                break
            again = super().grade(replace(problem, answer=other), response)
            verdict = again if again.is_correct else verdict
        return verdict

    def _problem(self, row: Mapping[str, Any], source: str) -> Problem:
        values = {what: column(row, name, source) for what, name in self.columns.items() if name}
        where = {what: f"{source}: column {name!r}" for what, name in self.columns.items()}
        answers = read_answers(values["answer"], where["answer"])
        for answer in answers:
            self._check_reference(answer, where["answer"])
        info = {name: plain(value) for name, value in row.items() if name not in self.columns.values()}
        info.pop("_split", None)
        if len(answers) > 1:
            info["answers"] = list(answers)
        steps = read_steps(values.get("solution"), where["solution"])
        if "\n#### " in answers[0]:  # a worked solution that ends in its answer, as those of GSM8K
            worked, _, answer = answers[0].rpartition("\n#### ")
            answers, steps = (answer.strip(), *answers[1:]), steps or read_steps(worked, where["answer"])
        problem = Problem(
            prompt=read_prompt(values["prompt"], where["prompt"]),
            answer=answers[0],
            solution=steps,
            level=read_level(values["level"], where["level"]) if "level" in values else 1,
            split=read_split(values["split"], where["split"]) if "split" in values else "",
            info=info,
        )
        self._places.setdefault(problem.id, source)
        return problem

    def place_of(self, problem: Problem) -> str:
        """The row of the file or data set that a problem stands in."""
        return self._places.get(problem.id) or super().place_of(problem)

    def _check_reference(self, answer: str, where: str) -> None:
        """Lets one of our verifiers read the reference; a user's own is not called outside the grading processes.

        Raises:
            ValueError: it cannot be used.
        """
        if ":" in self.verify["name"]:
            return
        try:
            self.verifier.verify("", answer)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error


@environment("jsonl")
class Jsonl(TableEnvironment):
    """Problems from a data file: `jsonl:path?prompt=question&answer=answer`; also .csv, .json, .parquet.

    Args:
        path: a file of JSON lines, a .json file with a list, a table in .csv, .tsv or .parquet, or a folder that
            `save_to_disk` of the library datasets wrote (of several parts: with split=split).
    """

    def __init__(self, path: str, **columns: Any) -> None:
        self.path = path
        super().__init__(**columns)

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """The file's rows."""
        return read_file(self.path)


@environment("hf")
class HuggingFace(TableEnvironment):
    """Problems from a Hugging Face data set: `hf:owner/name?prompt=question&answer=answer`.

    Args:
        dataset: the data set's id, or a folder that `save_to_disk` wrote.
        config: its configuration.
        splits: its splits by ours, e.g. {"train": "train", "test": "validation"}; None: those that it has, by name.
    """

    def __init__(
        self, dataset: str, config: str | None = None, splits: dict[str, str] | None = None, **columns: Any
    ) -> None:
        self.dataset, self.config, self.splits = dataset, config, splits
        super().__init__(**{"split": "_split", **columns})

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """The rows of all splits."""
        for ours, theirs, rows in self._parts():
            for number, row in enumerate(rows):
                yield {"_split": ours, **row}, f"{self.dataset} {theirs} row {number}"

    def _parts(self) -> Iterator[tuple[str, str, Iterator[dict[str, Any]]]]:
        """(our name, theirs, rows) of every split."""
        if self.splits:
            for ours, theirs in self.splits.items():
                yield ours, theirs, read_hugging_face(self.dataset, self.config, theirs)
            return
        for theirs, rows in read_parts(self.dataset, self.config):
            if theirs.lower() not in SPLIT_NAMES:
                raise ValueError(
                    f"{self.dataset} has a split {theirs!r}, which is none of {', '.join(SPLIT_NAMES)}; say which "
                    f'it is with splits={{"train": "{theirs}"}}'
                )
            yield theirs, theirs, rows
