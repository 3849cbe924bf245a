"""Reward functions by name: the ones here that need no trained model, or one of your own in a module or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rl.rewards.base import RewardFunction
from rl.rewards.controls import CoinFlipReward, MajorityReward, length_reward, well_formed_reward
from rl.rewards.verifier import VerifierReward, process_reward
from verifiers.plugins import load_attribute

REWARDS: Mapping[str, Callable[..., RewardFunction]] = {
    "verifier": VerifierReward,
    "process": process_reward,
    "coin_flip": CoinFlipReward,
    "well_formed": well_formed_reward,
    "length": length_reward,
    "majority": MajorityReward,
}


def make_reward(name: str, **settings: Any) -> RewardFunction:
    """The reward function called `name` (those that need no trained model), or one of your own.

    Args:
        name: one of REWARDS, or a callable that returns a RewardFunction as "package.module:attribute" or
            "path/to/file.py:attribute".
    Raises:
        ValueError: unknown name.
    """
    if ":" in name:
        made: RewardFunction = load_attribute(name)(**settings)
        if hasattr(made, "price") and not hasattr(made, "compute_rewards"):
            raise ValueError(f"reward {name} defines price, which is called compute_rewards now")
        if not callable(getattr(made, "compute_rewards", None)):
            raise ValueError(
                f"reward {name} gave {made!r:.60} ({type(made).__name__}), expected an object with "
                "compute_rewards(groups) -> groups"
            )
        return made
    if name not in REWARDS:
        raise ValueError(f"reward is {name!r}, expected one of {', '.join(REWARDS)}")
    return REWARDS[name](**settings)
