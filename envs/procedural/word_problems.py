"""Word problems over a dependency graph, after iGSM (Ye et al. 2024, arXiv:2407.20311).

Quantities are defined in terms of others; the question needs k of the definitions, the rest distract. The sentences
come in any order. Since the graph is known, the worked steps follow it and each can be checked.
"""

from __future__ import annotations

import random

from envs.registry import environment
from envs.types import Problem, unordered

OWNERS = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hal", "Iris", "Jon", "Kim", "Leo", "Mia", "Ned", "Ola")
THINGS = ("apples", "books", "coins", "dice", "eggs", "flags", "gems", "hats", "keys", "maps", "nuts", "pens", "shells")


def _define(rng: random.Random, name: str, known: list[tuple[str, int]]) -> tuple[int, str, str, list[int]]:
    """(value, sentence, step, indices of what it needs) of a quantity defined by known ones."""
    i = rng.randrange(len(known))
    first, value = known[i]
    kinds = ["more", "times"] + (["fewer"] if value > 3 else []) + (["sum"] if len(known) > 1 else [])
    kind = rng.choice(kinds)
    if kind == "more":
        n = rng.randint(2, 19)
        return value + n, f"{name} is {n} more than {first}.", f"{name}: {value} + {n} = {value + n}", [i]
    if kind == "fewer":
        n = rng.randint(1, value - 1)
        return value - n, f"{name} is {n} less than {first}.", f"{name}: {value} - {n} = {value - n}", [i]
    if kind == "times" and value < 200:
        n = rng.randint(2, 4)
        return value * n, f"{name} is {n} times {first}.", f"{name}: {n} * {value} = {n * value}", [i]
    j = rng.choice([k for k in range(len(known)) if k != i] or [i])
    other, addend = known[j]
    total = value + addend
    return total, f"{name} is {first} and {other} together.", f"{name}: {value} + {addend} = {total}", [i, j]


@environment("word_problems", levels=(2, 3, 4, 5), ood_levels=(6, 8, 10), verify="numeric")
def word_problems(rng: random.Random, level: int, distractors: int = 2, shuffle: bool = True) -> Problem:
    """Quantities defined by one another, shuffled, with distractors (level: definitions that the answer needs)."""
    thing = rng.choice(THINGS)
    while True:
        names = [f"the number of {owner}'s {thing}" for owner in rng.sample(OWNERS, level + distractors)]
        start = rng.randint(3, 30)
        known, sentences = [(names[0], start)], [f"{names[0]} is {start}."]
        steps = [f"{names[0]} is {start}"]
        needs: list[list[int]] = [[]]
        for name in names[1:]:
            value, sentence, step, used = _define(rng, name, known)
            known.append((name, value))
            sentences.append(sentence)
            steps.append(step)
            needs.append(used)
        closures: list[set[int]] = []
        for i, used in enumerate(needs):
            closures.append({i}.union(*(closures[j] for j in used)))
        asked = [i for i, closure in enumerate(closures) if len(closure) == level]
        if asked:
            break
    target = asked[-1]
    order = list(range(len(sentences)))
    if shuffle:
        rng.shuffle(order)
    text = " ".join(sentences[i][0].upper() + sentences[i][1:] for i in order)
    name, value = known[target]
    worked = tuple(steps[i] for i in sorted(closures[target]))
    canonical = f"{unordered(*sentences)} What is {name}?"
    return Problem(f"{text} What is {name}?", str(value), worked, canonical=canonical)
