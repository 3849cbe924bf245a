"""What a person should be told about while a run trains. Each trouble is told when it begins, not at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HealthLimits:
    """When a number is a trouble. Shares are in [0, 1]."""

    no_signal: float = 0.8  # groups without advantage
    truncated: float = 0.1  # completions ended by the length limit
    verifier_errors: float = 0.01  # completions whose verification failed or timed out
    entropy: float = 0.02  # nats per token, below which the policy has collapsed
    kl: float | None = None  # nats per completion from the start policy; None: no limit
    mismatch: float = 0.05  # mean |log pi learner - log pi sampler| per token of the current version
    window: int = 20  # steps of each half when reward is compared with gold
    gold_fall: float = 0.05  # fall of gold accuracy that counts while the reward rises


class Health:
    """Watches the metrics of each step. Its memory is saved, so a resumed run warns as the undisturbed one."""

    def __init__(self, limits: HealthLimits | None = None) -> None:
        self.limits = limits or HealthLimits()
        self._active: set[str] = set()
        self._reward: list[float] = []
        self._gold: list[float] = []

    def check(self, metrics: Mapping[str, float]) -> list[str]:
        """Messages of the troubles that begin with this step."""
        self._reward.append(metrics["reward/mean"])
        self._gold.append(metrics["gold/correct"])
        del self._reward[: -2 * self.limits.window], self._gold[: -2 * self.limits.window]
        troubles = self._troubles(metrics)
        new = [message for name, message in troubles.items() if name not in self._active]
        self._active = set(troubles)
        return new

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"active": sorted(self._active), "reward": self._reward, "gold": self._gold}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        self._active = set(state["active"])
        self._reward, self._gold = list(state["reward"]), list(state["gold"])

    def _troubles(self, metrics: Mapping[str, float]) -> dict[str, str]:
        limits = self.limits
        found: dict[str, str] = {}
        silent = metrics["groups/no_signal"]
        if silent > limits.no_signal:
            found["no_signal"] = (
                f"{silent:.0%} of groups have no advantage ({metrics['groups/all_right']:.0%} all right, "
                f"{metrics['groups/all_wrong']:.0%} all wrong): change the problems' level"
            )
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
        if self._reward_leaves_gold():
            found["overoptimised"] = (
                f"reward rises while gold accuracy falls over the last {2 * limits.window} steps: "
                "the policy is exploiting the reward"
            )
        return found

    def _reward_leaves_gold(self) -> bool:
        window = self.limits.window
        if len(self._reward) < 2 * window:
            return False
        reward = sum(self._reward[window:]) / window - sum(self._reward[:window]) / window
        gold = sum(self._gold[window:]) / window - sum(self._gold[:window]) / window
        return reward > 0 and gold < -self.limits.gold_fall
