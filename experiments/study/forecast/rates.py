"""Where rates come from: a finished run's metrics, a few steps run on the spot, or data sheets."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.config.experiment import Experiment
from experiments.run.errors import UserError
from experiments.study.forecast.model import Rates

WARM_UP_STEPS = 1  # of a measurement, left out: caches, kernels and allocators are cold


@dataclass(frozen=True)
class Device:
    """A data sheet: products in bfloat16, dense, and memory."""

    flops: float  # per second
    bandwidth: float  # bytes per second
    gigabytes: float


DEVICES = {  # NVIDIA's data sheets, SXM modules
    "a100": Device(312e12, 2.0e12, 80),
    "h100": Device(989e12, 3.35e12, 80),
    "h200": Device(989e12, 4.8e12, 141),
    "l40s": Device(362e12, 0.864e12, 48),
}
SAMPLER_ROWS = 256  # completions that a sampler decodes at a time
SAMPLER_SHARE = 0.4  # of memory bandwidth, in decoding with that many rows
LEARNER_SHARE = 0.35  # of the sheet's FLOP/s, in training (MFU; 0.2 to 0.4 are common)
LINK_BYTES = 10e9  # per second, weights to the workers
SHEET_GRADE = 0.002  # seconds for one verdict
SHEET_REST = 0.5  # seconds of a step


def rates_of_sheet(name: str, parameters: float, *, completion_tokens: float, prompt_tokens: float) -> Rates:
    """Rates of a device that is not here, by its data sheet: an estimate, where nothing can be measured.

    Decoding reads the weights (2 bytes each) once for every row of SAMPLER_ROWS; training does 6 FLOP per parameter and
    token, and 2 more for the reference.
    """
    if name not in DEVICES:
        raise UserError(f"--device is {name!r}, expected one of {', '.join(DEVICES)}")
    device = DEVICES[name]
    return Rates(
        sample=2 * parameters / (device.bandwidth * SAMPLER_SHARE) / SAMPLER_ROWS,
        grade=SHEET_GRADE,
        learn=8 * parameters / (device.flops * LEARNER_SHARE),
        publish=2 * parameters / LINK_BYTES,
        rest=SHEET_REST,
        completion_tokens=completion_tokens,
        prompt_tokens=prompt_tokens,
        source=f"data sheet of {name} (not measured): {SAMPLER_SHARE:.0%} of its bandwidth, {LEARNER_SHARE:.0%} of its "
        f"FLOP/s, {SAMPLER_ROWS} rows at a time",
    )


def rates_of_rows(rows: Sequence[Mapping[str, Any]], group_completions: int, source: str) -> Rates:
    """Rates from rows of metrics.jsonl of RL steps: medians, the first step left out.

    Args:
        group_completions: completions of a step.
    Raises:
        UserError: too few steps, or none that sampled and learned.
    """
    steps = [row for row in rows if "time/update_seconds" in row and "time/worker_generate_seconds" in row]
    steps = steps[WARM_UP_STEPS:] if len(steps) > 2 * WARM_UP_STEPS else steps
    if not steps:
        raise UserError(f"{source} holds no step of an RL arm: give a run that trained, or leave --from out")

    def middle(value: Any) -> float:
        """Median over the steps."""
        return statistics.median(value(row) for row in steps)

    tokens = middle(lambda r: r["completion/tokens_mean"])
    batch = middle(lambda r: r["learner/batch_tokens"])
    named = ("rollout", "update", "publish")
    return Rates(
        sample=middle(lambda r: r["time/worker_generate_seconds"] / (r["completion/tokens_mean"] * group_completions)),
        grade=middle(lambda r: r.get("time/worker_grade_seconds", 0.0)) / group_completions,
        learn=middle(lambda r: r["time/update_seconds"] / r["learner/batch_tokens"]),
        publish=middle(lambda r: r["time/publish_seconds"]),
        rest=middle(lambda r: r["time/step_seconds"] - sum(r[f"time/{name}_seconds"] for name in named)),
        completion_tokens=tokens,
        prompt_tokens=max(0.0, batch / group_completions - tokens),
        source=source,
    )


def rates_of_run(folder: Path, experiment: Experiment) -> Rates:
    """Rates from a finished study's, or an arm's, folder.

    Raises:
        UserError: no metrics of an RL arm below it.
    """
    files = sorted(folder.rglob("metrics.jsonl"))
    for file in files:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        if any("time/worker_generate_seconds" in row for row in rows):
            completions = experiment.rl.problems_per_step * experiment.rl.group_size
            return rates_of_rows(rows, completions, f"measured in {file.parent}")
    raise UserError(f"{folder} holds no metrics.jsonl of an RL arm: give the folder of a study that trained one")
