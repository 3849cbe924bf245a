"""Whether `beyond plan` predicts: rates of one worker, then steps with one and two workers beside their predictions.

    python -m experiments.bench.forecast [--config demo] [--steps 8]

Everything runs on Ray, as on a cluster. Rates, one worker and two take turns, and medians are compared; other work on
the machine shows in the quartiles. Writes results/bench_plan.json.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from experiments.bench.measuring import write_report
from experiments.config.experiment import Experiment
from experiments.config.loading import load_experiment
from experiments.study.forecast.command import load_of
from experiments.study.forecast.model import Machines, predict
from experiments.study.forecast.rates import WARM_UP_STEPS, rates_of_rows
from experiments.study.forecast.trial import trial_rows

WORKERS = (1, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, predict, print, write."""
    parser = argparse.ArgumentParser(description="Predicted beside measured step times.")
    parser.add_argument("--config", default="demo")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/bench_plan.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    settings = ["workers.executor=ray", "threads=1", "workers.threads=1"]
    experiment = load_experiment([options.config], settings)
    completions = experiment.rl.problems_per_step * experiment.rl.group_size
    measured: dict[int, list[float]] = {num: [] for num in WORKERS}
    seen: list[Any] = []
    for _ in range(options.rounds):  # side by side, so that other work on the machine slows all alike
        seen += steps_of(experiment, 1, options.steps)[WARM_UP_STEPS:]
        for num in WORKERS:
            rows = steps_of(experiment, num, options.steps)[WARM_UP_STEPS:]
            measured[num] += [row["time/step_seconds"] for row in rows]
    rates = rates_of_rows(seen, completions, "one worker")
    report: list[dict[str, Any]] = []
    for num in WORKERS:
        seconds = statistics.median(measured[num])
        predicted = predict(rates, load_of(experiment), Machines(num)).step_seconds
        report.append(
            {
                "workers": num,
                "predicted_seconds": predicted,
                "measured_seconds": seconds,
                "error": predicted / seconds - 1,
                "quartiles": statistics.quantiles(measured[num], n=4)[::2],
            }
        )
        print(report[-1], flush=True)
    write_report(options.out, {"config": options.config, "rates": vars(rates), "rows": report})


def steps_of(experiment: Experiment, workers: int, steps: int) -> list[Any]:
    """Metrics of steps with so many workers."""
    section = experiment.workers.model_copy(update={"num": workers})
    with tempfile.TemporaryDirectory() as scratch:
        return trial_rows(experiment.model_copy(update={"workers": section}), Path(scratch), WARM_UP_STEPS + steps)


if __name__ == "__main__":
    main()
