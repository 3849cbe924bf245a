"""The training loop: one iteration reads as the steps of `Training.iteration`.

RL and RLHF are the same walk; they differ in the reward function. The gold verdict is recorded beside whatever reward
is optimised, at every step. The unit of work does not depend on how many workers there are, and everything that the
next step depends on is in the checkpoint, so a resumed run is the undisturbed one bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rl.learning.checkpoint import Checkpoints
from rl.learning.collate import collate
from rl.learning.learner import Learner, NonFiniteLossError
from rl.learning.random_state import load_random_state, random_state
from rl.records.health import Health, HealthLimits, WorkerWatch, worker_metrics
from rl.records.metrics import num_tokens, rollout_metrics, use_metrics
from rl.records.own_metrics import MetricFunction, own_metrics
from rl.records.recorder import Recorder
from rl.records.speed import StepClock, speed_metrics
from rl.records.token_values import TokenValues, token_values
from rl.rewards.base import RewardFunction
from rl.rewards.reads import VerdictReads
from rl.rollouts.log import RolloutLog
from rl.rollouts.replay import Replay
from rl.rollouts.stream import ProblemSource, RolloutSettings, RolloutSource, RolloutStream
from rl.rollouts.wait import WaitStopped
from rl.types import Batch, Group
from rl.workers.types import ShardFailed, ShardResult, Workers, WorkersLost

HELD_OUT_GOLD = "eval/mean_answer"  # the environment's own outcome, on problems that are never trained on


@dataclass(frozen=True)
class TrainSettings:
    """Length and rhythm of a stage."""

    steps: int  # updates
    rollouts: RolloutSettings = field(default_factory=RolloutSettings)
    evaluate_every: int = 0  # steps; 0: never during training
    checkpoint_every: int = 0  # steps; 0: only at the end and when stopped
    rollout_timeout_seconds: float = 3600.0  # longest wait for the next result of a step's completions
    health: HealthLimits = field(default_factory=HealthLimits)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        sampling = self.rollouts.sampling
        if sampling.top_k or sampling.top_p < 1:
            raise ValueError(
                f"training samples with top_k {sampling.top_k} and top_p {sampling.top_p}: the learner's "
                "log-probabilities are of the whole vocabulary, so the gradient would be biased; use top_k 0, top_p 1"
            )


@dataclass(frozen=True)
class TrainResult:
    """How a stage ended.

    Attributes:
        steps: updates done since the stage began, those before a resume included.
        sampled_tokens: tokens sampled since the stage began, filtered groups included.
        reason: "done", "stopped" (on request; resume goes on) or "non_finite_loss".
        metrics: those of the last step.
    """

    steps: int
    sampled_tokens: int
    seconds: float
    reason: str
    metrics: Mapping[str, float]


@dataclass(kw_only=True)
class Training:
    """One stage: `run` trains the learner's policy, going on from the newest checkpoint if there is one.

    Attributes:
        workers: given the learner's weights before the first rollout and after every update.
        checkpoints: None: nothing is saved and the stage cannot be resumed.
        evaluate: step -> metrics of held-out problems, recorded as `eval/<name>`.
        own_metrics: further measurements of the groups sampled in a step, recorded as `own/<name>`.
        log: every step's rewarded groups are written to it; None: they are not kept.
        replay: train on the groups of this log, in place of sampling: an asynchronous run again, to the same weights.
    Raises:
        ValueError: the learner scores at another temperature than the workers sample at.
    """

    learner: Learner
    workers: Workers
    problems: ProblemSource
    reward: RewardFunction
    settings: TrainSettings
    recorder: Recorder
    stage: str = "rl"
    checkpoints: Checkpoints | None = None
    evaluate: Callable[[int], Mapping[str, float]] | None = None
    own_metrics: Mapping[str, MetricFunction] = field(default_factory=dict)
    log: RolloutLog | None = None
    replay: RolloutLog | None = None

    step: int = 0
    sampled_tokens: int = 0
    last_metrics: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rollouts, steps = self.settings.rollouts, self.settings.steps
        if self.learner.temperature != rollouts.sampling.temperature:
            raise ValueError(
                f"the learner scores at temperature {self.learner.temperature} and the workers sample at "
                f"{rollouts.sampling.temperature}: build the learner with the sampling temperature"
            )
        self.health = Health(self.settings.health)
        self.watch = WorkerWatch()
        self.clock, self.reads = StepClock(), VerdictReads()
        self._saved_step = -1
        self._owes_evaluation = False  # the last step was not evaluated: interrupted while waiting for it
        self.source: RolloutSource = (
            Replay(self.replay, self.workers, self.problems, rollouts, num_steps=steps)
            if self.replay is not None
            else RolloutStream(self.workers, self.problems, rollouts, num_steps=steps)
        )

    def run(self) -> TrainResult:
        """Iterations until the last step, a request to stop, or a loss that is not finite.

        Raises:
            CheckpointError: a checkpoint could not be written; earlier ones are intact.
            WorkersLost, TimeoutError: no completions are to be had; a checkpoint of the last update was written.
        """
        began = time.perf_counter()
        reason = "done"
        self.resume()
        self.source.publish(self.learner.weights(), self.learner.updates)
        try:
            if self._owes_evaluation:
                self.evaluate_and_save()
            while self.step < self.settings.steps:
                if self.recorder.stop_requested:
                    reason = "stopped"
                    break
                self.iteration()
        except NonFiniteLossError as error:
            self.recorder.warn(self.stage, f"stopped after step {self.step}: {error}")
            reason = "non_finite_loss"
        except WaitStopped as error:  # the step, or its evaluation, is begun again by who goes on
            self.recorder.warn(self.stage, f"stopped while waiting after step {self.step}: {error}")
            reason = "stopped"
        except (WorkersLost, ShardFailed, TimeoutError):
            self.save()  # raised while waiting for completions: the last update is whole, its step not begun
            raise
        finally:
            self.source.close()
        self.save()
        return TrainResult(self.step, self.sampled_tokens, time.perf_counter() - began, reason, self.last_metrics)

    def iteration(self) -> None:
        """One update, from problems to published weights."""
        self.clock, self.reads = StepClock(), VerdictReads()
        version = self.learner.updates
        groups, sampled = self.rollouts()
        batch = self.collate(groups) if groups else None
        update = self.update(batch) if batch is not None else {}
        self.publish()
        self.keep(groups, sampled, version)
        self.reads.by(self.problems, sampled, self.problems.observe)
        self.source.release(self.step)
        self.step += 1
        self.sampled_tokens += num_tokens(sampled)
        self.record(self.metrics(groups, sampled, batch, update), sampled)
        if batch is None:
            self.recorder.warn(self.stage, f"step {self.step}: no group was left to train on; nothing was updated")
        self.evaluate_and_save()

    # ------------------------------------------------------------------ the parts of an iteration

    def rollouts(self) -> tuple[list[Group], list[Group]]:
        """(groups to train on, all groups sampled): graded, rewarded, and sampled again as the algorithm asks."""
        algorithm, wanted = self.learner.algorithm, self.settings.rollouts.problems_per_step
        kept: list[Group] = []
        sampled: list[Group] = []
        for _ in range(1 + algorithm.max_resamples):
            asked, answered = wanted - len(kept), 0

            def note(result: ShardResult, asked: int = asked) -> None:
                nonlocal answered
                answered += len(result.groups)
                self.clock.add_worker(result.worker, result.seconds)
                self.recorder.doing(self.stage, f"sampled {answered} of {asked} problems")

            with self.clock.phase("rollout"):
                graded = self.source.groups(
                    self.step,
                    asked,
                    first=len(sampled),
                    version=self.learner.updates,
                    timeout_seconds=self.settings.rollout_timeout_seconds,
                    on_wait=lambda message: self.recorder.warn(self.stage, message),
                    is_stopped=lambda: self.recorder.stop_requested,
                    on_result=note,
                )
            with self.clock.phase("reward"):
                rewarded = self.reads.compute_rewards(self.reward, graded)
                rewarded = algorithm.shape_rewards(rewarded, self.settings.rollouts.sampling.max_new_tokens)
            sampled += rewarded
            kept += [group for group in rewarded if algorithm.filter_group(group)]
            if len(kept) >= wanted:
                break
        return kept, sampled

    def collate(self, groups: Sequence[Group]) -> Batch:
        """The tensors of the update."""
        with self.clock.phase("collate"):
            return collate(groups, pad_id=self.learner.policy.pad_id, learner_version=self.learner.updates)

    def update(self, batch: Batch) -> dict[str, float]:
        """Fill, advantages, epochs x minibatches of optimizer steps."""
        self.recorder.doing(self.stage, f"updating on {batch.num_rows} completions")
        with self.clock.phase("update"):
            return self.learner.update(batch, max_tokens=self.settings.rollouts.sampling.max_new_tokens)

    def publish(self) -> None:
        """Gives the workers the new weights."""
        with self.clock.phase("publish"):
            self.source.publish(self.learner.weights(), self.learner.updates)

    def keep(self, groups: Sequence[Group], sampled: Sequence[Group], version: int) -> None:
        """Writes what this step consumed to the rollout log, with the values of its tokens where they are asked for."""
        if self.log is None:
            return
        with self.clock.phase("log"):
            values: TokenValues = {}
            if self.learner.settings.keep_token_values:
                values = token_values(groups, self.learner.token_values if groups else {}, sampled, self.reward)
            self.log.write(self.step, sampled, version=version, token_values=values)

    def metrics(
        self, groups: Sequence[Group], sampled: Sequence[Group], batch: Batch | None, update: Mapping[str, float]
    ) -> dict[str, float]:
        """The numbers of the step, by the names of rl/records/metrics.py."""
        return {
            **rollout_metrics(sampled),
            **own_metrics(self.own_metrics, sampled),
            **use_metrics(groups, sampled, self.learner.updates),
            "tokens/sampled_total": float(self.sampled_tokens),
            "gold/verdicts_read": float(len(self.reads)),
            **update,
            **{f"curriculum/{name}": value for name, value in self.problems.metrics().items()},
            **worker_metrics(self.workers.health()),
            **speed_metrics(self.clock, self.learner, num_tokens(sampled), batch, update),
        }

    def record(self, metrics: dict[str, float], sampled: Sequence[Group]) -> None:
        """Tells the recorder what happened, and a person what is wrong."""
        self.last_metrics = metrics
        self.recorder.metrics(self.stage, self.step, metrics)
        self.recorder.samples(self.stage, self.step, sampled)
        for message in (*self.health.check(metrics), *self.watch.check(self.workers.health())):
            self.recorder.warn(self.stage, f"step {self.step}: {message}")
        gold, reward = metrics["gold/correct"], metrics["reward/mean"]
        self.recorder.progress(self.stage, self.step, self.settings.steps, f"gold {gold:.3f}  reward {reward:.3f}")

    def evaluate_and_save(self) -> None:
        """Held-out evaluation and checkpoint, each at its own pace."""
        every = self.settings.evaluate_every
        if self.evaluate is not None and every and self.step % every == 0:
            began = time.perf_counter()
            self._owes_evaluation = True
            held_out = {f"eval/{name}": value for name, value in self.evaluate(self.step).items()}
            self._owes_evaluation = False
            held_out["time/evaluate_seconds"] = time.perf_counter() - began
            self.recorder.metrics(self.stage, self.step, held_out)
            if HELD_OUT_GOLD in held_out:
                self.health.held_out(held_out[HELD_OUT_GOLD])
        every = self.settings.checkpoint_every
        if every and self.step % every == 0:
            self.save()

    # ------------------------------------------------------------------ state

    def save(self) -> None:
        """Writes a checkpoint of this step boundary, once."""
        if self.checkpoints is None or self._saved_step == self.step:
            return
        with self.clock.phase("checkpoint"):
            self.checkpoints.save(self.step, self.state_dict())
        self._saved_step = self.step

    def resume(self) -> None:
        """Goes on from the newest whole checkpoint, if there is one; what was logged after it is sampled again."""
        found = None
        if self.checkpoints is not None:
            found = self.checkpoints.latest(lambda message: self.recorder.warn(self.stage, message))
        if found is not None:
            self.load_state_dict(found.state)
            self._saved_step = self.step
        self.recorder.rewind(self.stage, self.step)
        if self.log is not None:
            self.log.truncate(self.step)  # steps after the checkpoint are done, and written, again

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the stage depends on."""
        return {
            "step": self.step,
            "sampled_tokens": self.sampled_tokens,
            "learner": self.learner.state_dict(),
            "problems": self.problems.state_dict(),
            "source": self.source.state_dict(),
            "health": self.health.state_dict(),
            "owes_evaluation": self._owes_evaluation,
            "random": random_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        self.step = int(state["step"])
        self.sampled_tokens = int(state["sampled_tokens"])
        self.learner.load_state_dict(state["learner"])
        self.problems.load_state_dict(state["problems"])
        self.source.load_state_dict(state["source"])
        self.health.load_state_dict(state["health"])
        self._owes_evaluation = bool(state.get("owes_evaluation", False))
        load_random_state(state["random"])
