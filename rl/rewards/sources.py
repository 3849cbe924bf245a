"""Reward sources: what turns graded groups into numbers. An RL run and an RLHF run differ in this one object.

A source prices groups and leaves the gold verdict untouched, so gold is recorded beside whatever is optimised. Parts
are named, already weighted, and sum to the reward.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, cast

from envs.splits import keyed_rng
from policies.types import FinishReason
from rl.rewards.steps import StepReward
from rl.types import Group, TokenPair, Trajectory
from verifiers.plugins import load_attribute
from verifiers.types import Outcome

FORMER_MEASURES: Mapping[str, str] = {"verified": "solution", "sound": "solution"}  # name of before -> of today
JUDGED = (Outcome.CORRECT, Outcome.WRONG)
COMBINATIONS = ("mean", "min", "mean_minus_std")


class RewardSource(Protocol):
    """Prices graded groups; the RL loop calls it once per step with all groups of the step.

    It may say whether it reads ground truth, in an attribute `reads_gold`; of one that does not, every verdict that it
    looks at counts as read (rl/rewards/reads.py).
    """

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """The same groups, in order, with `reward` and `parts` (and `token_rewards`) of every trajectory filled."""
        ...


class Scorer(Protocol):
    """A learned judge of (prompt tokens, completion tokens), such as policies.scoring.reward_model.RewardModel."""

    def score(self, pairs: list[TokenPair]) -> list[float]:
        """One number per pair; higher is better."""
        ...


MEASURES: Mapping[str, Callable[[Trajectory], float]] = {
    "correct": lambda t: float(t.verdict.is_correct),
    "score": lambda t: t.verdict.score,
    "format": lambda t: float(t.verdict.is_well_formed),
    "tokens": lambda t: float(t.num_sampled),
    "truncated": lambda t: float(t.is_truncated),
    "answer": lambda t: t.verdict.answer_share,
    "solution": lambda t: t.verdict.solution_share,
}


FORM = frozenset({"format", "tokens", "truncated"})  # measures that no reference answer is needed for


@dataclass(frozen=True)
class VerifierReward:
    """A weighted sum of what the verifier and the completion say.

    A completion whose verifier failed (outcome ERROR) is no statement about its answer: it gets the mean reward of
    its judged siblings, as part `unjudged`, and so no advantage over them.

    Attributes:
        weights: measure -> weight. Measures: correct, score, format (0/1, well-formed), tokens (count), truncated
            (0/1), answer and solution (the verdict's two shares), and the verdict's other `parts`.
        steps: dense rewards on the tokens of a worked solution, in addition; None for outcome rewards only.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: {"correct": 1.0})
    steps: StepReward | None = None

    def __post_init__(self) -> None:
        if not self.weights and self.steps is None:
            raise ValueError("weights is empty and there is no step reward: every reward would be 0")
        for name in self.weights:
            if name in FORMER_MEASURES:
                raise ValueError(f"weight {name!r} is now called {FORMER_MEASURES[name]!r}: write that instead")

    @property
    def reads_gold(self) -> bool:
        """True unless every measure is about the form of the completion."""
        return self.steps is not None or not set(self.weights) <= FORM

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with one part per weight.

        Raises:
            ValueError: a weight names nothing that the environment's verdicts or this class measure.
        """
        return [self._price_group(group) for group in groups]

    def _price_group(self, group: Group) -> Group:
        judged = [t.verdict.outcome is not Outcome.ERROR for t in group.trajectories]
        priced = [self._price_one(t) if ok else t.priced({}) for t, ok in zip(group.trajectories, judged)]
        rewards = [t.reward for t, ok in zip(priced, judged) if ok]
        neutral = {"unjudged": statistics.fmean(rewards) if rewards else 0.0}
        return replace(group, trajectories=tuple(t if ok else t.priced(neutral) for t, ok in zip(priced, judged)))

    def _price_one(self, trajectory: Trajectory) -> Trajectory:
        parts = {name: weight * measure(trajectory, name) for name, weight in self.weights.items()}
        priced = trajectory.priced(parts)
        return priced if self.steps is None else replace(priced, token_rewards=self.steps.rewards(trajectory))


def measure(trajectory: Trajectory, name: str) -> float:
    """The measure called `name`: one of MEASURES, or a part of the verdict (0 where the text could not be judged).

    Raises:
        ValueError: the verdict judges the answer and has no part of this name.
    """
    if name in MEASURES:
        return MEASURES[name](trajectory)
    parts = trajectory.verdict.parts
    if name not in parts and trajectory.verdict.outcome in JUDGED:
        known = ", ".join(dict.fromkeys([*MEASURES, *parts]))
        raise ValueError(f"reward weight {name!r} measures nothing in environment {trajectory.problem.env!r}: {known}")
    return parts.get(name, 0.0)


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
        if self.penalty != 1.0 and self.combine != "mean_minus_std":
            raise ValueError(f"penalty only acts with combine 'mean_minus_std', and combine is {self.combine!r}")

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """Groups priced by the combined, normalised score."""
        trajectories = [t for group in groups for t in group.trajectories]
        scores = iter(self.scores([(t.prompt_tokens, t.completion.tokens) for t in trajectories]))
        return [
            replace(group, trajectories=tuple(self._price_one(t, next(scores)) for t in group.trajectories))
            for group in groups
        ]

    def scores(self, pairs: Sequence[TokenPair]) -> list[float]:
        """Combined, normalised scores of (prompt tokens, completion tokens)."""
        return [combine_scores(row, self.combine, self.penalty) for row in self._member_scores(pairs)]

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

    def _price_one(self, trajectory: Trajectory, score: float) -> Trajectory:
        parts = {"proxy": self.weight * score}
        if self.no_end_penalty and trajectory.completion.finish is FinishReason.LENGTH:
            parts["no_end"] = -self.no_end_penalty
        return trajectory.priced(parts)


def _sigmoid(margin: float) -> float:
    return 1 / (1 + math.exp(-max(min(margin, 500.0), -500.0)))


def combine_scores(scores: Sequence[float], rule: str, penalty: float = 1.0) -> float:
    """One number from the members' scores: mean, min, or mean - penalty * std (population std)."""
    if rule == "min":
        return min(scores)
    mean = statistics.fmean(scores)
    return mean - penalty * statistics.pstdev(scores) if rule == "mean_minus_std" else mean


