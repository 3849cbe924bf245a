"""Problems of LEAPS, and the three ways to write them down.

A problem is a start value and n definitions `name = previous op operand`, all modulo p; n is the level. The prompt
lists the definitions in order and asks for the last name. One generator, three renderings, one verifier:

    symbols     a = 7 ; k = a + 3 ; q = k * 5 ; q ?      (one token per word: the default of tiny policies)
    characters  the same text without spaces             (for character-level policies)
    words       Let a be 7. Let k be a plus 3. ...       (for pretrained language models)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby

from envs.environment import Environment
from envs.leaps.demonstrator import LeapDemonstrator
from envs.leaps.verifier import OPERATORS, REQUIREMENTS, LeapsVerifier, apply, render_line
from envs.registry import environment
from envs.types import Problem
from verifiers.types import Verdict

NAMES = "abcdefghijklmnopqrstuvwxyz"
RENDERINGS = ("symbols", "characters", "words")
WORDS = {"+": "plus", "-": "minus", "*": "times", "=": "is"}


def identity(start: int, operations: Sequence[tuple[str, str, int]], modulus: int) -> str:
    """What a chain asks, up to the names of its variables and the order of steps that may be swapped.

    Additions and subtractions that follow one another commute, and so do multiplications: `7 | + 3 - 2 | * 5`, modulo
    p. Two prompts of one identity have one answer, in every rendering.
    """
    runs = [
        " ".join(f"{op} {operand}" for _, op, operand in sorted(run, key=lambda operation: operation[1:]))
        for _, run in groupby(operations, key=lambda operation: operation[1] == "*")
    ]
    return f"{' | '.join([str(start), *runs])} modulo {modulus}"


@environment("leaps")
class Leaps(Environment):
    """Chains of n operations modulo p (n = level).

    Args:
        modulus: p; values are 0 .. p-1 (p + vocabulary words for a tiny policy).
        operands: smallest and largest operand, both included; one-step facts number p * 3 * operands.
        levels: levels for training prompts.
        ood_levels: longer chains, for evaluation only.
        require: what CORRECT means: "answer" (the value after #), "arithmetic" (and every line's sum is right) or
            "strict" (and the lines carry out exactly the problem's operations, under its names, in order).
        rendering: "symbols", "characters" or "words".
    """

    mark = "#"

    def __init__(
        self,
        modulus: int = 31,
        operands: Sequence[int] = (2, 5),
        levels: Sequence[int] = (1, 2, 3, 4, 5, 6, 7, 8),
        ood_levels: Sequence[int] = (9, 10, 11, 12),
        require: str = "answer",
        rendering: str = "symbols",
    ) -> None:
        if modulus < 3:
            raise ValueError(f"modulus is {modulus}, expected 3 or more")
        if len(operands) != 2 or not 1 <= operands[0] <= operands[1]:
            raise ValueError(
                f"operands is {list(operands)}, expected [smallest, largest] with 1 <= smallest <= largest"
            )
        if require not in REQUIREMENTS:
            raise ValueError(f"require is {require!r}, expected one of {', '.join(REQUIREMENTS)}")
        if rendering not in RENDERINGS:
            raise ValueError(f"rendering is {rendering!r}, expected one of {', '.join(RENDERINGS)}")
        top = max([*levels, *ood_levels])
        if min([*levels, *ood_levels]) < 1 or top >= len(NAMES):
            raise ValueError(f"levels reach from 1 to {len(NAMES) - 1}, got {[*levels, *ood_levels]}")
        self.modulus = modulus
        self.operands = (int(operands[0]), int(operands[1]))
        self.levels = tuple(levels)
        self.ood_levels = tuple(ood_levels)
        self.require = require
        self.rendering = rendering

    @cached_property
    def verifier(self) -> LeapsVerifier:
        """Reads solutions line by line."""
        return LeapsVerifier(self.modulus, self.require)

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A chain of `level` operations with random names, operators and operands, that does not end where it began."""
        while True:
            names = rng.sample(NAMES, level + 1)
            value = start = rng.randrange(self.modulus)
            operations = []
            for name in names[1:]:
                op, operand = rng.choice(OPERATORS), rng.randint(*self.operands)
                value = apply(value, op, operand, self.modulus)
                operations.append((name, op, operand))
            if value != start:  # else copying the first number would be right, at level 2 in 7 % of the problems
                break
        return Problem(
            prompt=self._render_prompt(start, names[0], operations),
            answer=str(value),
            solution=tuple(self.solve(start, operations, [1] * level)),
            level=level,
            info={"start": start, "first": names[0], "operations": [list(o) for o in operations]},
            canonical=identity(start, operations, self.modulus),
        )

    def solve(self, start: int, operations: Sequence[tuple[str, str, int]], leaps: Sequence[int]) -> list[str]:
        """The lines of a right solution whose i-th line carries out leaps[i] operations."""
        lines, value, done = [], start, 0
        for leap in leaps:
            part = operations[done : done + leap]
            for _, op, operand in part:
                value = apply(value, op, operand, self.modulus)
            lines.append(self.write_line(part, value))
            done += leap
        return lines

    def write_line(self, operations: Sequence[tuple[str, str, int]], value: int) -> str:
        """One solution line in this environment's rendering."""
        return self._render(render_line(operations, value))

    def render_solution(self, steps: Sequence[str], answer: str) -> str:
        """Lines, then the answer after #."""
        glue = "" if self.rendering == "characters" else " "
        return glue.join([*steps, "#", answer])

    def grade(self, problem: Problem, response: str) -> Verdict:
        """Judges answer, arithmetic, and names and operations, and reads the leap of every line."""
        return self.verifier.judge(response, problem)

    def demonstrator(self, **settings: object) -> LeapDemonstrator:
        """A writer of imperfect solutions; see `LeapDemonstrator` for its settings."""
        return LeapDemonstrator(self, **settings)  # type: ignore[arg-type]

    def single_step_problem(self, rng: random.Random) -> Problem:
        """A one-operation problem."""
        return self.generate(rng, 1)

    def vocabulary(self) -> tuple[str, ...] | None:
        """Numbers, names, operators and marks; None unless the rendering is "symbols"."""
        if self.rendering != "symbols":
            return None
        return (*map(str, range(self.modulus)), *NAMES, *OPERATORS, "=", ";", "?", "#")

    def _render_prompt(self, start: int, first: str, operations: Sequence[tuple[str, str, int]]) -> str:
        previous = first
        if self.rendering == "words":
            sentences = [f"Work modulo {self.modulus}.", f"Let {first} be {start}."]
            for name, op, operand in operations:
                sentences.append(f"Let {name} be {previous} {WORDS[op]} {operand}.")
                previous = name
            return " ".join([*sentences, f"What is {previous}?"])
        parts = [f"{first} = {start} ;"]
        for name, op, operand in operations:
            parts.append(f"{name} = {previous} {op} {operand} ;")
            previous = name
        return self._render(" ".join([*parts, f"{previous} ?"]))

    def _render(self, text: str) -> str:
        if self.rendering == "characters":
            return text.replace(" ", "")
        if self.rendering == "words":
            return " ".join(WORDS.get(word, word) for word in text.split()).replace(" ;", ".")
        return text
