"""Hundreds of iterations while workers, spares and verifiers are killed, stopped and hang: what grows, what is lost?

Trains a small policy on Ray with a saboteur at work, and the same without Ray and undisturbed; final weights must be
equal. Memory and file handles of the training process, and the memory of Ray's daemons, are read at every step; growth
is judged between the second quarter of the run and the last, by the median of each.

    python -m experiments.bench.soak              500 iterations, writes results/soak.json
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from envs.registry import make
from envs.types import EnvSpec
from experiments.bench.faulty import FaultyActor, Saboteur
from experiments.bench.measuring import machine, write_report
from policies.causal import load_policy
from policies.tiny import TinyConfig, build_tiny
from policies.types import Sampling
from rl.algorithms import make as make_algorithm
from rl.curriculum import make_curriculum
from rl.learning.checkpoint import Checkpoints
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.workers import PolicySpec, Workers, WorkerSpec, make_workers
from rl.workers.slot import Patience
from rl.workers.supervisor import SupervisedWorkers

PATIENCE = Patience(stall_seconds=3.0, progress_seconds=3.0, max_restarts=1_000_000, spare_seconds=0.0)
CURVE_POINTS = 100
DAEMONS = ("raylet", "gcs_server")


@dataclass(frozen=True)
class Reading:
    """What a step left behind."""

    step: int
    seconds: float
    memory_bytes: int  # resident, of this process
    handles: int  # open file descriptors of this process
    threads: int
    daemon_bytes: int  # resident, of Ray's daemons


class Meter(SilentRecorder):
    """Reads memory and handles after every step, and keeps nothing else."""

    def __init__(self, num_steps: int) -> None:
        super().__init__()
        self.readings: list[Reading] = []
        self.num_steps = num_steps
        self._began = time.monotonic()
        self._daemons = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_daemon(pid)]

    def metrics(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        """A reading in place of the row."""
        if step % 10 == 0:
            gc.collect()  # what only waits for the collector is no leak
        self.readings.append(
            Reading(
                step=step,
                seconds=time.monotonic() - self._began,
                memory_bytes=resident_bytes(os.getpid()),
                handles=len(os.listdir("/proc/self/fd")),
                threads=threading.active_count(),
                daemon_bytes=sum(map(resident_bytes, self._daemons)),
            )
        )

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """A line now and then."""
        if done % 25 == 0:
            last = self.readings[-1]
            print(
                f"{done}/{total}  {last.seconds:.0f} s  {last.memory_bytes >> 20} MiB  {last.handles} handles",
                flush=True,
            )


def main() -> None:
    """Prints what grew and writes JSON; exit status 1 when weights differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of training and of the saboteur")
    parser.add_argument("--staleness", type=int, default=1, help="0: synchronous")
    parser.add_argument("--pause", type=float, nargs=2, default=(0.5, 4.0), help="seconds between two breakdowns")
    parser.add_argument("--out", type=Path, default=Path("results/soak.json"))
    settings = parser.parse_args()
    load = os.getloadavg()
    report = soak(settings.steps, seed=settings.seed, staleness=settings.staleness, pause=tuple(settings.pause))
    write_report(settings.out, report | {"machine": machine() | {"load": load}})  # of before
    print(json.dumps({name: report[name] for name in ("breakdowns", "restarts", "growth", "equal_weights")}, indent=1))
    raise SystemExit(not report["equal_weights"])


def soak(steps: int, *, seed: int, staleness: int, pause: tuple[float, float]) -> dict[str, Any]:
    """The report: breakdowns, growth, whether the final weights are those of the undisturbed run, and the curves."""
    with tempfile.TemporaryDirectory() as scratch:
        env = EnvSpec("leaps", {"modulus": 7, "operands": [2, 3]})
        config = TinyConfig(layers=2, hidden=32, heads=2, context=96)
        build_tiny(config, vocabulary=make(env).vocabulary(), seed=seed).save(f"{scratch}/policy")
        spec = WorkerSpec(PolicySpec(f"{scratch}/policy"), env, seed=seed)
        workers = make_workers("ray", spec, 2, patience=PATIENCE, actor=FaultyActor)
        assert isinstance(workers, SupervisedWorkers)
        try:
            with Saboteur(workers, random.Random(f"soak {seed}"), pause_seconds=pause) as saboteur:
                meter, disturbed = run(spec, workers, steps, staleness, Path(scratch, "disturbed"))
            restarts = sum(health.restarts for health in workers.health())
        finally:
            workers.close()
        inline = make_workers("inline", spec)
        try:
            _, undisturbed = run(spec, inline, steps, staleness, Path(scratch, "undisturbed"))
        finally:
            inline.close()
    return {
        "settings": {"steps": steps, "seed": seed, "staleness": staleness, "pause_seconds": list(pause)},
        "seconds": meter.readings[-1].seconds,
        "breakdowns": dict(sorted(saboteur.done.items())),
        "restarts": restarts,
        "growth": growth(meter.readings),
        "equal_weights": all(torch.equal(disturbed[name], undisturbed[name]) for name in undisturbed),
        "curve": [asdict(row) for row in meter.readings[:: max(1, steps // CURVE_POINTS)]],
    }


def run(
    spec: WorkerSpec, workers: Workers, steps: int, staleness: int, folder: Path
) -> tuple[Meter, dict[str, torch.Tensor]]:
    """Trains with checkpoints and a rollout log, as a study does; the readings and the final weights."""
    learner = Learner(
        Models(load_policy(spec.policy.folder)),
        make_algorithm("grpo"),
        LearnerSettings(OptimizerSettings(lr=5e-4), seed=spec.seed),
    )
    meter = Meter(steps)
    Training(
        learner=learner,
        workers=workers,
        problems=make_curriculum("learnability", make(spec.env), seed=spec.seed),
        reward=VerifierReward(),
        settings=TrainSettings(
            steps=steps,
            rollouts=RolloutSettings(
                problems_per_step=8,
                group_size=4,
                sampling=Sampling(max_new_tokens=32),
                shard_size=2,
                max_staleness=staleness,
            ),
            checkpoint_every=10,
        ),
        recorder=meter,
        checkpoints=Checkpoints(folder / "checkpoints"),
        log=RolloutLog(folder / "rollouts"),
    ).run()
    return meter, learner.weights()


def growth(readings: Sequence[Reading]) -> dict[str, float]:
    """Median of the last quarter minus median of the second: the first warms up."""
    quarter = len(readings) // 4
    early, late = readings[quarter : 2 * quarter], readings[-quarter:]

    def rise(name: str) -> float:
        """By how much a reading rose, late over early."""
        return statistics.median(getattr(r, name) for r in late) - statistics.median(getattr(r, name) for r in early)

    return {name: rise(name) for name in ("memory_bytes", "handles", "threads", "daemon_bytes")}


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def is_daemon(pid: int) -> bool:
    """Whether a process is one of Ray's daemons, and a child of this process."""
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except OSError:
        return False
    return name.partition("(")[2] in DAEMONS and int(rest.split()[1]) == os.getpid()


if __name__ == "__main__":
    main()
