"""One CUDA device in at most eight minutes: `make gpu`. Needs torch and transformers; no ray, trl or pydantic.

    python -m experiments.bench.gpu [--device cuda] [--seconds 480] [--sizes 0.5b,1.5b] [--out results/gpu.json]

Random weights in the shapes of Qwen2.5. Per size: our engine beside transformers' `generate` (and vLLM, where it is
installed), greedy tokens of both, whether CUDA graphs were captured; a GRPO step in bfloat16 with packed passes, its
tokens per second, MFU and memory; weights handed out and loaded again; the model under FSDP of one process. Parts that
the time does not reach are named as such, a part that raises is recorded with its error and makes the exit status 1.
On a CPU (`--device cpu --sizes tiny`) every line runs too, so that a device meets no typo.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import platform
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from envs.types import Problem
from policies.causal import CausalPolicy
from policies.sampling.engine import SamplingEngine, choose_decoder
from policies.sampling.vllm_engine import VllmSampler
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, FinishReason, Request, Sampling
from rl.algorithms import make
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models
from rl.learning.modules import shard, whole
from rl.learning.optimizer import OptimizerSettings
from rl.records.speed import matmul_flops, step_flops
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

DEFAULT_SECONDS = 480.0
SEED = 0


@dataclass(frozen=True)
class Size:
    """A model of Qwen2.5's kind, and how much is sampled and learned with it."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    rows: int  # completions, in groups of `group`
    new_tokens: int
    group: int = 8
    prompt_tokens: int = 64

    def build(self, device: str, dtype: torch.dtype) -> CausalPolicy:
        """Random weights; the tokenizer is that of characters, and nothing ends a completion but its length."""
        config = Qwen2Config(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            intermediate_size=self.intermediate,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
        )
        torch.manual_seed(SEED)
        with torch.device(device):
            model: Any = Qwen2ForCausalLM(config)
        model = model.to(dtype)
        tokenizer = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=None, seed=SEED).tokenizer
        policy = CausalPolicy(model, tokenizer)
        policy.stop_ids = (self.vocabulary - 1,)
        return policy


SIZES = {
    "tiny": Size(2, 64, 4, 2, 128, 256, rows=16, new_tokens=8, prompt_tokens=6),
    "0.5b": Size(24, 896, 14, 2, 4864, 151_936, rows=256, new_tokens=256),
    "1.5b": Size(28, 1536, 12, 2, 8960, 151_936, rows=256, new_tokens=256),
}


