"""p-values against the sign test, t tests of seeds, and hand-worked values."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from experiments.results.statistics.significance import holm, mcnemar_exact, paired_p, probability_of_improvement


@pytest.mark.parametrize(("only_a", "only_b", "both"), [(0, 0, 3), (1, 6, 2), (5, 5, 0), (12, 3, 7)])
def test_mcnemar_equals_the_two_sided_sign_test(only_a, only_b, both):
    a = [True] * only_a + [False] * only_b + [True] * both
    b = [False] * only_a + [True] * only_b + [True] * both
    n = only_a + only_b
    expected = scipy_stats.binomtest(only_a, n, 0.5).pvalue if n else 1.0
    assert mcnemar_exact(a, b) == pytest.approx(expected, abs=1e-12)


def test_one_seed_of_greedy_answers_is_mcnemars_test_and_several_are_not_pooled():
    a = np.array([[1.0] * 12 + [0.0] * 8])
    b = np.array([[0.0] * 9 + [1.0] * 3 + [0.0] * 8])
    assert paired_p(a, b) == pytest.approx(2 / 2**9)  # 9 discordant pairs, all one way
    seeds = np.array([[1.0] * 20, [0.0] * 20, [1.0] * 20, [0.0] * 20])  # methods alike, seeds apart
    others = seeds[[1, 0, 2, 3]]
    others[0, :] = 1.0
    assert mcnemar_exact(list(others.ravel() > 0), list(seeds.ravel() > 0)) < 1e-4
    assert paired_p(others, seeds) > 0.3


def test_probability_of_improvement_by_hand():
    # pairs (2,1) win, (2,3) lose, (3,1) win, (3,3) tie -> 2.5 of 4
    assert probability_of_improvement([2, 3], [1, 3]) == 0.625


def test_holm_by_hand():
    # sorted .01 .02 .04 -> 3*.01, max(.03, 2*.02), max(.04, .04)
    assert holm({"a": 0.04, "b": 0.01, "c": 0.02}) == pytest.approx({"b": 0.03, "c": 0.04, "a": 0.04})
