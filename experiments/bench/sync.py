"""How long it takes until rollout workers serve new weights.

    python -m experiments.bench.sync [--workers 2] [--repeats 5] [--models demo,small,medium]

For every model: the learner's copy of its weights; `publish` (one write to the object store); and from there until a
worker has returned a one-token shard sampled by them, beside the same shard without new weights: the difference is
fetching and loading. Wall time, medians. Writes results/bench_sync.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from envs.types import EnvSpec
from experiments.bench.generation import MODELS
from experiments.bench.measuring import write_report
from experiments.bench.step import WORDS, Parity
from policies.causal import CausalPolicy
from policies.tiny import build_tiny
from policies.types import Sampling
from rl.curriculum import Curriculum
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers import PolicySpec, Workers, WorkerSpec, WorkerState, make_workers


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Time until workers serve new weights.")
    parser.add_argument("--models", default="demo,small,medium", help=f"comma-separated, of {', '.join(MODELS)}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/bench_sync.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for name in options.models.split(","):
        policy = build_tiny(MODELS[name], vocabulary=WORDS, seed=0)
        with tempfile.TemporaryDirectory() as folder:
            policy.save(folder)
            spec = WorkerSpec(PolicySpec(folder), EnvSpec("experiments.bench.step:Parity"))
            workers = make_workers("ray", spec, options.workers)
            try:
                while any(row.state is not WorkerState.HEALTHY for row in workers.health()):
                    time.sleep(0.1)
                rows.append({"model": name, **measure(policy, workers, options.workers, options.repeats)})
            finally:
                workers.close()
        print(rows[-1], flush=True)
    write_report(options.out, {"workers": options.workers, "rows": rows})


def measure(policy: CausalPolicy, workers: Workers, num_workers: int, repeats: int) -> dict[str, Any]:
    """Medians of the parts, milliseconds."""
    problems = Curriculum(Parity(), seed=0).problems(0, num_workers)
    parts: dict[str, list[float]] = {"copy": [], "publish": [], "first_shard": [], "next_shard": []}
    step = 0

    def serve() -> float:
        """Seconds until every worker has returned a shard of one token."""
        nonlocal step
        step += 1
        shards = make_shards(
            problems, group_size=1, step=step, shard_size=1, sampling=Sampling(1), version=step_version
        )
        began = time.perf_counter()
        run_shards(workers, shards)
        return time.perf_counter() - began

    for step_version in range(1, repeats + 2):
        began = time.perf_counter()
        weights = policy.weights()
        parts["copy"].append(time.perf_counter() - began)
        began = time.perf_counter()
        workers.publish(weights, step_version)
        parts["publish"].append(time.perf_counter() - began)
        parts["first_shard"].append(serve())
        parts["next_shard"].append(serve())
    milliseconds = {f"{name}_ms": round(1e3 * statistics.median(times[1:]), 2) for name, times in parts.items()}
    fetched = milliseconds["first_shard_ms"] - milliseconds["next_shard_ms"]
    size = sum(tensor.numel() * tensor.element_size() for tensor in policy.weights().values())
    return {"megabytes": round(size / 1e6, 2), **milliseconds, "fetch_and_load_ms": round(fetched, 2)}


if __name__ == "__main__":
    main()
