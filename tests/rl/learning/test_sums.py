"""Counts are added over micro-batches and ranks before they are divided."""

from __future__ import annotations

import torch

from rl.algorithms.base import LossParts
from rl.learning.sums import StepSums, Sums


def test_a_mean_is_weighted_by_its_denominators_not_by_micro_batches():
    sums = Sums()
    sums.add("x", 10.0, 10.0)  # ten tokens of 1
    sums.add("x", 0.0, 30.0)  # thirty tokens of 0
    assert sums.means() == {"x": 0.25}  # the mean of means would be 0.5


def test_a_mean_over_nothing_is_left_out_rather_than_zero():
    sums = Sums()
    sums.add("x", 0.0, 0.0)
    assert sums.means() == {}


def test_step_sums_add_losses_and_keep_the_largest_maximum():
    sums = StepSums()
    sums.observe(LossParts(torch.tensor(0.25), {"policy/entropy": (torch.tensor(2.0), 4)}, {"policy/ratio_max": 1.5}))
    sums.observe(LossParts(torch.tensor(0.5), {"policy/entropy": (1.0, 2.0)}, {"policy/ratio_max": torch.tensor(1.1)}))
    assert sums.loss == 0.75
    assert sums.metrics() == {"policy/entropy": 0.5, "policy/ratio_max": 1.5}


def test_ranks_shares_add_up_to_the_whole():
    left, right, whole = StepSums(), StepSums(), StepSums()
    for part in (left, whole):
        part.observe(LossParts(torch.tensor(1.0), {"a": (1.0, 2.0)}, {"m": 3.0}))
    for part in (right, whole):
        part.observe(LossParts(torch.tensor(2.0), {"a": (5.0, 2.0)}, {"m": 4.0}))
    left.gather([left.share(), right.share()])
    assert left.share() == whole.share()
