"""A wrong rule that changes nothing is refused: a demonstrator with it would be one without it."""

from __future__ import annotations

import pytest

from envs.demonstrators.writers import make_demonstrator, unused_mistakes
from envs.registry import environment
from envs.types import Problem
from experiments.config.components import build_demonstrator
from experiments.run.errors import UserError


@environment("sums_with_rules", mistakes={"never": lambda problem: None, "always": lambda problem: (("0 = 0",), "0")})
def sums_with_rules(rng, level):
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return Problem(f"{a} + {b} =", str(a + b), (f"{a} + {b} = {a + b}",), level=level)


def test_rules_that_change_nothing_are_found():
    env = sums_with_rules()
    assert unused_mistakes(make_demonstrator(env, mistakes=["never", "always"])) == ["never"]
    # sums of two numbers have no sign to lose by moving, and no product
    assert unused_mistakes(make_demonstrator(env, mistakes=["wrong_times_table"])) == ["wrong_times_table"]


def test_a_rule_that_one_of_several_writers_uses_is_used():
    env = sums_with_rules()
    writers = {"a": {"share": 0.5, "mistakes": ["always"]}, "b": {"share": 0.5, "mistakes": ["never"]}}
    assert unused_mistakes(make_demonstrator(env, writers=writers)) == ["never"]


def test_a_config_with_a_rule_that_never_applies_is_refused():
    with pytest.raises(UserError, match="'never' changes no solution in 200 problems"):
        build_demonstrator(sums_with_rules(), {"mistakes": ["never"]})
    assert build_demonstrator(sums_with_rules(), {"mistakes": {"always": 0.5}}).mistakes == {"always": 0.5}
