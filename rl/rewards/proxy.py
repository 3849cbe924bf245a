"""Rewards from learned reward models: RLHF."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar

from policies.types import FinishReason
from rl.rewards.base import Scorer
from rl.rewards.numbers import check_finite
from rl.types import Group, TokenPair, Trajectory

COMBINATIONS = ("mean", "min", "mean_minus_std")


@dataclass(frozen=True)
class ProxyReward:
    """The score of learned reward models: RLHF. One part, `proxy`; gold verdicts are recorded and never read.

    Each member's score is first brought to mean 0, standard deviation 1 on completions of the start policy (so that
    proxies of different runs share a scale and the KL coefficient keeps its meaning), then members are combined.

    Attributes:
        members: one reward model, or several for an ensemble.
        normalisers: (mean, std) of each member's raw scores on start-policy completions.
        combine: mean, min (worst case: WCO) or mean_minus_std (uncertainty weighted: UWO), Coste et al. 2310.02743.
        penalty: lambda of mean_minus_std.
        weight: multiplies the part.
        no_end_penalty: subtracted from a completion without an end token, as part `no_end`; 0 is off.
    """

    members: Sequence[Scorer]
    normalisers: Sequence[tuple[float, float]] = ()
    combine: str = "mean"
    penalty: float = 1.0
    weight: float = 1.0
    no_end_penalty: float = 0.0

    reads_gold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("members is empty, expected at least one reward model")
        if self.normalisers and len(self.normalisers) != len(self.members):
            raise ValueError(f"{len(self.normalisers)} normalisers for {len(self.members)} reward models")
        if any(std <= 0 for _, std in self.normalisers):
            raise ValueError(
                "a reward model gives the same score to every start-policy completion: nothing to optimise"
            )
        if self.combine not in COMBINATIONS:
            raise ValueError(f"combine is {self.combine!r}, expected one of {', '.join(COMBINATIONS)}")
        for name in ("penalty", "no_end_penalty"):
            check_finite(name, getattr(self, name))
        check_finite("weight", self.weight, not_zero=True)
        if self.penalty != 1.0 and self.combine != "mean_minus_std":
            raise ValueError(f"penalty only acts with combine 'mean_minus_std', and combine is {self.combine!r}")

    def compute_rewards(self, groups: Sequence[Group]) -> list[Group]:
        """Groups rewarded by the combined, normalised score."""
        trajectories = [t for group in groups for t in group.trajectories]
        scores = iter(self.scores([(t.prompt_tokens, t.completion.tokens) for t in trajectories]))
        return [
            replace(group, trajectories=tuple(self._reward_one(t, next(scores)) for t in group.trajectories))
            for group in groups
        ]

    def scores(self, pairs: Sequence[TokenPair]) -> list[float]:
        """Combined, normalised scores of (prompt tokens, completion tokens)."""
        return [combine_scores(row, self.combine, self.penalty) for row in self._member_scores(pairs)]

    def token_shares(self, groups: Sequence[Group]) -> dict[int, list[float]]:
        """uid -> what each completion token adds to the members' mean score, in the units of the reward.

        The difference of the scores after the token and before it. The models were fitted to whole completions; what
        they say in the middle of one is what their head makes of it.
        """
        trajectories = [t for group in groups for t in group.trajectories]
        pairs = [(t.prompt_tokens, t.completion.tokens) for t in trajectories]
        normalisers = self.normalisers or [(0.0, 1.0)] * len(self.members)
        scales = [self.weight / std / len(self.members) for _, std in normalisers]
        shares = [[0.0] * len(completion) for _, completion in pairs]
        for member, scale in zip(self.members, scales):
            for row, scores in zip(shares, member.token_scores(pairs), strict=True):
                for index, (before, after) in enumerate(pairwise(scores)):
                    row[index] += scale * (after - before)
        return {t.uid: row for t, row in zip(trajectories, shares)}

    def spread(self, pairs: Sequence[TokenPair]) -> float | None:
        """Mean over completions of the members' standard deviation, normalised: how much they disagree.

        None for a single member, and without completions.
        """
        if len(self.members) < 2 or not pairs:
            return None
        return statistics.fmean(statistics.pstdev(row) for row in self._member_scores(pairs))

    def _member_scores(self, pairs: Sequence[TokenPair]) -> list[tuple[float, ...]]:
        """One row per completion, the members' normalised scores."""
        normalisers = self.normalisers or [(0.0, 1.0)] * len(self.members)
        columns = [
            [(score - mean) / std for score in member.score(list(pairs))]
            for member, (mean, std) in zip(self.members, normalisers)
        ]
        return list(zip(*columns))

    def pair_probabilities(self, pairs: Sequence[tuple[TokenPair, TokenPair]]) -> list[float]:
        """Probability that the first of each pair is preferred: the members' mean of sigmoid(score - score).

        Of raw scores, which is what the Bradley-Terry loss fitted: normalising changes their temperature.
        """
        sides = [side for pair in pairs for side in pair]
        columns = [member.score(sides) for member in self.members] if sides else []
        margins = [[a - b for a, b in zip(scores[::2], scores[1::2])] for scores in columns]
        return [statistics.fmean(map(_sigmoid, row)) for row in zip(*margins)]

    def _reward_one(self, trajectory: Trajectory, score: float) -> Trajectory:
        parts = {"proxy": self.weight * score}
        if self.no_end_penalty and trajectory.completion.finish is FinishReason.LENGTH:
            parts["no_end"] = -self.no_end_penalty
        return trajectory.rewarded(parts)


def _sigmoid(margin: float) -> float:
    return 1 / (1 + math.exp(-max(min(margin, 500.0), -500.0)))


def combine_scores(scores: Sequence[float], rule: str, penalty: float = 1.0) -> float:
    """One number from the members' scores: mean, min, or mean - penalty * std (population std)."""
    if rule == "min":
        return min(scores)
    mean = statistics.fmean(scores)
    return mean - penalty * statistics.pstdev(scores) if rule == "mean_minus_std" else mean
