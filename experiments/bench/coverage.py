"""How often the intervals of a report hold the truth, and how often it sees a difference where there is none.

    python -m experiments.bench.coverage [--studies 500] [--seed 0] [--out results/bench_coverage.json]

Studies are drawn from a model with known truth: a problem's log-odds of being solved are normal over problems, and a
seed adds its own normal effect of standard deviation `effect`, 0.05 (seeds agree), 0.4 or 1.0 (seeds differ much).
Each study has S seeds, 100 problems and 16 samples of each, or one greedy answer. Then the functions that reports use
judge it, and are judged:

- `coverage`: share of 95 % intervals that hold the true mean (of the method; with one seed, of that policy);
- `false marks`: share of studies of two equal methods (with one seed: two equal policies) in which the difference is
  marked, sampled and greedy;
- `false claims`: share of studies in which a method as good as its demonstrator, who is measured on the same problems
  and as often, is said to pass it; one side, so 0.025 is meant;
- `levels`: coverage and width of the mean over six levels, beside an interval that takes levels for a sample;
- `few`: one seed, few problems, accuracies near 1.

The goals: coverage of at least 0.93 and at most 0.07 false marks at 3, 5 and 10 seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.bench.measuring import write_report
from experiments.results.statistics.intervals import mean_interval, paired_difference
from experiments.results.statistics.significance import paired_p
from experiments.results.statistics.spread import ALPHA

EFFECTS = (0.05, 0.4, 1.0)  # standard deviation of the seeds' effect, log-odds
SEEDS = (1, 2, 3, 5, 10)
JUDGED = (3, 5, 10)  # numbers of seeds that the goals speak about
SAMPLES = {"sampled": 16, "greedy": 1}
PROBLEMS = 100
CENTRE, SPREAD = 0.5, 1.5  # of the problems' log-odds
MIN_COVERAGE, MAX_FALSE = 0.93, 0.07
LEVEL_CENTRES = (5.0, 3.0, 1.5, 0.0, -1.5, -3.0)  # log-odds of six levels, from nearly always to nearly never
HUMAN_ACCURACY = 0.9
QUADRATURE = 61  # nodes of the integrals over normal effects


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws the studies, prints the table, writes the report."""
    parser = argparse.ArgumentParser(description="Coverage of intervals and false marks, on studies of known truth.")
    parser.add_argument("--studies", type=int, default=500, help="per setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/bench_coverage.json"))
    options = parser.parse_args(arguments)
    report = measure(options.studies, options.seed)
    _print(report)
    write_report(options.out, report)


def measure(studies: int, seed: int) -> dict[str, Any]:
    """Everything, and whether the goals are met."""
    report: dict[str, Any] = {"studies_per_setting": studies, "seed": seed, "problems": PROBLEMS, "samples": SAMPLES}
    settings = [(effect, num_seeds) for effect in EFFECTS for num_seeds in SEEDS]
    rows = []
    for effect, num_seeds in settings:
        rng = np.random.default_rng([seed, num_seeds, round(100 * effect)])
        row: dict[str, Any] = {"effect": effect, "seeds": num_seeds}
        for kind, samples in SAMPLES.items():
            row[f"coverage_{kind}"], row[f"width_{kind}"] = mean_coverage(rng, studies, effect, num_seeds, samples)
        row["false_marks_sampled"] = false_marks(rng, studies, effect, num_seeds, SAMPLES["sampled"])
        row["false_marks_greedy"] = false_marks(rng, studies, effect, num_seeds, SAMPLES["greedy"])
        row["false_claims"] = false_claims(rng, studies, effect, num_seeds)
        rows.append(row)
    report["studies"] = rows
    report["levels"] = [levels_coverage(np.random.default_rng([seed, s, 7]), studies, 0.4, s) for s in (1, *JUDGED)]
    report["few"] = [
        few_problems(np.random.default_rng([seed, n, 8]), studies, accuracy, n, samples)
        for samples in SAMPLES.values()
        for accuracy in (0.5, 0.9, 0.99)
        for n in (1, 3, 6, 20, 100)
    ]
    judged = [row for row in rows if row["seeds"] in JUDGED]
    lowest = min(row[f"coverage_{kind}"] for row in judged for kind in SAMPLES)
    highest = max(row[f"false_marks_{kind}"] for row in judged for kind in SAMPLES)
    report["goals"] = {
        "lowest_coverage": lowest,
        "highest_false_marks": highest,
        "met": lowest >= MIN_COVERAGE and highest <= MAX_FALSE,
    }
    return report


def mean_coverage(
    rng: np.random.Generator, studies: int, effect: float, num_seeds: int, samples: int
) -> tuple[float, float]:
    """Share of intervals of a mean that hold the truth, and their mean width."""
    held, width = 0, 0.0
    truth = true_mean(CENTRE, np.hypot(SPREAD, effect))
    for _ in range(studies):
        effects = rng.normal(0, effect, num_seeds)
        interval = mean_interval(draw(rng, _problems(rng), effects, samples))
        if num_seeds == 1:
            truth = true_mean(CENTRE + effects[0], SPREAD)
        held += interval.low <= truth <= interval.high
        width += interval.high - interval.low
    return held / studies, width / studies


