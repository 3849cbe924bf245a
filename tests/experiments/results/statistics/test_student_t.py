"""Student's t against scipy and closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from experiments.results.statistics.student_t import density, quantile, two_sided_p


@given(st.floats(0, 1e3), st.floats(0.5, 1e6))
def test_tail_equals_scipy(t, df):
    assert two_sided_p(t, df) == pytest.approx(2 * scipy_stats.t.sf(t, df), rel=1e-7, abs=1e-290)


@given(st.floats(1e-90, 0.999), st.floats(1, 1e6))
def test_quantile_is_the_inverse_of_the_tail(p, df):
    assert two_sided_p(quantile(p, df), df) == pytest.approx(p, rel=1e-6)


def test_quantiles_of_a_printed_table():
    # Abramowitz and Stegun 1964, table 26.10, two-sided 5 %
    table = {1: 12.706, 2: 4.303, 3: 3.182, 9: 2.262, 99: 1.984}
    assert {df: round(quantile(0.05, df), 3) for df in table} == table
    assert quantile(0.05, 1e9) == pytest.approx(1.959964, abs=1e-6)


def test_one_degree_of_freedom_is_cauchy():
    for t in (0.1, 1.0, 7.0):
        assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi)
        assert density(t, 1) == pytest.approx(1 / (math.pi * (1 + t * t)))


@pytest.mark.parametrize(("p", "df"), [(0.0, 3), (1.0, 3), (0.05, 0.5)])
def test_quantile_refuses_what_has_none(p, df):
    with pytest.raises(ValueError, match="expected"):
        quantile(p, df)