class Bench:
    """Runs parts until the time is over, and keeps what each came to."""

    def __init__(self, device: str, seconds: float) -> None:
        self.device, self._end = device, time.monotonic() + seconds
        self.report: dict[str, Any] = {"machine": machine(device), "parts": {}}
        self.has_failed = False

    def run(self, name: str, part: Callable[[], dict[str, Any]], *, needs_seconds: float = 5.0) -> None:
        """One part; `needs_seconds` is what it may take on a slow device."""
        left = self._end - time.monotonic()
        if left < needs_seconds:
            self.report["parts"][name] = {"not_reached": f"{max(left, 0):.0f} s were left"}
            return
        began = time.monotonic()
        try:
            found = part()
        except Exception as error:  # whatever a device does not bear must not cost the parts after it
            self.has_failed = True
            at = traceback.format_exc().splitlines()[-3:-1]
            found = {"error": f"{type(error).__name__}: {error}"[:500], "at": at}
        found["seconds"] = round(time.monotonic() - began, 3)
        self.report["parts"][name] = found
        print(name, json.dumps(found), flush=True)
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts, print, write."""
    parser = argparse.ArgumentParser(description="What one CUDA device does with this project.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS)
    parser.add_argument("--sizes", default="0.5b,1.5b", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--out", type=Path, default=Path("results/gpu.json"))
    options = parser.parse_args(arguments)
    bench = Bench(options.device, options.seconds)
    bench.run("products", partial(products, options.device))
    for name in options.sizes.split(","):
        size = SIZES[name]
        bench.run(f"{name}: engine", partial(engine, size, options.device), needs_seconds=60)
        bench.run(f"{name}: generate", partial(generate, size, options.device), needs_seconds=60)
        bench.run(f"{name}: GRPO step", partial(grpo_step, size, options.device), needs_seconds=40)
        bench.run(f"{name}: weights", partial(weights, size, options.device), needs_seconds=20)
        bench.run(f"{name}: FSDP of one", partial(fsdp_of_one, size, options.device), needs_seconds=20)
        if importlib.util.find_spec("vllm") is not None:
            bench.run(f"{name}: vllm", partial(with_vllm, size, options.device), needs_seconds=90)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(bench.report, indent=1) + "\n")
    print(f"wrote {options.out}")
    raise SystemExit(bench.has_failed)


def machine(device: str) -> dict[str, Any]:
    """Device, memory and versions."""
    found: dict[str, Any] = {"device": device, "torch": torch.__version__, "python": platform.python_version()}
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        found |= {"name": properties.name, "gigabytes": properties.total_memory / 2**30, "cuda": torch.version.cuda}
    return found


@contextmanager
def timed(device: str) -> Iterator[dict[str, float]]:
    """Seconds of a block, and the most memory that it held on a CUDA device, in GiB."""
    is_cuda = device.startswith("cuda")
    found: dict[str, float] = {}
    if is_cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    yield found
    if is_cuda:
        torch.cuda.synchronize()
        found["peak_gigabytes"] = torch.cuda.max_memory_allocated() / 2**30
    found["wall_seconds"] = time.perf_counter() - began


def dtype_of(device: str) -> torch.dtype:
    """bfloat16 on a GPU."""
    return torch.bfloat16 if device.startswith("cuda") else torch.float32


def products(device: str) -> dict[str, Any]:
    """FLOP/s of large matrix products, by dtype."""
    return {
        str(dtype).removeprefix("torch."): matmul_flops(device, torch.get_num_threads(), dtype)
        for dtype in (torch.float32, torch.bfloat16)
    }


def requests_of(size: Size) -> list[Request]:
    """Prompts with a group of completions each."""
    generator = torch.Generator().manual_seed(SEED)
    shape = (size.rows // size.group, size.prompt_tokens)
    prompts = torch.randint(4, min(size.vocabulary, 256) - 1, shape, generator=generator).tolist()
    uids = [tuple(range(i * size.group, (i + 1) * size.group)) for i in range(len(prompts))]
    return [Request(tuple(prompt), group) for prompt, group in zip(prompts, uids)]


def sampled(sampler: SamplingEngine, size: Size, device: str) -> tuple[list[tuple[Completion, ...]], dict[str, float]]:
    """Completions, and tokens per second of a second call: the first one warms up."""
    requests, sampling = requests_of(size), Sampling(max_new_tokens=size.new_tokens)
    sampler.generate(requests, sampling, seed=1)
    with timed(device) as took:
        groups = sampler.generate(requests, sampling, seed=2)
    tokens = sum(len(c.tokens) for group in groups for c in group)
    return groups, {**took, "tokens": float(tokens), "tokens_per_second": tokens / took["wall_seconds"]}


def engine(size: Size, device: str) -> dict[str, Any]:
    """Our engine: speed, which decoder serves the model, graphs, and that a greedy completion is alone what it is in a
    batch."""
    policy = size.build(device, dtype_of(device))
    sampler = SamplingEngine(policy, max_rows=size.rows)
    _, speed = sampled(sampler, size, device)
    greedy = Sampling(max_new_tokens=min(32, size.new_tokens), temperature=0.0)
    requests = [Request(r.prompt, r.uids[:1]) for r in requests_of(size)]
    together = [group[0].tokens for group in sampler.generate(requests, greedy, seed=0)]
    alone = sampler.generate(requests[:1], greedy, seed=0)[0][0].tokens
    lean = getattr(sampler, "_lean", None)
    return {
        **speed,
        "parameters": policy.num_parameters,
        "decoder": choose_decoder(policy.model, dtype_of(device)),
        "graphs": len(getattr(lean, "graphs", None) or getattr(lean, "_graphs", None) or ()),
        "greedy_alone_as_in_a_batch": together[0] == alone,
    }


def generate(size: Size, device: str) -> dict[str, Any]:
    """transformers' `generate` on the same work, and the share of greedy tokens on which it agrees with our engine."""
    policy = size.build(device, dtype_of(device))
    _, speed = sampled(SamplingEngine(policy, backend="generate"), size, device)
    greedy = Sampling(max_new_tokens=min(32, size.new_tokens), temperature=0.0)
    requests = [Request(r.prompt, r.uids[:1]) for r in requests_of(size)[:8]]
    ours, theirs = (
        [group[0].tokens for group in SamplingEngine(policy, backend=backend).generate(requests, greedy, seed=0)]
        for backend in ("engine", "generate")
    )
    agreed = [sum(x == y for x, y in zip(a, b)) / max(len(a), len(b)) for a, b in zip(ours, theirs)]
    return {**speed, "greedy_agreement": sum(agreed) / len(agreed)}


