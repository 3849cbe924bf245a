"""Variance components and degrees of freedom by hand."""

import numpy as np
import pytest

from experiments.results.statistics.intervals import mean_interval
from experiments.results.statistics.spread import satterthwaite, spread_of


def test_variance_components_by_hand():
    # rows are seeds: means 1/4, 3/4 (seeds' variance 1/8, over 2 seeds 1/16); problem means 0, 1/2, 1/2, 1 around 1/2:
    # MSB = 2 (1/4 + 0 + 0 + 1/4) / 3 = 1/3; residuals +-1/4 each, MSE = 8/16 / 3 = 1/6
    values = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    spread = spread_of(values)
    assert spread.seeds == pytest.approx(1 / 16)
    assert spread.problems == pytest.approx((1 / 3 - 1 / 6) / 8)
    assert spread.rest == pytest.approx(1 / 6 / 8)
    assert (spread.df_seeds, spread.df_problems, spread.df_rest) == (1, 3, 3)


def test_satterthwaite_by_hand():
    # v = 1, 2 with 4, 9 degrees of freedom: (1 + 2)^2 / (1/4 + 4/9) = 9 / (25/36) = 12.96
    assert satterthwaite([1.0, 2.0], [4, 9]) == pytest.approx(12.96)


def test_strata_must_name_every_problem():
    with pytest.raises(ValueError, match="3 strata for 2 problems"):
        mean_interval(np.zeros((1, 2)), [1, 1, 2])
