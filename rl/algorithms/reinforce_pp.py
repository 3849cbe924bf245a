"""REINFORCE++: no critic and no groups needed; advantages are whitened over the whole batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rl.algorithms.clipped import Clipped
from rl.functional.advantages import at_last_token, group_mean, returns_to_go
from rl.functional.aggregation import Aggregation
from rl.functional.masked import clean, whiten
from rl.types import Batch


@dataclass(frozen=True)
class ReinforcePlusPlus(Clipped):
    """REINFORCE++ (arXiv:2501.03262).

    Token reward = -beta k1_t, plus the completion's reward at its last token; A_t = return from t on, whitened over
    all sampled tokens of the batch; PPO's clipped surrogate. With `group_baseline` the group's mean reward is
    subtracted first (REINFORCE++-baseline). Tool output between turns neither ends nor discounts the return.

    Attributes:
        group_baseline: subtract the group's mean reward before whitening.
        gamma: discount per sampled token.
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "reinforce_pp"

    aggregation: Aggregation = Aggregation.TOKEN_MEAN
    group_baseline: bool = False
    gamma: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"reinforce_pp: gamma is {self.gamma}, expected within [0, 1]")

    def compute_advantages(self, batch: Batch) -> Batch:
        """[B, T] advantages: the return from each token on, whitened over the batch; 0 in rows whose reward is NaN."""
        scored = ~batch.rewards.isnan()
        mask = batch.mask * scored.unsqueeze(1)
        rewards = group_mean(batch.rewards, batch.groups) if self.group_baseline else batch.rewards
        token_rewards = at_last_token(rewards, mask)
        if batch.token_rewards is not None:
            token_rewards = token_rewards + clean(batch.token_rewards, mask)
        if self.kl.in_reward:
            token_rewards = token_rewards - self.beta * clean(self._reference_k1(batch), mask)
        returns = returns_to_go(token_rewards, mask, gamma=self.gamma)
        return replace(batch, advantages=whiten(returns, mask))
