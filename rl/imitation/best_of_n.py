"""Best-of-n: RL without learning. n completions are sampled and a scorer picks one.

With the verifier as scorer this is the ceiling of any filter; with a reward model it is its over-optimisation curve
without RL (Gao et al. 2210.10760), drawn over KL = ln n - (n - 1) / n (an upper bound of the KL to the start policy,
exact without ties; 2401.01879).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from math import comb
from typing import Any

from envs.splits import keyed_rng
from rl.types import Group, Trajectory


@dataclass(frozen=True)
class BestOfN:
    """One point of the curve.

    Attributes:
        n: samples that the scorer chooses from.
        kl: ln n - (n - 1) / n, nats.
        gold: expected share of problems whose chosen completion is gold-correct.
        score: expected score of the chosen completion.
        tokens: expected tokens sampled per problem.
    """

    n: int
    kl: float
    gold: float
    score: float
    tokens: float

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def best_of_n(
    groups: Sequence[Group],
    scores: Sequence[Sequence[float]],
    ns: Sequence[int],
    *,
    gold: Callable[[Trajectory], float] = lambda t: float(t.verdict.is_correct),
) -> list[BestOfN]:
    """The curve at every n, exact over all subsets of the samples at hand (no lucky draw).

    The completion of rank i (ascending, of N) is the best of a random n-subset with probability
    C(i - 1, n - 1) / C(N, n); equal scores share their probability evenly.

    Args:
        scores: one row per group, one number per trajectory, higher is better.
        gold: what a chosen completion is worth.
    Raises:
        ValueError: shapes differ, or an n outside 1 .. the smallest group.
    """
    if len(groups) != len(scores) or any(len(g.trajectories) != len(s) for g, s in zip(groups, scores)):
        raise ValueError("scores must hold one row per group with one number per trajectory")
    smallest = min((len(g.trajectories) for g in groups), default=0)
    if any(not 1 <= n <= smallest for n in ns):
        raise ValueError(f"n must lie in 1 .. {smallest}, the samples of the smallest group; got {list(ns)}")
    curve = []
    for n in ns:
        golds, bests, tokens = [], [], []
        for group, row in zip(groups, scores):
            chances = chosen_probabilities(row, n)
            golds.append(sum(p * gold(t) for p, t in zip(chances, group.trajectories)))
            bests.append(sum(p * s for p, s in zip(chances, row)))
            lengths = [t.num_sampled for t in group.trajectories]
            tokens.append(n * sum(lengths) / len(lengths))
        curve.append(BestOfN(n, math.log(n) - (n - 1) / n, _mean(golds), _mean(bests), _mean(tokens)))
    return curve


def chosen_probabilities(scores: Sequence[float], n: int) -> list[float]:
    """Probability of each sample to be the best of a uniformly drawn n-subset; ties are broken by a fair draw."""
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    by_score: dict[float, list[int]] = defaultdict(list)
    total = comb(len(scores), n)
    weights = [0.0] * len(scores)
    for rank, index in enumerate(order):
        weights[index] = comb(rank, n - 1) / total
        by_score[scores[index]].append(index)
    for tied in by_score.values():
        share = sum(weights[i] for i in tied) / len(tied)
        for i in tied:
            weights[i] = share
    return weights


def pick_best(group: Group, scores: Sequence[float], n: int, *, seed: int) -> Group:
    """The group of the best completion of each run of n consecutive ones: draws from the best-of-n policy.

    Equal scores are decided by a fair draw keyed by (seed, uid): the first of equals would be no draw from the policy.

    Raises:
        ValueError: the group is no whole number of runs, or there is not one score per completion.
    """
    rows = group.trajectories
    if len(scores) != len(rows) or n < 1 or len(rows) % n:
        raise ValueError(f"{len(rows)} completions with {len(scores)} scores do not make runs of {n}")
    chosen = []
    for first in range(0, len(rows), n):
        best = max(scores[first : first + n])
        tied = [rows[i] for i in range(first, first + n) if scores[i] == best]
        chosen.append(keyed_rng("best of n", seed, tied[0].uid).choice(tied))
    return replace(group, trajectories=tuple(chosen))


def reward_scores(groups: Sequence[Group], rewarded: Sequence[Group]) -> list[list[float]]:
    """Rewards of the same groups after a reward function rewarded them.

    Raises:
        ValueError: the two are not the same groups.
    """
    if [g.problem.id for g in groups] != [g.problem.id for g in rewarded]:
        raise ValueError("the rewarded groups are not those that were sampled")
    return [group.rewards for group in rewarded]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
