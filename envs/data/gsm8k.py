"""Grade-school word problems (Cobbe et al. 2021, arXiv:2110.14168): worked solutions, answers after ####."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.data.files import read_hugging_face, read_jsonl
from envs.data.rows import RowsEnvironment
from envs.data.values import column
from envs.registry import environment
from envs.types import Problem

DATASET, CONFIG = "openai/gsm8k", "main"
_CALCULATION = re.compile(r"<<[^<>]*>>")


@environment("gsm8k", verify="numeric")
class Gsm8k(RowsEnvironment):
    """GSM8K word problems from local JSONL files or the Hugging Face data set.

    Args:
        folder: a folder with train.jsonl and test.jsonl (rows: question, answer); None: the data set openai/gsm8k.
        calculations: keep the <<16-3-4=9>> annotations in the worked steps.
        validation: share of the training rows, chosen by content, that become the validation split.
    """

    def __init__(self, folder: str | None = None, calculations: bool = False, validation: float = 0.05) -> None:
        if not 0 <= validation < 1:
            raise ValueError(f"validation is {validation}, expected a share in [0, 1)")
        self.folder = folder
        self.calculations = calculations
        self.validation = validation

    def load(self) -> Iterable[Problem]:
        """All rows: the published test set, and the training set less its validation rows."""
        for split in ("test", "train"):
            for row in self._read(split):
                problem = self._problem(row, split)
                if split == "train" and int(problem.id[:8], 16) / 16**8 < self.validation:
                    problem = replace(problem, split="validation")
                yield problem

    def _read(self, split: str) -> Iterator[dict[str, Any]]:
        if self.folder is None:
            return read_hugging_face(DATASET, CONFIG, split)
        return read_jsonl(Path(self.folder).expanduser() / f"{split}.jsonl")

    def _problem(self, row: dict[str, Any], split: str) -> Problem:
        worked, mark, answer = str(column(row, "answer", f"gsm8k {split}")).rpartition("####")
        if not mark:
            raise ValueError(f"gsm8k {split}: a solution has no #### answer: {row['answer'][-60:]!r}")
        if not self.calculations:
            worked = _CALCULATION.sub("", worked)
        steps = tuple(line.strip() for line in worked.splitlines() if line.strip())
        return Problem(
            column(row, "question", f"gsm8k {split}").strip(), answer.strip().replace(",", ""), steps, split=split
        )
