"""The long check: sizes of spaces, and splits that share nothing, measured without trusting the identities."""

import random

import pytest

from envs import Environment, Problem, unordered
from envs.check.audit import audit, audit_splits, summary_rows, table


class Numbers(Environment):
    """A thousand problems at level 1, a million at level 2."""

    name = "numbers"
    levels = (1, 2)

    def generate(self, rng, level):
        return Problem(f"{level}: {rng.randrange(1000**level)}", "0")


def test_the_size_of_a_space_is_estimated_from_repeats():
    found = audit_splits(Numbers(), 6000)
    # 3,000 draws of 900 and 900,000 training problems: 5,000 and 5 equal pairs expected
    assert found.space[1] == pytest.approx(1000, rel=0.1)
    assert 300_000 < found.space[2] < 5_000_000
    assert found.shared == found.shared_prompts == 0
    assert found.distinct["train"] < 4000


def test_a_small_space_is_named_with_its_reason():
    found = audit_splits(Numbers(), 6000)
    assert found.is_small  # of the 50 test problems of level 1, 3,000 draws repeat
    assert f"level 1: about {found.space[1]:,}" in found.reason()
    assert audit_splits(Numbers(), 60).reason() == ""


class LeaksTwins(Numbers):
    """Gives every problem an identity of its own: equal prompts stand in both splits."""

    def generate(self, rng: random.Random, level: int) -> Problem:
        return Problem(f"{level}: {rng.randrange(100)}", "0", canonical=str(rng.random()))


class IgnoresTheSplit(Numbers):
    def problem(self, index, *, split="train", seed=0, level=None):
        return self.generate(random.Random(index), 1)


def test_what_splits_share_is_counted_by_identity_and_by_text():
    twins = audit_splits(LeaksTwins(), 1000)
    assert (twins.shared, twins.shared_prompts > 100) == (0, True)
    assert audit_splits(IgnoresTheSplit(), 500).shared > 300


class Sums(Environment):
    """All 900 sums of two numbers below 30; told or not that order changes nothing."""

    name = "sums"
    levels = (1,)

    def __init__(self, knows_order: bool) -> None:
        self.knows_order = knows_order

    def generate(self, rng: random.Random, level: int) -> Problem:
        a, b = rng.randrange(30), rng.randrange(30)
        return Problem(f"{a} + {b} = ?", str(a + b), canonical=unordered(a, b) if self.knows_order else "")


def test_twins_of_training_problems_are_counted_by_level():
    # 6,000 draws are all 810 training sums; the mirror of a test sum is one of them nine times in ten, unless a = b
    assert audit_splits(Sums(knows_order=False), 6000).twins == {1: pytest.approx(0.9 * 29 / 30, abs=0.1)}
    assert audit_splits(Sums(knows_order=True), 6000).twins == {1: 0.0}


def test_a_row_that_was_recorded_without_twins_still_has_a_table():
    row = audit("dice", problems=300, checked=40)
    del row["splits"]["twins"]
    assert "| dice | yes |" in table({"dice": row})


def test_an_audit_is_a_row_of_a_table():
    row = audit("dice", problems=300, checked=40)
    (flat,) = summary_rows({"dice": row})
    assert row["is_ok"]
    assert (flat["shared"], flat["environment"]) == (0, "dice")
    assert "| dice | yes |" in table({"dice": row})
