"""What a verdict says about the answer, and about the whole solution, whatever the environment calls its parts."""

from __future__ import annotations

from verifiers.types import Verdict

SOLUTION_PARTS = ("verified", "sound")  # the first that a verdict has speaks about the whole solution


def answer_share(verdict: Verdict) -> float:
    """How right the answer is, in [0, 1]: the verdict's part `answer` where it has one, else its outcome."""
    return float(verdict.parts.get("answer", verdict.is_correct))


def solution_share(verdict: Verdict) -> float:
    """How far the whole solution holds, in [0, 1]: the part `verified`, else `sound`, else the outcome.

    A sound solution has the right answer and states no false sum on the way.
    """
    part = next((part for part in SOLUTION_PARTS if part in verdict.parts), None)
    return float(verdict.is_correct if part is None else verdict.parts[part])
