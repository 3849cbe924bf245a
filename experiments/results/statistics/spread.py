"""What makes the mean of a table of figures uncertain: the runs that could have been made, the problems to be asked.

Figures form a table [seeds, problems]: every seed answered the same problems. Both are samples, so both make an average
uncertain. With one seed nothing can be said about other runs, and an interval speaks about this policy. How often these
intervals hold the truth is measured by `experiments.bench.coverage`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.results.statistics.student_t import SMALLEST_P, quantile, two_sided_p

ALPHA = 0.05  # intervals are 1 - ALPHA
UNIT = {"share": 0.5, "difference": 1.0}  # half the range that a figure can have


@dataclass(frozen=True)
class Spread:
    """What makes the mean of a table of seeds and problems uncertain.

    Attributes:
        mean: of the strata's means.
        seeds: variance of the mean as the seeds' own means show it, with `df_seeds` degrees of freedom; 0 and
            infinite for one seed.
        rest: the part of `seeds` that the variation within seeds explains by itself, with `df_rest`.
        problems: variance of the mean through the choice of problems, with `df_problems`; `floor` is added to it.
        floor: what unseen problems could add: see `spread_of`.
        num_problems: in the table.
    """

    mean: float
    seeds: float
    df_seeds: float
    rest: float
    df_rest: float
    problems: float
    df_problems: float
    floor: float
    num_problems: int

    def half_width(self, alpha: float = ALPHA) -> float:
        """Half the width of the 1 - alpha interval: each source of variance with its own t quantile.

        h^2 = max(t_seeds^2 V_seeds, t_rest^2 V_rest) + t_problems^2 (V_problems + floor)

        V_seeds holds the variation within seeds already; V_rest alone bounds it from below, for seeds whose means
        happen to agree. Infinite where a single problem leaves nothing to estimate from.
        """
        if self.num_problems == 1:
            return math.inf
        between = 0.0
        if math.isfinite(self.df_seeds):
            between = max(
                self.seeds * quantile(alpha, self.df_seeds) ** 2, self.rest * quantile(alpha, self.df_rest) ** 2
            )
        within = (self.problems + self.floor) * quantile(alpha, self.df_problems) ** 2
        return math.sqrt(between + within)

    @property
    def p(self) -> float:
        """The alpha at which the interval just touches 0: the two-sided p-value of "the mean is 0"."""
        if self.mean == 0 or math.isinf(self.half_width()):
            return 1.0
        if not math.isfinite(self.df_seeds):
            return two_sided_p(self.mean / math.sqrt(self.problems + self.floor), self.df_problems)
        return touching(self.half_width, abs(self.mean))


def touching(half_width: Callable[[float], float], distance: float) -> float:
    """The alpha in [1e-100, 1) at which a width that falls with alpha equals `distance`, to six digits of its log.

    By false position on logarithms, the stagnant end halved (the Illinois rule; Dowell and Jarratt 1971, BIT 11:168).
    """

    def gap(log_alpha: float) -> float:
        """log of width over distance; falls with alpha."""
        return math.log(half_width(math.exp(log_alpha)) / distance)

    low, high = math.log(SMALLEST_P) * 0.999, -1e-12
    at_low, at_high = gap(low), gap(high)
    if at_low <= 0:
        return SMALLEST_P
    if at_high >= 0:
        return 1.0
    middle = low
    for _ in range(100):
        middle, before = high - at_high * (high - low) / (at_high - at_low), middle
        at_middle = gap(middle)
        if abs(middle - before) < 1e-6 * abs(middle):
            break
        if at_middle > 0:
            low, at_low, at_high = middle, at_middle, at_high / 2
        else:
            high, at_high, at_low = middle, at_middle, at_low / 2
    return math.exp(middle)


def spread_of(values: np.ndarray, strata: Sequence[int] | None = None, *, kind: str = "share") -> Spread:
    """Crossed variance components of the mean over strata of the mean over seeds and problems.

    Within a stratum of P_l problems (L strata, S seeds), by analysis of variance (Searle, Casella and McCulloch 1992,
    "Variance Components", section 4.3):

        MSB_l = S sum_p (m_p - m)^2 / (P_l - 1)                      expected: rest + S * problems
        MSE_l = sum_sp (y_sp - m_s - m_p + m)^2 / ((S-1)(P_l-1))     expected: rest
        V_problems = sum_l max(0, MSB_l - MSE_l) / (L^2 S P_l)       and for S = 1: sum_l MSB_l / (L^2 P_l)
        V_seeds    = variance over seeds of the strata's mean / S    holds rest / (S P) too
        V_rest     = sum_l MSE_l / (L^2 S P_l)

    Degrees of freedom of sums are Satterthwaite's (1946, Biometrics Bulletin 2:110). Strata are fixed: they are the
    levels that were chosen, not a sample of levels; problems are a sample within each.

    The floor. Problems that were not asked may behave as none of those that were: half a problem at each end of what
    was seen in a stratum is added, m^2 / (S P_l)^2 with m the largest distance from the stratum's mean. Where all
    outcomes were equal m is half the possible range, and seeds do not count (they met the same problems): for paired
    0/1 outcomes and one seed this is the variance of Agresti and Min (2005, Statistics in Medicine 24:729), who add
    half a pair to each cell.

    Args:
        values: [seeds, problems], shares in [0, 1] or their differences.
        strata: [problems], the level of each problem; None: one stratum.
        kind: "share" or "difference".
    Raises:
        ValueError: `values` is empty or not two-dimensional, or there are not as many strata as problems.
    """
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values has shape {values.shape}, expected [seeds, problems], both at least 1")
    num_seeds, num_problems = values.shape
    labels = np.zeros(num_problems, dtype=int) if strata is None else np.asarray(strata)
    if labels.shape != (num_problems,):
        raise ValueError(f"{labels.size} strata for {num_problems} problems")
    names, counts = np.unique(labels, return_counts=True)
    tables = [values[:, labels == name] for name in names]
    seed_means = np.mean([table.mean(1) for table in tables], axis=0)  # [S]
    if counts.min() == 1:  # a stratum of one problem shows no spread: all problems as one sample, which is wider
        tables = [values]
    parts = [_within(table, UNIT[kind]) for table in tables]
    scale = len(parts) ** 2
    problems = [part.problems / scale for part in parts]
    rest = [part.rest / scale for part in parts]
    sizes = [max(1, table.shape[1] - 1) for table in tables]
    one_seed = num_seeds == 1
    return Spread(
        mean=float(seed_means.mean()),
        seeds=0.0 if one_seed else float(seed_means.var(ddof=1)) / num_seeds,
        df_seeds=math.inf if one_seed else num_seeds - 1,
        rest=sum(rest),
        df_rest=math.inf if one_seed else satterthwaite(rest, [(num_seeds - 1) * size for size in sizes]),
        problems=sum(problems),
        df_problems=satterthwaite(problems, sizes),
        floor=sum(part.floor for part in parts) / scale,
        num_problems=num_problems,
    )


@dataclass(frozen=True)
class _Part:
    """Variances of one stratum's mean."""

    problems: float
    rest: float
    floor: float


def _within(table: np.ndarray, unit: float) -> _Part:
    num_seeds, num_problems = table.shape
    mean, total = table.mean(), table.size
    by_problem = table.mean(0)
    furthest = float(np.abs(table - mean).max())
    floor = (unit / num_problems) ** 2 if furthest < 1e-12 else (min(unit, furthest) / total) ** 2
    if num_problems == 1:
        return _Part(0.0, 0.0, floor)
    between = num_seeds * float(((by_problem - mean) ** 2).sum()) / (num_problems - 1)
    if num_seeds == 1:
        return _Part(between / num_problems, 0.0, floor)
    residuals = table - table.mean(1, keepdims=True) - by_problem + mean
    rest = float((residuals**2).sum()) / ((num_seeds - 1) * (num_problems - 1))
    return _Part(max(0.0, between - rest) / total, rest / total, floor)


def satterthwaite(variances: Sequence[float], dfs: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variance estimates: (sum v)^2 / sum(v^2 / df).

    Without any variance: the sum of the degrees of freedom.
    """
    total = sum(variances)
    if total <= 0:
        return float(sum(dfs))
    return total**2 / sum(v * v / df for v, df in zip(variances, dfs))
