"""Function composition: f(g(x)) over digit strings, the clearest test of a skill that imitation did not show.

Atoms (single functions) and a chosen part of the depth-2 pairs are demonstrated; the remaining pairs and greater
depths are held out. After Yuan et al. 2025, "From f(x) and g(x) to f(g(x))" (arXiv:2509.25123): what RL adds is the
composition, where imitation of atoms alone leaves pass@k near zero.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from envs.demonstrators.base import StepDemonstrator
from envs.environment import Environment
from envs.registry import environment
from envs.splits import keyed_rng
from envs.types import Problem

Digits = tuple[int, ...]
FUNCTIONS: dict[str, Callable[[Digits], Digits]] = {
    "rev": lambda d: d[::-1],
    "rot": lambda d: (*d[1:], d[0]),
    "inc": lambda d: tuple((x + 1) % 10 for x in d),
    "neg": lambda d: tuple((10 - x) % 10 for x in d),
    "dbl": lambda d: tuple(2 * x % 10 for x in d),
    "swap": lambda d: (d[-1], *d[1:-1], d[0]),
    "sort": lambda d: tuple(sorted(d)),
    "cum": lambda d: tuple(sum(d[: i + 1]) % 10 for i in range(len(d))),
    "diff": lambda d: tuple((y - x) % 10 for x, y in zip(d, (*d[1:], d[0]))),
    "mir": lambda d: (*d[: len(d) // 2], *d[: (len(d) + 1) // 2][::-1]),
}


def _same_digits(problem: Problem, answer: str) -> bool:
    return answer == problem.answer


@environment("composition", verify=_same_digits)
class Composition(Environment):
    """Nested functions of digit strings, `rev(inc(rot(4071)))` (level: depth; atoms are level 1).

    Args:
        levels, ood_levels: depths for training prompts, and for evaluation only.
        digits: length of the strings.
        functions: how many of the functions there are.
        demonstrated_pairs: share of the depth-2 pairs that demonstrators write; the others are `info["is_held_out"]`.
        seed: chooses those pairs.
    """

    def __init__(
        self,
        levels: Sequence[int] = (1, 2),
        ood_levels: Sequence[int] = (3, 4, 5),
        digits: int = 4,
        functions: int = 8,
        demonstrated_pairs: float = 0.5,
        seed: int = 0,
    ) -> None:
        if not 2 <= digits <= 12:
            raise ValueError(f"digits is {digits}, expected 2 to 12")
        if not 2 <= functions <= len(FUNCTIONS):
            raise ValueError(f"functions is {functions}, expected 2 to {len(FUNCTIONS)}")
        if not 0 <= demonstrated_pairs <= 1:
            raise ValueError(f"demonstrated_pairs is {demonstrated_pairs}, expected a share in [0, 1]")
        self.levels, self.ood_levels, self.digits = tuple(levels), tuple(ood_levels), digits
        self.functions = tuple(FUNCTIONS)[:functions]
        pairs = sorted((f, g) for f in self.functions for g in self.functions if f != g)
        keyed_rng("composition pairs", seed).shuffle(pairs)
        self.demonstrated = frozenset(pairs[: round(demonstrated_pairs * len(pairs))])

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A chain of `level` functions, no function twice in a row, applied to a random string."""
        chain: list[str] = []
        while len(chain) < level:
            name = rng.choice(self.functions)
            if not chain or name != chain[-1]:
                chain.append(name)
        return self.compose(chain, tuple(rng.randrange(10) for _ in range(self.digits)))

    def compose(self, chain: Sequence[str], digits: Digits) -> Problem:
        """The problem of applying `chain`, outermost first, to a string."""
        text = "(".join([*chain, _write(digits)]) + ")" * len(chain)
        steps = []
        for name in reversed(chain):
            result = FUNCTIONS[name](digits)
            steps.append(f"{name}({_write(digits)}) = {_write(result)}")
            digits = result
        pairs = list(pairwise(chain))
        held_out = any(pair not in self.demonstrated for pair in pairs)
        info = {"chain": list(chain), "is_held_out": held_out}
        return Problem(text, _write(digits), tuple(steps), level=len(chain), info=info)

    def demonstrator(self, **settings: Any) -> CompositionDemonstrator:
        """Writes atoms and the demonstrated pairs; settings as those of `StepDemonstrator`."""
        return CompositionDemonstrator(self, **settings)

    def single_step_problem(self, rng: random.Random) -> Problem:
        """A single function."""
        return self.generate(rng, 1)


class CompositionDemonstrator(StepDemonstrator):
    """Writes the worked steps of atoms and of chains whose every pair is demonstrated; covers nothing else."""

    def covers(self, problem: Problem) -> bool:
        """True for atoms and for chains whose every pair is demonstrated."""
        return super().covers(problem) and not problem.info["is_held_out"]


def _write(digits: Digits) -> str:
    return "".join(map(str, digits))
