"""Proximal policy optimisation with a value model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar

from torch import Tensor

from rl.algorithms.base import LossParts, Scores
from rl.algorithms.clipped import DualClipped
from rl.functional.advantages import at_last_token, gae
from rl.functional.aggregation import Aggregation, aggregate
from rl.functional.masked import clean, masked_sum, whiten
from rl.functional.value import value_loss
from rl.types import Batch, Totals


class Trunk(StrEnum):
    """Which hidden states values are read off."""

    SEPARATE = "separate"  # of a copy of the policy: twice the weights, and neither loss disturbs the other
    SHARED = "shared"  # of the policy: one pass gives both, and the gradients of both losses meet in it


VALUE_COEFFICIENTS = {
    Trunk.SEPARATE: 0.5,
    Trunk.SHARED: 0.1,
}  # in a shared trunk the value loss must not drown the policy


@dataclass(frozen=True)
class Ppo(DualClipped):
    """PPO (arXiv:1707.06347) with generalised advantage estimation, as used for language models.

    Token reward = -beta k1_t, plus the completion's reward at its last token; advantages by GAE, whitened over the
    batch; clipped surrogate; squared value error. A truncated completion has failed: the value after its last token
    is 0, as in every implementation for language models. Value pre-training is the learner's (`value_pretraining`): in
    those updates the policy is not stepped.

    Attributes:
        gamma: discount per sampled token.
        lam: GAE's trade between the value model (0) and the sampled return (1).
        clip_low, clip_high, dual_clip: as in grpo.
        whiten_advantages: mean 0 and deviation 1 over the whole batch.
        trunk: separate, or shared with the policy.
        value_coefficient: weight of the value loss; None: 0.5 with a separate trunk, 0.1 with a shared one.
        value_clip: change of a value per update that still has gradient, in reward units; None: no clipping.
    """

    name: ClassVar[str] = "ppo"
    needs_values: ClassVar[bool] = True

    epochs: int = 2
    minibatches: int = 2
    gamma: float = 1.0
    lam: float = 0.95
    whiten_advantages: bool = True
    trunk: Trunk = Trunk.SEPARATE
    value_coefficient: float | None = None
    value_clip: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting in ("gamma", "lam"):
            if not 0 <= getattr(self, setting) <= 1:
                raise ValueError(f"{self.name}: {setting} is {getattr(self, setting)}, expected within [0, 1]")
        if self.value_weight <= 0:
            raise ValueError(
                f"{self.name}: value_coefficient is {self.value_coefficient}: the value model would not learn"
            )
        if self.value_clip is not None and self.value_clip <= 0:
            raise ValueError(f"{self.name}: value_clip is {self.value_clip}, expected > 0 or None")

    @property
    def shares_trunk(self) -> bool:
        """True where one pass of the policy gives log-probabilities and values."""
        return self.trunk is Trunk.SHARED

    @property
    def value_weight(self) -> float:
        """Weight of the value loss in force."""
        return VALUE_COEFFICIENTS[self.trunk] if self.value_coefficient is None else self.value_coefficient

    def compute_advantages(self, batch: Batch) -> Batch:
        """[B, T] advantages by GAE, whitened if wished, and value targets; 0 in rows whose reward is NaN.

        Raises:
            ValueError: no value model filled in `batch.values`.
        """
        if batch.values is None:
            raise ValueError(f"{self.name} needs a value model, and batch.values is None")
        scored = ~batch.rewards.isnan()
        mask = batch.mask * scored.unsqueeze(1)
        values = clean(batch.values, mask)
        advantages, returns = self.token_advantages(self._token_rewards(batch, mask), values, mask)
        if self.whiten_advantages:
            advantages = whiten(advantages, mask)
        return replace(batch, advantages=advantages, returns=clean(returns, mask))

    def token_advantages(self, rewards: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T] advantages and value targets."""
        advantages = gae(rewards, values, mask, gamma=self.gamma, lam=self.lam)
        return advantages, advantages + values

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The policy's loss plus `value_weight` times the value model's."""
        policy = super().loss(batch, scores, totals)
        value = self._value_term(batch, scores, totals)
        return LossParts(policy.loss + value.loss, {**policy.sums, **value.sums}, policy.maxima)

    def _token_rewards(self, batch: Batch, mask: Tensor) -> Tensor:
        """[B, T] dense rewards, the completion's reward at its last token, and the KL penalty."""
        rewards = at_last_token(batch.rewards, mask)
        if batch.token_rewards is not None:
            rewards = rewards + clean(batch.token_rewards, mask)
        if self.kl.in_reward:
            rewards = rewards - self.beta * self._reference_k1(batch)
        return clean(rewards, mask)

    def _value_term(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The value loss times its coefficient, a mean over tokens, with the moments of its metrics."""
        if scores.values is None or batch.returns is None:
            missing = "scores.values" if scores.values is None else "batch.returns"
            raise ValueError(f"{self.name}: {missing} is None: it trains a value model")
        mask = batch.mask * (~batch.rewards.isnan()).unsqueeze(1)  # nothing is known of what an unscored row is worth
        values, returns = clean(scores.values, mask), clean(batch.returns, mask).to(scores.values.dtype)
        old = None if batch.values is None else clean(batch.values, mask)
        per_token, was_clipped = value_loss(values, returns, old, self.value_clip)
        count, seen, error = mask.sum(), values.detach(), returns - values.detach()
        sums = {
            "value/loss": (masked_sum(per_token.detach(), mask), count),
            "value/clip_fraction": (masked_sum(was_clipped.to(mask.dtype), mask), count),
            "value/mean": (masked_sum(seen, mask), count),
            "value/return_mean": (masked_sum(returns, mask), count),
            "value/return_square": (masked_sum(returns.square(), mask), count),
            "value/error_mean": (masked_sum(error, mask), count),
            "value/error_square": (masked_sum(error.square(), mask), count),
        }
        loss = self.value_weight * aggregate(per_token, mask, totals, Aggregation.TOKEN_MEAN)
        return LossParts(loss, sums)
