"""What a person should be told about while a run trains. Each trouble is told when it begins, not at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rl.records.stalled import by_level, stalled_levels
from rl.workers.types import WorkerHealth, WorkerState


@dataclass(frozen=True)
class HealthLimits:
    """When a number is a trouble. Shares are in [0, 1]."""

    no_signal: float = 0.8  # groups without advantage
    truncated: float = 0.1  # completions ended by the length limit
    verifier_errors: float = 0.01  # completions whose verification failed or timed out
    entropy: float = 0.02  # nats per token, below which the policy has collapsed
    kl: float | None = None  # nats per completion from the start policy; None: no limit
    mismatch: float = 0.05  # mean |log pi learner - log pi sampler| per token of the current version
    calm_steps: int = 20  # in a row without a trouble until it counts as gone, and may be told again
    window: int = 20  # steps of each half when reward is compared with gold on the training problems
    evaluations: int = 3  # the same where there are evaluations on held-out problems
    gold_fall: float = 0.05  # fall of gold accuracy that counts while the reward rises
    stalled: float = 0.05  # share of right solutions up to which a trained level has not moved
    moved: float = 0.1  # rise of another level, from one half of twice `window` steps to the other, that counts


class Health:
    """Watches the metrics of each step. Its memory is saved, so a resumed run warns as the undisturbed one.

    A trouble that comes and goes is one episode, told when it begins: it is over after `calm_steps` steps without it.
    """

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self.limits = limits or HealthLimits()
        self._calm: dict[str, int] = {}  # trouble of a present episode -> steps in a row without it
        self._reward: list[float] = []
        self._gold: list[float] = []
        self._evaluated: list[tuple[float, float]] = []  # (mean reward since the evaluation before, held-out gold)
        self._since: list[float] = []  # rewards since the last evaluation
        self._levels: list[dict[str, float]] = []  # what was measured by level, a row per step

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """Messages of the troubles that begin with this step."""
        self._reward.append(metrics["reward/mean"])
        self._since.append(metrics["reward/mean"])
        self._gold.append(metrics["gold/correct"])
        self._levels.append(by_level(metrics))
        for kept in (self._reward, self._gold, self._levels):
            del kept[: -2 * self.limits.window]
        troubles = self._troubles(metrics)
        new = [message for name, message in troubles.items() if name not in self._calm]
        waited = {name: 0 if name in troubles else calm + 1 for name, calm in self._calm.items()}
        self._calm = {name: calm for name, calm in waited.items() if calm < self.limits.calm_steps}
        self._calm |= dict.fromkeys(troubles, 0)
        return new

    def held_out(self, gold: float) -> None:
        """Told the gold accuracy on problems that are never trained on, each time it is measured."""
        if self._since:
            self._evaluated.append((sum(self._since) / len(self._since), gold))
            self._since.clear()
            del self._evaluated[: -2 * self.limits.evaluations]

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "calm": dict(self._calm),
            "reward": self._reward,
            "gold": self._gold,
            "evaluated": [list(row) for row in self._evaluated],
            "since": self._since,
            "levels": self._levels,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        self._calm = {name: int(calm) for name, calm in state["calm"].items()}
        self._reward, self._gold, self._since = list(state["reward"]), list(state["gold"]), list(state["since"])
        self._evaluated = [(float(reward), float(gold)) for reward, gold in state["evaluated"]]
        self._levels = [dict(row) for row in state.get("levels", ())]  # a checkpoint of before has none

    def _troubles(self, metrics: Mapping[str, float]) -> dict[str, str]:
        limits = self.limits
        found: dict[str, str] = {}
        silent = metrics["groups/no_signal"]
        # a critic, or a baseline over the batch, gives an advantage where a group's rewards are equal
        if silent > limits.no_signal and metrics.get("advantage/zero_rows", 1.0) > limits.no_signal:
            found["no_signal"] = (
                f"{silent:.0%} of groups have no advantage ({metrics['groups/all_right']:.0%} all right, "
                f"{metrics['groups/all_wrong']:.0%} all wrong): change the problems' level"
            )
        unknown = metrics.get("reward/unknown", 0.0)
        if unknown > 0:
            found["unknown_rewards"] = f"the reward of {unknown:.1%} of completions is NaN: they take no part"
        truncated = metrics.get("finish/length", 0.0)
        if truncated > limits.truncated:
            found["truncated"] = f"{truncated:.0%} of completions are truncated: raise max_new_tokens"
        errors = metrics.get("outcome/error", 0.0) + metrics.get("outcome/timeout", 0.0)
        if errors > limits.verifier_errors:
            found["verifier_errors"] = f"verification failed or timed out on {errors:.1%} of completions"
        entropy = metrics.get("policy/entropy")
        if entropy is not None and entropy < limits.entropy:
            found["entropy"] = f"entropy has collapsed to {entropy:.4f} nats per token"
        kl = metrics.get("policy/kl")
        if kl is not None and limits.kl is not None and kl > limits.kl:
            found["kl"] = f"KL from the start policy is {kl:.1f} nats per completion, over its limit of {limits.kl:g}"
        mismatch = metrics.get("mismatch/logprob_abs_diff", 0.0)
        if metrics.get("policy/staleness_max", 0.0) == 0 and mismatch > limits.mismatch:
            found["mismatch"] = (
                f"sampler and learner disagree by {mismatch:.3f} nats per token on the same weights: "
                "check dtypes, temperature and the sampling backend"
            )
        if over := self._reward_leaves_gold():
            found["overoptimised"] = (
                f"reward rises while {over}: the policy is exploiting the reward; stop here, or raise kl.beta"
            )
        if len(self._levels) == 2 * limits.window:
            found |= stalled_levels(self._levels, stalled=limits.stalled, moved=limits.moved)
        return found

    def _reward_leaves_gold(self) -> str:
        """What falls while the reward rises; empty when nothing does."""
        if self._evaluated:
            halves, pairs = self.limits.evaluations, self._evaluated
            where = f"held-out gold accuracy falls over the last {2 * halves} evaluations"
        else:
            halves, pairs = self.limits.window, list(zip(self._reward, self._gold))
            where = f"gold accuracy falls over the last {2 * halves} steps"
        if len(pairs) < 2 * halves:
            return ""
        reward, gold = (
            sum(row[i] for row in pairs[halves:]) / halves - sum(row[i] for row in pairs[:halves]) / halves
            for i in (0, 1)
        )
        return where if reward > 0 and gold < -self.limits.gold_fall else ""


class WorkerWatch:
    """Watches rollout workers from step to step: which died and were replaced, and which are given up."""

    def __init__(self) -> None:
        self._restarts: dict[str, int] = {}
        self._retired: set[str] = set()

    def check(self, workers: Sequence[WorkerHealth]) -> list[str]:
        """What a person should be told: a replacement when their number has doubled, a retirement at once."""
        found = []
        for worker in workers:
            told = self._restarts.get(worker.name, 0)
            if worker.restarts >= max(1, 2 * told):
                self._restarts[worker.name] = worker.restarts
                times = "once" if worker.restarts == 1 else f"{worker.restarts} times"
                found.append(f"{worker.name} died and was replaced, {times} so far; last: {worker.last_error}")
            if worker.state is WorkerState.RETIRED and worker.name not in self._retired:
                self._retired.add(worker.name)
                left = sum(other.state is not WorkerState.RETIRED for other in workers)
                found.append(f"{worker.name} is given up, {left} of {len(workers)} left; last: {worker.last_error}")
        return found


def worker_metrics(workers: Sequence[WorkerHealth]) -> dict[str, float]:
    """How many are at work, and how often one was replaced."""
    if not workers:
        return {}
    return {
        "workers/healthy": float(sum(worker.state is WorkerState.HEALTHY for worker in workers)),
        "workers/restarts": float(sum(worker.restarts for worker in workers)),
    }
