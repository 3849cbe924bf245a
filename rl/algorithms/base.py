"""What the learner asks of an algorithm: credit for a whole batch, then a loss per micro-batch.

The learner is blind to the algorithm. An algorithm is a frozen dataclass of its settings that owns advantages and
loss; meaningless combinations of settings are refused when it is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from rl.types import Batch, Totals


@dataclass(frozen=True)
class Scores:
    """What the current policy says about a micro-batch; all [B, T], at the sampling temperature."""

    logprobs: Tensor
    entropy: Tensor | None = None  # None when the algorithm does not ask for it
    values: Tensor | None = None


@dataclass(frozen=True)
class LossParts:
    """A micro-batch's share of the loss, and sums from which metrics are averaged over the whole step.

    Attributes:
        loss: scalar; the sum over the micro-batches of a step is the step's loss.
        sums: metric name -> (numerator, denominator), added up over micro-batches and ranks, then divided.
    """

    loss: Tensor
    sums: Mapping[str, tuple[Tensor | float, Tensor | float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Algorithm:
    """Base of all algorithms.

    Attributes:
        epochs: passes over a batch of rollouts.
        minibatches: optimizer steps per pass.
    """

    name: ClassVar[str] = ""
    needs_values: ClassVar[bool] = False  # a value model is trained beside the policy

    epochs: int = 1
    minibatches: int = 1

    @property
    def needs_reference(self) -> bool:
        """True when reference log-probabilities must be filled into the batch."""
        return False

    @property
    def needs_entropy(self) -> bool:
        """True when the loss itself uses the entropy (as a metric it is computed without gradient)."""
        return False

    @property
    def needs_old_logprobs(self) -> bool:
        """True when log-probabilities at the start of the update differ from the sampler's and must be computed."""
        return False

    def credit(self, batch: Batch) -> Batch:
        """The batch with `advantages` (and `returns`, where a value model is trained) filled in."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no credit(batch)")

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The loss of a micro-batch, already divided by `totals`."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no loss(batch, scores, totals)")
