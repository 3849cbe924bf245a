"""Held, not held, undecided: what hypotheses came to.

A hypothesis is *held* where its figure lies in the foretold region and that it lies outside is refuted at 0.05;
*not held* where the same is true of the region that falsifies it; else *undecided*. The tests are two-sided against the
nearest end of the region (for a region with two ends, against the worse: two one-sided tests, at half their level).
p-values of the primary hypotheses of a design are adjusted together (Holm), once for holding and once for failing;
exploratory ones are not, and are marked. From too few seeds nothing is decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from experiments.hypotheses.measuring import Estimate, NotMeasured, Studies, estimate
from experiments.hypotheses.vocabulary import Design, Hypothesis, Region
from experiments.results.statistics.significance import holm
from experiments.results.statistics.spread import ALPHA

HELD, NOT_HELD, UNDECIDED = "held", "not held", "undecided"


@dataclass(frozen=True)
class Judgement:
    """What a hypothesis came to.

    Attributes:
        found: None where what it reads is not there.
        p_held, p_failed: that the figure lies outside the foretold, and outside the falsifying, region; adjusted.
        reason: why nothing was decided, where that is not the figures' doing.
    """

    name: str
    hypothesis: Hypothesis
    found: Estimate | None
    p_held: float
    p_failed: float
    reason: str = ""

    @property
    def verdict(self) -> str:
        """held, not held or undecided."""
        if self.reason:
            return UNDECIDED
        return HELD if self.p_held < ALPHA else NOT_HELD if self.p_failed < ALPHA else UNDECIDED

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        found = self.found
        ends = (None, None) if found is None else (_plain(found.low), _plain(found.high))
        return {
            "name": self.name,
            "sentence": self.hypothesis.sentence,
            "role": self.hypothesis.role,
            "verdict": self.verdict,
            "predicts": str(self.hypothesis.predicts),
            "falsified": str(self.hypothesis.falsified),
            "value": None if found is None else found.value,
            "low": ends[0],
            "high": ends[1],
            "num_seeds": 0 if found is None else found.num_seeds,
            "p_held": self.p_held,
            "p_failed": self.p_failed,
            "reason": self.reason,
        }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def judge(design: Design, studies: Studies) -> list[Judgement]:
    """Every hypothesis of a design, in its order."""
    found: dict[str, Estimate | None] = {}
    reasons: dict[str, str] = {}
    for name, hypothesis in design.hypotheses.items():
        try:
            seen = estimate(hypothesis.measure, studies)
        except NotMeasured as error:
            found[name], reasons[name] = None, str(error)
            continue
        found[name] = seen
        if seen.num_seeds < hypothesis.seeds_needed:
            reasons[name] = f"{seen.num_seeds} of {hypothesis.seeds_needed} seeds that are needed"
    held = {name: _p(seen, design.hypotheses[name].predicts) for name, seen in found.items()}
    failed = {name: _p(seen, design.hypotheses[name].falsified) for name, seen in found.items()}
    primary = [name for name, hypothesis in design.hypotheses.items() if hypothesis.role == "primary"]
    held |= holm({name: held[name] for name in primary})
    failed |= holm({name: failed[name] for name in primary})
    return [
        Judgement(name, hypothesis, found[name], held[name], failed[name], reasons.get(name, ""))
        for name, hypothesis in design.hypotheses.items()
    ]


def _p(found: Estimate | None, region: Region) -> float:
    return 1.0 if found is None else p_outside(found, region)


def p_outside(found: Estimate, region: Region) -> float:
    """p-value of "the figure lies outside the region"; 1 where the estimate does."""
    for low, high in region.intervals:
        if low < found.value < high:
            return max(found.p_at(end) for end in (low, high) if math.isfinite(end))
    return 1.0
