"""How fast a lost Ray worker is noticed, and how long until all workers serve the current weights again.

A worker is killed (SIGKILL) or stopped (SIGSTOP) while it generates; the clock runs from the signal. Detection is the
moment at which its state changes, recovery the moment at which every worker is healthy again. A stopped worker is
noticed when its heartbeat is overdue: at once as suspect, after `--stall` seconds as dead.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from envs.registry import EnvSpec
from policies.types import Sampling
from rl.rollout import make_shards
from rl.workers import PolicySpec, WorkerSpec, WorkerState, make_workers

FAULTS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
TIMEOUT_SECONDS = 300.0


def main() -> None:
    """Prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="faults of each kind")
    parser.add_argument("--stall", type=float, default=5.0, help="seconds of silence until a worker is replaced")
    parser.add_argument("--out", type=Path, default=Path("results/bench_faults.json"))
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(folder, settings.repeats, settings.stall)
    summary = {
        fault: {
            name: statistics.median(float(row[name]) for row in rows if row["fault"] == fault)
            for name in ("detect_seconds", "recover_seconds")
        }
        for fault in FAULTS
    }
    for fault, medians in summary.items():
        print(
            f"{fault:5} noticed after {medians['detect_seconds']:.2f} s, all healthy {medians['recover_seconds']:.2f} s"
        )
    settings.out.parent.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    report = {"medians": summary, "rows": rows, "stall_seconds": settings.stall, "load_average": load}
    settings.out.write_text(json.dumps(report, indent=1) + "\n")


def measure(folder: str, repeats: int, stall: float) -> list[dict[str, float | str]]:
    """One row per fault, in alternation."""
    from envs.registry import make
    from policies.tiny import TinyConfig, build_tiny
    from rl.workers.slot import Patience
    from rl.workers.supervisor import SupervisedWorkers

    env = make("leaps")
    policy = build_tiny(TinyConfig(), vocabulary=env.vocabulary(), seed=0)
    policy.save(folder)
    problems = list(env.problems(64))
    patience = Patience(heartbeat_seconds=0.25, suspect_seconds=0.5, stall_seconds=stall, max_restarts=1000)
    workers = make_workers("ray", WorkerSpec(PolicySpec(folder), EnvSpec("leaps")), 2, patience=patience)
    assert isinstance(workers, SupervisedWorkers)
    rows: list[dict[str, float | str]] = []
    try:
        workers.publish(policy.weights(), 0)
        for number in range(2 * repeats):
            fault = list(FAULTS)[number % 2]
            _wait(lambda: _healthy(workers))
            sampling = Sampling(max_new_tokens=64)
            for shard in make_shards(problems, group_size=8, step=number, sampling=sampling):
                workers.submit(shard)
            _wait(lambda: "run shard" in workers.health()[0].doing)
            began = time.perf_counter()
            os.kill(workers.slots[0].remote.pid, FAULTS[fault])
            _wait(lambda: workers.health()[0].state is not WorkerState.HEALTHY)
            noticed = time.perf_counter() - began
            _wait(lambda: _healthy(workers))
            rows.append({"fault": fault, "detect_seconds": noticed, "recover_seconds": time.perf_counter() - began})
            print(rows[-1], flush=True)
            workers.cancel([shard.id for shard in make_shards(problems, group_size=8, step=number, sampling=sampling)])
    finally:
        workers.close()
    return rows


def _healthy(workers: object) -> bool:
    return all(health.state is WorkerState.HEALTHY for health in workers.health())  # type: ignore[attr-defined]


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"no change within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(0.005)


if __name__ == "__main__":
    main()
