"""What an annotator answers to a pair."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """Probabilities that the first is preferred, that the second is, and that the annotator calls it a tie."""

    first: float
    second: float
    tie: float = 0.0
