"""A study as plain rows, and as a pandas DataFrame: what a notebook begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.run.errors import UserError

if TYPE_CHECKING:
    import pandas

KINDS = {
    "problems": "one row per policy, seed and test problem",
    "policies": "one row per policy and seed: its test summary",
    "metrics": "one row per arm, seed and recorded step",
}
COUNTED = ("n", "c_answer", "c_solution", "greedy_answer", "greedy_solution", "mean_tokens", "truncated")


def check_kind(of: str) -> None:
    """Refuses what no rows are made of.

    Raises:
        ValueError: `of` is not one of KINDS.
    """
    if of not in KINDS:
        raise ValueError(f"of is {of!r}, expected one of {', '.join(KINDS)}")


def problem_rows(policy: str, seed: int, evaluation: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """A row per test problem: counts of right completions among n, their shares, and the greedy completion."""
    for row in evaluation["rows"]:
        shares = {name: row[f"c_{name}"] / row["n"] for name in ("answer", "solution")}
        counts = {name: row.get(name) for name in COUNTED}
        yield {"policy": policy, "seed": seed, "problem": row["id"], "level": row["level"], **counts, **shares}


def policy_row(policy: str, seed: int, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's test summary, its KL from the start and the size of its answers."""
    facts = {name: evaluation.get(name) for name in ("kl", "parameters", "tokens_per_answer")}
    return {"policy": policy, "seed": seed, **facts, **evaluation.get("summary", {})}


def as_frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """The rows as a DataFrame; pandas comes with `datasets`, which this project installs.

    Raises:
        UserError: pandas cannot be imported.
    """
    try:
        import pandas
    except ImportError as error:
        raise UserError(f"to_frame needs pandas ({error}): pip install pandas, or use .records()") from error
    return pandas.DataFrame(rows)
