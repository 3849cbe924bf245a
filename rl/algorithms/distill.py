"""On-policy distillation: the student writes, the teacher says how likely it would have written each token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rl.algorithms.clipped import Clipped
from rl.functional.aggregation import Aggregation
from rl.functional.distillation import sampled_reverse_kl
from rl.functional.masked import clean
from rl.types import Batch


@dataclass(frozen=True)
class Distill(Clipped):
    """On-policy distillation by sampled reverse KL (arXiv:2306.13649; as a policy gradient in arXiv:2306.08543).

    A_t = log teacher(a_t) - log pi_old(a_t);  PPO's clipped surrogate. The teacher stands where other algorithms have
    the reference policy, and must share the student's vocabulary. Rewards are not read. The gradient is that of
    the per-token KL(student || teacher) on the student's own completions: what a token does to later states is left
    out, which is what makes it low in variance.

    Attributes:
        clip_low, clip_high: the ratio is kept in [1 - clip_low, 1 + clip_high].
    """

    name: ClassVar[str] = "distill"

    aggregation: Aggregation = Aggregation.TOKEN_MEAN

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kl.beta > 0:
            raise ValueError("distill: the teacher takes the place of the reference, so kl.beta > 0 means nothing here")

    @property
    def needs_reference(self) -> bool:
        """Always: the teacher's log-probabilities stand in the reference's place."""
        return True

    def compute_advantages(self, batch: Batch) -> Batch:
        """Each token's advantage is how much likelier the teacher finds it: [B, T], nats.

        Raises:
            ValueError: the teacher has not scored the batch.
        """
        if batch.reference_logprobs is None:
            raise ValueError("distill: the teacher's log-probabilities are missing (batch.reference_logprobs is None)")
        advantages = sampled_reverse_kl(self._old_logprobs(batch), batch.reference_logprobs)
        return replace(batch, advantages=clean(advantages, batch.mask))
