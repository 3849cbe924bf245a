"""Generation speed: the sampling engine beside transformers' `generate` and continuous batching.

    python -m experiments.bench.generation [--models demo,small,medium] [--dtypes float32,bfloat16] [--repeats 5]

Randomly initialised Llama-shaped models; 256 completions in groups of 8, prompts of 8 to 24 tokens, at most 64 new
tokens. Ragged: eight of 128 near-equally likely tokens end a completion (mean length about 16). Equal: none does. The
samplers take turns (A B C A B C ...) on the same prompts; a repeat of each is timed whole. Ours includes
log-probabilities and decoded text, theirs only tokens. Useful tokens are those up to the end token. The matmul bound
is the rate of a large product in the same dtype and run, torch's or ours, whichever is faster, over the model's
multiply-adds per token; it counts generated tokens only, so prefill and attention come out of it. Weights and
arithmetic of every sampler have the row's dtype. Greedy tokens are compared first. Writes
`results/bench_generation.json`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import torch

from experiments.bench.measuring import Clock, Timing, machine, write_report
from policies.causal import CausalPolicy, torch_dtype
from policies.kernels import load_kernels
from policies.sampling.engine import SamplingEngine, choose_decoder
from policies.sampling.references import SAMPLERS
from policies.tiny import TinyConfig, build_tiny
from policies.types import Request, Sampling

MODELS = {
    "demo": TinyConfig(layers=4, hidden=64, heads=4),  # 0.2 M parameters
    "small": TinyConfig(layers=4, hidden=192, heads=6),  # 1.8 M
    "medium": TinyConfig(layers=8, hidden=384, heads=6),  # 14 M
}
VOCABULARY = [f"w{i}" for i in range(124)]  # and four special tokens: 128
RAGGED_STOPS = tuple(range(10, 18))
NO_STOP = (1 << 20,)  # an id that no model here can draw
GROUPS, GROUP_SIZE, MAX_NEW_TOKENS = 32, 8, 64
CONTINUOUS_MODELS = ("demo", "small")  # where a repeat takes seconds, not minutes


Sampler = Callable[[int], int]  # repeat index -> useful tokens


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, write the JSON."""
    parser = argparse.ArgumentParser(description="Generation speed beside transformers.")
    parser.add_argument("--models", default="demo,small,medium", help=f"comma-separated, of {', '.join(MODELS)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dtypes", default="float32,bfloat16", help="comma-separated; of weights and arithmetic")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/bench_generation.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    dtypes = options.dtypes.split(",")
    rates = {dtype: matmul_flops(torch_dtype(dtype)) for dtype in dtypes}
    rows = [
        row
        for name in options.models.split(",")
        for dtype in dtypes
        for lengths in ("ragged", "equal")
        for row in measure(name, lengths, dtype, options.repeats, rates[dtype])
    ]
    gflops = {dtype: round(rate / 1e9, 1) for dtype, rate in rates.items()}
    setting = {"groups": GROUPS, "group_size": GROUP_SIZE, "max_new_tokens": MAX_NEW_TOKENS, "repeats": options.repeats}
    facts = machine() | {"threads": options.threads, "matmul_gflops": gflops}
    write_report(options.out, {"machine": facts, "setting": setting, "rows": rows})


