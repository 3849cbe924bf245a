"""The learner: fills in what the algorithm needs, asks it for advantages, takes optimizer steps.

It is blind to the algorithm. Every loss of an optimizer step is divided by one normaliser, counted over all of its
rows before the first forward pass, so the result depends neither on how the step is cut into micro-batches nor on how
many processes share it (rl/learning/led.py). Dropout is off throughout: it would make the policy that is trained
another one than the policy that sampled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from policies.causal import CausalPolicy
from policies.heap import HEAVY, HeldHeap
from policies.scoring.logprobs import TokenScorer
from policies.scoring.value import ValueHead
from rl.algorithms.base import Algorithm, advantage_metrics, derived_metrics
from rl.learning.collate import minibatches
from rl.learning.modules import load_trainable_weights, prepare_for_training, shard, trainable_weights, whole
from rl.learning.optimizer import NonFiniteLossError, Optimizer, OptimizerSettings
from rl.learning.passes import ForwardPasses, make_value_model
from rl.learning.processes import Processes
from rl.learning.settings import LearnerSettings, Models, check
from rl.learning.sums import StepSums, reference_kl
from rl.types import Batch, Totals

__all__ = ["Learner", "LearnerSettings", "Models", "NonFiniteLossError", "OptimizerSettings", "make_value_model"]


class Learner:
    """Trains a policy, and a value model beside it where the algorithm has one.

    Attributes:
        token_values: of the last update, before its first step: `advantage` and `entropy` (nats), each [B, T] and 0
            off the mask; empty unless the settings keep them.
    Raises:
        ValueError: models, algorithm and settings that do not go together.
    """

    def __init__(self, models: Models, algorithm: Algorithm, settings: LearnerSettings) -> None:
        check(models, algorithm, settings)
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        self.policy, self.value_model, self.algorithm = models.policy, models.value_model, algorithm
        self.settings = settings
        self.updates = 0
        self.steps = 0  # optimizer steps
        self.token_values: dict[str, Tensor] = {}
        self.policy_steps = 0  # those of them in which the policy learned too
        self.device = self.policy.device
        self.processes = Processes(self.device)
        prepare_for_training(self.policy.model, settings.gradient_checkpointing)
        if self.value_model is not None:
            prepare_for_training(self.value_model, False)
        self.processes.share_weights(self._modules())
        self._is_sharded = settings.sharding is not None and self.processes.world > 1
        self.passes = self._make_passes(models.reference)
        self._heap = HeldHeap() if self.device.type == "cpu" and self.num_parameters > HEAVY else None
        self._optimizer = Optimizer(self.policy.model, settings.optimizer)
        self._value_optimizer: Optimizer | None = None
        if self.value_model is not None:
            self._value_optimizer = Optimizer(self.value_model, settings.value_optimizer or settings.optimizer)

    def _make_passes(self, reference: CausalPolicy | None) -> ForwardPasses:
        """The models behind scorers, sharded where they are to be."""
        head = self.value_model if isinstance(self.value_model, ValueHead) else None
        scorer = TokenScorer(self.policy.model, head)
        reference_scorer = scorer if self.policy.is_lora else None
        if reference is not None:
            reference_scorer = TokenScorer(reference.model.requires_grad_(False).eval())
        if self.algorithm.needs_reference and reference_scorer is None:
            raise ValueError(f"algorithm {self.algorithm.name!r} needs a reference policy, and none was given")
        if self._is_sharded:
            separate = None if head is not None else self.value_model  # a head alone is part of the scorer
            for module in {scorer, reference_scorer, separate} - {None}:
                shard(cast(nn.Module, module), self.policy.model._no_split_modules or (), self.device)
        return ForwardPasses(
            self.policy,
            scorer,
            self.processes,
            reference=reference_scorer,
            value_model=self.value_model,
            temperature=self.settings.temperature,
            micro_tokens=self.settings.micro_tokens,
            autocast=self.settings.autocast,
            is_sharded=self._is_sharded,
        )

    # ------------------------------------------------------------------ what the loop calls

    def update(self, batch: Batch, *, max_tokens: int | None = None) -> dict[str, float]:
        """One update on a batch of rollouts: fill, advantages, epochs x minibatches of optimizer steps.

        Args:
            batch: rewarded rollouts; its advantages are overwritten.
            max_tokens: the length limit of the sampler, for losses with a constant divisor; None: the longest
                completion of the batch.
        Returns:
            metrics by the names of rl/records/metrics.py, each a mean over the whole update.
        Raises:
            NonFiniteLossError: the step that showed it was not applied.
        """
        measures = self._measures_at(self.updates)
        batch = self.fill_logprobs(self.algorithm.select(batch), with_reference=measures)
        batch = self.algorithm.compute_advantages(batch)
        max_tokens = max_tokens or batch.longest_completion
        if self.settings.keep_token_values:
            self.token_values = self._token_values(batch)
        sums = StepSums()
        for epoch in range(self.algorithm.epochs):
            key = (self.settings.seed * 1_000_003 + self.updates) * 1009 + epoch
            for part in minibatches(batch, self.algorithm.minibatches, key):
                sums.merge(self._optimizer_step(part, max_tokens, measures=measures, with_entropy=measures))
        measured = reference_kl(batch) if measures else {}
        metrics = {**advantage_metrics(batch), **measured, **self._metrics(sums)}
        self.updates += 1
        self.algorithm = self.algorithm.after_update(metrics, batch.num_rows)
        return metrics

    def step(self, batch: Batch, *, max_tokens: int | None = None) -> dict[str, float]:
        """One optimizer step on a batch whose advantages are filled (supervised losses use none)."""
        return self._metrics(self._optimizer_step(batch, max_tokens or batch.longest_completion))

    def weights(self) -> dict[str, Tensor]:
        """The policy's weights on the CPU, for the workers."""
        return {name: whole(weight) for name, weight in self.policy.weights().items()}

    @property
    def temperature(self) -> float:
        """What logits are divided by."""
        return self.settings.temperature

    @property
    def num_parameters(self) -> int:
        """Weights that a token passes through, the value model's included."""
        return sum(p.numel() for module in self._modules() for p in module.parameters())

    @property
    def arithmetic(self) -> torch.dtype:
        """What matrix products run in."""
        return self.passes.arithmetic

    @property
    def num_fills(self) -> int:
        """Passes without gradient over the last batch, before the first step."""
        reads_reference = self.algorithm.needs_reference or self.measured_last
        return sum(
            (
                self.algorithm.needs_old_logprobs,
                self.passes.reference is not None and reads_reference,
                self.algorithm.shares_trunk,
            )
        )

    @property
    def measured_last(self) -> bool:
        """Whether the last update made the passes that metrics alone read."""
        return self._measures_at(max(self.updates - 1, 0))

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """All that the learner's future depends on: a tree of mappings, tensors and plain numbers."""
        state: dict[str, Any] = {
            "policy": trainable_weights(self.policy.model),
            "optimizer": self._optimizer.state_dict(),
            "algorithm": self.algorithm.state_dict(),
            "steps": self.steps,
            "policy_steps": self.policy_steps,
            "updates": self.updates,
        }
        if self.value_model is not None and self._value_optimizer is not None:
            state["value"] = trainable_weights(self.value_model)
            state["value_optimizer"] = self._value_optimizer.state_dict()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        load_trainable_weights(self.policy.model, state["policy"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self.value_model is not None and self._value_optimizer is not None:
            load_trainable_weights(self.value_model, state["value"])
            self._value_optimizer.load_state_dict(state["value_optimizer"])
        self.algorithm = self.algorithm.with_state(state["algorithm"])
        self.steps = int(state["steps"])
        self.policy_steps = int(state["policy_steps"])
        self.updates = int(state["updates"])

    # ------------------------------------------------------------------ the parts of an update

    def _modules(self) -> list[nn.Module]:
        return [self.policy.model, *([self.value_model] if self.value_model is not None else [])]

    def _optimizers(self) -> list[Optimizer]:
        return [self._optimizer, *([self._value_optimizer] if self._value_optimizer is not None else [])]

    def _metrics(self, sums: StepSums) -> dict[str, float]:
        means = sums.metrics()
        return {**means, **derived_metrics(means), "learner/steps": float(self.steps)}

    def fill_logprobs(self, batch: Batch, *, with_reference: bool = True) -> Batch:
        """The batch with the log-probabilities and values that the algorithm's advantages and loss read.

        Args:
            with_reference: reference log-probabilities too, if there is a reference: for the KL metric at least.
        """
        columns: dict[str, Tensor] = {}
        passes = self.passes
        if self.algorithm.needs_old_logprobs:
            columns["old_logprobs"] = passes.score_batch(batch, passes.logprobs)
        if passes.reference is not None and (with_reference or self.algorithm.needs_reference):
            columns["reference_logprobs"] = passes.score_batch(batch, passes.reference_logprobs)
        if self.value_model is not None:
            columns["values"] = passes.score_batch(batch, passes.values)
        return replace(batch, **columns) if columns else batch

    def _token_values(self, batch: Batch) -> dict[str, Tensor]:
        entropy = self.passes.score_batch(batch, self.passes.entropy)
        found = {"advantage": batch.advantages, "entropy": entropy}
        return {name: values.cpu() * batch.mask.cpu() for name, values in found.items() if values is not None}

    # ------------------------------------------------------------------ one optimizer step

    def _optimizer_step(
        self, batch: Batch, max_tokens: int, *, measures: bool = True, with_entropy: bool = False
    ) -> StepSums:
        totals = Totals.of(batch, max_tokens)
        active = self.algorithm.active_rows(batch).cpu()
        sums = StepSums()
        wants_entropy = with_entropy or self.algorithm.needs_entropy
        with self.passes.quick(batch):
            self._accumulate(batch, active, totals, sums, wants_entropy, measures=measures)
            if with_entropy and not bool(active.all()):  # an update reports on every sampled token, or on none
                self._measure(batch, ~active, totals, sums)
        if not self._is_sharded:  # FSDP has summed as it went
            self.processes.sum_gradients(self._optimizers())
        if self.processes.world > 1:
            sums.gather(self.processes.gather(sums.share()))
        self._apply(sums)
        sums.add("learner/skipped", float((~active).sum()), batch.num_rows)
        sums.add("learner/tokens", totals.num_tokens)
        sums.add("learner/loss", sums.loss)
        return sums

    def _accumulate(
        self, batch: Batch, rows: Tensor, totals: Totals, sums: StepSums, wants_entropy: bool, *, measures: bool
    ) -> None:
        """Adds the gradient of the rows that have one."""
        # FSDP averages gradients over ranks, and they are to be summed
        scale = self.processes.world if self._is_sharded else 1
        for cut, idle in self.passes.share(batch, _indices(rows)):
            part = batch.rows(cut.rows).to(self.device)
            scores = self.passes.scores(part, with_entropy=wants_entropy, with_gradient=not self._is_pretraining)
            parts = self.algorithm.loss(part, scores, totals)
            if parts.loss.requires_grad:
                (parts.loss * (0 if idle else scale)).backward()
            if not idle:
                sums.observe(parts, loss_alone=not measures)
                sums.add("learner/positions_per_token", cut.num_positions, float(part.attention.sum()))

    @torch.no_grad()
    def _measure(self, batch: Batch, rows: Tensor, totals: Totals, sums: StepSums) -> None:
        """Adds the metrics of the rows without a gradient: what is said of the policy is said of all that it wrote."""
        for cut, idle in self.passes.share(batch, _indices(rows)):
            part = batch.rows(cut.rows).to(self.device)
            parts = self.algorithm.loss(part, self.passes.scores(part, with_entropy=True), totals)
            if not idle:
                sums.observe(parts)

    def _apply(self, sums: StepSums) -> None:
        norms = [optimizer.clip() for optimizer in self._optimizers()]
        values = [float(norm) for norm in norms]
        if not all(math.isfinite(value) for value in (sums.loss, *values)):
            for optimizer in self._optimizers():
                optimizer.forget()
            raise NonFiniteLossError(
                f"loss {sums.loss} with gradient norm {values[0]} at optimizer step {self.steps + 1}: "
                "the step was not applied; lower the learning rate or look at the rewards of this step"
            )
        sums.add("learner/grad_norm", values[0])
        if self._is_pretraining:
            self._optimizer.forget()
        else:  # the policy's own steps: its warm-up and schedule begin when it begins to learn
            sums.add("learner/lr", self._optimizer.step(self.policy_steps))
            self.policy_steps += 1
        if self._value_optimizer is not None:
            sums.add("learner/value_grad_norm", values[1])
            self._value_optimizer.step(self.steps)
        self.steps += 1
        if self._heap is not None:
            self._heap.settle()

    def _measures_at(self, update: int) -> bool:
        return self.algorithm.adapts or update % self.settings.measure_every == 0

    @property
    def _is_pretraining(self) -> bool:
        """True while only the value model learns."""
        return self.value_model is not None and self.updates < self.settings.value_pretraining


def _indices(rows: Tensor) -> Tensor | None:
    """[N] int64 of the rows that are True; None: all of them."""
    return None if bool(rows.all()) else rows.nonzero().squeeze(1)
