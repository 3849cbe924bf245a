"""Sequences: the next term of a rule to be found, and terms of recurrences."""

from __future__ import annotations

import random

from envs.procedural.answers import signed
from envs.registry import environment
from envs.types import Problem


def _differences(terms: list[int]) -> list[list[int]]:
    rows = [terms]
    while len(rows[-1]) > 1 and any(x != rows[-1][0] for x in rows[-1]):
        rows.append([y - x for x, y in zip(rows[-1], rows[-1][1:])])
    return rows


@environment("sequences", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
def sequences(rng: random.Random, level: int) -> Problem:
    """The next term: constant differences of order 1, 2, 3 ... up to the level."""
    largest = 60 if level == 1 else 20
    start = [rng.randint(-largest, largest) for _ in range(level)]
    row = [rng.choice([n for n in range(-9, 10) if n])] * 4
    rows = [row]
    for first in reversed(start):  # sum up from the constant differences
        terms = [first]
        for difference in rows[0]:
            terms.append(terms[-1] + difference)
        rows.insert(0, terms)
    shown, answer = rows[0][:-1], rows[0][-1]
    steps = [f"differences: {', '.join(map(str, row))}" for row in _differences(shown)[1:]]
    for i in range(level - 1, -1, -1):
        before, difference, after = rows[i][-2], rows[i + 1][-1], rows[i][-1]
        steps.append(f"{before} {signed(difference)} = {after}")
    return Problem(f"Give the next term of {', '.join(map(str, shown))}.", str(answer), tuple(steps))


# Without (1, -1) and (-1, -1): their terms repeat after six and three, so that copying a given one would be right.
COEFFICIENTS = [(p, q) for p in (1, 2, 3, -1) for q in (1, 2, -1, -2, 3) if (p, q) not in ((1, -1), (-1, -1))]


@environment("recurrences", levels=(2, 3, 4), ood_levels=(6, 8), verify="numeric")
def recurrences(rng: random.Random, level: int) -> Problem:
    """A term of a(n) = p a(n-1) + q a(n-2) (level: how many terms are to be computed)."""
    p, q = rng.choice(COEFFICIENTS)
    terms = [rng.randint(-9, 9), rng.choice([n for n in range(-9, 10) if n])]
    rule = f"a(n) = {'' if p == 1 else '-' if p == -1 else p}a(n-1) {'-' if q < 0 else '+'} "
    rule += f"{'' if abs(q) == 1 else abs(q)}a(n-2)"
    prompt = f"Let a(1) = {terms[0]}, a(2) = {terms[1]} and {rule}. Find a({level + 2})."
    # With (-1)^n the terms, and so p, change their signs in turn; the term asked for is to keep its own.
    turned = (terms[0] if level % 2 else -terms[0], -terms[1] if level % 2 else terms[1], -p, q)
    asked = f"recurrence {min((*terms, p, q), turned)} {level}"
    steps = []
    for n in range(3, level + 3):
        new = p * terms[-1] + q * terms[-2]
        steps.append(f"a({n}) = {p} * ({terms[-1]}) {signed(q)} * ({terms[-2]}) = {new}")
        terms.append(new)
    return Problem(prompt, str(terms[-1]), tuple(steps), canonical=asked)
