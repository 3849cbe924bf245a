"""What an annotator gets to see of a completion: prompt, text, and facts about it; no tokens and no reward."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envs.types import Problem
from rl.types import Trajectory
from verifiers.types import Outcome, Verdict

CONFIDENT_WORDS = ("clearly", "obviously", "certainly", "definitely", "undoubtedly")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class SolutionFeatures:
    """One completion as an annotator reads it.

    Attributes:
        level: of the problem.
        is_correct: the gold verdict.
        faults: what could be noticed, the size of each: of every wrong step, of a wrong end where no step is known to
            be wrong, and 0 for a malformed step, an end that does not follow and a missing answer. Empty: no fault.
        step_sizes: operations that each step before the conclusion carries out, 0 for a malformed one.
        num_steps: steps before the conclusion, or non-blank lines of text where the environment judges no steps.
        relative_length: steps per step of the reference solution where every step is judged; else words per word of
            it (per hundred words where there is none).
        is_confident: the text asserts its own certainty (CONFIDENT_WORDS).
        is_well_formed: an answer could be read, and no step is malformed.
        prompt: the problem as it was asked.
        response: the completion's text.
    """

    level: int
    is_correct: bool
    faults: tuple[int, ...]
    step_sizes: tuple[int, ...]
    num_steps: int
    relative_length: float
    is_confident: bool
    is_well_formed: bool
    prompt: str = ""
    response: str = ""

    @property
    def mean_step_size(self) -> float:
        """Mean size of the well-formed steps; 0 when there is none."""
        sizes = [size for size in self.step_sizes if size]
        return sum(sizes) / len(sizes) if sizes else 0.0


def features_of(trajectory: Trajectory) -> SolutionFeatures:
    """The features of a graded trajectory."""
    return features_of_response(trajectory.problem, trajectory.completion.text, trajectory.verdict)


def features_of_response(problem: Problem, response: str, verdict: Verdict) -> SolutionFeatures:
    """The features of a response with its gold verdict."""
    words = _WORD.findall(response)
    steps = verdict.worked_steps
    num_steps = len(steps) if verdict.steps else sum(bool(line.strip()) for line in response.splitlines())
    if verdict.steps and all(step.is_right is not None for step in steps):
        relative_length = num_steps / max(len(problem.solution), 1)
    else:
        relative_length = len(words) / (sum(len(_WORD.findall(step)) for step in problem.solution) or 100)
    return SolutionFeatures(
        level=problem.level,
        is_correct=verdict.is_correct,
        faults=_faults(verdict),
        step_sizes=tuple(step.size for step in steps),
        num_steps=num_steps,
        relative_length=relative_length,
        is_confident=any(word.lower().strip(".,:;!()") in CONFIDENT_WORDS for word in words),
        is_well_formed=verdict.is_well_formed,
        prompt=problem.text,
        response=response,
    )


def _faults(verdict: Verdict) -> tuple[int, ...]:
    wrong = tuple(step.size for step in verdict.worked_steps if step.is_right is False)
    if verdict.outcome in (Outcome.NO_ANSWER, Outcome.UNPARSEABLE):
        return (*wrong, 0)
    if wrong or verdict.answer_share > 0:
        return wrong
    return tuple(step.size for step in verdict.steps if step.is_conclusion) or (1,)
