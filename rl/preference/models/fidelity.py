"""How far a reward model can still be trusted: its reliability on fresh completions of a policy.

A reward model was fitted to pairs of the start. While a policy is trained to please it, the policy's completions leave
what was labelled; measured along the way, this is where RLHF stalls: the annotator would still tell the pairs apart,
gold would, and the reward model no longer does.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rl.preference.labels.annotators import Annotator
from rl.preference.labels.comparisons import Pair, different_pairs
from rl.preference.labels.features import features_of
from rl.preference.labels.label_report import Misjudgement, misjudgement
from rl.preference.models.calibration import Calibration, calibration
from rl.rewards.proxy import ProxyReward
from rl.types import Group, TokenPair, Trajectory

PAIRS_PER_PROBLEM = 6


@dataclass(frozen=True)
class Fidelity:
    """Reliability on a policy's fresh pairs; None where no pair could tell.

    Attributes:
        labels: against the annotator, by its exact probabilities: nothing is bought, and no label is drawn.
        gold: against the gold verdicts, on pairs with exactly one correct side.
        misjudged: how often the annotator itself is misled by these completions.
        spread: how much the members of an ensemble disagree on them, in standard deviations of the start.
    """

    labels: Calibration | None
    gold: Calibration | None
    misjudged: Misjudgement | None
    spread: float | None

    def metrics(self) -> dict[str, float]:
        """Numbers for the record of an evaluation; those that nothing could tell are left out."""
        figures: dict[str, Any] = {"reward_model_spread": self.spread}
        for name, part in (("labels", self.labels), ("gold", self.gold)):
            if part is not None:
                figures[f"reward_model_accuracy_{name}"] = part.accuracy
                figures[f"reward_model_log_loss_{name}"] = part.log_loss
                figures[f"reward_model_ece_{name}"] = part.ece
                figures[f"reward_model_pairs_{name}"] = float(part.num_pairs)
        if self.misjudged is not None:
            figures["annotator_false_positive_rate"] = self.misjudged.false_positive_rate
        return {name: value for name, value in figures.items() if value is not None}


def fidelity(
    reward: ProxyReward,
    groups: Sequence[Group],
    annotator: Annotator | None,
    rng: random.Random,
    *,
    per_problem: int = PAIRS_PER_PROBLEM,
) -> Fidelity:
    """Measures a reward model on pairs of a policy's completions of problems that nothing was trained on.

    Args:
        annotator: whose preferences it was fitted to; None (recorded labels): only gold is asked.
        rng: draws which pairs of a problem are looked at.
        per_problem: pairs of each problem at most.
    """
    pairs: list[Pair] = []
    for group in groups:
        found = different_pairs(group, rng)
        rng.shuffle(found)
        pairs += found[:per_problem]
    probabilities = reward.pair_probabilities([(_tokens(p.first), _tokens(p.second)) for p in pairs])
    return Fidelity(
        labels=None if annotator is None else _against_labels(pairs, probabilities, annotator),
        gold=_against_gold(pairs, probabilities),
        misjudged=None if annotator is None else misjudgement(groups, annotator),
        spread=reward.spread([_tokens(t) for group in groups for t in group.trajectories]),
    )


def _against_labels(pairs: Sequence[Pair], probabilities: Sequence[float], annotator: Annotator) -> Calibration | None:
    rows = []
    for pair, probability in zip(pairs, probabilities):
        choice = annotator.choice(features_of(pair.first), features_of(pair.second))
        told = choice.first + choice.second
        if told > 0:  # a certain tie says nothing
            rows.append((probability, min(1.0, choice.first / told), pair.first.problem.level))
    return calibration([p for p, _, _ in rows], [y for _, y, _ in rows], [level for _, _, level in rows])


def _against_gold(pairs: Sequence[Pair], probabilities: Sequence[float]) -> Calibration | None:
    rows = []
    for pair, probability in zip(pairs, probabilities):
        first, second = pair.first.verdict.is_correct, pair.second.verdict.is_correct
        if first != second:
            rows.append((probability, float(first), pair.first.problem.level))
    return calibration([p for p, _, _ in rows], [y for _, y, _ in rows], [level for _, _, level in rows])


def _tokens(trajectory: Trajectory) -> TokenPair:
    return trajectory.prompt_tokens, trajectory.completion.tokens
