"""Statistics against published values, closed forms and brute force."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats as scipy_stats

from experiments.results.stats import (
    Interval,
    hierarchical_bootstrap,
    holm,
    is_equivalent,
    mcnemar_exact,
    paired_difference,
    probability_of_improvement,
    wilson,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (81, 263)])
def test_wilson_interval_equals_scipy(successes, trials):
    expected = scipy_stats.binomtest(successes, trials).proportion_ci(method="wilson")
    got = wilson(successes, trials)
    assert got.low == pytest.approx(expected.low, abs=1e-12)
    assert got.high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_refuses_what_is_no_proportion():
    with pytest.raises(ValueError, match="5 successes in 4"):
        wilson(5, 4)


@pytest.mark.parametrize(("only_a", "only_b", "both"), [(0, 0, 3), (1, 6, 2), (5, 5, 0), (12, 3, 7)])
def test_mcnemar_equals_the_two_sided_sign_test(only_a, only_b, both):
    a = [True] * only_a + [False] * only_b + [True] * both
    b = [False] * only_a + [True] * only_b + [True] * both
    n = only_a + only_b
    expected = scipy_stats.binomtest(only_a, n, 0.5).pvalue if n else 1.0
    assert mcnemar_exact(a, b) == pytest.approx(expected, abs=1e-12)


def test_bootstrap_interval_of_one_seed_matches_the_binomial_standard_error():
    values = np.zeros((1, 400))
    values[0, :100] = 1  # p = 1/4, standard error sqrt(.25*.75/400) = .02165
    interval = hierarchical_bootstrap(values, samples=3000)
    assert interval.value == 0.25
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 * 0.75 / 400), rel=0.08)


def test_seeds_that_disagree_widen_the_interval():
    agree = np.tile([0.0, 1.0], (4, 50))
    disagree = np.repeat([[0.0], [0.0], [1.0], [1.0]], 100, axis=1)
    width = [(i.high - i.low) for i in (hierarchical_bootstrap(agree), hierarchical_bootstrap(disagree))]
    assert width[1] > 3 * width[0]


def test_pairing_removes_the_difficulty_of_problems():
    rng = np.random.default_rng(0)
    difficulty = rng.random((2, 200))
    difference = paired_difference(difficulty + 0.1, difficulty)
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.1)
    assert difference.excludes_zero


def test_paired_difference_refuses_different_problems():
    with pytest.raises(ValueError, match="same seeds and problems"):
        paired_difference(np.zeros((1, 3)), np.zeros((1, 4)))


def test_probability_of_improvement_by_hand():
    # pairs (2,1) win, (2,3) lose, (3,1) win, (3,3) tie -> 2.5 of 4
    assert probability_of_improvement([2, 3], [1, 3]) == 0.625


def test_holm_by_hand():
    # sorted .01 .02 .04 -> 3*.01, max(.03, 2*.02), max(.04, .04)
    assert holm({"a": 0.04, "b": 0.01, "c": 0.02}) == pytest.approx({"b": 0.03, "c": 0.04, "a": 0.04})


@pytest.mark.parametrize(("low", "high"), product((-0.05, -0.01), (0.01, 0.05)))
def test_equivalence_needs_the_whole_interval_inside_the_margin(low, high):
    assert is_equivalent(Interval(0, low, high), 0.03) == (low > -0.03 and high < 0.03)
