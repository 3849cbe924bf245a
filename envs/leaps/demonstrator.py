"""A writer of LEAPS solutions who is limited on purpose: slips, leaps that grow with the problem, coverage.

Independent slips alone prove nothing (an imitator that decodes greedily denoises them); leaps are systematic: a model
that imitates them takes steps that are too large *for it*.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from envs.leaps.verifier import apply
from envs.types import Problem

if TYPE_CHECKING:
    from envs.leaps.environment import Leaps

# (largest level it speaks of, probability of a leap of 1, 2, 3, 4): experts skip more on long problems.
DEFAULT_LEAP_LAW = (
    (2, (0.7, 0.3, 0.0, 0.0)),
    (4, (0.35, 0.35, 0.2, 0.1)),
    (99, (0.1, 0.25, 0.35, 0.3)),
)
FLAT_LEAP_LAW = ((99, (1.0, 0.0, 0.0, 0.0)),)


class LeapDemonstrator:
    """Writes a solution line by line; leaps follow `leap_law`, and each operation slips with probability `slip`.

    Accuracy at level n is (1 - slip) ** n, for any leaps: the writer computes every operation, also the unwritten ones.

    Args:
        env: whose problems it solves.
        slip: probability per operation of a wrong value, from which the writer goes on.
        leap_law: rows (largest level, probabilities of leaps 1, 2, 3, ...); the first row that reaches the level holds.
        max_level: largest level it writes solutions for (its coverage).
    """

    def __init__(
        self,
        env: Leaps,
        slip: float = 0.02,
        leap_law: Sequence[tuple[int, Sequence[float]]] = DEFAULT_LEAP_LAW,
        max_level: int = 6,
    ) -> None:
        if not 0 <= slip < 1:
            raise ValueError(f"slip is {slip}, expected a probability in [0, 1)")
        for _, probabilities in leap_law:
            if abs(sum(probabilities) - 1) > 1e-6:
                raise ValueError(f"leap_law row {list(probabilities)} sums to {sum(probabilities)}, expected 1")
        self.env = env
        self.slip = slip
        self.leap_law = tuple((int(top), tuple(p)) for top, p in leap_law)
        self.levels = tuple(n for n in env.levels if n <= max_level)
        if not self.levels:
            raise ValueError(f"max_level is {max_level}, but the environment's levels begin at {min(env.levels)}")

    def covers(self, problem: Problem) -> bool:
        """True for every problem of its levels."""
        return problem.level in self.levels

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution of `problem` in the demonstrator's manner."""
        operations = [tuple(operation) for operation in problem.info["operations"]]
        value, done, lines = problem.info["start"], 0, []
        while done < len(operations):
            part = operations[done : done + self._draw_leap(len(operations), len(operations) - done, rng)]
            for _, op, operand in part:
                value = apply(value, op, operand, self.env.modulus)
                if rng.random() < self.slip:
                    value = (value + rng.randrange(1, self.env.modulus)) % self.env.modulus
            lines.append(self.env.write_line(part, value))
            done += len(part)
        return self.env.render_solution(lines, str(value))

    def _draw_leap(self, level: int, remaining: int, rng: random.Random) -> int:
        probabilities = next(p for top, p in self.leap_law if level <= top)
        leap = rng.choices(range(1, len(probabilities) + 1), probabilities)[0]
        return min(leap, remaining)
