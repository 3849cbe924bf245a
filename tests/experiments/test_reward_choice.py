"""Which reward an arm's config names, and what has to be fitted before it."""

from __future__ import annotations

import pytest

from experiments.arms import check_reward, needs_preferences, needs_reward_model
from experiments.config import ArmSection, Component
from experiments.errors import UserError


def arm(reward: object, method: str = "rl") -> ArmSection:
    return ArmSection.model_validate({"method": method, "reward": reward})


def test_a_proxy_inside_a_mixture_needs_its_reward_model():
    mixture = {"name": "mixed", "sources": ["verifier", {"name": "proxy", "weight": 0.1}]}
    assert needs_reward_model(arm(mixture))
    assert needs_preferences(arm(mixture))
    assert not needs_reward_model(arm({"name": "mixed", "sources": ["verifier", "coin_flip"]}))
    assert not needs_reward_model(arm("verifier"))


def test_every_source_of_a_mixture_is_checked():
    check_reward(Component(name="mixed", settings={"sources": ["verifier", "proxy", "process"]}))
    with pytest.raises(UserError, match="coin_flip"):
        check_reward(Component(name="mixed", settings={"sources": ["verifier", "coin"]}))
    with pytest.raises(UserError, match="sources"):
        check_reward(Component(name="mixed", settings={"weights": {"correct": 1}}))