@dataclass(frozen=True)
class MixedReward:
    """The weighted sum of several sources, e.g. a checker and a little of a reward model.

    Attributes:
        sources: (source, weight) pairs; their parts keep their names, which must differ.
    """

    sources: Sequence[tuple[RewardSource, float]]

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("sources is empty, expected at least one (reward source, weight)")

    @property
    def reads_gold(self) -> bool | None:
        """True when one of the sources reads it; None when none says so and one does not say."""
        said = [getattr(source, "reads_gold", None) for source, _ in self.sources]
        return True if True in said else None if None in said else False

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the parts of every source, each times its weight."""
        priced = [(source.price(groups), weight) for source, weight in self.sources]
        return [
            replace(
                group,
                trajectories=tuple(
                    self._mix([(rows[i].trajectories[j], weight) for rows, weight in priced])
                    for j in range(len(group.trajectories))
                ),
            )
            for i, group in enumerate(groups)
        ]

    @staticmethod
    def _mix(rows: Sequence[tuple[Trajectory, float]]) -> Trajectory:
        parts: dict[str, float] = {}
        dense: list[float] | None = None
        for trajectory, weight in rows:
            clash = parts.keys() & trajectory.parts.keys()
            if clash:
                raise ValueError(f"two mixed reward sources both have a part named {min(clash)!r}")
            parts.update({name: weight * value for name, value in trajectory.parts.items()})
            if trajectory.token_rewards is not None:
                dense = dense or [0.0] * len(trajectory.token_rewards)
                dense = [a + weight * b for a, b in zip(dense, trajectory.token_rewards)]
        return replace(rows[0][0].priced(parts), token_rewards=None if dense is None else tuple(dense))


@dataclass(frozen=True)
class CoinFlipReward:
    """Control: 1 with probability `probability` whatever was written, keyed by (seed, uid)."""

    seed: int = 0
    probability: float = 0.5

    reads_gold: ClassVar[bool] = False

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the part `coin`."""
        return _price_each(groups, lambda t: {"coin": float(self._is_heads(t.uid))})

    def _is_heads(self, uid: int) -> bool:
        return keyed_rng("coin", self.seed, uid).random() < self.probability


