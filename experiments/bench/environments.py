"""CPU time to generate a problem: every built-in environment, and reasoning-gym's corresponding data set, in one run.

    python -m experiments.bench.environments --num 300 --out results/bench_environments.json

Times are CPU milliseconds of one thread, the median over problems of the training levels in turn; ours includes the
hash of the key, the worked steps and the split by content. reasoning-gym runs with its default configuration, whose
difficulty is not ours, and gives no steps: the ratio says what a user waits for, not which generator is cleverer.
The time to write a demonstration of a problem at hand stands beside it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from envs.adapters import need
from envs.builtin import PROCEDURAL
from envs.environment import Environment
from envs.registry import make
from experiments.run.folders import write_json
from experiments.study.provenance import provenance

COUNTERPARTS = {
    "addition": "chain_sum",
    "angles": "simple_geometry",
    "antiderivatives": "simple_integration",
    "antiderivatives_functions": "intermediate_integration",
    "arithmetic_chain": "basic_arithmetic",
    "countdown": "countdown",
    "dice": "dice",
    "factorisation": "prime_factorization",
    "fractions": "fraction_simplification",
    "gcd_bezout": "gcd",
    "linear_equations": "simple_equations",
    "modular_power": "power_function",
    "multiplication": "products",
    "polygon_areas": "advanced_geometry",
    "polynomial_expansion": "polynomial_multiplication",
    "quadratics": "polynomial_equations",
    "sequences": "number_sequence",
    "word_problems": "gsm_symbolic",
}
SECONDS = 20.0  # of processor time for one side of a row; fewer problems are timed where that is not enough


def median_milliseconds(draw: Callable[[int], object], num: int) -> float:
    """Median CPU time of draw(0) .. draw(num - 1), or of as many as SECONDS allow."""
    times: list[float] = []
    draw(0)  # what is built once is not a problem's time
    while len(times) < num and sum(times) < 1e3 * SECONDS:
        began = time.process_time_ns()
        draw(len(times))
        times.append((time.process_time_ns() - began) / 1e6)
    return statistics.median(times)


def demonstration_milliseconds(env: Environment, num: int) -> float:
    """Median CPU time to write one demonstration, of problems made before."""
    writer, rng = env.demonstrator(), random.Random(0)
    problems = [env.problem(index, level=env.levels[index % len(env.levels)]) for index in range(num)]
    return median_milliseconds(lambda index: writer.write(problems[index], rng), num)


def measure(num: int) -> list[dict[str, Any]]:
    """One row per environment."""
    library: Any = need("reasoning_gym", extra="envs")
    rows = []
    for name in sorted(PROCEDURAL):
        env = make(name)
        row: dict[str, Any] = {"environment": name, "milliseconds": median_milliseconds(env.problem, num)}
        row["demonstration_milliseconds"] = demonstration_milliseconds(env, num)
        counterpart = COUNTERPARTS.get(name)
        if counterpart:
            data = library.create_dataset(counterpart, seed=0, size=num)
            theirs = median_milliseconds(data.__getitem__, num)
            row |= {"reasoning_gym": counterpart, "reasoning_gym_milliseconds": theirs}
            row["ratio"] = theirs / row["milliseconds"]
        rows.append(row)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown, and the medians of both."""
    lines = ["| environment | ms | demonstration, ms | reasoning-gym | ms | ratio |", "| --- " * 6 + "|"]
    for row in rows:
        theirs = row.get("reasoning_gym_milliseconds")
        other = f"{row['reasoning_gym']} | {theirs:.3f} | {row['ratio']:.1f}" if theirs is not None else " | | "
        ours = f"{row['milliseconds']:.3f} | {row['demonstration_milliseconds']:.3f}"
        lines.append(f"| {row['environment']} | {ours} | {other} |")
    medians = [row["milliseconds"] for row in rows]
    ratios = [row["ratio"] for row in rows if "ratio" in row]
    lines.append(f"\nslowest of ours {max(medians):.3f} ms, median {statistics.median(medians):.3f} ms; median ratio ")
    lines[-1] += f"{statistics.median(ratios):.1f} over {len(ratios)} data sets"
    return "\n".join(lines)


def main() -> None:
    """Prints the table; writes the rows as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=300, help="problems timed per environment")
    parser.add_argument("--out", type=Path, help="JSON file for the rows")
    options = parser.parse_args()
    rows = measure(options.num)
    print(table(rows))
    if options.out:
        command = ["python", "-m", "experiments.bench.environments", *sys.argv[1:]]
        write_json(options.out, {"rows": rows, "provenance": provenance(command)})


if __name__ == "__main__":
    main()
