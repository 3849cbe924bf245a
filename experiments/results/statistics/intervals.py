"""Estimates with their 95 % intervals: means of shares, and paired differences over seeds and problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.results.statistics.spread import spread_of

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


@dataclass(frozen=True)
class Difference(Interval):
    """A paired difference.

    Attributes:
        p: two-sided p-value of "no difference"; below 0.05 exactly where the interval excludes 0.
        num_problems: on which it was measured.
    """

    p: float = 1.0
    num_problems: int = 0


def mean_interval(values: np.ndarray, strata: Sequence[int] | None = None) -> Interval:
    """Mean of shares [seeds, problems] with its 95 % interval, inside [0, 1] and never of width 0.

    Wilson's interval of a proportion with the number of trials that would give the variance found, an effective sample
    size, and the t quantile of that variance (Korn and Graubard 1998, Survey Methodology 24:193; Franco et al. 2019,
    J. Survey Stat. Methodol. 7:334). Where every outcome is 0, or every one is 1, the trials are the problems: more
    samples of a problem, or more seeds, say nothing about problems that were not asked.

    Args:
        strata: [problems], the level of each; the mean is that of the levels' means.
    """
    spread = spread_of(values, strata)
    p = spread.mean
    if values.max() == values.min() and p in (0.0, 1.0):
        return wilson(p * values.shape[1], values.shape[1])
    half = spread.half_width()
    if math.isinf(half):
        return _with_value(wilson(p, 1), p)
    return _with_value(_wilson_of(p, half), p)


def _with_value(interval: Interval, value: float) -> Interval:
    return Interval(value, min(interval.low, value), max(interval.high, value))


def _wilson_of(p: float, half: float) -> Interval:
    """Wilson's interval of which `half` would be half the width by the plain formula: t^2 p (1-p) / n = half^2."""
    if p in (0.0, 1.0):
        return Interval(p, max(0.0, p - half), min(1.0, p + half))
    ratio = half * half / (p * (1 - p))  # t^2 / n
    centre = (p + ratio / 2) / (1 + ratio)
    reach = math.sqrt(half * half + ratio * ratio / 4) / (1 + ratio)
    return Interval(p, max(0.0, centre - reach), min(1.0, centre + reach))


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


def paired_difference(
    a: np.ndarray, b: np.ndarray, strata: Sequence[int] | None = None, *, is_bounded: bool = True
) -> Difference:
    """Mean of a - b over the same [seeds, problems], with its 95 % interval and p-value.

    Both sides' sampling errors, the seeds and the problems count (`spread_of`); a single problem shows nothing.

    Args:
        strata: [problems], the level of each; the mean is that of the levels' means.
        is_bounded: both are shares, so that the interval ends at -1 and 1.
    """
    if a.shape != b.shape:
        raise ValueError(
            f"shapes {a.shape} and {b.shape} differ: a paired difference needs the same seeds and problems"
        )
    spread = spread_of(a - b, strata, kind="difference")
    half = spread.half_width()
    bound = 1.0 if is_bounded else math.inf
    low, high = max(-bound, spread.mean - half), min(bound, spread.mean + half)
    return Difference(spread.mean, low, high, spread.p, spread.num_problems)


def is_equivalent(difference: Difference, margin: float) -> bool:
    """True when "no difference" was shown, not merely not refuted: the whole interval lies within +-margin.

    And when it could have been shown: with fewer than z / margin problems (66 for 0.03) even outcomes that never differ
    leave a difference of `margin` possible.
    """
    return -margin < difference.low and difference.high < margin and difference.num_problems * margin > Z_95
