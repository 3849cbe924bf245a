"""Which of two policies an annotator prefers: the signal by which people who have no ground truth choose a policy.

Each completion of the policy is shown beside one of the start's for the same problem, in random order. Every answer is
bought: the judgements count towards the label budget of whoever asks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rl.preference.labels.annotators import Annotator
from rl.preference.labels.comparisons import Pair, judge
from rl.types import Group, Trajectory


@dataclass(frozen=True)
class WinRate:
    """How often a policy's completions were preferred to the start's.

    Attributes:
        rate: mean over pairs, a tie and two equal texts counting half; 0.5 is as good as the start.
        standard_error: of the mean, over problems.
        num_pairs: pairs compared, those of equal texts included.
        num_judgements: answers that were paid for.
    """

    rate: float
    standard_error: float
    num_pairs: int
    num_judgements: int

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def win_rate(
    policy: Sequence[Group], start: Sequence[Group], annotator: Annotator, rng: random.Random, *, per_problem: int = 1
) -> WinRate:
    """The annotator's preference for a policy over the start, on problems that both answered.

    Args:
        policy, start: groups of the same problems in the same order.
        per_problem: pairs of each problem at most: the i-th completions of both groups are compared.
    Raises:
        ValueError: the groups are of different problems, or there are none.
    """
    if [g.problem.id for g in policy] != [g.problem.id for g in start] or not policy:
        raise ValueError(
            f"{len(policy)} groups of the policy and {len(start)} of the start: expected the same problems"
        )
    shares, pairs, asked = [], 0, 0
    for mine, theirs in zip(policy, start):
        wins = []
        for first, second in list(zip(mine.trajectories, theirs.trajectories))[:per_problem]:
            wins.append(_win(first, second, annotator, rng))
            asked += wins[-1] is not None
        shares.append(sum(0.5 if win is None else win for win in wins) / len(wins))
        pairs += len(wins)
    mean = sum(shares) / len(shares)
    variance = sum((share - mean) ** 2 for share in shares) / max(1, len(shares) - 1)
    error = math.sqrt(variance / len(shares))
    return WinRate(mean, error, pairs, asked * annotator.judgements_per_pair)


def _win(mine: Trajectory, theirs: Trajectory, annotator: Annotator, rng: random.Random) -> float | None:
    """1 when the first is preferred, 0 when the second is, 0.5 for a tie; None for equal texts: nobody is asked."""
    if mine.completion.text == theirs.completion.text:
        return None
    is_first = rng.random() < 0.5
    answer = judge(Pair(mine, theirs) if is_first else Pair(theirs, mine), annotator, rng).answer
    if answer == "tie":
        return 0.5
    return float((answer == "first") == is_first)
