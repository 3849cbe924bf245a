"""A writer of LEAPS solutions who is limited on purpose: slips, leaps that grow with the problem, coverage.

Independent slips alone prove nothing (an imitator that decodes greedily denoises them); leaps are systematic: a model
that imitates them takes steps that are too large *for it*.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol

from envs.demonstrators.base import SizeLaw, StepDemonstrator
from envs.leaps.verifier import apply
from envs.types import Problem, Source

# (largest level it speaks of, probability of a leap of 1, 2, 3, 4): experts skip more on long problems.
DEFAULT_SIZE_LAW = (
    (2, (0.7, 0.3, 0.0, 0.0)),
    (4, (0.35, 0.35, 0.2, 0.1)),
    (99, (0.1, 0.25, 0.35, 0.3)),
)


class WritesLines(Source, Protocol):
    """LEAPS, as its writer knows it."""

    modulus: int

    def write_line(self, operations: Sequence[tuple[str, str, int]], value: int) -> str:
        """One solution line in the environment's rendering."""
        ...


class LeapDemonstrator(StepDemonstrator):
    """Writes a solution line by line; leaps follow `size_law`, and each operation slips with probability `error_rate`.

    Accuracy at level n is (1 - error_rate) ** n, for any leaps: the writer computes every operation, written or not.

    Args:
        env: whose problems it solves.
        error_rate: probability per operation of a wrong value, from which the writer goes on.
        size_law: rows (largest level, probabilities of leaps 1, 2, 3, ...); the first row that reaches the level
            holds, and beyond the last row the last.
        horizon: carries out this many operations at most and then answers with the value it has; None: no limit.
        max_level: largest level it writes solutions for (its coverage).
        styles: share of each style of writing: "plain" lines, or "terse" (the answer alone).
    """

    env: WritesLines
    known_styles = ("plain", "terse")  # the vocabulary has no words for the others

    def __init__(
        self,
        env: WritesLines,
        *,
        error_rate: float = 0.02,
        size_law: SizeLaw = DEFAULT_SIZE_LAW,
        horizon: int | None = None,
        max_level: int | None = 6,
        styles: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(
            env, error_rate=error_rate, size_law=size_law, horizon=horizon, max_level=max_level, styles=styles
        )

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution of `problem` in the demonstrator's manner."""
        operations = [tuple(operation) for operation in problem.info["operations"]][: self.horizon]
        value, done, lines = problem.info["start"], 0, []
        while done < len(operations):
            part = operations[done : done + self._draw_leap(problem.level, rng)]
            for _, op, operand in part:
                value = apply(value, op, operand, self.env.modulus)
                if rng.random() < self.error_rate:
                    value = (value + rng.randrange(1, self.env.modulus)) % self.env.modulus
            lines.append(self.env.write_line(part, value))
            done += len(part)
        return self._render(self._draw_style(rng), problem, lines, str(value))
