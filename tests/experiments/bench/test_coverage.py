"""A small coverage bench: fixed seeds, margins of more than three standard errors."""

import numpy as np
import pytest

from experiments.bench.coverage import (
    LEVEL_CENTRES,
    centre_of,
    false_claims,
    false_marks,
    few_problems,
    levels_coverage,
    mean_coverage,
    true_mean,
)

STUDIES = 150  # a share of .95 has a standard error of .018, one of .05 the same


@pytest.mark.parametrize("effect", [0.05, 1.0])
def test_three_seeds_that_agree_or_differ_are_covered(effect):
    coverage, width = mean_coverage(np.random.default_rng(1), STUDIES, effect, 3, 16)
    assert coverage > 0.89
    assert width < 0.7


@pytest.mark.parametrize(("num_seeds", "samples"), [(1, 16), (3, 16), (3, 1)])
def test_equal_methods_are_seldom_marked(num_seeds, samples):
    assert false_marks(np.random.default_rng(2), STUDIES, 0.4, num_seeds, samples) < 0.12


def test_a_method_as_good_as_its_demonstrator_seldom_passes_it():
    assert false_claims(np.random.default_rng(3), STUDIES, 0.4, 3) < 0.09


def test_levels_are_no_sample():
    row = levels_coverage(np.random.default_rng(4), STUDIES, 0.4, 1)
    assert row["coverage"] > 0.89
    assert row["width"] < 0.65 * row["width_across_levels"]


@pytest.mark.parametrize("accuracy", [0.5, 0.99])
def test_six_greedy_answers_are_covered(accuracy):
    row = few_problems(np.random.default_rng(5), STUDIES, accuracy, 6, 1)
    assert row["coverage"] > 0.87
    assert row["of_width_0"] == 0


def test_the_simulated_truth_is_the_mean_of_many_draws():
    draws = np.random.default_rng(6).normal(0.5, 1.5, 400_000)
    assert true_mean(0.5, 1.5) == pytest.approx(float((1 / (1 + np.exp(-draws))).mean()), abs=2e-3)
    assert true_mean(centre_of(0.9, 1.5), 1.5) == pytest.approx(0.9)
    assert true_mean(LEVEL_CENTRES[0], 0.0) == pytest.approx(1 / (1 + np.exp(-LEVEL_CENTRES[0])))
