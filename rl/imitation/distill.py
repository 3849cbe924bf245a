"""Distillation of a large policy into a smaller one, with the price of either way.

Off-policy: the student imitates the teacher's verified samples. On-policy: the student writes, and the teacher says of
each token how likely it would have been; the student minimises the per-token KL(student || teacher) on its own
completions (2306.13649), so it is corrected where it actually goes. That is the training loop (rl/train.py) with the
algorithm `distill` and the teacher in the reference's place. Both need one tokenizer for teacher and student.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rl.imitation.demonstrations import shuffled_epochs
from rl.imitation.expert_iteration import keep_verified, token_examples
from rl.imitation.sft import NOTHING_DONE, FitProgress, SftSettings, fit_sft
from rl.records.recorder import Recorder
from rl.types import Group

if TYPE_CHECKING:
    from policies.causal import CausalPolicy
    from rl.learning.learner import Learner


@dataclass(frozen=True)
class Cost:
    """What a distillation was paid with; floating-point operations count 2 N per token read or written, 6 N trained.

    Attributes:
        teacher_tokens: sampled (off-policy) or scored (on-policy) by the teacher.
        student_tokens_sampled, student_tokens_trained: prompt tokens are counted with what is read.
        flop: of all models together.
    """

    teacher_tokens: int
    student_tokens_sampled: int
    student_tokens_trained: int
    flop: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class OffPolicyResult:
    """The student's fit to the teacher's verified samples."""

    sampled: int  # teacher samples
    kept: int  # of them verified, distinct, at most max_per_problem of a problem
    steps: int
    cost: Cost
    interrupted: bool = False  # a stop was requested before the last step; `save` was told how far it is


def distill_samples(
    learner: Learner,
    teacher_groups: Sequence[Group],
    settings: SftSettings,
    recorder: Recorder,
    stage: str = "distill_off_policy",
    *,
    teacher_parameters: int,
    max_per_problem: int = 4,
    verified_only: bool = True,
    save: Callable[[FitProgress], None] | None = None,
    start: FitProgress = NOTHING_DONE,
) -> OffPolicyResult:
    """Fits the student to the teacher's samples.

    Args:
        learner: of the student, built with the algorithm `sft`.
        teacher_groups: graded samples that workers serving the teacher wrote.
        teacher_parameters: for the cost.
        verified_only: False keeps wrong samples too (distillation proper, as opposed to filtered imitation).
        save, start: see fit_sft.
    Raises:
        ValueError: no sample is kept.
    """
    began = time.perf_counter()
    rows = [t for group in teacher_groups for t in group.trajectories]
    kept = keep_verified(
        teacher_groups,
        max_per_problem,
        settings.seed,
        accept=lambda t: t.verdict.is_correct or not verified_only,
    )
    if not kept:
        raise ValueError(f"none of the teacher's {len(rows)} samples is verified: nothing to distil")
    examples = shuffled_epochs(token_examples(kept), settings.seed)
    result = fit_sft(learner, examples, settings, recorder, stage, save=save, start=start)
    sampled = sum(len(t.prompt_tokens) + len(t.completion.tokens) for t in rows)
    flop = 2.0 * teacher_parameters * sampled + 6.0 * learner.policy.num_parameters * result.tokens_passed
    return OffPolicyResult(
        sampled=len(rows),
        kept=len(kept),
        steps=result.steps,
        cost=Cost(sampled, 0, result.tokens_passed, flop, time.perf_counter() - began),
        interrupted=result.interrupted,
    )


def check_vocabularies(teacher: CausalPolicy, student: CausalPolicy) -> None:
    """Refuses a teacher whose tokens are not the student's.

    Raises:
        ValueError: their vocabularies differ.
    """
    if teacher.tokenizer.get_vocab() != student.tokenizer.get_vocab():
        raise ValueError("teacher and student have different vocabularies: token log-probabilities cannot be compared")


def on_policy_cost(
    *, teacher_parameters: int, student_parameters: int, sampled: int, scored: int, seconds: float
) -> Cost:
    """The price of an on-policy run.

    Args:
        sampled: completion tokens that the student wrote; scored: prompt and completion tokens that the teacher read
            and the student was trained on.
    """
    flop = 2.0 * teacher_parameters * scored + (2.0 + 6.0) * student_parameters * scored
    return Cost(scored, sampled, scored, flop, seconds)
