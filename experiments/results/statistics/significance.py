"""p-values: paired outcomes of two policies, several tests together; and how often one method beats another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from experiments.results.statistics.intervals import paired_difference


def paired_p(a: np.ndarray, b: np.ndarray, strata: Sequence[int] | None = None) -> float:
    """Two-sided p-value that two policies' 0/1 outcomes [seeds, problems] differ only by chance.

    One seed: McNemar's exact test, about these two policies. Several: the t test of `paired_difference`, about the
    methods; pooled over seeds McNemar's test would take what seeds differ in for a difference of methods.
    """
    if a.shape[0] == 1:
        return mcnemar_exact(list(a[0] > 0), list(b[0] > 0))
    return paired_difference(a, b, strata).p


def mcnemar_exact(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Two-sided exact p-value that two policies solve the same problems equally often.

    Only discordant pairs count: under the hypothesis they fall either way like a fair coin (McNemar 1947, exact form).
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} outcomes: McNemar's test needs the same problems")
    only_a = sum(bool(x) and not y for x, y in zip(a, b))
    only_b = sum(bool(y) and not x for x, y in zip(a, b))
    n = only_a + only_b
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, tail / 2 ** (n - 1)) if n else 1.0


def probability_of_improvement(a: Sequence[float], b: Sequence[float]) -> float:
    """P(a run of a beats a run of b), ties counted half (Agarwal et al. 2021, arXiv:2108.13264, section 4.3)."""
    if not a or not b:
        raise ValueError("each side needs at least one run")
    wins = sum((x > y) + 0.5 * (x == y) for x in a for y in b)
    return wins / (len(a) * len(b))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values adjusted for all tests together (Holm 1979): compare each with the level wanted."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    running = 0.0
    for rank, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - rank) * p_values[name]))
        adjusted[name] = running
    return adjusted