def false_marks(rng: np.random.Generator, studies: int, effect: float, num_seeds: int, samples: int) -> float:
    """Share of studies of two equal methods whose difference is marked."""

    def is_marked() -> bool:
        """One study."""
        problems = _problems(rng)
        ours, theirs = rng.normal(0, effect, (2, num_seeds))
        if num_seeds == 1:
            theirs = ours  # two equal policies: with one seed the difference is between these two
        a, b = (draw(rng, problems, effects, samples) for effects in (ours, theirs))
        return paired_p(a, b) < ALPHA if samples == 1 else paired_difference(a, b).excludes_zero

    return _share(is_marked, studies)


def false_claims(rng: np.random.Generator, studies: int, effect: float, num_seeds: int) -> float:
    """Share of studies in which a method exactly as good as its demonstrator is said to pass it."""
    centre = centre_of(HUMAN_ACCURACY, effect if num_seeds > 1 else 0.0)
    samples = SAMPLES["sampled"]

    def is_claimed() -> bool:
        """One study; problems do not differ in difficulty, as for a demonstrator who slips now and then."""
        effects = rng.normal(0, effect, num_seeds) if num_seeds > 1 else np.zeros(1)
        policy = draw(rng, np.full(PROBLEMS, centre), effects, samples)
        human = rng.binomial(samples, HUMAN_ACCURACY, (num_seeds, PROBLEMS)) / samples
        over = paired_difference(policy, human)
        return over.value > 0 and over.p < ALPHA

    return _share(is_claimed, studies)


def levels_coverage(rng: np.random.Generator, studies: int, effect: float, num_seeds: int) -> dict[str, Any]:
    """The mean over six levels of very different difficulty: as reports take it, and with levels taken for a sample."""
    strata = np.repeat(np.arange(len(LEVEL_CENTRES)), PROBLEMS)
    held, widths = np.zeros(2), np.zeros(2)
    for _ in range(studies):
        effects = rng.normal(0, effect, num_seeds)
        problems = np.concatenate([_problems(rng, centre) for centre in LEVEL_CENTRES])
        values = draw(rng, problems, effects, SAMPLES["sampled"])
        if num_seeds == 1:
            truth = float(np.mean([true_mean(centre + effects[0], SPREAD) for centre in LEVEL_CENTRES]))
        else:
            truth = float(np.mean([true_mean(centre, np.hypot(SPREAD, effect)) for centre in LEVEL_CENTRES]))
        for i, interval in enumerate((mean_interval(values, list(strata)), mean_interval(values))):
            held[i] += interval.low <= truth <= interval.high
            widths[i] += interval.high - interval.low
    coverage, width = held / studies, widths / studies
    return {
        "effect": effect,
        "seeds": num_seeds,
        "coverage": coverage[0],
        "width": width[0],
        "coverage_across_levels": coverage[1],
        "width_across_levels": width[1],
    }


def few_problems(
    rng: np.random.Generator, studies: int, accuracy: float, num_problems: int, samples: int
) -> dict[str, Any]:
    """One seed on few problems, near 1 too."""
    centre = centre_of(accuracy, SPREAD)
    held = empty = 0
    for _ in range(studies):
        interval = mean_interval(draw(rng, rng.normal(centre, SPREAD, num_problems), np.zeros(1), samples))
        held += interval.low <= accuracy <= interval.high
        empty += interval.high == interval.low
    figures = {"coverage": held / studies, "of_width_0": empty / studies}
    return {"accuracy": accuracy, "problems": num_problems, "samples": samples, **figures}


def draw(rng: np.random.Generator, problems: np.ndarray, effects: np.ndarray, samples: int) -> np.ndarray:
    """[seeds, problems] of the share of `samples` that are right, given log-odds of problems and effects of seeds."""
    chance = 1 / (1 + np.exp(-(problems[None] + effects[:, None])))
    return rng.binomial(samples, chance) / samples


def true_mean(centre: float, spread: float) -> float:
    """The mean of 1 / (1 + exp(-x)) over a normal x, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE)
    return float(weights @ (1 / (1 + np.exp(-(centre + spread * nodes)))) / weights.sum())


def centre_of(mean: float, spread: float) -> float:
    """The centre at which `true_mean` is `mean`, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if true_mean(middle, spread) < mean else (low, middle)
    return (low + high) / 2


def _problems(rng: np.random.Generator, centre: float = CENTRE) -> np.ndarray:
    return rng.normal(centre, SPREAD, PROBLEMS)


def _share(happens: Callable[[], bool], studies: int) -> float:
    return sum(happens() for _ in range(studies)) / studies


def _print(report: dict[str, Any]) -> None:
    console = Console()
    console.print(
        _table(
            "intervals and marks",
            report["studies"],
            *("effect", "seeds", "coverage_sampled", "width_sampled", "coverage_greedy", "width_greedy"),
            *("false_marks_sampled", "false_marks_greedy", "false_claims"),
        )
    )
    console.print(_table("mean over six levels", report["levels"], *report["levels"][0]))
    console.print(_table("one seed, few problems", report["few"], *report["few"][0]))
    goals, seeds = report["goals"], ", ".join(map(str, JUDGED))
    console.print(
        f"at {seeds} seeds: lowest coverage {goals['lowest_coverage']:.3f} (goal {MIN_COVERAGE}), "
        f"most false marks {goals['highest_false_marks']:.3f} (goal {MAX_FALSE}): {'met' if goals['met'] else 'MISSED'}"
    )


def _table(title: str, rows: Sequence[dict[str, Any]], *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{row[c]:.3f}" if isinstance(row[c], float) else str(row[c]) for c in columns))
    return table


if __name__ == "__main__":
    main()
