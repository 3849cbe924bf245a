r"""Competition mathematics (Hendrycks et al. 2021, arXiv:2103.03874): LaTeX solutions, \boxed answers, levels 1-5."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from envs.data.published import PublishedRows
from envs.data.values import column
from envs.registry import environment
from envs.types import Problem

SUBJECTS = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z$\\])|\n+")


@environment("math", levels=(1, 2, 3, 4, 5), verify="symbolic")
class MathDataset(PublishedRows):
    r"""MATH competition problems from local JSONL files or the Hugging Face data set.

    Args:
        folder: a folder with train.jsonl and test.jsonl (rows: problem, solution, level "Level 3", type); None: the
            data set EleutherAI/hendrycks_math. Rows may give `answer`; otherwise it is the last \boxed of the solution.
        subjects: keep these only (the data set's configurations, e.g. "algebra"); None: all seven.
        validation: share of the training rows, chosen by content, that become the validation split.
    """

    dataset = "EleutherAI/hendrycks_math"

    def __init__(
        self, folder: str | None = None, subjects: Sequence[str] | None = None, validation: float = 0.05
    ) -> None:
        for subject in subjects or ():
            if subject not in SUBJECTS:
                raise ValueError(f"subject is {subject!r}, expected one of {', '.join(SUBJECTS)}")
        super().__init__(folder, validation)
        self.configs = tuple(subjects or SUBJECTS)

    def read(self, split: str) -> Iterator[dict[str, Any]]:
        """The rows of the chosen subjects, and those that name none."""
        for row in super().read(split):
            subject = str(row.get("type", row.get("subject", ""))).lower().replace(" & ", "_and_").replace(" ", "_")
            if self.folder is None or not subject or subject in self.configs:
                yield row

    def to_problem(self, row: dict[str, Any], split: str) -> Problem:
        """The problem; its solution, a sentence a step; rows whose level is unknown ("Level ?") have level 5."""
        solution = str(column(row, "solution", f"math {split}"))
        answer = row.get("answer") or last_boxed(solution)
        if answer is None:
            raise ValueError(f"math {split}: a solution has no \\boxed answer: {solution[-60:]!r}")
        level = re.search(r"\d", str(row.get("level", "")))
        steps = tuple(step.strip() for step in _SENTENCE_END.split(solution) if step.strip())
        return Problem(
            column(row, "problem", f"math {split}").strip(),
            str(answer),
            steps,
            level=int(level[0]) if level else 5,
            split=split,
        )


def last_boxed(text: str) -> str | None:
    r"""What stands in the last \boxed{...} of a text, braces balanced; None when there is none."""
    at = text.rfind("\\boxed")
    if at < 0:
        return None
    at += len("\\boxed")
    if text[at : at + 1] == " ":
        return text[at:].split("$")[0].strip()
    depth = 0
    for end in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[at + 1 : end] if end > at else None
    return None
