"""Do a reward model's probabilities mean what they say?

A Bradley-Terry model says how probable it is that one completion is preferred to another. On pairs that it was not
trained on, the more probable side should be preferred as often as the model claims: pairs given 0.7 in 70 % of cases.
A pair is looked at from its more probable side (confidence 0.5 to 1), so swapping the two sides changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

NUM_BINS = 10  # of equal width over confidences 0.5 to 1
CERTAIN = 1e-6  # probabilities are kept this far from 0 and 1 in the log-loss


@dataclass(frozen=True)
class Bin:
    """Pairs whose confidence lies in [low, high): how confident the model was, and how often it was right."""

    low: float
    high: float
    num_pairs: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Reliability of pairwise probabilities.

    Attributes:
        accuracy: share of pairs whose more probable side is the preferred one; a probability of 0.5 counts half.
        log_loss: mean of -log of the probability given to the preference, nats; log 2 = 0.693 is a coin.
        ece: expected calibration error, sum over bins of their share times |accuracy - confidence|.
        bins: the non-empty ones.
        by_level: the same for the pairs of each level.
    """

    num_pairs: int
    accuracy: float
    log_loss: float
    ece: float
    bins: tuple[Bin, ...]
    by_level: Mapping[int, Calibration] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        row = asdict(self)
        row["by_level"] = {str(level): part.to_json() for level, part in self.by_level.items()}
        return row


def calibration(
    probabilities: Sequence[float], preferred: Sequence[float], levels: Sequence[int] | None = None
) -> Calibration | None:
    """The reliability of `probabilities` against what was preferred; None without pairs.

    Args:
        probabilities: that the first side of each pair is preferred, in [0, 1].
        preferred: 1 where it was, 0 where the other was; or the annotator's own probability, where it is known: the
            figures are then expectations, without the noise of drawing labels.
        levels: of the pairs' problems, for `by_level`.
    Raises:
        ValueError: numbers of pairs differ, or a number outside [0, 1].
    """
    if len(probabilities) != len(preferred) or (levels is not None and len(levels) != len(preferred)):
        raise ValueError(f"{len(probabilities)} probabilities for {len(preferred)} preferences, expected as many")
    if any(not 0 <= x <= 1 for x in (*probabilities, *preferred)):
        raise ValueError("probabilities and preferences must lie in [0, 1]")
    if not probabilities:
        return None
    confidences = [max(p, 1 - p) for p in probabilities]
    rights = [_right(p, y) for p, y in zip(probabilities, preferred)]
    bins = _bins(confidences, rights)
    size = len(probabilities)
    by_level: dict[int, Calibration] = {}
    for level in sorted(set(levels or ())):
        rows = [i for i, own in enumerate(levels or ()) if own == level]
        part = calibration([probabilities[i] for i in rows], [preferred[i] for i in rows])
        if part is not None:
            by_level[level] = part
    return Calibration(
        num_pairs=size,
        accuracy=sum(rights) / size,
        log_loss=sum(map(_log_loss, probabilities, preferred)) / size,
        ece=sum(b.num_pairs / size * abs(b.accuracy - b.confidence) for b in bins),
        bins=bins,
        by_level=by_level,
    )


def _right(probability: float, preferred: float) -> float:
    """Probability that the more probable side is the preferred one."""
    if probability == 0.5:
        return 0.5
    return preferred if probability > 0.5 else 1 - preferred


def _log_loss(probability: float, preferred: float) -> float:
    kept = min(max(probability, CERTAIN), 1 - CERTAIN)
    return -(preferred * math.log(kept) + (1 - preferred) * math.log1p(-kept))


def _bins(confidences: Sequence[float], rights: Sequence[float]) -> tuple[Bin, ...]:
    width = 0.5 / NUM_BINS
    members: dict[int, list[int]] = {}
    for index, confidence in enumerate(confidences):
        members.setdefault(min(int((confidence - 0.5) / width), NUM_BINS - 1), []).append(index)
    return tuple(
        Bin(
            low=0.5 + width * number,
            high=0.5 + width * (number + 1),
            num_pairs=len(rows),
            confidence=sum(confidences[i] for i in rows) / len(rows),
            accuracy=sum(rights[i] for i in rows) / len(rows),
        )
        for number, rows in sorted(members.items())
    )
