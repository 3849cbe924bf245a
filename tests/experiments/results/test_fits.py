"""Fits, against the curves that the points were taken from and the solutions of other libraries."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results.fits import overoptimisation, power_law, slope

KL = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


@given(st.floats(0.05, 1.0), st.floats(0.01, 0.5))
def test_the_law_of_overoptimisation_is_found_again(a, b):
    gains = [0.0 if k == 0 else math.sqrt(k) * (a - b * math.log(math.sqrt(k))) for k in KL]
    fit = overoptimisation(KL, gains)
    assert (fit.a, fit.b, fit.r_squared) == pytest.approx((a, b, 1.0), abs=1e-6)
    assert [fit.gain(k) for k in KL] == pytest.approx(gains, abs=1e-6)


def test_its_peak_is_where_its_slope_is_zero():
    # d (1 - ln d): slope -ln d, zero at d = 1, so KL 1 and a gain of 1
    fit = overoptimisation(KL, [0.0 if k == 0 else math.sqrt(k) * (1 - math.log(math.sqrt(k))) for k in KL])
    assert fit.peak_kl == pytest.approx(1.0)
    assert fit.gain(fit.peak_kl) == pytest.approx(1.0)
    straight = overoptimisation(KL, [math.sqrt(k) for k in KL])
    assert straight.b == pytest.approx(0.0, abs=1e-9)


def test_a_curve_that_only_climbs_has_no_peak():
    assert overoptimisation(KL, [k for k in KL]).peak_kl == math.inf  # noqa: C416


@given(st.floats(0.1, 10), st.floats(-1, 2))
def test_a_power_law_is_found_again(c, exponent):
    x = [0.05, 0.2, 0.8, 3.0]
    fit = power_law(x, [c * value**-exponent for value in x])
    assert (fit.c, fit.exponent) == pytest.approx((c, exponent), abs=1e-6)


def test_the_fit_of_noisy_points_is_numpys():
    x, y = [0.05, 0.2, 0.8, 3.0], [0.8, 0.45, 0.3, 0.1]
    line, height = np.polyfit(np.log(x), np.log(y), 1)
    fit = power_law(x, y)
    assert (fit.exponent, fit.c) == pytest.approx((-line, math.exp(height)))
    assert fit.r_squared == pytest.approx(np.corrcoef(np.log(x), np.log(y))[0, 1] ** 2)


def test_a_slope_by_hand():
    # x 0, 1, 2 and y 1, 3, 4: means 1 and 8/3; ((-1)(-5/3) + 0 + (1)(4/3)) / 2 = 3/2
    assert slope([0, 1, 2], [1, 3, 4]) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("fit", "points", "told"),
    [
        (slope, ([1, 1], [0, 1]), "two different x"),
        (power_law, ([1, 2], [1, 1]), "three points"),
        (power_law, ([1, 2, 3], [1, 0, 1]), "errors > 0"),
        (overoptimisation, ([0, 1, 2], [0, 1, 1]), "three points of KL > 0, got 2"),
    ],
)
def test_too_few_points_are_refused(fit, points, told):
    with pytest.raises(ValueError, match=told):
        fit(*points)
