"""Passes of a policy, its critic and its reference over a batch, in micro-batches shared by all processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor

from policies.causal import CausalPolicy
from policies.kernels import load_kernels
from policies.kernels.products import fast_products
from policies.scoring.logprobs import TokenScorer, TokenScores
from policies.scoring.value import ValueHead, ValueModel
from rl.algorithms.base import Algorithm, Scores
from rl.learning.collate import MicroBatch, packed_batches, padded_batches
from rl.learning.processes import Processes
from rl.types import Batch


def make_value_model(algorithm: Algorithm, policy: CausalPolicy) -> ValueModel | ValueHead | None:
    """The critic that an algorithm asks for: a head on the policy's trunk, a model of its own, or None."""
    if not algorithm.needs_values:
        return None
    return ValueHead.for_policy(policy) if algorithm.shares_trunk else ValueModel.from_policy(policy)


class ForwardPasses:
    """How a learner reads its models.

    Args:
        reference: the frozen policy; the scorer itself when a LoRA policy without its adapters is its own reference.
        value_model: a head alone is applied by the scorer, to the policy's own trunk.
        temperature: logits are divided by it.
        micro_tokens: most tokens in one pass; see `Learner`.
        autocast: None or "bf16".
        is_sharded: every rank must run the same number of passes.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        scorer: TokenScorer,
        processes: Processes,
        *,
        reference: TokenScorer | None,
        value_model: ValueModel | ValueHead | None,
        temperature: float,
        micro_tokens: int,
        autocast: str | None,
        is_sharded: bool,
    ) -> None:
        self._policy, self._scorer, self._processes = policy, scorer, processes
        self.reference, self._value_model = reference, value_model
        self._temperature, self._micro_tokens, self._is_sharded = temperature, micro_tokens, is_sharded
        self._autocast = autocast
        self._device = policy.device

    @property
    def arithmetic(self) -> torch.dtype:
        """What matrix products run in."""
        return torch.float32 if self._autocast is None else torch.bfloat16

    def share(self, batch: Batch, rows: Tensor | None = None) -> list[tuple[MicroBatch, bool]]:
        """This rank's micro-batches of `rows` (None: all), each with whether it is idle.

        Sharded models need the same number of passes on every rank, so a rank with too few repeats one that counts
        for nothing: idle.
        """
        tokens, attention = batch.tokens, batch.attention
        if rows is not None:
            tokens, attention = tokens[rows], attention[rows]
        if self._scorer.can_pack(attention.shape[1]):
            cuts = packed_batches(tokens, attention, self._micro_tokens)
        else:
            cuts = padded_batches(attention.sum(1), self._micro_tokens)
        if rows is not None:
            cuts = [cut._replace(rows=rows[cut.rows]) for cut in cuts]
        share = [(cut, False) for cut in cuts[self._processes.rank :: self._processes.world]]
        if self._is_sharded and cuts:
            passes = -(-len(cuts) // self._processes.world)
            share += [(cuts[-1], True)] * (passes - len(share))
        return share

    @contextlib.contextmanager
    def quick(self, batch: Batch) -> Iterator[None]:
        """Around passes over a batch, their backward passes included: the faster library for products on CPUs."""
        is_native = self._device.type == "cpu" and load_kernels() is not None
        with (
            fast_products() if is_native and self._scorer.can_pack(batch.tokens.shape[1]) else contextlib.nullcontext()
        ):
            yield

    @torch.no_grad()
    def score_batch(self, batch: Batch, score: Callable[[Batch], Tensor]) -> Tensor:
        """[B, T] of what `score` says about each micro-batch, on every rank."""
        filled = torch.zeros(batch.tokens.shape)
        with self.quick(batch):
            for cut, idle in self.share(batch):
                part = batch.rows(cut.rows).to(self._device)
                with self._half():
                    scores = score(part)
                if not idle:
                    filled[cut.rows, : part.tokens.shape[1]] = (scores.float() * part.attention).cpu()
        return self._processes.sum(filled)

    def scores(self, part: Batch, *, with_entropy: bool, with_gradient: bool = True) -> Scores:
        """What a loss reads about a micro-batch.

        Args:
            with_gradient: of the policy's log-probabilities; values always have theirs.
        """
        shares_trunk = isinstance(self._value_model, ValueHead)
        # under a shared trunk the head learns from the same pass: what reaches the policy's weights is dropped after it
        frozen = contextlib.nullcontext() if with_gradient or shares_trunk else torch.no_grad()
        with self._half():
            with frozen:
                scores = self._score(self._scorer, part, with_entropy=with_entropy, with_values=shares_trunk)
            values = scores.values if shares_trunk or self._value_model is None else self.values(part)
        return Scores(scores.logprobs, scores.entropy, values)

    def logprobs(self, part: Batch) -> Tensor:
        """[B, T] of the policy as it is."""
        return self._score(self._scorer, part).logprobs

    def entropy(self, part: Batch) -> Tensor:
        """[B, T] of the distribution that each token was drawn from, nats, of the policy as it is."""
        return cast(Tensor, self._score(self._scorer, part, with_entropy=True).entropy)

    def values(self, part: Batch) -> Tensor:
        """[B, T] of the critic, by a pass of its own."""
        if isinstance(self._value_model, ValueModel):
            return cast(Tensor, self._value_model(part.tokens, part.attention)).float()
        return cast(Tensor, self._score(self._scorer, part, with_values=True).values)

    def reference_logprobs(self, part: Batch) -> Tensor:
        """[B, T] of the reference."""
        if self.reference is not self._scorer:
            return self._score(cast(TokenScorer, self.reference), part).logprobs
        with self._policy.model.disable_adapter():  # a LoRA policy without its adapters is its own start
            return self._score(self._scorer, part).logprobs

    def _score(self, scorer: TokenScorer, part: Batch, **wanted: bool) -> TokenScores:
        scores = scorer(
            part.tokens,
            part.attention,
            temperature=self._temperature,
            where=part.mask > 0,  # a prompt's log-probabilities are nobody's business: skip its part of the head
            **wanted,
        )
        return cast(TokenScores, scores)

    def _half(self) -> contextlib.AbstractContextManager[Any]:
        if self._autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=torch.bfloat16)
