"""Expert iteration: sample, keep what the verifier accepts, imitate it, repeat.

The positive-only half of RL with verifiable rewards: wrong samples teach nothing, and every kept one counts alike.
Each round may start again from the start policy (STaR, Zelikman et al. 2203.14465, without its hints; ReST-EM,
2312.06585) or go on from the last. Kept solutions of all rounds may be pooled.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from envs.splits import keyed_rng
from envs.types import Problem
from policies.types import Sampling
from rl.imitation.demonstrations import TokenPair, shuffled_epochs
from rl.imitation.sft import SftSettings, fit_sft
from rl.recorder import Recorder
from rl.rollout import SHARD_PROBLEMS, collect, make_shards
from rl.types import Group, Trajectory
from rl.workers.types import Workers

if TYPE_CHECKING:
    from rl.learner import Learner


@dataclass(frozen=True)
class ExpertIterationSettings:
    """Size of the rounds."""

    rounds: int = 4
    problems_per_round: int = 1200
    group_size: int = 8  # samples per problem
    max_per_problem: int = 4  # verified solutions kept of one problem
    epochs: int = 2  # passes over the kept solutions per round
    batch_size: int = 64  # solutions per optimizer step
    restart: bool = True  # every round trains from the start policy, not from the last round's
    pool: bool = True  # a round also learns from the solutions of earlier rounds
    sampling: Sampling = field(default_factory=Sampling)
    shard_size: int = SHARD_PROBLEMS
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rounds", "problems_per_round", "group_size", "max_per_problem", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")


@dataclass(frozen=True)
class RoundReport:
    """What a round sampled, kept, learned and cost.

    Attributes:
        success: share of samples that the verifier accepts, before this round's training.
        solved: share of problems with at least one accepted sample.
        kept: solutions kept: accepted, distinct, at most max_per_problem of each problem.
        unique_rate: distinct accepted solutions per accepted sample: falls as the policy collapses.
        learned_from: solutions in this round's training set, pooled ones included.
        tokens_sampled, tokens_trained: completion tokens written, and passed backward (all epochs).
    """

    round: int
    success: float
    solved: float
    kept: int
    unique_rate: float
    learned_from: int
    steps: int
    tokens_sampled: int
    tokens_trained: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def keep_verified(
    groups: Sequence[Group],
    max_per_problem: int,
    seed: int,
    *,
    accept: Callable[[Trajectory], bool] = lambda t: t.verdict.is_correct,
) -> list[Trajectory]:
    """Accepted trajectories, each text once per problem, at most `max_per_problem` of a problem.

    Which of many are kept is drawn evenly, keyed by (seed, problem): keeping the first would favour nothing today and
    something tomorrow. Truncated completions are never kept: they would teach not to end.
    """
    by_problem: dict[str, dict[str, Trajectory]] = {}
    for group in groups:
        found = by_problem.setdefault(group.problem.id, {})
        for trajectory in group.trajectories:
            if accept(trajectory) and not trajectory.is_truncated:
                found.setdefault(trajectory.completion.text, trajectory)
    kept = []
    for problem_id, found in by_problem.items():
        distinct = list(found.values())
        keyed_rng("keep verified", seed, problem_id).shuffle(distinct)
        kept += distinct[:max_per_problem]
    return kept


def token_examples(trajectories: Sequence[Trajectory]) -> list[TokenPair]:
    """(prompt tokens, completion tokens) as they were sampled: nothing is encoded anew."""
    return [(t.prompt_tokens, t.completion.tokens) for t in trajectories]


def expert_iteration(
    learner: Learner,
    workers: Workers,
    problems: Callable[[int], Sequence[Problem]],
    settings: ExpertIterationSettings,
    recorder: Recorder,
    stage: str = "expert_iteration",
    *,
    after_round: Callable[[RoundReport], None] | None = None,
) -> list[RoundReport]:
    """Runs the rounds; the learner holds the last round's policy, and the workers serve it.

    Args:
        learner: built with the algorithm `sft` around the start policy.
        problems: round -> its problems (problems_per_round of them, of the train split).
        after_round: told each report, e.g. to evaluate.
    Returns:
        one report per finished round; fewer than `rounds` after a requested stop.
    """
    start = copy.deepcopy(learner.state_dict())  # the optimizer goes on writing into its own state
    pooled: dict[tuple[str, str], Trajectory] = {}  # a solution found again in a later round counts once
    reports: list[RoundReport] = []
    workers.publish(learner.weights(), 0)
    for number in range(settings.rounds):
        if recorder.stop_requested:
            break
        began = time.perf_counter()
        groups = _sample(workers, problems(number), settings, number, recorder, stage)
        kept = keep_verified(groups, settings.max_per_problem, settings.seed + number)
        pooled = {**(pooled if settings.pool else {}), **{(t.problem.id, t.completion.text): t for t in kept}}
        if settings.restart:
            learner.load_state_dict(start)
        steps, trained = _learn(learner, list(pooled.values()), settings, recorder, stage, number)
        workers.publish(learner.weights(), number + 1)
        reports.append(_report(groups, kept, len(pooled), number, steps, trained, time.perf_counter() - began))
        recorder.metrics(
            stage, number + 1, {f"expert_iteration/{k}": float(v) for k, v in reports[-1].to_json().items()}
        )
        recorder.progress(stage, number + 1, settings.rounds, f"success {reports[-1].success:.3f}")
        if after_round is not None:
            after_round(reports[-1])
    return reports


def _sample(
    workers: Workers,
    problems: Sequence[Problem],
    settings: ExpertIterationSettings,
    number: int,
    recorder: Recorder,
    stage: str,
) -> list[Group]:
    shards = make_shards(
        problems,
        group_size=settings.group_size,
        step=number,
        shard_size=settings.shard_size,
        sampling=settings.sampling,
        version=number,
    )
    groups = collect(workers, shards, on_wait=lambda message: recorder.warn(stage, message))
    recorder.samples(stage, number, groups)
    return groups


def _learn(
    learner: Learner,
    solutions: Sequence[Trajectory],
    settings: ExpertIterationSettings,
    recorder: Recorder,
    stage: str,
    number: int,
) -> tuple[int, int]:
    """(optimizer steps, completion tokens) of the round's fit; none when nothing was verified."""
    if not solutions:
        recorder.warn(stage, f"round {number + 1}: the verifier accepted no sample, so there is nothing to learn from")
        return 0, 0
    steps = max(1, settings.epochs * len(solutions) // settings.batch_size)
    fit = SftSettings(max_steps=steps, batch_size=settings.batch_size, target=None, seed=settings.seed + number)
    examples = shuffled_epochs(token_examples(solutions), settings.seed + number)
    result = fit_sft(learner, examples, fit, recorder, f"{stage}_round_{number + 1}")
    return result.steps, result.tokens_trained


def _report(
    groups: Sequence[Group],
    kept: Sequence[Trajectory],
    learned_from: int,
    number: int,
    steps: int,
    tokens_trained: int,
    seconds: float,
) -> RoundReport:
    rows = [t for group in groups for t in group.trajectories]
    accepted = [t for t in rows if t.verdict.is_correct]
    distinct = {(t.problem.id, t.completion.text) for t in accepted}
    return RoundReport(
        round=number + 1,
        success=len(accepted) / len(rows),
        solved=len({t.problem.id for t in accepted}) / len({t.problem.id for t in rows}),
        kept=len(kept),
        unique_rate=len(distinct) / len(accepted) if accepted else 0.0,
        learned_from=learned_from,
        steps=steps,
        tokens_sampled=sum(len(t.completion.tokens) for t in rows),
        tokens_trained=tokens_trained,
        seconds=seconds,
    )
