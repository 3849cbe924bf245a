"""A policy's answers to the frozen test, as arrays paired by seed and problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from experiments.results.statistics.intervals import Difference, Interval, mean_interval, paired_difference
from rl.functional.estimators import pass_at_k

Levels = int | Sequence[int] | None  # which problems of an evaluation: one level, several, or all
_chance = lru_cache(maxsize=65536)(pass_at_k)  # a study has few different counts and asks for each thousands of times


@dataclass(frozen=True)
class PolicyResults:
    """A policy's frozen-test results over the seeds of a study.

    Attributes:
        name: the arm, an earlier policy of it (arm/part), or "sft", the policy that all start from.
        folders: one run folder per seed.
        evaluations: one row of evals.jsonl per seed; the problems are the same in all.
    """

    name: str
    folders: tuple[Path, ...]
    evaluations: tuple[dict[str, Any], ...]
    _tables: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, repr=False, compare=False)  # made once

    @property
    def has_greedy(self) -> bool:
        """False for a policy that chooses among samples: it has no greedy completion."""
        return self.evaluations[0]["rows"][0]["greedy_solution"] is not None

    def fact(self, name: str) -> float | None:
        """The mean over seeds of what was noted beside the evaluations; None where nothing was."""
        values = [e[name] for e in self.evaluations if e.get(name) is not None]
        return float(np.mean(values)) if values else None

    @property
    def flop_per_answer(self) -> float | None:
        """2 N floating-point operations for every token read or written; None for evaluations that did not note N."""
        parameters, read = self.fact("parameters"), self.fact("prompt_tokens")
        written = self.fact("tokens_per_answer")
        if parameters is None or read is None or written is None:
            return None
        return 2.0 * parameters * (read + written)

    def levels(self) -> list[int]:
        """Levels of the test problems, ascending."""
        return sorted({row["level"] for row in self.evaluations[0]["rows"]})

    def by_part(self) -> dict[str, float]:
        """Verified share of the sampled completions for each part of a mixture, over all seeds; {} for others."""
        found: dict[str, list[float]] = {}
        for row in (row for evaluation in self.evaluations for row in evaluation["rows"] if row.get("part")):
            found.setdefault(row["part"], []).append(row["c_solution"] / row["n"])
        return {part: float(np.mean(shares)) for part, shares in found.items()}

    def rows(self, levels: Levels = None) -> list[list[dict[str, Any]]]:
        """For each seed the rows of the problems of these levels, in order."""
        wanted = _wanted(levels)
        return [[r for r in e["rows"] if wanted is None or r["level"] in wanted] for e in self.evaluations]

    @cached_property
    def _all_strata(self) -> list[int]:
        return [row["level"] for row in self.evaluations[0]["rows"]]

    def strata(self, levels: Levels = None) -> list[int]:
        """[problems]: the level of each problem of these levels."""
        wanted = _wanted(levels)
        return [level for level in self._all_strata if wanted is None or level in wanted]

    def values(self, kind: str = "sampled", of: str = "solution", levels: Levels = None) -> np.ndarray:
        """[seeds, problems] of the share of right completions (sampled) or 0/1 (greedy).

        Args:
            kind: "sampled" or "greedy".
            of: "solution" or "answer".
        """

        def value(row: Mapping[str, Any]) -> float:
            """The figure of one problem."""
            return float(row[f"greedy_{of}"]) if kind == "greedy" else row[f"c_{of}"] / row["n"]

        if (kind, of) not in self._tables:
            self._tables[kind, of] = np.array([[value(row) for row in rows] for rows in self.rows()])
        table, wanted = self._tables[kind, of], _wanted(levels)
        if wanted is None:
            return table.copy()
        return table[:, [level in wanted for level in self._all_strata]].copy(order="C")

    def interval(self, kind: str = "sampled", of: str = "solution", levels: Levels = None) -> Interval:
        """Mean over levels of the mean over seeds and problems, with its 95 % interval."""
        return mean_interval(self.values(kind, of, levels), self.strata(levels))

    def mean(self, kind: str = "sampled", of: str = "solution", levels: Levels = None) -> float:
        """The mean of the levels' means."""
        return mean_over_levels(self.values(kind, of, levels).mean(0), self.strata(levels))

    def minus(self, other: PolicyResults, kind: str = "sampled", levels: Levels = None) -> Difference:
        """This policy's verified share minus the other's, paired by seed and problem."""
        ours, theirs = (policy.values(kind, "solution", levels) for policy in (self, other))
        return paired_difference(ours, theirs, self.strata(levels))

    def pass_at(self, k: int, of: str = "solution", levels: Levels = None) -> float:
        """Unbiased pass@k: the mean of the levels' means over problems and seeds."""
        chances = [[_chance(r["n"], r[f"c_{of}"], k) for r in same] for same in zip(*self.rows(levels))]
        return mean_over_levels(np.array(chances).mean(1), self.strata(levels))

    def step_sizes(self, levels: Levels = None) -> dict[int, int]:
        """How many steps of the sampled solutions carried out 1, 2, ... operations (0: malformed)."""
        found: dict[int, int] = {}
        for row in (row for rows in self.rows(levels) for row in rows):
            for size, count in row.get("step_sizes", {}).items():
                found[int(size)] = found.get(int(size), 0) + count
        return dict(sorted(found.items()))


def _wanted(levels: Levels) -> set[int] | None:
    return None if levels is None else {levels} if isinstance(levels, int) else set(levels)


def mean_over_levels(values: np.ndarray, strata: Sequence[int]) -> float:
    """The mean of the levels' means of `values` [problems]."""
    labels = np.asarray(strata)
    return float(np.mean([values[labels == level].mean() for level in sorted(set(strata))]))
