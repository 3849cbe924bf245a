"""How fast a lost process is noticed, and how long until there are as many at work as before.

Rollout workers (Ray) and verifier processes break down while they work, in each of the ways of
`experiments.bench.faulty`; the clock runs from then. A worker is noticed when its state changes (a stopped or stuck
one: to suspect), and replaced when all workers are healthy and its process is another one; with a spare,
`spare_seconds` is when the next spare is ready. A verifier process is noticed when the pool has ended it, and replaced
when all are loaded.

    python -m experiments.bench.faults            writes results/bench_faults.json
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from envs.registry import make
from envs.types import EnvSpec
from experiments.bench.faulty import FAULTS, SIGNALS, FaultyActor, grade
from experiments.bench.measuring import machine, write_report
from policies.tiny import TinyConfig, build_tiny
from policies.types import Sampling
from rl.rollouts.shards import make_shards
from rl.workers import PolicySpec, WorkerSpec, WorkerState, make_workers
from rl.workers.slot import Patience
from rl.workers.supervisor import SupervisedWorkers
from rl.workers.types import Shard
from verifiers.pool.verifier_pool import VerifierPool

Row = dict[str, Any]
TIMEOUT_SECONDS = 300.0
GRAIN_SECONDS = 0.002
DEADLINE_SECONDS = 1.0  # of a verification
PATIENCE = Patience(stall_seconds=5.0, progress_seconds=5.0, max_restarts=1000, spare_seconds=0.0)


def main() -> None:
    """Prints a table and writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="breakdowns of each kind")
    parser.add_argument("--out", type=Path, default=Path("results/bench_faults.json"))
    settings = parser.parse_args()
    load = os.getloadavg()
    rows = list(verifier_rows(settings.repeats))
    with tempfile.TemporaryDirectory() as folder:
        for num_spares in (0, 1):
            rows += worker_rows(folder, settings.repeats, num_spares)
    report = {
        "machine": machine() | {"load": load},  # of before
        "settings": {"worker": vars(PATIENCE), "verifier_deadline_seconds": DEADLINE_SECONDS},
        "medians": medians(rows),
        "rows": rows,
    }
    write_report(settings.out, report)


def medians(rows: list[Row]) -> list[Row]:
    """Median and worst of each kind of process and fault, printed as they are made."""
    found = []
    for kind in dict.fromkeys((row["process"], row["fault"]) for row in rows):
        same = [row for row in rows if (row["process"], row["fault"]) == kind]
        summary: Row = {"process": kind[0], "fault": kind[1], "repeats": len(same)}
        for name in ("noticed_seconds", "replaced_seconds", "spare_seconds"):
            if name in same[0]:
                values = [row[name] for row in same]
                summary |= {name: statistics.median(values), f"{name}_worst": max(values)}
        found.append(summary)
        print(
            f"{kind[0]:22} {kind[1]:10} noticed {summary['noticed_seconds']:6.2f} s "
            f"({summary['noticed_seconds_worst']:.2f})   replaced {summary['replaced_seconds']:6.2f} s "
            f"({summary['replaced_seconds_worst']:.2f})"
        )
    return found


def worker_rows(folder: str, repeats: int, num_spares: int) -> Iterator[Row]:
    """One row per breakdown of a rollout worker, the kinds in alternation."""
    env = make("leaps")
    policy = build_tiny(TinyConfig(), vocabulary=env.vocabulary(), seed=0)
    policy.save(folder)
    problems = list(env.problems(64))
    spec = WorkerSpec(PolicySpec(folder), EnvSpec("leaps"))
    workers = make_workers("ray", spec, 2, patience=PATIENCE, num_spares=num_spares, actor=FaultyActor)
    assert isinstance(workers, SupervisedWorkers)
    try:
        workers.publish(policy.weights(), 0)
        for number in range(repeats * len(FAULTS)):
            shards = make_shards(problems, group_size=8, step=number, sampling=Sampling(max_new_tokens=64))
            row = break_worker(workers, list(FAULTS)[number % len(FAULTS)], shards)
            print(row, flush=True)
            yield {"process": f"worker, {num_spares} spare(s)", **row}
    finally:
        workers.close()


def break_worker(workers: SupervisedWorkers, fault: str, shards: list[Shard]) -> Row:
    """Breaks the first worker down while it runs a shard."""

    def are_spares_ready() -> bool:
        """True when every spare could take over now."""
        return all(spare.state is WorkerState.HEALTHY for spare in workers.spares)

    def are_healthy() -> bool:
        """True when every worker is up."""
        return all(health.state is WorkerState.HEALTHY for health in workers.health())

    wait_until(lambda: are_healthy() and are_spares_ready())
    slot = workers.slots[0]
    life = slot.life
    for shard in shards:
        workers.submit(shard)
    wait_until(lambda: len(slot.tasks) > 0)
    if fault in SIGNALS:
        began = time.monotonic()
        os.kill(slot.remote.pid, SIGNALS[fault])
    else:
        began = slot.remote.call("break_down", fault).result(TIMEOUT_SECONDS)
    noticed = wait_until(lambda: slot.life != life or slot.state is not WorkerState.HEALTHY) - began
    replaced = wait_until(lambda: slot.life != life and are_healthy()) - began
    row = {"fault": fault, "noticed_seconds": noticed, "replaced_seconds": replaced}
    if workers.spares:
        row["spare_seconds"] = wait_until(are_spares_ready) - began
    workers.cancel([shard.id for shard in shards])
    return row


def verifier_rows(repeats: int) -> Iterator[Row]:
    """One row per breakdown of a verifier process, the kinds in alternation."""
    with VerifierPool(grade, workers=2, deadline_seconds=DEADLINE_SECONDS, memory_bytes=1 << 28) as pool:
        for number in range(repeats * len(FAULTS)):
            row = break_verifier(pool, list(FAULTS)[number % len(FAULTS)])
            print(row, flush=True)
            yield {"process": "verifier", **row}


def break_verifier(pool: VerifierPool, fault: str) -> Row:
    """Breaks one of two verifier processes down while it grades; an exception is a verdict of one that lives on."""
    wait_until(lambda: len(pool.process_ids) == 2)
    before = set(pool.process_ids)
    future = pool.submit([("busy", "0.5")] * 2 if fault in SIGNALS else [(fault,)])
    if fault in SIGNALS:
        time.sleep(0.1)
        os.kill(min(before), SIGNALS[fault])
    began = time.monotonic()
    if fault == "exception":
        noticed = replaced = wait_until(future.done) - began
    else:
        noticed = wait_until(lambda: not before <= set(pool.process_ids)) - began
        replaced = wait_until(lambda: len(pool.process_ids) == 2) - began
    future.result(TIMEOUT_SECONDS)
    return {"fault": fault, "noticed_seconds": noticed, "replaced_seconds": replaced}


def wait_until(condition: Callable[[], bool]) -> float:
    """The time (time.monotonic) at which the condition was seen to hold."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"no change within {TIMEOUT_SECONDS:.0f} s")
        time.sleep(GRAIN_SECONDS)
    return time.monotonic()


if __name__ == "__main__":
    main()
