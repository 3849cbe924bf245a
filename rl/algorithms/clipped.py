"""PPO's clipped surrogate, which most algorithms share; each says on which ratio."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rl.algorithms.policy_gradient import PolicyGradient
from rl.functional.objectives import Objective, clipped, token_ratio


@dataclass(frozen=True)
class Clipped(PolicyGradient):
    """Policy gradient with the clipped surrogate: no gradient pushes a ratio further out of its bounds.

    Attributes:
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    clip_low: float = 0.2
    clip_high: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.clip_low <= 1:
            raise ValueError(
                f"{self.name}: clip_low is {self.clip_low}: the ratio is kept above 1 - clip_low, "
                "expected within (0, 1]"
            )
        if self.clip_high <= 0:
            raise ValueError(
                f"{self.name}: clip_high is {self.clip_high}: the ratio is kept below 1 + clip_high, expected > 0"
            )

    def ratio(self, logprobs: Tensor, old: Tensor, mask: Tensor) -> Tensor:
        """[B, T] pi / pi_old: of the token, unless an algorithm says otherwise."""
        return token_ratio(logprobs, old, mask)

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The clipped surrogate on `ratio`."""
        return clipped(self.ratio(logprobs, old, mask), advantages, low=self.clip_low, high=self.clip_high)


@dataclass(frozen=True)
class DualClipped(Clipped):
    """The clipped surrogate whose loss is bounded on the other side too, where that is set.

    Attributes:
        dual_clip: bound c > 1 on ratio for negative advantages; None: off.
    """

    dual_clip: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dual_clip is not None and self.dual_clip <= 1 + self.clip_high:
            raise ValueError(
                f"{self.name}: dual_clip is {self.dual_clip}, expected more than 1 + clip_high = {1 + self.clip_high} "
                "(3 is common)"
            )

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The clipped surrogate on `ratio`, held by dual clip where that is set."""
        ratio = self.ratio(logprobs, old, mask)
        return clipped(ratio, advantages, low=self.clip_low, high=self.clip_high, dual=self.dual_clip)
