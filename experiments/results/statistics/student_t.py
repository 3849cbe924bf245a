"""Student's t distribution: tail and quantile, by the continued fraction of the incomplete beta function.

The only two functions of a statistics library that reading results needs.
"""

from __future__ import annotations

import math
from functools import lru_cache

TINY = 1e-300  # keeps the continued fraction from dividing by zero
PRECISION = 1e-14
MAX_TERMS = 10_000
MAX_NEWTON_STEPS = 60
SMALLEST_P = 1e-100  # below it a quantile may be no number any more
NORMAL_FROM = 1e7  # degrees of freedom above which t and normal agree to seven digits of a quantile


@lru_cache(maxsize=4096)  # quantiles of one df are looked for along the same points
def two_sided_p(t: float, df: float) -> float:
    """P(|T| >= |t|) for Student's t with `df` > 0 degrees of freedom (infinite: the normal distribution).

    Equal to the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t^2)
    (Abramowitz and Stegun 1964, 26.7.1).
    """
    if t == 0:
        return 1.0
    if math.isinf(t):
        return 0.0
    if df > NORMAL_FROM:
        return math.erfc(abs(t) / math.sqrt(2))
    return _incomplete_beta(df / 2, 0.5, t * t)


@lru_cache(maxsize=4096)
def quantile(p: float, df: float) -> float:
    """The t >= 0 with P(|T| >= t) = p: half the width of a 1 - p interval, in standard errors.

    Newton's method on log P over log t, which is concave and falls: from the right every step stays on the right.

    Raises:
        ValueError: p outside [1e-100, 1), or df below 1: where t could pass the largest number.
    """
    if not SMALLEST_P <= p < 1 or not df >= 1:
        raise ValueError(f"p is {p} and df {df}: expected {SMALLEST_P} <= p < 1 and df >= 1")
    log_p, x = math.log(p), 0.0
    while two_sided_p(math.exp(x), df) > p:
        x += 0.25  # small, so that the tail on the right is a number yet
    for _ in range(MAX_NEWTON_STEPS):
        t = math.exp(x)
        tail = two_sided_p(t, df)
        step = (math.log(tail) - log_p) * tail / (2 * t * density(t, df))
        x += step
        if abs(step) < PRECISION * max(1.0, abs(x)) * 10:
            break
    return math.exp(x)


def density(t: float, df: float) -> float:
    """The density of Student's t with `df` degrees of freedom at t."""
    if df > NORMAL_FROM:
        return math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    log_front = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(log_front - (df + 1) / 2 * math.log1p(t * t / df))


def _incomplete_beta(a: float, b: float, t_squared: float) -> float:
    """I_x(a, b) at x = 2a / (2a + t^2), from whichever side of the continued fraction converges fast."""
    x = 2 * a / (2 * a + t_squared)
    y = t_squared / (2 * a + t_squared)  # 1 - x without cancellation
    if x == 0:
        return 0.0
    log_front = a * (-math.log1p(t_squared / (2 * a))) + b * math.log(y) if y > 0 else -math.inf
    log_front += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, y) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The fraction of I_x(a, b) by Lentz's method (Press et al., Numerical Recipes, 3rd edition, section 6.4)."""
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > TINY else TINY)
    value = d
    for m in range(1, MAX_TERMS):  # written out term by term: a report asks for thousands of quantiles
        at = a + 2 * m
        term = m * (b - m) * x / ((at - 1) * at)
        d, c = 1 + term * d, 1 + term / c
        d = 1 / (TINY if -TINY <= d <= TINY else d)
        c = TINY if -TINY <= c <= TINY else c
        value *= d * c
        term = -(a + m) * (a + b + m) * x / (at * (at + 1))
        d, c = 1 + term * d, 1 + term / c
        d = 1 / (TINY if -TINY <= d <= TINY else d)
        c = TINY if -TINY <= c <= TINY else c
        change = d * c
        value *= change
        if -PRECISION < change - 1 < PRECISION:
            return value
    raise ArithmeticError(f"the continued fraction of I_x({a}, {b}) did not converge at x = {x}")
