"""The sampling engine: prompts in, completions with log-probabilities out.

One prefill per prompt serves all its completions; finished rows leave the batch at once and waiting prompts take their
place. The token at position t of a rollout is drawn with a uniform number that depends on (seed, uid, t) alone.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from policies.causal import CausalPolicy, torch_dtype
from policies.heap import HEAVY, keep_heap
from policies.sampling.decoders.generic import GenericDecoder
from policies.sampling.decoders.lean import LeanDecoder
from policies.sampling.decoders.llama_weights import why_not_lean
from policies.sampling.decoders.native import NativeDecoder, why_not_native
from policies.sampling.randomness import row_keys
from policies.sampling.references import SAMPLERS, Sampler, sample_with
from policies.sampling.stopping import StopTexts
from policies.sampling.vllm_engine import VllmSampler
from policies.types import Completion, FinishReason, Request, Sampling

BACKENDS = ("engine", *SAMPLERS, "vllm")
DECODERS = ("auto", "native", "lean", "generic")
PREFILL_TOKENS = 1 << 14  # padded prompt tokens in one prefill batch


class Decoder(Protocol):
    """The forward passes and the cache that sampling needs: rows join, step together, and leave."""

    @property
    def live(self) -> int:
        """Rows in use."""

    def admit(self, prompts: Sequence[Sequence[int]], sources: Sequence[int]) -> Tensor:
        """Prefill prompts and add one row per entry of `sources` (its prompt's index); logits [len(sources), V]."""

    def step(self, tokens: Tensor) -> Tensor:
        """Logits [live, V] after each row's newest token [live]; valid until the next call."""

    def keep(self, kept: Tensor) -> Tensor:
        """Drop all rows but `kept` (bool [live]); returns [new live] the old index of each row."""

    def draw(self, logits: Tensor, keys: Tensor, steps: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
        """Tokens and log-probabilities, as `sampler.draw` with the uniform numbers of (keys, steps)."""


class SamplingEngine:
    """Draws completions from a policy.

    Args:
        backend: "engine" (this module), or a reference: "generate" (transformers' generate) or "continuous"
            (transformers' continuous batching), or a function like theirs (policies/sampling/references.py), or
            "vllm" (policies/sampling/vllm_engine.py). All give the same greedy tokens; the references draw from
            torch's generator, so their samples depend on the batch.
        max_rows: completions decoded at once; bounds the memory of the cache.
        dtype: name of the dtype to decode in; None: that of the weights.
        decoder: "native" (compiled kernels: Llama-shaped, float32, CPU), "lean" (plain torch: Llama-shaped, any dtype
            and device, CUDA graphs), "generic" (the model's own forward) or "auto", the first that serves the model.
        folder: of the policy, from which vLLM loads it; the other backends use the policy as it is.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        *,
        backend: str | Sampler = "engine",
        max_rows: int = 512,
        dtype: str | None = None,
        decoder: str = "auto",
        folder: str | None = None,
    ) -> None:
        if isinstance(backend, str) and backend not in BACKENDS:
            raise ValueError(f"backend is {backend!r}, expected one of {', '.join(BACKENDS)}")
        if decoder not in DECODERS:
            raise ValueError(f"decoder is {decoder!r}, expected one of {', '.join(DECODERS)}")
        if max_rows < 1:
            raise ValueError(f"max_rows is {max_rows}, expected at least 1")
        self.policy, self.backend, self.max_rows, self.decoder = policy, backend, max_rows, decoder
        self.dtype = None if dtype is None else torch_dtype(dtype)
        self.num_passes = 0  # of the engine's own loop, over all calls: a watcher sees that sampling moves
        self._vllm: VllmSampler | None = None
        if backend == "vllm":
            if folder is None:
                raise ValueError("backend 'vllm' loads a policy from its folder: give `folder`")
            self._vllm = VllmSampler(folder, policy, max_rows=max_rows)
        self._lean: LeanDecoder | None = None  # kept between calls for its captured graphs
        if policy.device.type == "cpu" and policy.num_parameters > HEAVY:
            keep_heap()  # a packed copy of the weights is made in every call

    def refresh(self) -> None:
        """To be called when the policy's weights were changed: a backend with weights of its own takes them over."""
        if self._vllm is not None:
            self._vllm.refresh(self.policy.weights())

    def generate(
        self, requests: Sequence[Request], sampling: Sampling, *, seed: int, version: int = 0
    ) -> list[tuple[Completion, ...]]:
        """Completions of each request, in order; one per uid. The policy's present weights are used.

        Raises:
            ValueError: an empty prompt, a token that the model does not know, a uid outside [0, 2**63), a prompt that
                leaves no room in the model's context.
        """
        _check(requests, self.policy.model, sampling)
        if not any(request.uids for request in requests):
            return [() for _ in requests]
        was_training = self.policy.model.training
        self.policy.model.eval()  # dropout would make stored log-probabilities those of another policy
        try:
            tokens, logprobs = self._sample(requests, sampling, seed)
        finally:
            self.policy.model.train(was_training)
        return _completions(self.policy, requests, tokens, logprobs, version, StopTexts(self.policy, sampling.stop))

    def _sample(
        self, requests: Sequence[Request], sampling: Sampling, seed: int
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Tokens and log-probabilities of every rollout, in the flat order of requests and uids."""
        if self._vllm is not None:
            return self._vllm.sample(self.policy, requests, sampling, seed=seed)
        if self.backend != "engine":
            with torch.no_grad():
                return sample_with(self.backend, self.policy, requests, sampling, seed=seed)
        limits: dict[str, Any] = {
            "rows": min(self.max_rows, sum(len(request.uids) for request in requests)),
            "longest_prompt": max(len(request.prompt) for request in requests if request.uids),
            "max_new_tokens": max(request.limit(sampling) for request in requests if request.uids),
            "pad_id": self.policy.pad_id,
        }
        with torch.inference_mode():
            run = _Run(self._make_decoder(limits), self.policy, requests, sampling, seed, limits["rows"])
            return run.finish(self._count)

    def _count(self) -> None:
        self.num_passes += 1

    def _make_decoder(self, limits: dict[str, Any]) -> Decoder:
        """A decoder with room for `limits`, on the policy's present weights."""
        model = self.policy.model
        dtype = self.dtype or next(model.parameters()).dtype
        choice = choose_decoder(model, dtype, self.decoder)
        if choice == "native":
            return NativeDecoder(model, dtype, **limits)
        if choice == "lean":
            if self._lean is None or not self._lean.fits(model, dtype, **limits):
                self._lean = LeanDecoder(model, dtype, **limits)
            else:
                self._lean.refresh()
            return self._lean
        if next(model.parameters()).dtype != dtype:
            model = copy.deepcopy(model).to(dtype)
        return GenericDecoder(model, **limits)


def choose_decoder(model: Any, dtype: torch.dtype, wanted: str = "auto") -> str:
    """The name of the decoder that serves a model: `wanted`, or for "auto" the fastest one that can.

    Raises:
        ValueError: the wanted decoder cannot serve the model.
    """
    reasons = {
        "native": lambda: why_not_native(model, dtype),
        "lean": lambda: why_not_lean(model),
        "generic": lambda: None,
    }
    if wanted != "auto":
        if reason := reasons[wanted]():
            raise ValueError(f"decoder {wanted!r} cannot serve this model: {reason}; use decoder='auto'")
        return wanted
    return next(name for name, why_not in reasons.items() if why_not() is None)


@dataclass
class _Rows:
    """Bookkeeping of the live rows, one entry each, in the order of the cache's rows."""

    rollouts: Tensor  # [live] int64 index into the flat list of rollouts
    keys: Tensor  # [live] int64 randomness keys
    steps: Tensor  # [live] int64 tokens drawn so far
    tokens: Tensor  # [live] int64 newest token


class _Run:
    """One call of `generate`."""

    def __init__(
        self,
        decoder: Decoder,
        policy: CausalPolicy,
        requests: Sequence[Request],
        sampling: Sampling,
        seed: int,
        max_rows: int,
    ) -> None:
        device = policy.device
        uids = [uid for request in requests for uid in request.uids]
        self.decoder, self.requests, self.sampling, self.max_rows = decoder, requests, sampling, max_rows
        self.keys = row_keys(seed, torch.tensor(uids, dtype=torch.int64, device=device))
        self.stop_ids = torch.tensor(policy.stop_ids, device=device)
        self.stops = StopTexts(policy, sampling.stop)
        limits = [request.limit(sampling) for request in requests for _ in request.uids]
        self.limits = torch.tensor(limits, device=device)
        self.waiting = deque(_pieces(requests, max_rows))
        self.rows = _Rows(*(torch.zeros(0, dtype=torch.int64, device=device) for _ in range(4)))
        self.out_tokens = torch.zeros(len(uids), max(limits), dtype=torch.int64, device=device)
        self.out_logprobs = torch.zeros(len(uids), max(limits), device=device)
        self.out_lengths = torch.zeros(len(uids), dtype=torch.int64, device=device)

    def finish(self, on_pass: Callable[[], None]) -> tuple[list[list[int]], list[list[float]]]:
        """Run until every rollout has ended; tokens and log-probabilities of each."""
        while self.waiting or self.decoder.live:
            on_pass()
            if self._should_refill():
                self._refill()
            else:
                self._draw(self.decoder.step(self.rows.tokens), first=0)
        if bool(self.out_logprobs.isnan().any()):
            raise FloatingPointError("the policy's logits are not finite; its weights have diverged")
        lengths = self.out_lengths.tolist()
        tokens, logprobs = self.out_tokens.tolist(), self.out_logprobs.tolist()
        return [t[:n] for t, n in zip(tokens, lengths)], [p[:n] for p, n in zip(logprobs, lengths)]

    def _should_refill(self) -> bool:
        """Prefill when it would fill a quarter of the rows: small prefills would cost more than idle rows."""
        if not self.waiting:
            return False
        free = self.max_rows - self.decoder.live
        return free >= len(self.waiting[0][1]) and (free * 4 >= self.max_rows or not self.decoder.live)

    def _refill(self) -> None:
        """Prefill as many waiting pieces as fit and draw the first token of their rows."""
        taken = self._take()
        sources = [index for index, (_, rollouts) in enumerate(taken) for _ in rollouts]
        rollouts = torch.tensor([r for _, piece in taken for r in piece], device=self.keys.device)
        first = self.decoder.live
        logits = self.decoder.admit([self.requests[index].prompt for index, _ in taken], sources)
        old, zeros = self.rows, torch.zeros_like(rollouts)
        self.rows = _Rows(
            torch.cat([old.rollouts, rollouts]),
            torch.cat([old.keys, self.keys[rollouts]]),
            torch.cat([old.steps, zeros]),
            torch.cat([old.tokens, zeros]),
        )
        self._draw(logits, first)

    def _take(self) -> list[tuple[int, list[int]]]:
        """The waiting pieces that fit the free rows and one prefill batch."""
        free, width = self.max_rows - self.decoder.live, 0
        taken: list[tuple[int, list[int]]] = []
        while self.waiting and len(self.waiting[0][1]) <= free:
            width = max(width, len(self.requests[self.waiting[0][0]].prompt))
            if taken and width * (len(taken) + 1) > PREFILL_TOKENS:
                break
            taken.append(self.waiting.popleft())
            free -= len(taken[-1][1])
        return taken

    def _draw(self, logits: Tensor, first: int) -> None:
        """Draw the next token of rows `first` and after from `logits`, record it, let finished rows go."""
        rows = self.rows
        steps, rollouts = rows.steps[first:], rows.rollouts[first:]
        tokens, logprobs = self.decoder.draw(logits, rows.keys[first:], steps, self.sampling)
        self.out_tokens[rollouts, steps] = tokens
        self.out_logprobs[rollouts, steps] = logprobs
        rows.tokens[first:] = tokens
        rows.steps[first:] += 1
        ended = (tokens[:, None] == self.stop_ids).any(1) | (rows.steps[first:] == self.limits[rollouts])
        if self.stops.texts:
            ended |= self._has_stopped(rollouts, rows.steps[first:])
        if not bool(ended.any()):
            return
        self.out_lengths[rollouts[ended]] = rows.steps[first:][ended]
        kept = torch.ones(self.decoder.live, dtype=torch.bool, device=ended.device)
        kept[first:] = ~ended
        order = self.decoder.keep(kept)
        self.rows = _Rows(rows.rollouts[order], rows.keys[order], rows.steps[order], rows.tokens[order])

    def _has_stopped(self, rollouts: Tensor, lengths: Tensor) -> Tensor:
        """[n] bool: rows whose newest token completes a stop text."""
        written = zip(self.out_tokens[rollouts].tolist(), lengths.tolist())
        return torch.tensor([self.stops.ends(row[:length]) for row, length in written], device=rollouts.device)


def _pieces(requests: Sequence[Request], max_rows: int) -> list[tuple[int, list[int]]]:
    """(request, flat rollout indices) in pieces that fit the cache; a group larger than the cache is split."""
    pieces, flat = [], 0
    for index, request in enumerate(requests):
        rollouts = list(range(flat, flat + len(request.uids)))
        flat += len(rollouts)
        pieces += [(index, rollouts[i : i + max_rows]) for i in range(0, len(rollouts), max_rows)]
    return pieces


def _check(requests: Sequence[Request], model: Any, sampling: Sampling) -> None:
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    vocabulary = len(model.get_input_embeddings().weight)
    for index, request in enumerate(requests):
        if not request.prompt:
            raise ValueError(
                f"request {index} has an empty prompt; give at least one token, such as the beginning token"
            )
        if unknown := [token for token in request.prompt if not 0 <= token < vocabulary]:
            raise ValueError(
                f"request {index} has token {unknown[0]} and the model reads tokens 0 to {vocabulary - 1}; "
                "use the model's own tokenizer, or resize the model's embeddings"
            )
        if any(not 0 <= uid < 1 << 63 for uid in request.uids):
            raise ValueError(f"request {index} has a uid outside [0, 2**63): {request.uids}")
        if context is not None and len(request.prompt) + request.limit(sampling) > context:
            raise ValueError(
                f"request {index}: {len(request.prompt)} prompt tokens and {request.limit(sampling)} new ones exceed "
                f"the model's context of {context}; shorten the prompt or lower max_new_tokens"
            )


def _completions(
    policy: CausalPolicy,
    requests: Sequence[Request],
    tokens: Sequence[Sequence[int]],
    logprobs: Sequence[Sequence[float]],
    version: int,
    stops: StopTexts,
) -> list[tuple[Completion, ...]]:
    """The flat rows as completions, grouped by request."""
    stop_ids = frozenset(policy.stop_ids)
    rows = iter(zip(tokens, logprobs, strict=True))
    results: list[tuple[Completion, ...]] = []
    for request in requests:
        group = []
        for row, logprob in itertools.islice(rows, len(request.uids)):
            text, was_stopped = stops.before(policy.decode(row))
            finish = FinishReason.STOP if was_stopped or row[-1] in stop_ids else FinishReason.LENGTH
            group.append(Completion(tuple(row), tuple(logprob), text, finish, version))
        results.append(tuple(group))
    return results