@dataclass(frozen=True)
class MajorityReward:
    """Control: 1 when the answer is the one most of the group gives (no reference is read; Zuo et al. 2504.16084).

    A tie between answers goes to the one that was given first; a completion without an answer gets 0.
    """

    reads_gold: ClassVar[bool] = False

    def price(self, groups: Sequence[Group]) -> list[Group]:
        """Groups with the part `majority`."""
        return [price for group in groups for price in self._price_group(group)]

    @staticmethod
    def _price_group(group: Group) -> list[Group]:
        votes = Counter(t.verdict.answer for t in group.trajectories if t.verdict.answer is not None)
        winner = votes.most_common(1)[0][0] if votes else None
        return _price_each([group], lambda t: {"majority": float(winner is not None and t.verdict.answer == winner)})


def _price_each(groups: Sequence[Group], parts: Callable[[Trajectory], Mapping[str, float]]) -> list[Group]:
    return [replace(g, trajectories=tuple(t.priced(parts(t)) for t in g.trajectories)) for g in groups]


def well_formed_reward() -> VerifierReward:
    """Control: 1 for a readable solution, right or wrong."""
    return VerifierReward({"format": 1.0})


def length_reward(weight: float = 0.01) -> VerifierReward:
    """Control: `weight` per token written; negative likes short completions."""
    if weight == 0 or not math.isfinite(weight):
        raise ValueError(f"weight is {weight}, expected a finite number other than 0")
    return VerifierReward({"tokens": weight})


def process_reward(
    tokenizer: str | Callable[[Sequence[int]], str],
    *,
    right: float = 0.0,
    wrong: float = 1.0,
    weights: Mapping[str, float] | None = None,
) -> VerifierReward:
    """Outcome weights (default: correct 1) and dense rewards on the steps of the solution, see `StepReward`.

    Args:
        tokenizer: Hugging Face folder or id of the policy, whose tokenizer says which token ends a step; or a function
            that turns one token into its text.
        weights: as in `VerifierReward`; empty: step rewards alone.
    """
    steps = StepReward(_decoder(tokenizer) if isinstance(tokenizer, str) else tokenizer, right=right, wrong=wrong)
    return VerifierReward({"correct": 1.0} if weights is None else weights, steps)


def _decoder(tokenizer: str) -> Callable[[Sequence[int]], str]:
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(tokenizer)
    # end tokens are left out of the text, so that no step ends on the letters of "<eos>"
    return lambda tokens: str(loaded.decode(list(tokens), skip_special_tokens=True))


REWARDS: Mapping[str, Callable[..., RewardSource]] = {
    "verifier": VerifierReward,
    "process": process_reward,
    "coin_flip": CoinFlipReward,
    "well_formed": well_formed_reward,
    "length": length_reward,
    "majority": MajorityReward,
}


def make_reward(name: str, **settings: Any) -> RewardSource:
    """The reward source called `name` (those that need no trained model), or one of your own.

    Args:
        name: one of REWARDS, or a callable that returns a RewardSource as "package.module:attribute" or
            "path/to/file.py:attribute".
    Raises:
        ValueError: unknown name.
    """
    if ":" in name:
        made = load_attribute(name)(**settings)
        if not callable(getattr(made, "price", None)):
            raise ValueError(f"reward {name!r} gave {made!r}, expected an object with a method price(groups)")
        return cast(RewardSource, made)
    if name not in REWARDS:
        raise ValueError(f"reward is {name!r}, expected one of {', '.join(REWARDS)}")
    return REWARDS[name](**settings)
