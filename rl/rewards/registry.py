"""Reward functions by name: the ones here that need no trained model, or one of your own in a module or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rl.rewards.base import RewardFunction
from rl.rewards.controls import CoinFlipReward, MajorityReward, length_reward, well_formed_reward
from rl.rewards.verifier import VerifierReward, process_reward
from verifiers.parts import check_methods, find_part

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
        name: one of REWARDS, or a callable that returns a RewardFunction, named as in verifiers/parts.py.
    Raises:
        ValueError: unknown name, or it is no reward function.
    """
    made: RewardFunction = find_part("reward", name, REWARDS)(**settings)
    if hasattr(made, "price") and not hasattr(made, "compute_rewards"):
        raise ValueError(f"reward {name} defines price, which is called compute_rewards now")
    check_methods("reward", name, made, ["compute_rewards"])
    return made
