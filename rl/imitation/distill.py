"""Distillation of a large policy into a smaller one, with the price of either way.

Off-policy: the student imitates the teacher's verified samples. On-policy: the student writes, and the teacher says of
each token how likely it would have been; the student minimises the per-token KL(student || teacher) on its own
completions (2306.13649), so it is corrected where it actually goes. Both need one tokenizer for teacher and student.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from envs.types import Problem
from policies.types import Sampling
from rl.collate import collate
from rl.imitation.demonstrations import shuffled_epochs
from rl.imitation.expert_iteration import keep_verified, token_examples
from rl.imitation.sft import SftSettings, fit_sft
from rl.metrics import rollout_metrics
from rl.recorder import Recorder
from rl.rollout import SHARD_PROBLEMS, collect, make_shards
from rl.types import Group
from rl.workers.types import Workers

if TYPE_CHECKING:
    from policies.causal import CausalPolicy
    from rl.learner import Learner


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
) -> OffPolicyResult:
    """Fits the student to the teacher's samples.

    Args:
        learner: of the student, built with the algorithm `sft`.
        teacher_groups: graded samples that workers serving the teacher wrote.
        teacher_parameters: for the cost.
        verified_only: False keeps wrong samples too (distillation proper, as opposed to filtered imitation).
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
    result = fit_sft(learner, shuffled_epochs(token_examples(kept), settings.seed), settings, recorder, stage)
    sampled = sum(len(t.prompt_tokens) + len(t.completion.tokens) for t in rows)
    mean_row = sum(len(t.prompt_tokens) + len(t.completion.tokens) for t in kept) / len(kept)
    trained = round(mean_row * result.steps * settings.batch_size)
    flop = 2.0 * teacher_parameters * sampled + 6.0 * learner.policy.num_parameters * trained
    return OffPolicyResult(
        sampled=len(rows),
        kept=len(kept),
        steps=result.steps,
        cost=Cost(sampled, 0, trained, flop, time.perf_counter() - began),
    )


@dataclass(frozen=True)
class OnPolicySettings:
    """Size and pace of on-policy distillation."""

    steps: int = 100  # updates
    problems_per_step: int = 48
    group_size: int = 1  # the teacher judges every token, so siblings are not needed
    sampling: Sampling = field(default_factory=Sampling)
    shard_size: int = SHARD_PROBLEMS

    def __post_init__(self) -> None:
        if min(self.steps, self.problems_per_step, self.group_size) < 1:
            raise ValueError("steps, problems_per_step and group_size must be at least 1")


@dataclass(frozen=True)
class OnPolicyResult:
    """How the student approached the teacher; `reverse_kl` is nats per completion, first and last step."""

    steps: int
    reverse_kl_first: float
    reverse_kl_last: float
    cost: Cost


def distill_on_policy(
    learner: Learner,
    workers: Workers,
    problems: Callable[[int, int], Sequence[Problem]],
    settings: OnPolicySettings,
    recorder: Recorder,
    stage: str = "distill_on_policy",
    *,
    teacher: CausalPolicy,
) -> OnPolicyResult:
    """Trains the student on its own completions against the teacher's log-probabilities.

    Args:
        learner: of the student, built with the algorithm `distill` and `reference=teacher`.
        workers: serve the student.
        problems: (step, number) -> the step's problems.
        teacher: for the check of the vocabulary and for the cost.
    Raises:
        ValueError: the two do not share their vocabulary, or the learner has another algorithm.
    """
    if learner.algorithm.name != "distill":
        raise ValueError(f"the learner's algorithm is {learner.algorithm.name!r}, on-policy distillation is 'distill'")
    if teacher.tokenizer.get_vocab() != learner.policy.tokenizer.get_vocab():
        raise ValueError("teacher and student have different vocabularies: token log-probabilities cannot be compared")
    began, sampled, trained, kls = time.perf_counter(), 0, 0, []
    workers.publish(learner.weights(), learner.updates)
    for step in range(settings.steps):
        if recorder.stop_requested:
            break
        shards = make_shards(
            problems(step, settings.problems_per_step),
            group_size=settings.group_size,
            step=step,
            shard_size=settings.shard_size,
            sampling=settings.sampling,
            version=learner.updates,
        )
        groups = collect(workers, shards, on_wait=lambda message: recorder.warn(stage, message))
        batch = collate(groups, pad_id=learner.policy.pad_id, learner_version=learner.updates)
        metrics = learner.update(batch, max_tokens=settings.sampling.max_new_tokens)
        workers.publish(learner.weights(), learner.updates)
        sampled += int(batch.mask.sum())
        trained += int(batch.attention.sum())
        kls.append(metrics["policy/kl"])
        recorder.metrics(stage, step + 1, {**rollout_metrics(groups), **metrics})
        recorder.samples(stage, step + 1, groups)
        recorder.progress(stage, step + 1, settings.steps, f"KL to teacher {kls[-1]:.2f}")
    student = learner.policy.num_parameters
    flop = 2.0 * teacher.num_parameters * trained + (2.0 + 6.0) * student * trained
    cost = Cost(trained, sampled, trained, flop, time.perf_counter() - began)
    return OnPolicyResult(len(kls), kls[0] if kls else 0.0, kls[-1] if kls else 0.0, cost)
