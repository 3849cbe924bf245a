"""Honest statistics for comparisons: intervals, paired differences over seeds and problems, exact tests.

Arms are paired by seed and by test problem. Randomness is resampled in the order in which it arose: seeds first, then
problems (with one seed, problems alone, and the interval says nothing about other seeds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

BOOTSTRAP_SAMPLES = 4000
BOOTSTRAP_BLOCK = 1 << 20  # entries of an array of resamples
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def excludes_zero(self) -> bool:
        """True when 0 lies outside: the sign of the difference is settled."""
        return self.low > 0 or self.high < 0


def wilson(successes: float, trials: float, z: float = Z_95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22:209).

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials is no proportion")
    p = successes / trials
    denominator = 1 + z * z / trials
    centre = (p + z * z / (2 * trials)) / denominator
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / denominator
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(p, low, high)


def hierarchical_bootstrap(values: np.ndarray, *, seed: int = 0, samples: int = BOOTSTRAP_SAMPLES) -> Interval:
    """Mean of `values` [seeds, problems] with a 95 % percentile interval; seeds are resampled, then problems.

    Problems are resampled jointly over seeds: every seed answered the same ones.

    Raises:
        ValueError: `values` is empty or not two-dimensional.
    """
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values has shape {values.shape}, expected [seeds, problems], both at least 1")
    rng = np.random.default_rng(seed)
    num_seeds, num_problems = values.shape
    means = np.empty(samples)
    # whole blocks of resamples at once, as many as keep an array of [resamples, problems] small
    block = max(1, BOOTSTRAP_BLOCK // num_problems)
    for first in range(0, samples, block):
        size = min(block, samples - first)
        drawn = rng.integers(num_seeds, size=(size, num_seeds)) if num_seeds > 1 else None
        problems = rng.integers(num_problems, size=(size, num_problems))
        if drawn is None:
            means[first : first + size] = values[0][problems].mean(1)
        else:
            times = np.stack([(drawn == s).sum(1) for s in range(num_seeds)], axis=1)  # [resamples, seeds]
            means[first : first + size] = np.take_along_axis(times @ values / num_seeds, problems, axis=1).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(a: np.ndarray, b: np.ndarray, *, seed: int = 0, samples: int = BOOTSTRAP_SAMPLES) -> Interval:
    """Mean of a - b over the same [seeds, problems], with its 95 % interval."""
    if a.shape != b.shape:
        raise ValueError(
            f"shapes {a.shape} and {b.shape} differ: a paired difference needs the same seeds and problems"
        )
    return hierarchical_bootstrap(a - b, seed=seed, samples=samples)


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


def is_equivalent(difference: Interval, margin: float) -> bool:
    """True when the whole 95 % interval lies within +-margin: "no difference" shown, not merely not refuted."""
    return -margin < difference.low and difference.high < margin
