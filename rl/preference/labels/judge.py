"""An annotator that reads prompt and text and gives a score: the base of a judge of one's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rl.preference.labels.choice import Choice
from rl.preference.labels.features import SolutionFeatures


@dataclass(frozen=True)
class Judge:
    """Scores one solution at a time; all else follows from the scores. A subclass defines `score`.

    P(A over B) = sigmoid((score_A - score_B) / temperature); a solution alone is taken for right, and gets a thumbs-up,
    with probability sigmoid(score / temperature). A judge that must see both solutions overrides `choice`.

    Attributes:
        temperature: of the choices, in units of the score; larger is noisier.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}, expected a number above 0")

    @property
    def name(self) -> str:
        """The class's, as recorded with every label."""
        return type(self).__name__

    @property
    def judgements_per_pair(self) -> int:
        """One."""
        return 1

    def score(self, features: SolutionFeatures) -> float:
        """How good `features.response` is as an answer to `features.prompt`; 0 is as likely right as wrong."""
        raise NotImplementedError(f"{type(self).__name__} defines no score(features) -> float")

    def choice(self, first: SolutionFeatures, second: SolutionFeatures) -> Choice:
        """By the difference of the scores; never a tie."""
        prefers = self._chance(self.score(first) - self.score(second))
        return Choice(prefers, 1 - prefers)

    def perceives_right(self, features: SolutionFeatures) -> float:
        """By the score."""
        return self._chance(self.score(features))

    def utility(self, features: SolutionFeatures) -> float:
        """Nothing beside the score."""
        return 0.0

    def approves(self, features: SolutionFeatures, usual: float) -> float:
        """As likely as the solution is taken for right."""
        return self.perceives_right(features)

    def _chance(self, difference: float) -> float:
        score = float(difference)
        if math.isnan(score):
            raise ValueError(f"annotator {self.name}: a score is {difference!r}, expected a number")
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, score / self.temperature))))
