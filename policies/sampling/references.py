"""Reference samplers: transformers' `generate` and its continuous batching, in the engine's terms.

They exist to check and to measure the engine against. Both draw from torch's generator, seeded from the engine's seed,
so their samples depend on the composition of the batch; greedy tokens agree with the engine's. Log-probabilities are
recomputed by teacher forcing, so that they mean the same thing whatever a library reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
import transformers

from policies.causal import CausalPolicy
from policies.sampling.stopping import StopTexts
from policies.scoring.logprobs import score_tokens
from policies.types import Request, Sampling

SCORE_ROWS = 64  # rows scored at once
PAGE_TOKENS, MAX_ROWS, MAX_BATCH_TOKENS = 32, 512, 4096  # bounds of continuous batching's cache and batches

Sampler = Callable[[CausalPolicy, list[tuple[int, ...]], Sampling], list[list[int]]]


def sample_with(
    backend: str | Sampler, policy: CausalPolicy, requests: Sequence[Request], sampling: Sampling, *, seed: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Tokens and log-probabilities of every rollout, in the flat order of requests and uids.

    Args:
        backend: "generate" or "continuous", or a function like theirs: (policy, prompts, sampling) -> the tokens that
            it sampled after each prompt, at most `sampling.max_new_tokens`.
    Raises:
        ValueError: another number of rows than prompts, or a token that the model has not.
    """
    sampler = SAMPLERS[backend] if isinstance(backend, str) else backend
    prompts = [request.prompt for request in requests for _ in request.uids]
    stops = StopTexts(policy, sampling.stop)
    limits = [request.limit(sampling) for request in requests for _ in request.uids]
    rows: list[list[int]] = [[] for _ in prompts]
    with torch.random.fork_rng():
        torch.manual_seed(seed % (1 << 63))
        for limit in sorted(set(limits)):  # one limit a call: the context holds no row at the limit of another
            chosen = [index for index, own in enumerate(limits) if own == limit]
            asked = [prompts[index] for index in chosen]
            found = sampler(policy, asked, replace(sampling, max_new_tokens=limit))
            if sampler is backend:
                found = _checked(found, len(asked), policy)
            for index, row in zip(chosen, found, strict=True):
                kept = _until_stop(row[:limit], policy.stop_ids)
                rows[index] = kept[: stops.cut(kept)]
    return rows, _score(policy, prompts, rows, sampling.temperature)


def _checked(found: Sequence[Sequence[int]], num: int, policy: CausalPolicy) -> list[list[int]]:
    """What somebody's sampler gave back, as lists of tokens that the model has."""
    rows = [[int(token) for token in row] for row in found]
    size = policy.model.get_input_embeddings().num_embeddings
    if len(rows) != num:
        raise ValueError(f"the sampling backend gave {len(rows)} completions for {num} prompts")
    wrong = next((token for row in rows for token in row if not 0 <= token < size), None)
    if wrong is not None:
        raise ValueError(f"the sampling backend gave token {wrong}, expected one in [0, {size})")
    return rows


def _generate(policy: CausalPolicy, prompts: list[tuple[int, ...]], sampling: Sampling) -> list[list[int]]:
    """transformers' generate on all rows at once, padded on the left."""
    width = max(len(p) for p in prompts)
    tokens = torch.tensor([[policy.pad_id] * (width - len(p)) + list(p) for p in prompts], device=policy.device)
    lengths = torch.tensor([len(p) for p in prompts], device=policy.device)
    attention = torch.arange(width, device=policy.device) >= width - lengths[:, None]
    with _own_defaults_aside(policy):
        output = policy.model.generate(
            input_ids=tokens, attention_mask=attention.long(), generation_config=_generation_config(policy, sampling)
        )
    return output[:, width:].tolist()


def _continuous(policy: CausalPolicy, prompts: list[tuple[int, ...]], sampling: Sampling) -> list[list[int]]:
    """transformers' continuous batching; prompts must be unique keys there, so results are ordered by request id."""
    longest = max(len(p) for p in prompts) + sampling.max_new_tokens
    # Sized by the work: left to itself it takes most of the memory, and on a CPU seconds to touch it.
    memory = transformers.ContinuousBatchingConfig(
        page_size=PAGE_TOKENS,
        num_blocks=min(len(prompts), MAX_ROWS) * (-(-longest // PAGE_TOKENS) + 1),
        max_batch_tokens=MAX_BATCH_TOKENS,
    )
    with _own_defaults_aside(policy):
        results = policy.model.generate_batch(
            inputs=[list(p) for p in prompts],
            generation_config=_generation_config(policy, sampling),
            continuous_batching_config=memory,
            progress_bar=False,
        )
    # Request ids are "req_0", "req_1" ...: text order would put 10 before 2.
    ordered = sorted(results.values(), key=lambda output: int(str(output.request_id).rsplit("_", 1)[-1]))
    failed = [output.error for output in ordered if output.error]
    if failed or len(ordered) != len(prompts):
        raise RuntimeError(
            f"continuous batching finished {len(ordered) - len(failed)} of {len(prompts)} prompts: {failed[:1]}"
        )
    return [list(output.generated_tokens) for output in ordered]


SAMPLERS: dict[str, Sampler] = {"generate": _generate, "continuous": _continuous}


@contextmanager
def _own_defaults_aside(policy: CausalPolicy) -> Iterator[None]:
    """Inside, the model's own generation_config says nothing: transformers would take from it what ours leaves open,
    such as suppressed tokens or a repetition penalty, and rollouts would not be the policy's samples.
    """
    models = [policy.model, policy.model.get_base_model()] if policy.is_lora else [policy.model]
    kept = [model.generation_config for model in models]
    for model in models:
        model.generation_config = transformers.GenerationConfig()
    try:
        yield
    finally:
        for model, own in zip(models, kept):
            model.generation_config = own


def _generation_config(policy: CausalPolicy, sampling: Sampling) -> transformers.GenerationConfig:
    settings: dict[str, Any] = {
        "max_new_tokens": sampling.max_new_tokens,
        "eos_token_id": list(policy.stop_ids),
        "pad_token_id": policy.pad_id,
        "do_sample": sampling.temperature > 0,
    }
    if sampling.temperature > 0:
        settings |= {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p}
    return transformers.GenerationConfig(**settings)


def _until_stop(row: list[int], stop_ids: Sequence[int]) -> list[int]:
    """The row up to and including its first stop token: what follows is padding, whatever its id."""
    ends = [i for i, token in enumerate(row) if token in stop_ids]
    return row[: ends[0] + 1] if ends else row


def _score(
    policy: CausalPolicy, prompts: Sequence[Sequence[int]], rows: Sequence[Sequence[int]], temperature: float
) -> list[list[float]]:
    """Teacher-forced log-probabilities of the completions."""
    results: list[list[float]] = []
    for first in range(0, len(rows), SCORE_ROWS):
        batch = list(zip(prompts[first : first + SCORE_ROWS], rows[first : first + SCORE_ROWS], strict=True))
        width = max(len(p) + len(r) for p, r in batch)
        tokens = torch.tensor([[*p, *r, *[policy.pad_id] * (width - len(p) - len(r))] for p, r in batch])
        lengths = torch.tensor([len(p) + len(r) for p, r in batch])
        attention = torch.arange(width) < lengths[:, None]
        scores = score_tokens(
            policy.model, tokens.to(policy.device), attention.to(policy.device), temperature=temperature or 1.0
        ).logprobs.tolist()
        results += [s[len(p) : len(p) + len(r)] for s, (p, r) in zip(scores, batch, strict=True)]
    return results
