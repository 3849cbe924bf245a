"""Expert iteration: sample, keep what the verifier accepts, imitate it, repeat.

The positive-only half of RL with verifiable rewards: wrong samples teach nothing, and every kept one counts alike.
Each round may start again from the start policy (STaR, Zelikman et al. 2203.14465, without its hints; ReST-EM,
2312.06585) or go on from the last. Kept solutions of all rounds may be pooled.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from envs.splits import keyed_rng
from policies.types import Sampling
from rl.imitation.demonstrations import shuffled_epochs
from rl.imitation.sft import NOTHING_DONE, FitProgress, SftSettings, fit_sft
from rl.learning.checkpoint import Checkpoints
from rl.records.recorder import Recorder
from rl.rollouts.log import RolloutLog
from rl.rollouts.shards import SHARD_PROBLEMS, make_shards
from rl.rollouts.wait import run_shards
from rl.types import Example, Group, Trajectory
from rl.workers.types import Workers

if TYPE_CHECKING:
    from rl.learning.learner import Learner
    from rl.rollouts.stream import ProblemSource


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
    save_every: int = 100  # optimizer steps between checkpoints within a round's fit; 0: only when stopped
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
        tokens_sampled, tokens_trained: completion tokens written, and trained on (all epochs).
        tokens_passed: prompt and completion tokens passed forward and backward.
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
    tokens_passed: int
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


def token_examples(trajectories: Sequence[Trajectory]) -> list[Example]:
    """The tokens as they were sampled: nothing is encoded anew, and tool output is read but not imitated."""
    return [Example(t.prompt_tokens, t.completion.tokens, t.action_mask) for t in trajectories]


@dataclass
class ExpertIteration:
    """Rounds of expert iteration; after `run` the learner holds the last round's policy.

    Stopped in a round and run again with the same checkpoints, it goes on there and ends bit for bit as in one go.

    Attributes:
        learner: built with the algorithm `sft` around the start policy.
        workers: serve the last round's policy as version `rounds` at the end.
        problems: asked for problems_per_round of each round.
        checkpoints: None: nothing is saved, and a stopped round is lost.
        log: every round's graded groups are written to it; None: they are not kept.
        after_round: told each report, e.g. to evaluate; its numbers are recorded as `eval/<name>`.
    """

    learner: Learner
    workers: Workers
    problems: ProblemSource
    settings: ExpertIterationSettings
    recorder: Recorder
    stage: str = "expert_iteration"
    _: KW_ONLY
    checkpoints: Checkpoints | None = None
    log: RolloutLog | None = None
    after_round: Callable[[RoundReport], Mapping[str, float]] | None = None

    reports: list[RoundReport] = field(default_factory=list)
    pooled: dict[tuple[str, str], Example] = field(default_factory=dict)  # a solution found again counts once
    sampled: dict[str, Any] | None = None  # what this round's samples came to; None: they are still to be written
    fit: FitProgress = NOTHING_DONE
    saves: int = 0  # checkpoints written, those before a resume included: their numbers

    def run(self) -> list[RoundReport]:
        """Goes on where the last checkpoint is, up to the last round or a requested stop.

        Returns:
            one report per finished round; fewer than `rounds` after a requested stop.
        """
        start = copy.deepcopy(self.learner.state_dict())  # the optimizer goes on writing into its own state
        self._resume()
        self.recorder.rewind(self.stage, self._number, samples=self._number + (self.sampled is not None))
        while len(self.reports) < self.settings.rounds and not self.recorder.stop_requested:
            began = time.perf_counter()
            if self.sampled is None:
                self._sample()
                if self.settings.restart:
                    self.learner.load_state_dict(start)
                self._save()
            if not self._learn():
                break
            self._finish(time.perf_counter() - began)
        return self.reports

    @property
    def _number(self) -> int:
        """The round in progress, from 0."""
        return len(self.reports)

    # ------------------------------------------------------------------ the parts of a round

    def _sample(self) -> None:
        settings, number = self.settings, self._number
        self.workers.publish(self.learner.weights(), number)
        shards = make_shards(
            self.problems.problems(number, settings.problems_per_round),
            group_size=settings.group_size,
            step=number,
            shard_size=settings.shard_size,
            sampling=settings.sampling,
            version=number,
        )
        groups = run_shards(
            self.workers,
            shards,
            on_wait=lambda message: self.recorder.warn(self.stage, message),
            is_stopped=lambda: self.recorder.stop_requested,
        )
        self.problems.observe(groups)
        if self.log is not None:
            self.log.truncate(number)  # a round that was sampled and not saved is sampled again
            self.log.write(number, groups, version=number)
        self.recorder.samples(self.stage, number + 1, groups)
        kept = keep_verified(groups, settings.max_per_problem, settings.seed + number)
        fresh = {(t.problem.id, t.completion.text): e for t, e in zip(kept, token_examples(kept))}
        self.pooled = {**(self.pooled if settings.pool else {}), **fresh}
        self.sampled = {**_figures(groups), "kept": len(kept)}
        self.fit = NOTHING_DONE

    def _learn(self) -> bool:
        """Fits the round's solutions; False when it was stopped before the end."""
        settings, number = self.settings, self._number
        if not self.pooled:
            return True
        fit = SftSettings(
            max_steps=max(1, settings.epochs * len(self.pooled) // settings.batch_size),
            batch_size=settings.batch_size,
            target=None,
            save_every=settings.save_every,
            seed=settings.seed + number,
        )
        result = fit_sft(
            self.learner,
            shuffled_epochs(list(self.pooled.values()), fit.seed),
            fit,
            self.recorder,
            f"{self.stage}_round_{number + 1}",
            save=self._save_fit,
            start=self.fit,
        )
        self.fit = FitProgress(result.steps, result.tokens_trained, result.tokens_passed)
        return not result.interrupted

    def _finish(self, seconds: float) -> None:
        assert self.sampled is not None
        number = self._number + 1
        self.workers.publish(self.learner.weights(), number)
        report = RoundReport(
            round=number,
            learned_from=len(self.pooled),
            steps=self.fit.steps,
            tokens_trained=self.fit.tokens,
            tokens_passed=self.fit.tokens_passed,
            seconds=seconds,
            **self.sampled,
        )
        self.reports.append(report)
        self.sampled, self.fit = None, NOTHING_DONE
        total = sum(r.tokens_sampled for r in self.reports)
        metrics = {f"expert_iteration/{k}": float(v) for k, v in report.to_json().items()}
        self.recorder.metrics(self.stage, number, {**metrics, "tokens/sampled_total": float(total)})
        if not self.pooled:
            self.recorder.warn(
                self.stage, f"round {number}: the verifier accepted no sample, so there is nothing to learn from"
            )
        self.recorder.progress(self.stage, number, self.settings.rounds, f"success {report.success:.3f}")
        if self.after_round is not None:
            held_out = self.after_round(report)
            self.recorder.metrics(self.stage, number, {f"eval/{name}": value for name, value in held_out.items()})
        self._save()

    # ------------------------------------------------------------------ state

    def _save_fit(self, progress: FitProgress) -> None:
        self.fit = progress
        self._save()

    def _save(self) -> None:
        """Writes where the round is."""
        if self.checkpoints is None:
            return
        self.saves += 1
        state = {
            "learner": self.learner.state_dict(),
            "problems": self.problems.state_dict(),
            "reports": [report.to_json() for report in self.reports],
            "pooled": [[*key, *example] for key, example in self.pooled.items()],
            "sampled": self.sampled,
            "fit": self.fit.to_json(),
        }
        self.checkpoints.save(self.saves, state)

    def _resume(self) -> None:
        if self.checkpoints is None:
            return
        found = self.checkpoints.latest(lambda message: self.recorder.warn(self.stage, message))
        if found is None:
            return
        state, self.saves = found.state, found.step
        self.learner.load_state_dict(state["learner"])
        self.problems.load_state_dict(state["problems"])
        self.reports = [RoundReport(**row) for row in state["reports"]]
        self.pooled = {(name, text): _example(*parts) for name, text, *parts in state["pooled"]}
        self.sampled = state["sampled"]
        self.fit = FitProgress.from_json(state["fit"])


def _figures(groups: Sequence[Group]) -> dict[str, Any]:
    """The part of a round's report that its samples tell."""
    rows = [t for group in groups for t in group.trajectories]
    accepted = [t for t in rows if t.verdict.is_correct]
    distinct = {(t.problem.id, t.completion.text) for t in accepted}
    return {
        "success": len(accepted) / len(rows),
        "solved": len({t.problem.id for t in accepted}) / len({t.problem.id for t in rows}),
        "unique_rate": len(distinct) / len(accepted) if accepted else 0.0,
        "tokens_sampled": sum(t.num_sampled for t in rows),
    }


def _example(prompt: Sequence[int], completion: Sequence[int], mask: Sequence[int] | None) -> Example:
    """The example that a checkpoint's lists spell."""
    return Example(tuple(prompt), tuple(completion), None if mask is None else tuple(mask))