def grpo_step(size: Size, device: str) -> dict[str, Any]:
    """A GRPO update with float32 master weights: tokens per second, MFU, memory, packed or not, finite loss."""
    policy = size.build(device, torch.float32)
    autocast = "bf16" if device.startswith("cuda") else None
    settings = LearnerSettings(OptimizerSettings(lr=1e-6), autocast=autocast, micro_tokens=16_384)
    learner = Learner(Models(policy), make("grpo"), settings)
    batch = collate(groups_of(size), pad_id=policy.pad_id, learner_version=0)
    learner.update(batch, max_tokens=size.new_tokens)
    with timed(device) as took:
        metrics = learner.update(batch, max_tokens=size.new_tokens)
    tokens = float(batch.attention.sum())
    positions = tokens * metrics.get("learner/positions_per_token", 1.0)
    flops = step_flops(learner.num_parameters, forward=positions * learner.num_fills, trained=positions)
    rate = matmul_flops(device, torch.get_num_threads(), learner.arithmetic)
    return {
        **took,
        "tokens": tokens,
        "tokens_per_second": tokens / took["wall_seconds"],
        "mfu": flops / took["wall_seconds"] / rate,
        "positions_per_token": metrics.get("learner/positions_per_token", 1.0),
        "loss": metrics["learner/loss"],
        "grad_norm": metrics["learner/grad_norm"],
    }


def groups_of(size: Size) -> list[Group]:
    """Completions of random tokens, half of each group right: every row carries a gradient."""
    generator = torch.Generator().manual_seed(SEED)
    groups = []
    for number, request in enumerate(requests_of(size)):
        rows = []
        for place, uid in enumerate(request.uids):
            length = int(torch.randint(size.new_tokens // 2, size.new_tokens + 1, (1,), generator=generator))
            tokens = tuple(torch.randint(4, min(size.vocabulary, 256) - 1, (length,), generator=generator).tolist())
            is_right = place % 2 == 0
            verdict = Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right))
            completion = Completion(tokens, (-1.0,) * length, "", finish=FinishReason.LENGTH)
            row = Trajectory(uid, Problem(str(number), "0"), request.prompt, completion, verdict)
            rows.append(row.rewarded({"correct": float(is_right)}))
        groups.append(Group(rows[0].problem, tuple(rows)))
    return groups


def weights(size: Size, device: str) -> dict[str, Any]:
    """Seconds to take the weights to the CPU and back into a model on the device, and that none changed."""
    policy = size.build(device, dtype_of(device))
    with timed(device) as out:
        taken = policy.weights()
    with timed(device) as back:
        policy.load_weights(taken)
    again = policy.weights()
    return {
        "gigabytes": sum(w.numel() * w.element_size() for w in taken.values()) / 2**30,
        "to_cpu_seconds": out["wall_seconds"],
        "to_device_seconds": back["wall_seconds"],
        "unchanged": all(torch.equal(taken[name], again[name]) for name in taken),
    }


def fsdp_of_one(size: Size, device: str) -> dict[str, Any]:
    """A forward and backward pass under FSDP2 with one process: its logits are those of the plain model."""
    policy = size.build(device, torch.float32)
    tokens = torch.tensor([requests_of(size)[0].prompt], device=device)
    with torch.no_grad():
        expected = policy.model(input_ids=tokens).logits.float()
    backend = "nccl" if device.startswith("cuda") else "gloo"
    torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        shard(policy.model, policy.model._no_split_modules, torch.device(device))
        with timed(device) as took:
            logits = policy.model(input_ids=tokens).logits.float()
            logits.square().mean().backward()
        found = {
            **took,
            "largest_difference": float((logits.detach() - expected).abs().max()),
            "gradient": float(sum(whole(p.grad).square().sum() for p in policy.model.parameters()) ** 0.5),
        }
    finally:
        torch.distributed.destroy_process_group()
    return found


def with_vllm(size: Size, device: str) -> dict[str, Any]:
    """vLLM on the same work, from a saved folder."""
    policy = size.build(device, dtype_of(device))
    with tempfile.TemporaryDirectory() as folder:
        policy.save(folder)
        sampler = SamplingEngine(policy, backend="vllm", folder=folder, max_rows=size.rows)
        assert isinstance(sampler._vllm, VllmSampler)
        return sampled(sampler, size, device)[1]


if __name__ == "__main__":
    main()
