"""What an annotator gets to see of a completion: facts that its audit and its taste read, no tokens and no reward."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envs.types import Problem
from rl.types import Trajectory
from verifiers.types import Outcome, Verdict

CONFIDENT_WORDS = ("clearly", "obviously", "certainly", "definitely", "undoubtedly")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Reading:
    """One completion as an annotator reads it.

    Attributes:
        level: of the problem: for LEAPS its number of operations.
        is_correct: the gold verdict.
        wrong_leaps: the leap of every wrong line, 0 for a malformed one; None when the environment reports no lines.
        has_conclusion_error: an answer is missing or wrong although no line is: the end does not follow.
        leaps: the leap of every line, 0 for a malformed one; None when the environment reports no lines.
        num_lines: lines, or non-blank lines of text where the environment reports none.
        relative_length: lines per operation where lines are known; else words per word of the reference solution
            (per hundred words where there is none).
        is_confident: the text asserts its own certainty (CONFIDENT_WORDS).
        is_well_formed: an answer could be read, and no line is malformed.
    """

    level: int
    is_correct: bool
    wrong_leaps: tuple[int, ...] | None
    has_conclusion_error: bool
    leaps: tuple[int, ...] | None
    num_lines: int
    relative_length: float
    is_confident: bool
    is_well_formed: bool

    @property
    def mean_leap(self) -> float:
        """Mean leap of the well-formed lines; 0 when there is none."""
        sizes = [leap for leap in self.leaps or () if leap]
        return sum(sizes) / len(sizes) if sizes else 0.0


def read(trajectory: Trajectory) -> Reading:
    """The reading of a graded trajectory."""
    return read_response(trajectory.problem, trajectory.completion.text, trajectory.verdict)


def read_response(problem: Problem, response: str, verdict: Verdict) -> Reading:
    """The reading of a response with its gold verdict (`info` with "leaps" and "line_right" where lines are known)."""
    leaps, wrong = _lines(verdict)
    has_answer = verdict.outcome in (Outcome.CORRECT, Outcome.WRONG)
    answer_right = verdict.parts.get("answer", float(verdict.is_correct)) > 0
    words = _WORD.findall(response)
    num_lines = len(leaps) if leaps is not None else sum(bool(line.strip()) for line in response.splitlines())
    if leaps is not None:
        relative_length = num_lines / max(problem.level, 1)
    else:
        relative_length = len(words) / (sum(len(_WORD.findall(step)) for step in problem.solution) or 100)
    return Reading(
        level=problem.level,
        is_correct=verdict.is_correct,
        wrong_leaps=wrong,
        has_conclusion_error=wrong is not None and (not has_answer or (not answer_right and not wrong)),
        leaps=leaps,
        num_lines=num_lines,
        relative_length=relative_length,
        is_confident=any(word.lower().strip(".,:;!()") in CONFIDENT_WORDS for word in words),
        is_well_formed=has_answer and 0 not in (leaps or ()),
    )


def _lines(verdict: Verdict) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    if "leaps" not in verdict.info or "line_right" not in verdict.info:
        return None, None
    leaps = tuple(int(leap) for leap in verdict.info["leaps"])
    wrong = tuple(leap for leap, right in zip(leaps, verdict.info["line_right"], strict=True) if not right)
    return leaps, wrong
