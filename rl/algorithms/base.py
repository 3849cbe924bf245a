"""What the learner and the loop ask of an algorithm: advantages for a whole batch, then a loss per micro-batch.

The learner is blind to the algorithm. An algorithm is a frozen dataclass of its settings that owns advantages and
loss; meaningless combinations of settings are refused when it is built. What changes during training (an adaptive
KL coefficient, the number of updates done) is in `state`; `after_update` gives the algorithm of the next update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from rl.types import Batch, Group, Totals

Self = TypeVar("Self", bound="Algorithm")


@dataclass(frozen=True)
class Scores:
    """What the current policy says about a micro-batch; all [B, T], at the sampling temperature."""

    logprobs: Tensor
    entropy: Tensor | None = None  # None when the algorithm does not ask for it
    values: Tensor | None = None


@dataclass(frozen=True)
class LossParts:
    """A micro-batch's share of the loss, and what metrics of the whole step are made from.

    Attributes:
        loss: scalar; the sum over the micro-batches of a step is the step's loss.
        sums: metric name -> (numerator, denominator), added up over micro-batches and ranks, then divided.
        maxima: metric name -> value, of which the step's metric is the largest.
    """

    loss: Tensor
    sums: Mapping[str, tuple[Tensor | float, Tensor | float]] = field(default_factory=dict)
    maxima: Mapping[str, Tensor | float] = field(default_factory=dict)


@dataclass(frozen=True)
class AlgorithmState:
    """What changes from update to update; saved in checkpoints.

    Attributes:
        updates: updates (batches of rollouts) done.
        beta: KL coefficient in force when a controller moves it; None: the setting's own.
        entropy_coefficient: entropy coefficient when a controller moves it; None: the setting's own.
        entropy: policy entropy of the last update, where a controller watches it; None before the first.
    """

    updates: int = 0
    beta: float | None = None
    entropy_coefficient: float | None = None
    entropy: float | None = None


@dataclass(frozen=True)
class Algorithm:
    """Base of all algorithms.

    Attributes:
        epochs: passes over a batch of rollouts.
        minibatches: optimizer steps per pass.
        state: not a setting; see `after_update`.
    """

    name: ClassVar[str] = ""
    needs_values: ClassVar[bool] = False  # a value model is trained beside the policy

    epochs: int = 1
    minibatches: int = 1
    state: AlgorithmState = field(default=AlgorithmState(), kw_only=True)

    def __post_init__(self) -> None:
        for setting in ("epochs", "minibatches"):
            if getattr(self, setting) < 1:
                raise ValueError(f"{self.name}: {setting} is {getattr(self, setting)}, expected at least 1")

    # --- what must be filled in before advantages ---

    @property
    def needs_reference(self) -> bool:
        """True when reference log-probabilities must be filled into the batch."""
        return False

    @property
    def shares_trunk(self) -> bool:
        """True when values come from a head on the policy's own trunk."""
        return False

    @property
    def needs_entropy(self) -> bool:
        """True when the loss itself uses the entropy (as a metric it is computed without gradient)."""
        return False

    @property
    def adapts(self) -> bool:
        """True when `after_update` reads what an update measured: then every one measures."""
        return False

    @property
    def needs_old_logprobs(self) -> bool:
        """True when log-probabilities at the start of the update differ from the sampler's and must be computed."""
        return False

    # --- groups, before they become a batch ---

    @property
    def max_resamples(self) -> int:
        """How many more rounds of problems may be sampled to replace groups that `filter_group` refused; 0: never."""
        return 0

    def filter_group(self, group: Group) -> bool:
        """False when a whole group, as the reward function rewarded it, is to be replaced by another problem's."""
        return True

    def shape_rewards(self, groups: Sequence[Group], max_tokens: int) -> list[Group]:
        """The groups with the algorithm's own reward parts added; `max_tokens` is the completions' length limit."""
        return list(groups)

    # --- batches ---

    def select(self, batch: Batch) -> Batch:
        """The batch with its mask on the tokens that carry loss: all that were sampled, or fewer."""
        return batch

    def compute_advantages(self, batch: Batch) -> Batch:
        """The batch with `advantages` (and `returns`, where a value model is trained) filled in."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no compute_advantages(batch)")

    def active_rows(self, batch: Batch) -> Tensor:
        """[B] bool: False where the gradient of the row's advantages is exactly zero, so that it may be skipped.

        Totals still count the skipped rows: they are part of what the loss is divided by.
        """
        return torch.ones(batch.num_rows, dtype=torch.bool, device=batch.mask.device)

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The loss of a micro-batch, already divided by `totals`."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no loss(batch, scores, totals)")

    # --- from update to update ---

    def after_update(self: Self, metrics: Mapping[str, float], num_sequences: float) -> Self:
        """The algorithm for the next update, given this update's metrics and its number of completions."""
        return replace(self, state=replace(self.state, updates=self.state.updates + 1))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: JSON values."""
        return dict(vars(self.state))

    def with_state(self: Self, state: Mapping[str, Any]) -> Self:
        """The algorithm as it was when `state_dict` gave `state`."""
        return replace(self, state=AlgorithmState(**state))


def derived_metrics(means: Mapping[str, float]) -> dict[str, float]:
    """Metrics that are no mean themselves, made from the step's means."""
    out: dict[str, float] = {}
    if "value/return_square" in means:
        variance = means["value/return_square"] - means["value/return_mean"] ** 2
        residual = means["value/error_square"] - means["value/error_mean"] ** 2
        out["value/explained_variance"] = 1.0 - residual / variance if variance > 0 else 0.0
    if "importance/weight_square" in means:
        square = means["importance/weight_square"]
        out["importance/effective_sample_size"] = means["importance/weight_mean"] ** 2 / square if square > 0 else 0.0
    return out


def advantage_metrics(batch: Batch) -> dict[str, float]:
    """Statistics of a batch with advantages's advantages over sampled tokens; empty for a batch without advantages."""
    if batch.advantages is None:
        return {}
    sampled = batch.advantages[batch.mask.bool()].double()
    if not sampled.numel():
        return {}
    zero_rows = ((batch.advantages == 0) | ~batch.mask.bool()).all(1)
    return {
        "advantage/mean": float(sampled.mean()),
        "advantage/std": float(sampled.std(correction=0)),
        "advantage/abs_max": float(sampled.abs().max()),
        "advantage/zero_rows": float(zero_rows.double().mean()),
    }
