"""What is known of each token of a step beside its log-probability, for whoever looks at the rollouts.

Advantage and entropy are the learner's, of the update that consumed the tokens; the share in a learned reward is asked
of the reward function. Nothing that trains depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from rl.rewards.base import RewardFunction
from rl.types import Group

TokenValues = Mapping[int, Mapping[str, Sequence[float]]]  # uid of a trajectory -> name -> one per completion token


def token_values(
    trained: Sequence[Group], columns: Mapping[str, Tensor], sampled: Sequence[Group], reward: RewardFunction
) -> TokenValues:
    """The values of each trajectory's completion tokens, by its uid.

    Args:
        trained: groups of the update, in the order in which they were collated.
        columns: name -> [B, T] of that update's batch (`Learner.token_values`).
        sampled: all groups of the step, rewarded. Such as were not trained on have their shares alone.
        reward: asked for `token_shares`, where it has them.
    """
    found: dict[int, dict[str, Sequence[float]]] = {}
    rows = [trajectory for group in trained for trajectory in group.trajectories]
    for name, column in columns.items():
        for trajectory, values in zip(rows, column.tolist(), strict=True):
            begin = len(trajectory.prompt_tokens)
            end = begin + len(trajectory.completion.tokens)
            found.setdefault(trajectory.uid, {})[name] = values[begin:end]
    shares = getattr(reward, "token_shares", None)
    if shares is not None:
        for uid, values in shares(sampled).items():
            found.setdefault(uid, {})["proxy"] = values
    return found
