"""Data sets that were published as a training and a test set, in files or on the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.data.files import read_hugging_face, read_jsonl
from envs.data.rows import RowsEnvironment
from envs.types import Problem


class PublishedRows(RowsEnvironment):
    """The published test set, and the training set less its validation rows.

    A subclass gives `to_problem`, and in `dataset` and `configs` where the rows are on the hub.

    Args:
        folder: a folder with train.jsonl and test.jsonl; None: the data set on the hub.
        validation: share of the training rows, chosen by content, that become the validation split.
    """

    dataset: str
    configs: tuple[str, ...] = ()

    def __init__(self, folder: str | None, validation: float) -> None:
        if not 0 <= validation < 1:
            raise ValueError(f"validation is {validation}, expected a share in [0, 1)")
        self.folder = folder
        self.validation = validation

    def to_problem(self, row: dict[str, Any], split: str) -> Problem:
        """The problem of a row."""
        raise TypeError(f"environment {type(self).__name__} defines no to_problem()")

    def load(self) -> Iterable[Problem]:
        """All rows that are wanted."""
        for split in ("test", "train"):
            for row in self.read(split):
                problem = self.to_problem(row, split)
                if split == "train" and int(problem.id[:8], 16) / 16**8 < self.validation:
                    problem = replace(problem, split="validation")
                yield problem

    def read(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of one of the two sets."""
        if self.folder is not None:
            yield from read_jsonl(Path(self.folder).expanduser() / f"{split}.jsonl")
            return
        for config in self.configs:
            yield from read_hugging_face(self.dataset, config, split)
