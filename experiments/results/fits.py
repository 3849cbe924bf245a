"""Curves fitted by least squares: a line, a power law, and the law of over-optimisation.

All are linear in their parameters after a change of variable, so each fit is one solution and no search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PowerLawFit:
    """error = c x^-exponent; r_squared is that of the logarithms, in which it is a line."""

    c: float
    exponent: float
    r_squared: float


@dataclass(frozen=True)
class OveroptimisationFit:
    """gain = d (a - b log d), d = sqrt(KL).                         (Gao et al. 2022, arXiv:2210.10760, section 3.1)"""

    a: float
    b: float
    r_squared: float

    @property
    def peak_kl(self) -> float:
        """KL of the peak, nats: gain' = a - b log d - b = 0 at d = exp(a / b - 1). Infinite where b <= 0: no peak."""
        return math.exp(2 * (self.a / self.b - 1)) if self.b > 0 else math.inf

    def gain(self, kl: float) -> float:
        """The gain that the fit says at a KL, nats."""
        distance = math.sqrt(kl)
        return distance * (self.a - self.b * math.log(distance)) if kl > 0 else 0.0


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least-squares slope of y over x.

    Raises:
        ValueError: fewer than two different x.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    spread = float(((xs - xs.mean()) ** 2).sum()) if len(xs) else 0.0
    if spread == 0 or len(xs) != len(ys):
        raise ValueError(f"a slope needs two different x and a y for each, got x = {list(x)} and {len(ys)} y")
    return float(((xs - xs.mean()) * (ys - ys.mean())).sum()) / spread


def power_law(x: Sequence[float], error: Sequence[float]) -> PowerLawFit:
    """error = c x^-k through points of x > 0 and error > 0.

    Raises:
        ValueError: fewer than three points, or one that has no logarithm.
    """
    if len(x) < 3 or len(x) != len(error) or min(x) <= 0 or min(error) <= 0:
        raise ValueError("a power law needs three points or more, with x > 0 and errors > 0")
    logs, errors = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(error, dtype=float))
    fall = slope(logs.tolist(), errors.tolist())
    height = float(errors.mean() - fall * logs.mean())
    return PowerLawFit(math.exp(height), -fall, r_squared(errors, height + fall * logs))


def overoptimisation(kl: Sequence[float], gain: Sequence[float]) -> OveroptimisationFit:
    """gain = d (a - b log d) through points of KL > 0, which says nothing about others.

    Raises:
        ValueError: fewer than three points of KL > 0.
    """
    points = [(k, g) for k, g in zip(kl, gain) if k > 0]
    if len(points) < 3:
        raise ValueError(f"the law of over-optimisation needs three points of KL > 0, got {len(points)}")
    distance = np.sqrt([k for k, _ in points])
    gains = np.array([g for _, g in points])
    columns = np.stack([distance, -distance * np.log(distance)], axis=1)
    (a, b), *_ = np.linalg.lstsq(columns, gains, rcond=None)
    return OveroptimisationFit(float(a), float(b), r_squared(gains, columns @ np.array([a, b])))


def r_squared(seen: np.ndarray, said: np.ndarray) -> float:
    """Share of the variance that a fit explains; 1 where nothing varies and nothing is missed."""
    total, missed = float(((seen - seen.mean()) ** 2).sum()), float(((seen - said) ** 2).sum())
    return 1.0 - missed / total if total > 0 else float(missed == 0)
