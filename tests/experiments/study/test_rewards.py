"""Which reward an arm's config names, and what has to be fitted before it."""

from __future__ import annotations

import pytest

from experiments.config.arms.kinds import RlArm
from experiments.config.sections import Component
from experiments.run.errors import UserError
from experiments.stages.rewards import check_reward


def arm(reward: object) -> RlArm:
    return RlArm.model_validate({"method": "rl", "reward": reward})


def test_a_proxy_inside_a_mixture_needs_its_reward_model():
    mixture = {"name": "mixed", "sources": ["verifier", {"name": "proxy", "weight": 0.1}]}
    assert arm(mixture).uses_reward_model
    assert arm(mixture).uses_comparisons
    assert not arm({"name": "mixed", "sources": ["verifier", "coin_flip"]}).uses_reward_model
    assert not arm("verifier").uses_comparisons


def test_every_source_of_a_mixture_is_checked():
    form = {"name": "verifier", "weights": {"format": 0.1}}
    check_reward(Component(name="mixed", settings={"sources": [form, "proxy", "process"]}))
    for twice in (["verifier", "process"], ["verifier", form, "verifier"], ["proxy", {"name": "proxy", "weight": 0.1}]):
        with pytest.raises(UserError, match=r"two of its sources give the part '(?:correct|proxy)'"):
            check_reward(Component(name="mixed", settings={"sources": twice}))
    with pytest.raises(UserError, match="coin_flip"):
        check_reward(Component(name="mixed", settings={"sources": ["verifier", "coin"]}))
    with pytest.raises(UserError, match="sources"):
        check_reward(Component(name="mixed", settings={"weights": {"correct": 1}}))


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"combin": "min"}, "combin"), ({"combine": "median"}, "median"), ({"penalty": 2.0}, "mean_minus_std")],
)
def test_a_mistake_about_the_proxy_is_told_before_a_reward_model_is_fitted(settings, told):
    with pytest.raises(UserError, match=told):
        check_reward(Component(name="proxy", settings=settings))
    check_reward(Component(name="proxy", settings={"combine": "mean_minus_std", "penalty": 2.0}))


def test_a_reward_of_ones_own_is_named_by_its_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from rl.rewards.controls import CoinFlipReward\n\ndef half(seed=0):\n    return CoinFlipReward(seed, 0.5)\n"
    )
    check_reward(Component(name=f"{path}:half", settings={"seed": 3}))
    with pytest.raises(UserError, match="has no attribute 'whole'"):
        check_reward(Component(name=f"{path}:whole"))
