"""Strands: the streams of problems that an environment is made of, one for each level of each part."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Strand:
    """The problems of one level of one part.

    Attributes:
        part: a part of a mixture; "" where the environment is none.
        share: probability of a draw from it, unless something else decides.
    """

    level: int
    part: str = ""
    share: float = 1.0

    @property
    def key(self) -> str:
        """Its name in a saved state."""
        return f"{self.part}/{self.level}" if self.part else str(self.level)

    @property
    def label(self) -> str:
        """Its name in metrics: `level/3`, or `countdown/level/3`."""
        return f"{self.part}/level/{self.level}" if self.part else f"level/{self.level}"
