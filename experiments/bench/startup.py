"""How long a fresh process takes until it can train, and until it has.

    python -m experiments.bench.startup [--repeats 5]

In fresh processes, medians: `beyond --help`; importing the inline mode (which loads neither ray nor trl), and from the
start of the process to the end of the first update of a policy of 0.2 million parameters: imports, loading, verifier
process, sampling, grading, update. Writes results/bench_startup.json.
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
from collections.abc import Sequence
from pathlib import Path

from experiments.bench.measuring import write_report
from experiments.bench.time_to_accuracy import ENV, MODEL, build_tiny, make_env

IMPORT = """
import sys
import rl.train, rl.learning.learner, rl.workers.inline, policies.sampling.engine
import rl.rewards.registry, rl.curriculum, rl.algorithms
loaded = [name for name in ("ray", "trl") if name in sys.modules]
assert not loaded, loaded
"""
FIRST_UPDATE = """
import sys
from experiments.bench.time_to_accuracy import *
torch.set_num_threads(1)
workers = make_workers("inline", WorkerSpec(PolicySpec(sys.argv[1]), parse_reference(ENV)), 1)
models = Models(load_policy(sys.argv[1]))
learner = Learner(models, make_algorithm("grpo"), LearnerSettings(OptimizerSettings(lr=LR)))
rollouts = RolloutSettings(PROBLEMS, GROUP_SIZE, Sampling(MAX_NEW_TOKENS))
Training(learner=learner, workers=workers, problems=Curriculum(make_env(ENV)), reward=VerifierReward(),
         settings=TrainSettings(steps=1, rollouts=rollouts), recorder=SilentRecorder()).run()
workers.close()
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Time until a fresh process can train.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/bench_startup.json"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        build_tiny(MODEL, vocabulary=make_env(ENV).vocabulary(), seed=0).save(folder)
        report = {
            name: measure([sys.executable, *command], options.repeats)
            for name, command in (
                ("help", ["-m", "experiments", "--help"]),
                ("import", ["-c", IMPORT]),
                ("first_update", ["-c", FIRST_UPDATE, folder]),
            )
        }
    print(json.dumps(report, indent=1))
    write_report(options.out, report)


def measure(command: list[str], repeats: int) -> dict[str, float]:
    """Median seconds of a command, after one that fills the file caches."""
    subprocess.run(command, check=True, capture_output=True)
    wall, cpu = [], []
    for _ in range(repeats):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_seconds": round(statistics.median(wall), 2), "cpu_seconds": round(statistics.median(cpu), 2)}


if __name__ == "__main__":
    main()
