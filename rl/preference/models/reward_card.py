"""The card of a reward model: how well it ranks, whom it agrees with, whether its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rl.preference.models.calibration import Calibration, calibration
from rl.rewards.proxy import ProxyReward
from rl.types import Comparison, TokenPair

PairOfPairs = tuple[TokenPair, TokenPair]  # chosen, rejected


@dataclass(frozen=True)
class RewardModelCard:
    """What the reward model learned; shares are None where no pair could tell.

    Attributes:
        num_pairs, num_held_out: comparisons trained on, and kept apart.
        train_accuracy, accuracy: share of pairs ranked as labelled, among those trained on (a sample) and those kept
            apart.
        num_decisive, gold_accuracy: held-out pairs with exactly one gold-correct side, and the share of them in which
            the gold-correct side scores higher, whatever the label says.
        label_gold_agreement: share of those in which the label itself agrees with gold: the ceiling of skill.
        calibration: reliability of its pairwise probabilities against the held-out labels, also by level.
        gold_calibration: the same against gold, on the held-out decisive pairs.
        spread: mean over held-out completions of the members' standard deviation, in normalised units.
        normalisers: (mean, std) of each member on start-policy completions.
        steps: optimizer steps of all members.
        tokens_trained: prompt and completion tokens passed forward and backward, all epochs and members.
        interrupted: a stop was requested before the last step.
    """

    num_pairs: int
    num_held_out: int
    train_accuracy: float
    accuracy: float | None
    num_decisive: int
    gold_accuracy: float | None
    label_gold_agreement: float | None
    calibration: Calibration | None
    gold_calibration: Calibration | None
    spread: float | None
    normalisers: tuple[tuple[float, float], ...]
    combine: str
    penalty: float
    steps: int
    tokens_trained: int
    seconds: float
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        row = asdict(self)
        for name in ("calibration", "gold_calibration"):
            found: Calibration | None = getattr(self, name)
            row[name] = None if found is None else found.to_json()
        return row


def reward_model_card(
    reward: ProxyReward,
    *,
    num_pairs: int,
    sample: Sequence[PairOfPairs],
    held_out: Sequence[Comparison],
    held_out_pairs: Sequence[PairOfPairs],
    steps: int,
    tokens: int,
    seconds: float,
    interrupted: bool,
) -> RewardModelCard:
    """Measures a fitted reward model.

    Args:
        sample: some of the pairs that it was trained on.
        held_out, held_out_pairs: comparisons of problems that it was not trained on, and their tokens.
    """
    margins = _margins(reward, held_out_pairs)
    decisive = [(c.agrees_with_gold, m > 0) for c, m in zip(held_out, margins) if c.agrees_with_gold is not None]
    train_accuracy = ranking_accuracy(reward, sample)
    assert train_accuracy is not None  # there are pairs
    probabilities = reward.pair_probabilities(held_out_pairs)
    gold = [(p, c) for p, c in zip(probabilities, held_out) if c.agrees_with_gold is not None]
    return RewardModelCard(
        num_pairs=num_pairs,
        num_held_out=len(held_out),
        train_accuracy=train_accuracy,
        accuracy=sum(m > 0 for m in margins) / len(margins) if margins else None,
        num_decisive=len(decisive),
        gold_accuracy=sum(agrees == ranks for agrees, ranks in decisive) / len(decisive) if decisive else None,
        label_gold_agreement=sum(agrees for agrees, _ in decisive) / len(decisive) if decisive else None,
        calibration=calibration(probabilities, [1.0] * len(held_out), [c.problem.level for c in held_out]),
        gold_calibration=calibration(
            [p for p, _ in gold], [float(bool(c.agrees_with_gold)) for _, c in gold], [c.problem.level for _, c in gold]
        ),
        spread=reward.spread([side for pair in held_out_pairs for side in pair]),
        normalisers=tuple(reward.normalisers),
        combine=reward.combine,
        penalty=reward.penalty,
        steps=steps,
        tokens_trained=tokens,
        seconds=seconds,
        interrupted=interrupted,
    )


def ranking_accuracy(reward: ProxyReward, pairs: Sequence[PairOfPairs]) -> float | None:
    """Share of (chosen, rejected) pairs in which the chosen side scores higher; None without pairs."""
    margins = _margins(reward, pairs)
    return sum(m > 0 for m in margins) / len(margins) if margins else None


def _margins(reward: ProxyReward, pairs: Sequence[PairOfPairs]) -> list[float]:
    scores = reward.scores([side for pair in pairs for side in pair]) if pairs else []
    return [chosen - rejected for chosen, rejected in zip(scores[::2], scores[1::2])]
