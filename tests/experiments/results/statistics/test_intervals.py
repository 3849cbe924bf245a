"""Intervals against published values, closed forms, scipy and brute force."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats

from experiments.results.statistics.intervals import (
    Difference,
    is_equivalent,
    mean_interval,
    paired_difference,
    wilson,
)
from experiments.results.statistics.spread import spread_of

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 8))


def counts(shape, n=4):
    return arrays(float, shape, elements=st.integers(0, n).map(lambda c: c / n))


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (81, 263)])
def test_wilson_interval_equals_scipy(successes, trials):
    expected = scipy_stats.binomtest(successes, trials).proportion_ci(method="wilson")
    got = wilson(successes, trials)
    assert got.low == pytest.approx(expected.low, abs=1e-12)
    assert got.high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_refuses_what_is_no_proportion():
    with pytest.raises(ValueError, match="5 successes in 4"):
        wilson(5, 4)


# one seed


def test_greedy_outcomes_of_one_seed_have_nearly_wilsons_interval():
    values = np.zeros((1, 400))
    values[0, :100] = 1
    expected = wilson(100, 400)
    got = mean_interval(values)
    assert got.value == 0.25
    assert got.low == pytest.approx(expected.low, abs=2e-3)
    assert got.high == pytest.approx(expected.high, abs=2e-3)


def test_differences_of_one_seed_have_the_t_interval_of_their_problems_and_a_floor():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1, 500))
    expected = scipy_stats.ttest_rel(a[0], b[0])
    low, high = expected.confidence_interval(0.95)
    got = paired_difference(a, b)
    assert (got.low, got.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert got.p == pytest.approx(expected.pvalue, rel=0.02)


def test_outcomes_that_never_differ_have_the_interval_of_agresti_and_min():
    # no discordant pair among 24: half a pair in each cell gives variance (1/2 + 1/2) / 26^2; here 1 / 24^2, and t(23)
    got = paired_difference(np.zeros((1, 24)), np.zeros((1, 24)))
    assert got.high == pytest.approx(2.0687 / 24, abs=1e-4)
    assert got.p == 1.0


# several seeds


def test_the_seeds_means_alone_decide_where_problems_make_no_difference():
    """With differences that only seeds make, the interval is the t interval of the seeds' means."""
    means = np.array([0.1, 0.3, 0.35, 0.05])
    expected = scipy_stats.ttest_1samp(means, 0).confidence_interval(0.95)
    spread = spread_of(np.repeat(means[:, None], 50, axis=1), kind="difference")
    assert spread.problems == pytest.approx(0, abs=1e-15)
    assert spread.mean - math.sqrt(spread.half_width() ** 2 - _floor(spread)) == pytest.approx(expected.low, abs=1e-9)


def _floor(spread):
    return spread.floor * scipy_stats.t.isf(0.025, spread.df_problems) ** 2


def test_seeds_that_disagree_widen_the_interval():
    agree = np.tile([0.0, 1.0], (4, 50))
    disagree = np.repeat([[0.0], [0.0], [1.0], [1.0]], 100, axis=1)
    width = [(i.high - i.low) for i in (mean_interval(agree), mean_interval(disagree))]
    assert width[1] > 3 * width[0]


@pytest.mark.parametrize(("num_seeds", "within"), [(3, 0.3), (5, 0.0)])
def test_p_is_where_the_interval_touches_zero(num_seeds, within):
    rng = np.random.default_rng(3)
    values = 0.2 + 0.1 * rng.standard_normal((num_seeds, 1)) + within * rng.standard_normal((num_seeds, 40))
    spread = spread_of(values, kind="difference")
    assert spread.half_width(spread.p) == pytest.approx(abs(spread.mean), rel=1e-5)


def test_pairing_removes_the_difficulty_of_problems():
    rng = np.random.default_rng(0)
    difficulty = rng.random((2, 200))
    difference = paired_difference(difficulty + 0.1, difficulty)
    assert difference.value == pytest.approx(0.1)
    assert difference.high - difference.low < 0.03
    assert difference.excludes_zero


# levels


def test_problems_are_a_sample_within_levels_and_levels_are_not():
    """Levels of 0, 1/2, 1 that hardly vary inside: as wide as the inside alone says."""
    rng = np.random.default_rng(1)
    levels = np.repeat([1, 2, 3], 100)
    values = np.clip(np.repeat([0.1, 0.5, 0.9], 100) + 0.05 * rng.standard_normal(300), 0, 1)[None]
    inside = mean_interval(values, levels)
    assert inside.high - inside.low == pytest.approx(2 * 1.968 * 0.05 / math.sqrt(300), rel=0.15)
    across = mean_interval(values)
    assert across.high - across.low > 5 * (inside.high - inside.low)


def test_the_mean_is_that_of_the_levels_means():
    values = np.array([[1.0, 1.0, 1.0, 0.0]])
    assert mean_interval(values, [1, 1, 1, 2]).value == 0.5
    assert paired_difference(values, np.zeros((1, 4)), [1, 1, 1, 2]).value == 0.5


# what must never happen


@given(SHAPES.flatmap(counts))
def test_an_interval_holds_its_estimate_stays_in_range_and_has_a_width(values):
    got = mean_interval(values)
    assert 0 <= got.low <= got.value <= got.high <= 1
    assert got.high - got.low > 1e-3


@given(SHAPES.flatmap(lambda shape: st.tuples(counts(shape), counts(shape))))
def test_a_difference_turns_round_with_its_sides_and_p_agrees_with_the_interval(pair):
    a, b = pair
    there, back = paired_difference(a, b), paired_difference(b, a)
    assert there.value == pytest.approx(-back.value, abs=1e-12)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.p == pytest.approx(back.p, rel=1e-4)
    assert there.high - there.low > 1e-3
    if abs(there.p - 0.05) > 1e-6 and min(abs(there.low), abs(there.high)) > 1e-9:
        assert (there.p < 0.05) == there.excludes_zero


@given(st.integers(1, 4), st.integers(0, 16), st.integers(0, 16))
def test_a_single_problem_never_shows_a_difference(num_seeds, x, y):
    a, b = (np.full((num_seeds, 1), c / 16) for c in (x, y))
    difference = paired_difference(a, b)
    assert not difference.excludes_zero
    assert difference.p == 1.0
    assert not is_equivalent(difference, 0.03)


def test_all_right_of_six_leaves_much_open():
    # Wilson with 6 of 6: lower end 6 / (6 + 1.96^2) = .6097
    assert mean_interval(np.ones((1, 6))).low == pytest.approx(0.6097, abs=1e-4)
    assert mean_interval(np.ones((3, 6))).low == pytest.approx(0.6097, abs=1e-4)  # the same six problems


def test_paired_difference_refuses_different_problems():
    with pytest.raises(ValueError, match="same seeds and problems"):
        paired_difference(np.zeros((1, 3)), np.zeros((1, 4)))


@pytest.mark.parametrize(("low", "high"), product((-0.05, -0.01), (0.01, 0.05)))
def test_equivalence_needs_the_whole_interval_inside_the_margin(low, high):
    difference = Difference(0, low, high, p=0.9, num_problems=100)
    assert is_equivalent(difference, 0.03) == (low > -0.03 and high < 0.03)


def test_policies_that_solve_nothing_are_equal_only_on_enough_problems():
    equal = [is_equivalent(paired_difference(np.zeros((1, n)), np.zeros((1, n))), 0.03) for n in (5, 24, 60, 100)]
    assert equal == [False, False, False, True]
