"""How the cost of a useful token grows: with the number of completions, their length, the model, and the workers.

    python -m experiments.bench.scaling [--repeats 3] [--parts completions,lengths,models,workers]

The engine on the models of experiments/bench/generation.py, ragged lengths unless said otherwise, float32, one thread;
medians of repeats. `completions`: 64 to 4,096 of the small model in groups of 8, and the memory that a fresh process
needs beyond the model (bounded by max_rows). `lengths`: 256 completions of exactly 32 to 512 tokens. `models`: CPU time
per token over multiply-adds per token; it should not rise. `workers`: wall time of 64 shards on 1 and 2 Ray workers
(useful only where as many cores are free). Writes results/bench_scaling.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psutil
import torch

from envs.types import EnvSpec
from experiments.bench.generation import GROUP_SIZE, MAX_NEW_TOKENS, MODELS, NO_STOP, RAGGED_STOPS, VOCABULARY
from experiments.bench.measuring import Clock, Timing, write_report
from experiments.bench.step import Parity
from policies.causal import CausalPolicy
from policies.sampling.engine import SamplingEngine
from policies.tiny import build_tiny
from policies.types import Request, Sampling
from rl.curriculum import Curriculum
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers import PolicySpec, WorkerSpec, WorkerState, make_workers

COMPLETIONS = (64, 256, 1024, 4096)
LENGTHS = (32, 64, 128, 256, 512)
NUM_SHARDS = 64
PARTS = ("completions", "lengths", "models", "workers")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="How the cost of a token grows.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=Path("results/bench_scaling.json"))
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)  # a fresh process measures itself
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.memory_of:
        print(json.dumps({"peak_megabytes": measure_memory(options.memory_of)}))
        return
    measures = {
        "completions": by_completions,
        "lengths": by_length,
        "models": by_model,
        "workers": by_workers,
    }
    report: dict[str, Any] = {"repeats": options.repeats}
    for part in options.parts.split(","):
        report[part] = measures[part](options.repeats)
        for row in report[part]:
            print(part, row, flush=True)
    write_report(options.out, report)


def make_policy(model: str, *, is_ragged: bool = True, context: int = 256) -> CausalPolicy:
    """A model of the generation benchmark."""
    policy = build_tiny(replace(MODELS[model], context=context), vocabulary=VOCABULARY, seed=0)
    policy.stop_ids = RAGGED_STOPS if is_ragged else NO_STOP
    return policy


def requests_of(num_completions: int) -> list[Request]:
    """Prompts of 8 to 24 tokens with `GROUP_SIZE` uids each."""
    rng, words = Random(0), [i for i in range(4, 128) if i not in RAGGED_STOPS]
    prompts = [(1, *rng.choices(words, k=rng.randint(7, 23))) for _ in range(num_completions // GROUP_SIZE)]
    return [Request(p, tuple(range(i * GROUP_SIZE, (i + 1) * GROUP_SIZE))) for i, p in enumerate(prompts)]


def sample(policy: CausalPolicy, num_completions: int, max_new_tokens: int) -> Callable[[int], int]:
    """A function of a seed that samples and returns the number of useful tokens."""
    engine, requests = SamplingEngine(policy), requests_of(num_completions)

    def run(seed: int) -> int:
        """Tokens sampled with this seed."""
        groups = engine.generate(requests, Sampling(max_new_tokens), seed=seed)
        return sum(len(completion.tokens) for group in groups for completion in group)

    return run


def median_of(run: Callable[[int], int], repeats: int) -> Timing:
    """The repeat with the median CPU time per token, after one that warms up."""
    run(0)
    timings = []
    for repeat in range(repeats):
        clock = Clock()
        timings.append(clock.elapsed(run(repeat + 1)))
    return sorted(timings, key=lambda t: t.cpu_seconds / t.amount)[len(timings) // 2]


def by_completions(repeats: int) -> list[dict[str, Any]]:
    """One row per number of completions."""
    policy = make_policy("small")
    rows: list[dict[str, Any]] = []
    for count in COMPLETIONS:
        timing = median_of(sample(policy, count, MAX_NEW_TOKENS), repeats)
        command = [sys.executable, "-m", "experiments.bench.scaling", "--memory-of", str(count)]
        memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(
            {"completions": count, "tokens_per_cpu_second": round(timing.amount / timing.cpu_seconds), **memory}
        )
    for row in rows:
        row["cost_relative"] = round(rows[0]["tokens_per_cpu_second"] / row["tokens_per_cpu_second"], 2)
    return rows


def measure_memory(num_completions: int) -> float:
    """Megabytes that sampling adds at its peak to a process with the model loaded."""
    process = psutil.Process()
    run = sample(make_policy("small"), num_completions, MAX_NEW_TOKENS)
    sample(make_policy("small"), GROUP_SIZE, 2)(0)  # libraries and kernels are loaded
    before = process.memory_info().rss
    run(0)
    return round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before) / 1e6, 1)


def by_length(repeats: int) -> list[dict[str, Any]]:
    """One row per length."""
    policy = make_policy("small", is_ragged=False, context=1024)
    rows: list[dict[str, Any]] = []
    for length in LENGTHS:
        timing = median_of(sample(policy, 256, length), repeats)
        rows.append({"length": length, "tokens_per_cpu_second": round(timing.amount / timing.cpu_seconds)})
    for row in rows:
        row["cost_relative"] = round(rows[0]["tokens_per_cpu_second"] / row["tokens_per_cpu_second"], 2)
    return rows


def by_model(repeats: int) -> list[dict[str, Any]]:
    """One row per model."""
    rows = []
    for name in MODELS:
        policy = make_policy(name)
        timing = median_of(sample(policy, 256, MAX_NEW_TOKENS), repeats)
        weights = policy.num_parameters - policy.model.get_input_embeddings().weight.numel()
        seconds = timing.cpu_seconds / timing.amount
        rows.append(
            {
                "model": name,
                "parameters": policy.num_parameters,
                "tokens_per_cpu_second": round(1 / seconds),
                "gflops_per_cpu_second": round(2 * weights / seconds / 1e9, 1),
            }
        )
    for row in rows:
        row["cost_per_multiply_add_relative"] = round(
            rows[0]["gflops_per_cpu_second"] / row["gflops_per_cpu_second"], 2
        )
    return rows


def by_workers(repeats: int) -> list[dict[str, Any]]:
    """One row per number of Ray workers."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        build_tiny(MODELS["small"], vocabulary=[f"w{i}" for i in range(28)], seed=0).save(folder)
        problems = Curriculum(Parity(), seed=0).problems(0, 8 * NUM_SHARDS)
        for num in (1, 2):
            workers = make_workers("ray", WorkerSpec(PolicySpec(folder), EnvSpec("experiments.bench.step:Parity")), num)
            try:
                while any(row.state is not WorkerState.HEALTHY for row in workers.health()):
                    time.sleep(0.1)
                seconds = []
                for step in range(repeats + 1):
                    shards = make_shards(problems, group_size=GROUP_SIZE, step=step, sampling=Sampling(MAX_NEW_TOKENS))
                    began = time.perf_counter()
                    run_shards(workers, [replace(shard, version=None) for shard in shards])
                    seconds.append(time.perf_counter() - began)
            finally:
                workers.close()
            rows.append({"workers": num, "wall_seconds": round(statistics.median(seconds[1:]), 3)})
    for row in rows:
        row["speedup"] = round(rows[0]["wall_seconds"] / row["wall_seconds"], 2)
    return rows


if __name__ == "__main__":
    main()
