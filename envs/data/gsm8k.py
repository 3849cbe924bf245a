"""Grade-school word problems (Cobbe et al. 2021, arXiv:2110.14168): worked solutions, answers after ####."""

from __future__ import annotations

import re
from typing import Any

from envs.data.published import PublishedRows
from envs.data.values import column
from envs.registry import environment
from envs.types import Problem

_CALCULATION = re.compile(r"<<[^<>]*>>")


@environment("gsm8k", verify="numeric")
class Gsm8k(PublishedRows):
    """GSM8K word problems from local JSONL files or the Hugging Face data set.

    Args:
        folder: a folder with train.jsonl and test.jsonl (rows: question, answer); None: the data set openai/gsm8k.
        calculations: keep the <<16-3-4=9>> annotations in the worked steps.
        validation: share of the training rows, chosen by content, that become the validation split.
    """

    dataset, configs = "openai/gsm8k", ("main",)

    def __init__(self, folder: str | None = None, calculations: bool = False, validation: float = 0.05) -> None:
        super().__init__(folder, validation)
        self.calculations = calculations

    def to_problem(self, row: dict[str, Any], split: str) -> Problem:
        """The question; the worked steps, a line each; the answer behind ####."""
        worked, mark, answer = str(column(row, "answer", f"gsm8k {split}")).rpartition("####")
        if not mark:
            raise ValueError(f"gsm8k {split}: a solution has no #### answer: {row['answer'][-60:]!r}")
        if not self.calculations:
            worked = _CALCULATION.sub("", worked)
        steps = tuple(line.strip() for line in worked.splitlines() if line.strip())
        return Problem(
            column(row, "question", f"gsm8k {split}").strip(), answer.strip().replace(",", ""), steps, split=split
        )
