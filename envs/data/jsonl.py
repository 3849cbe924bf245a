"""Problems from a data file, without code: `jsonl:problems.jsonl?prompt=question&answer=answer`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from envs.data.rows import RowsEnvironment, column, read_hugging_face, read_jsonl
from envs.registry import environment
from envs.types import Message, Problem
from verifiers.types import Verifier


class TableEnvironment(RowsEnvironment):
    """Columns of a table as problems.

    Args:
        prompt: column of the question: text, or a list of {"role", "content"} messages.
        answer: column of the reference answer.
        solution: column of worked steps: a list, or text with a step per line; none unless given.
        level: column of the difficulty; every row has level 1 unless given.
        split: column of the split; rows are split by content unless given.
        verify: name of the verifier.
    """

    def __init__(
        self,
        prompt: str = "prompt",
        answer: str = "answer",
        solution: str | None = None,
        level: str | None = None,
        split: str | None = None,
        verify: str = "symbolic",
    ) -> None:
        self.columns = {"prompt": prompt, "answer": answer, "solution": solution, "level": level, "split": split}
        self.verify_with = verify
        self.levels = tuple(sorted({problem.level for problem in self._loaded}))

    @cached_property
    def verifier(self) -> Verifier:
        """The verifier that the setting `verify` names."""
        from envs.grading import make_verifier

        return make_verifier(self.verify_with)

    @cached_property
    def _loaded(self) -> tuple[Problem, ...]:
        problems = tuple(self._problem(row, source) for row, source in self.read())
        if not problems:
            raise ValueError(f"environment {self.name!r} read no rows")
        return problems

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Rows, each with words that say where it stands."""
        raise TypeError(f"environment {type(self).__name__} defines no read()")

    def load(self) -> tuple[Problem, ...]:
        """The problems of all rows."""
        return self._loaded

    def _problem(self, row: dict[str, Any], source: str) -> Problem:
        names = self.columns
        prompt = column(row, names["prompt"] or "", source)
        if not isinstance(prompt, str):
            prompt = tuple(Message(m["role"], m["content"]) for m in prompt)
        solution = column(row, names["solution"], source) if names["solution"] else ()
        if isinstance(solution, str):
            solution = [line for line in solution.splitlines() if line.strip()]
        return Problem(
            prompt=prompt,
            answer=str(column(row, names["answer"] or "", source)),
            solution=tuple(map(str, solution)),
            level=int(column(row, names["level"], source)) if names["level"] else 1,
            split=str(column(row, names["split"], source)) if names["split"] else "",
        )


@environment("jsonl")
class Jsonl(TableEnvironment):
    """Problems from a JSONL file: `jsonl:path?prompt=question&answer=answer`."""

    def __init__(self, path: str, **columns: Any) -> None:
        self.path = path
        super().__init__(**columns)

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """The file's rows."""
        for number, row in enumerate(read_jsonl(self.path), 1):
            yield row, f"{self.path} row {number}"


@environment("hf")
class HuggingFace(TableEnvironment):
    """Problems from a Hugging Face data set: `hf:owner/name?prompt=question&answer=answer`.

    Args:
        dataset: the data set's id.
        config: its configuration.
        splits: its splits by ours, e.g. {"train": "train", "test": "validation"}.
    """

    def __init__(
        self, dataset: str, config: str | None = None, splits: dict[str, str] | None = None, **columns: Any
    ) -> None:
        self.dataset, self.config = dataset, config
        self.splits = splits or {"train": "train", "test": "test"}
        super().__init__(**{"split": "_split", **columns})

    def read(self) -> Iterator[tuple[dict[str, Any], str]]:
        """The rows of all splits."""
        for ours, theirs in self.splits.items():
            for number, row in enumerate(read_hugging_face(self.dataset, self.config, theirs)):
                yield {"_split": ours, **row}, f"{self.dataset} {theirs} row {number}"
