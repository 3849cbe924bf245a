"""CPU time to generate a problem: every built-in environment, and reasoning-gym's corresponding data set, in one run.

    python -m experiments.bench.environments --num 200
    python -m experiments.bench.environments --disjoint 100000     (also: train and test of that many share nothing)

Times are CPU milliseconds of one thread, the median over problems of the training levels; ours includes the hash of the
key and the split by content. reasoning-gym runs with its default configuration, whose difficulty differs from ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from envs.builtin import PROCEDURAL
from envs.registry import make

COUNTERPARTS = {
    "addition": "chain_sum",
    "angles": "simple_geometry",
    "antiderivatives": "simple_integration",
    "arithmetic_chain": "basic_arithmetic",
    "combinatorics": "count_primes",
    "countdown": "countdown",
    "dice": "dice",
    "division": "products",
    "factorisation": "prime_factorization",
    "fractions": "fraction_simplification",
    "gcd_bezout": "gcd",
    "linear_equations": "simple_equations",
    "multiplication": "products",
    "polynomial_expansion": "polynomial_multiplication",
    "quadratics": "polynomial_equations",
    "sequences": "number_sequence",
    "word_problems": "gsm_symbolic",
}


def median_milliseconds(draw: Callable[[int], object], num: int) -> float:
    """Median CPU time of draw(0) .. draw(num - 1)."""
    times = []
    for index in range(num):
        began = time.process_time_ns()
        draw(index)
        times.append((time.process_time_ns() - began) / 1e6)
    return statistics.median(times)


def time_reasoning_gym(name: str, num: int) -> float | None:
    """Median time of a data set's items; None when the library is not installed."""
    if importlib.util.find_spec("reasoning_gym") is None:
        return None
    import reasoning_gym

    data = reasoning_gym.create_dataset(name, seed=0, size=num)
    return median_milliseconds(lambda index: data[index], num)


def shared_problems(name: str, num: int) -> int:
    """How many of the first `num` problems of train (seed 0) and of test (seed 1) are the same."""
    env = make(name)
    train = {problem.id for problem in env.problems(num)}
    return sum(problem.id in train for problem in env.problems(num, split="test", seed=1))


def measure(num: int, disjoint: int) -> list[dict[str, Any]]:
    """One row per environment."""
    rows = []
    for name in sorted(PROCEDURAL):
        env = make(name)
        row: dict[str, Any] = {"environment": name, "milliseconds": median_milliseconds(env.problem, num)}
        counterpart = COUNTERPARTS.get(name)
        if counterpart:
            row["reasoning_gym"] = counterpart
            row["reasoning_gym_milliseconds"] = time_reasoning_gym(counterpart, num)
        if disjoint:
            row["shared"] = shared_problems(name, disjoint)
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| environment | ms | reasoning-gym | ms | shared by train and test |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        other = row.get("reasoning_gym_milliseconds")
        lines.append(
            f"| {row['environment']} | {row['milliseconds']:.3f} | {row.get('reasoning_gym', '')} | "
            f"{'' if other is None else f'{other:.3f}'} | {row.get('shared', '')} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Prints the table; writes the rows as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=200, help="problems timed per environment")
    parser.add_argument("--disjoint", type=int, default=0, help="problems per split compared; 0: none")
    parser.add_argument("--out", type=Path, help="JSON file for the rows")
    options = parser.parse_args()
    rows = measure(options.num, options.disjoint)
    print(table(rows))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