def measure(name: str, lengths: str, dtype: str, repeats: int, flops: float) -> list[dict[str, Any]]:
    """One row per sampler: medians of tokens per CPU-second and per wall second, ratios to `generate`.

    Args:
        flops: floating-point operations per CPU-second of a large product in this dtype.
    """
    policy = build_tiny(MODELS[name], vocabulary=VOCABULARY, seed=0)
    policy.model.to(torch_dtype(dtype))
    policy.stop_ids = RAGGED_STOPS if lengths == "ragged" else NO_STOP
    requests = make_requests(Random(0))
    check_greedy_tokens(policy, requests[:4])
    samplers = make_samplers(policy, requests, with_continuous=name in CONTINUOUS_MODELS and lengths == "ragged")
    timings = take_turns(samplers, repeats)
    # matmul weights: all but the embedding table, which is looked up
    weights = policy.num_parameters - policy.model.get_input_embeddings().weight.numel()
    bound = flops / (2 * weights)
    base = statistics.median(t.amount / t.cpu_seconds for t in timings["generate"])
    rows = []
    for sampler, repeated in timings.items():
        rates = sorted(t.amount / t.cpu_seconds for t in repeated)
        rate = statistics.median(rates)
        row = {
            "model": name,
            "parameters": policy.num_parameters,
            "dtype": dtype,
            "lengths": lengths,
            "sampler": sampler,
            "decoder": choose_decoder(policy.model, torch_dtype(dtype)) if sampler == "engine" else None,
            "tokens_per_cpu_second": round(rate),
            "quartiles": [round(rates[len(rates) // 4]), round(rates[(3 * len(rates)) // 4])],
            "tokens_per_wall_second": round(statistics.median(t.amount / t.wall_seconds for t in repeated)),
            "ratio_to_generate": round(rate / base, 2),
            "share_of_matmul_bound": round(rate / bound, 3),
            "repeats": [asdict(t) for t in repeated],
        }
        rows.append(row)
        print(
            f"{name:7} {lengths:7} {dtype} {sampler:11} {rate:8.0f} tokens/CPU-s  x{row['ratio_to_generate']:<6} "
            f"{100 * rate / bound:5.1f} % of the matmul bound ({bound:.0f})",
            flush=True,
        )
    return rows


def make_requests(rng: Random) -> list[Request]:
    """Prompts of 8 to 24 tokens without end tokens, eight uids each."""
    words = [i for i in range(4, 128) if i not in RAGGED_STOPS]
    prompts = [(1, *rng.choices(words, k=rng.randint(7, 23))) for _ in range(GROUPS)]
    return [Request(p, tuple(range(i * GROUP_SIZE, (i + 1) * GROUP_SIZE))) for i, p in enumerate(prompts)]


def make_samplers(policy: CausalPolicy, requests: list[Request], *, with_continuous: bool) -> dict[str, Sampler]:
    """The samplers under comparison; the engine first."""
    engine, sampling = SamplingEngine(policy), Sampling(MAX_NEW_TOKENS)
    prompts = [request.prompt for request in requests for _ in request.uids]

    def ours(repeat: int) -> int:
        """Useful tokens that the engine sampled."""
        groups = engine.generate(requests, sampling, seed=repeat + 1)
        return sum(len(completion.tokens) for group in groups for completion in group)

    def reference(backend: str) -> Sampler:
        """The sampler of a transformers backend."""

        def run(repeat: int) -> int:
            """Useful tokens that the backend sampled: those up to each end."""
            torch.manual_seed(repeat + 1)
            with torch.no_grad():
                rows = SAMPLERS[backend](policy, prompts, sampling)
            return sum(useful_tokens(row, policy.stop_ids) for row in rows)

        return run

    names = ("generate", "continuous") if with_continuous else ("generate",)
    return {"engine": ours} | {name: reference(name) for name in names}


def check_greedy_tokens(policy: CausalPolicy, requests: list[Request]) -> None:
    """Raise if the engine's greedy tokens differ from generate's. In bfloat16 near-ties may: not checked there."""
    if policy.model.dtype != torch.float32:
        return
    greedy = Sampling(MAX_NEW_TOKENS, temperature=0)
    ours = SamplingEngine(policy).generate(requests, greedy, seed=0)
    theirs = SamplingEngine(policy, backend="generate").generate(requests, greedy, seed=0)
    if [[c.tokens for c in group] for group in ours] != [[c.tokens for c in group] for group in theirs]:
        raise AssertionError("greedy tokens of the engine and of transformers' generate differ")


def useful_tokens(row: Sequence[int], stop_ids: Sequence[int]) -> int:
    """Tokens up to and including the first end token."""
    return next((i + 1 for i, token in enumerate(row) if token in stop_ids), len(row))


def take_turns(samplers: Mapping[str, Sampler], repeats: int) -> dict[str, list[Timing]]:
    """The timed repeats of every sampler, in turns, after a round that warms up."""
    timings: dict[str, list[Timing]] = {name: [] for name in samplers}
    for repeat in range(-1, repeats):
        for name, run in samplers.items():
            timing = timed(run, repeat)
            if repeat >= 0:
                timings[name].append(timing)
    return timings


def timed(run: Sampler, repeat: int) -> Timing:
    """One timed repeat."""
    clock = Clock()
    return clock.elapsed(run(repeat))


def matmul_flops(dtype: torch.dtype, size: int = 512, repeats: int = 20) -> float:
    """Floating-point operations per CPU-second of a square product: the faster of torch's and the kernels' medians."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    products = [lambda: a @ b]
    kernels, is_half = load_kernels(), int(dtype == torch.bfloat16)
    if kernels is not None and (not is_half or kernels.has_half_products()):
        x, packed, out = torch.randn(size, size), torch.zeros(size, size), torch.empty(size, size)
        scratch = torch.empty(size, size + 1)
        pointers = (x.data_ptr(), packed.data_ptr(), size, size, size, out.data_ptr(), 0, is_half, scratch.data_ptr())
        products.append(lambda: kernels.multiply(*pointers))
    seconds = []
    for product in products:
        spent = []
        for _ in range(repeats):
            start = time.process_time()
            product()
            spent.append(time.process_time() - start)
        seconds.append(statistics.median(spent))
    return 2 * size**3 / min(seconds)


if __name__ == "__main__":
    main()
