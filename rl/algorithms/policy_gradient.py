"""The walk that all policy-gradient algorithms share; each named algorithm fills in its advantage and objective.

compute_advantages: rewards (minus the KL penalty) -> advantages.  loss: objective x importance weight, aggregated, plus
the KL and entropy terms. Nothing at mask 0 is read anywhere: it may be NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from rl.algorithms.base import Algorithm, LossParts, Scores
from rl.algorithms.settings import Correction, Kl, Scale
from rl.functional.advantages import (
    SCALE_EPSILON,
    batch_std,
    group_mean,
    group_std,
    has_signal,
    leave_one_out,
    position_baseline,
    returns_to_go,
)
from rl.functional.aggregation import Aggregation, aggregate
from rl.functional.correction import importance_weights
from rl.functional.entropy import adapt_entropy_coefficient
from rl.functional.kl import adapt_beta, kl_k1, kl_k3, kl_loss
from rl.functional.masked import clean, masked_sum
from rl.functional.objectives import Objective, token_ratio
from rl.types import Batch, Totals

Self = TypeVar("Self", bound="PolicyGradient")
KL_OFF = Kl()
LOGPROB_ROUNDING = 1e-5  # nats by which two float32 computations of one log-probability differ at most
ENTROPY_STEP, ENTROPY_LARGEST = 0.005, 1.0  # of the adaptive coefficient; TRL's values
Sums = dict[str, tuple[Tensor | float, Tensor | float]]


@dataclass(frozen=True)
class PolicyGradient(Algorithm):
    """Template of the policy-gradient algorithms.

    Attributes:
        aggregation: how token losses become the loss.
        entropy_coefficient: weight of the mean token entropy, subtracted from the loss; 0: off.
        entropy_target: when given, the coefficient moves by 0.005 per update, up while the entropy is at or below this
            many nats per token, down above it, and acts only at or below it.
        kl: penalty for leaving the reference policy; off by default.
        mask_truncated: leave completions that the length limit cut out of the loss (overlong filtering, DAPO's first
            remedy): they are counted in no divisor, their rewards still in their group's baseline.
        correction: importance correction from sampler to learner; None: the sampler's log-probabilities serve as
            the old ones, so the ratio itself spans both.
    """

    sequence_level: ClassVar[bool] = False  # one advantage and one ratio per completion, never per token
    has_ratio: ClassVar[bool] = True  # the objective compares with the policy at the start of the update

    aggregation: Aggregation = Aggregation.TOKEN_MEAN
    entropy_coefficient: float = 0.0
    entropy_target: float | None = None
    kl: Kl = KL_OFF
    mask_truncated: bool = False
    correction: Correction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.has_ratio and self.epochs * self.minibatches > 1:
            raise ValueError(
                f"{self.name}: {self.epochs} epochs x {self.minibatches} minibatches would reuse samples of an older "
                "policy, and this objective has no ratio to account for it: use 1 x 1, or an algorithm with a ratio"
            )
        if self.entropy_coefficient < 0:
            raise ValueError(f"{self.name}: entropy_coefficient is {self.entropy_coefficient}, a bonus: expected >= 0")
        if self.entropy_target is not None and self.entropy_target <= 0:
            raise ValueError(f"{self.name}: entropy_target is {self.entropy_target}, expected nats per token > 0")
        if self.sequence_level and self.aggregation is not Aggregation.SEQUENCE_MEAN:
            raise ValueError(
                f"{self.name}: the loss is one number per completion, and aggregation {self.aggregation} would count "
                "it once per token: use sequence_mean"
            )

    # --- what an algorithm fills in ---

    def row_advantages(self, rewards: Tensor, batch: Batch) -> Tensor:
        """[B] advantage of each completion from its reward [B]."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no row_advantages")

    def objective(self, logprobs: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Objective:
        """The loss per token; all arguments [B, T] and already clean where mask is 0."""
        raise NotImplementedError(f"algorithm {type(self).__name__} defines no objective")

    # --- what the learner asks ---

    @property
    def beta(self) -> float:
        """KL coefficient in force."""
        return self.kl.beta if self.state.beta is None else self.state.beta

    @property
    def needs_reference(self) -> bool:
        """True when leaving the reference is penalised."""
        return self.kl.beta > 0

    @property
    def entropy_weight(self) -> float:
        """Weight of the entropy bonus in force."""
        if self.entropy_target is None:
            return self.entropy_coefficient
        if self.state.entropy is None or self.state.entropy > self.entropy_target:
            return 0.0
        return self.entropy_coefficient if self.state.entropy_coefficient is None else self.state.entropy_coefficient

    @property
    def needs_entropy(self) -> bool:
        """True while the bonus weighs anything; with `entropy_target` that changes from update to update."""
        return self.entropy_weight != 0

    @property
    def adapts(self) -> bool:
        """True with a target for the KL or for the entropy."""
        return self.kl.target is not None or self.entropy_target is not None

    @property
    def needs_old_logprobs(self) -> bool:
        """True with a correction: the ratio then spans the update alone, and the weights what lies before it."""
        return self.correction is not None and self.has_ratio

    def select(self, batch: Batch) -> Batch:
        """The batch without the tokens of truncated completions, where `mask_truncated` says so."""
        if not self.mask_truncated:
            return batch
        return replace(batch, mask=batch.mask * (~batch.truncated).unsqueeze(1))

    def compute_advantages(self, batch: Batch) -> Batch:
        """A completion's advantage at each of its tokens, plus that of the KL where it enters the reward: [B, T]."""
        rewards = batch.rewards
        if batch.token_rewards is not None:
            rewards = rewards + masked_sum(batch.token_rewards, batch.mask, 1)
        advantages = self.row_advantages(rewards, batch).unsqueeze(1).expand(batch.mask.shape)
        if self.kl.in_reward:
            advantages = advantages + self._kl_advantages(batch)
        return replace(batch, advantages=clean(advantages, batch.mask))

    def active_rows(self, batch: Batch) -> Tensor:
        """[B] bool: rows with an advantage other than 0; every row where KL, entropy or a value loss needs none."""
        if batch.advantages is None:
            raise ValueError("active_rows needs a batch with advantages: call compute_advantages(batch) first")
        if self.kl.in_loss or self.needs_entropy or self.needs_values:
            return torch.ones(batch.num_rows, dtype=torch.bool, device=batch.mask.device)
        return (clean(batch.advantages, batch.mask) != 0).any(1)

    def loss(self, batch: Batch, scores: Scores, totals: Totals) -> LossParts:
        """The objective times its importance weights, plus the KL term, minus the entropy term.

        Raises:
            ValueError: the batch has no advantages, or log-probabilities that the settings ask for are missing.
        """
        mask = batch.mask
        if batch.advantages is None:
            raise ValueError(f"{self.name}: the batch has no advantages: call compute_advantages(batch) before loss")
        logprobs = clean(scores.logprobs, mask)
        old = clean(self._old_logprobs(batch), mask)
        objective = self.objective(logprobs, old, clean(batch.advantages, mask).to(logprobs.dtype), mask)
        sums, maxima = _objective_metrics(objective, logprobs, old, mask)
        _mismatch_metrics(batch, old if batch.old_logprobs is not None else logprobs.detach(), sums, maxima)
        weighted = objective.loss
        if self.correction is not None:
            weights = self._importance(batch, logprobs, old, sums, maxima)
            weighted = weighted * weights
        loss = aggregate(weighted, mask, totals, self.aggregation)
        self._policy_loss_metric(sums, weighted, mask)
        loss = loss + self._kl_term(batch, logprobs, old, totals, sums) - self._entropy_term(scores, mask, totals, sums)
        return LossParts(loss, sums, maxima)

    def after_update(self: Self, metrics: Mapping[str, float], num_sequences: float) -> Self:
        """Moves beta and the entropy coefficient, where the settings give them targets."""
        following = super().after_update(metrics, num_sequences)
        return following._with_adapted_beta(metrics, num_sequences)._with_adapted_entropy(metrics)

    # --- from update to update ---

    def _with_adapted_beta(self: Self, metrics: Mapping[str, float], num_sequences: float) -> Self:
        kl = metrics.get("policy/kl_reference_k1")
        if self.kl.target is None or kl is None:  # None: the batch had no sampled token
            return self
        beta = adapt_beta(self.beta, kl, target=self.kl.target, horizon=self.kl.horizon, num_samples=num_sequences)
        return replace(self, state=replace(self.state, beta=beta))

    def _with_adapted_entropy(self: Self, metrics: Mapping[str, float]) -> Self:
        held, entropy = self.state.entropy_coefficient, metrics.get("policy/entropy")
        if self.entropy_target is None or entropy is None:  # None: the batch had no sampled token
            return self
        coefficient = adapt_entropy_coefficient(
            self.entropy_coefficient if held is None else held,
            entropy,
            target=self.entropy_target,
            step=ENTROPY_STEP,
            largest=ENTROPY_LARGEST,
        )
        return replace(self, state=replace(self.state, entropy_coefficient=coefficient, entropy=entropy))

    # --- parts of advantages and loss ---

    def _old_logprobs(self, batch: Batch) -> Tensor:
        """[B, T] of the policy at the start of the update; the sampler's where nothing else was computed."""
        if batch.old_logprobs is not None:
            return batch.old_logprobs
        if self.needs_old_logprobs:
            raise ValueError(
                f"{self.name}: importance correction compares the learner's log-probabilities at the start of the "
                "update with the sampler's, and batch.old_logprobs is None: fill them in before the update"
            )
        return batch.sampler_logprobs

    def _reference_k1(self, batch: Batch) -> Tensor:
        """[B, T] log pi - log reference of the sampled tokens, 0 where mask is 0.

        Where nothing but it could give a gradient (every group's rewards are equal) and all of it is rounding, it is 0:
        Adam would make whole steps of the noise.
        """
        if batch.reference_logprobs is None:
            raise ValueError(f"{self.name}: kl.beta is {self.kl.beta} and batch.reference_logprobs is None")
        k1 = clean(kl_k1(self._old_logprobs(batch), batch.reference_logprobs), batch.mask)
        is_rounding = bool((k1.abs() <= LOGPROB_ROUNDING).all()) and batch.token_rewards is None
        return torch.zeros_like(k1) if is_rounding and not has_signal(batch.rewards, batch.groups) else k1

    def _kl_advantages(self, batch: Batch) -> Tensor:
        """[B, T] minus beta times the KL, over a leave-one-out baseline.

        Per token: the KL from that token on, over the other rows' at that position. Per completion, where the
        algorithm knows nothing finer: its whole KL, over its siblings'. Added after the rewards were centred and
        scaled: inside, a group of equal rewards would have its KL noise blown up to unit size.
        """
        scored = ~batch.rewards.isnan()
        penalty = -self.beta * self._reference_k1(batch)
        if self.sequence_level:
            whole = penalty.sum(1).masked_fill(~scored, torch.nan)
            return leave_one_out(whole, batch.groups).unsqueeze(1).expand(batch.mask.shape)
        mask = batch.mask * scored.unsqueeze(1)
        penalty = returns_to_go(penalty, mask)
        return penalty - position_baseline(penalty, mask)

    def _importance(
        self, batch: Batch, logprobs: Tensor, old: Tensor, sums: Sums, maxima: dict[str, Tensor | float]
    ) -> Tensor:
        """[B, T] constant weights of the correction, and their metrics."""
        assert self.correction is not None
        rule, mask = self.correction, batch.mask
        proximal = old if self.has_ratio else logprobs
        weights, raw = importance_weights(
            proximal, batch.sampler_logprobs, mask, level=rule.level, bound=rule.bound, cap=rule.cap, floor=rule.floor
        )
        count = mask.sum()
        sums["importance/weight_mean"] = (weights.sum(), count)
        sums["importance/weight_square"] = (weights.square().sum(), count)
        sums["importance/clip_fraction"] = (masked_sum((weights != raw).to(mask.dtype), mask), count)
        if mask.numel():
            maxima["importance/weight_max"] = clean(raw, mask).max()
        return weights

    def _policy_loss_metric(self, sums: Sums, weighted: Tensor, mask: Tensor) -> None:
        """Reports the policy loss per token, or per completion where the algorithm averages completions."""
        detached = clean(weighted.detach(), mask)
        lengths = mask.sum(1)
        if self.aggregation is Aggregation.TOKEN_MEAN:
            sums["policy/loss"] = (detached.sum(), lengths.sum())
        elif self.aggregation is Aggregation.SEQUENCE_MEAN:
            sums["policy/loss"] = ((detached.sum(1) / lengths.clamp(min=1)).sum(), (lengths > 0).sum())
        else:
            sums["policy/loss"] = (detached.sum(), (lengths > 0).sum())

    def _kl_term(self, batch: Batch, logprobs: Tensor, old: Tensor, totals: Totals, sums: Sums) -> Tensor | float:
        """beta times the KL loss, and the KL metrics whenever reference log-probabilities are there."""
        if batch.reference_logprobs is None:
            if self.needs_reference:
                raise ValueError(f"{self.name}: kl.beta is {self.kl.beta} and batch.reference_logprobs is None")
            return 0.0
        mask = batch.mask
        reference, count = clean(batch.reference_logprobs, mask).to(logprobs.dtype), mask.sum()
        sums["policy/kl_reference"] = (masked_sum(kl_k3(logprobs.detach(), reference), mask), count)
        sums["policy/kl_reference_k1"] = (masked_sum(kl_k1(logprobs.detach(), reference), mask), count)
        sums["policy/kl_coefficient"] = (self.beta * count, count)
        if not self.kl.in_loss:
            return 0.0
        assert self.kl.estimator is not None
        penalty = kl_loss(logprobs, reference, token_ratio(logprobs, old, mask), self.kl.estimator)
        sums["policy/kl_loss"] = (masked_sum(penalty.detach(), mask), count)
        return self.beta * aggregate(penalty, mask, totals, self.aggregation)

    def _entropy_term(self, scores: Scores, mask: Tensor, totals: Totals, sums: Sums) -> Tensor | float:
        """Coefficient times the mean token entropy; a mean over tokens whatever the policy loss is divided by."""
        if scores.entropy is None:
            if self.needs_entropy:
                raise ValueError(f"{self.name}: the entropy bonus weighs {self.entropy_weight}, scores.entropy is None")
            return 0.0
        sums["policy/entropy"] = (masked_sum(scores.entropy.detach(), mask), mask.sum())
        sums["policy/entropy_coefficient"] = (self.entropy_weight * mask.sum(), mask.sum())
        if not self.needs_entropy:
            return 0.0
        return self.entropy_weight * aggregate(scores.entropy, mask, totals, Aggregation.TOKEN_MEAN)


def scaled_group_advantages(rewards: Tensor, batch: Batch, scale: Scale) -> Tensor:
    """[B] rewards over their group's mean, divided by the deviation that `scale` names.

    Raises:
        ValueError: every group has one completion, so that every advantage would be 0.
    """
    refuse_single_completions(rewards, batch)
    centred = group_mean(rewards, batch.groups)
    if scale is Scale.GROUP_STD:
        return centred / (group_std(rewards, batch.groups) + SCALE_EPSILON)
    if scale is Scale.BATCH_STD:
        return centred / (batch_std(rewards) + SCALE_EPSILON)
    return centred


def _objective_metrics(
    objective: Objective, logprobs: Tensor, old: Tensor, mask: Tensor
) -> tuple[Sums, dict[str, Tensor | float]]:
    """Ratio, clip and drift metrics over the sampled tokens of the micro-batch."""
    count = mask.sum()
    ratio = objective.ratio.detach()
    sums: Sums = {
        "policy/ratio_mean": (masked_sum(ratio, mask), count),
        "policy/kl_old": (masked_sum(kl_k3(old, logprobs.detach()), mask), count),
        "policy/clip_fraction_low": (masked_sum(objective.clipped_low.to(mask.dtype), mask), count),
        "policy/clip_fraction_high": (masked_sum(objective.clipped_high.to(mask.dtype), mask), count),
    }
    if objective.clipped_dual is not None:
        sums["policy/clip_fraction_dual"] = (masked_sum(objective.clipped_dual.to(mask.dtype), mask), count)
    maxima: dict[str, Tensor | float] = {"policy/ratio_max": clean(ratio, mask).max()} if mask.numel() else {}
    return sums, maxima


def _mismatch_metrics(batch: Batch, learner: Tensor, sums: Sums, maxima: dict[str, Tensor | float]) -> None:
    """How far the sampler's log-probabilities are from the learner's: the alarm of a stale or different sampler.

    `learner` is the policy at the start of the update; where nothing computed it, the current one.
    """
    mask = batch.mask
    gap = clean(learner - batch.sampler_logprobs, mask)
    sums["mismatch/logprob_abs_diff"] = (gap.abs().sum(), mask.sum())
    sums["mismatch/kl"] = (masked_sum(kl_k3(clean(batch.sampler_logprobs, mask), learner), mask), mask.sum())
    if mask.numel():
        maxima["mismatch/logprob_abs_diff_max"] = gap.abs().max()


def refuse_single_completions(rewards: Tensor, batch: Batch) -> None:
    """Refuses a batch in which nothing has a sibling to be compared with.

    Raises:
        ValueError: every group has one completion.
    """
    if rewards.numel() and torch.unique(batch.groups).numel() == rewards.numel():
        raise ValueError("every group has a single completion, whose advantage over itself is 0: raise group_size")
