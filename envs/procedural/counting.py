"""Combinatorics and probability, with exact integers and fractions."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction
from itertools import accumulate

from envs.registry import environment
from envs.types import Problem, unordered

COLOURS = ("red", "blue", "green", "white", "black")
LETTERS = "ABCDEFGH"


@environment("combinatorics", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def combinatorics(rng: random.Random, level: int) -> Problem:
    """Choices (1), committees from two groups (2), words with repeated letters (3), lattice paths with a stop (4)."""
    if level == 1:
        n = rng.randint(8, 250)
        k = rng.randint(2, 5)
        top = " * ".join(str(n - i) for i in range(k))
        steps = [f"({top}) / {math.factorial(k)} = {math.comb(n, k)}"]
        what = rng.choice(("books from a shelf of", "players from a squad of", "cards from a pack of", "seats out of"))
        prompt = f"In how many ways can {k} {what} {n} be chosen?"
        return Problem(prompt, str(math.comb(n, k)), tuple(steps), canonical=f"choose {k} of {n}")
    if level == 2:
        n, m = rng.randint(6, 24), rng.randint(6, 24)
        a, b = rng.randint(1, 5), rng.randint(1, 5)
        x, y = math.comb(n, a), math.comb(m, b)
        prompt = f"A committee needs {a} of {n} teachers and {b} of {m} students. How many committees are possible?"
        steps = [f"choose {a} of {n}: {x}", f"choose {b} of {m}: {y}", f"{x} * {y} = {x * y}"]
        return Problem(prompt, str(x * y), tuple(steps), canonical=f"committees {unordered((a, n), (b, m))}")
    if level == 3:
        return _words(rng)
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    c, d = rng.randint(2, 9), rng.randint(2, 9)
    x, y = math.comb(a + b, a), math.comb(c + d, c)
    prompt = f"How many shortest grid paths lead from (0, 0) to ({a + c}, {b + d}) through ({a}, {b})?"
    steps = [f"to the stop: choose {a} of {a + b}: {x}", f"from there: choose {c} of {c + d}: {y}"]
    legs = unordered(sorted((a, b)), sorted((c, d)))  # mirrored at the diagonal, or walked backwards
    return Problem(prompt, str(x * y), (*steps, f"{x} * {y} = {x * y}"), canonical=f"paths {legs}")


def _words(rng: random.Random) -> Problem:
    size = rng.randint(8, 14)
    word = "".join(rng.choice(LETTERS[: rng.randint(3, 8)]) for _ in range(size))
    first = rng.choice(word)
    counts, rest = Counter(word), Counter(word)
    rest[first] -= 1
    repeats = ", ".join(f"{letter} {n} times" for letter, n in sorted(rest.items()) if n)
    divisor = math.prod(map(math.factorial, rest.values()))
    total = math.factorial(size - 1)
    steps = [f"after {first} come {repeats}", f"{size - 1}! is {total}", f"{total} / {divisor} = {total // divisor}"]
    prompt = f"How many different words that begin with {first} can be written with all letters of {word}?"
    asked = f"words of {unordered(*counts.values())} that begin with one of {counts[first]}"  # whatever the letters
    return Problem(prompt, str(total // divisor), tuple(steps), canonical=asked)


@environment("probability", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
def probability(rng: random.Random, level: int) -> Problem:
    """Balls without replacement (level: how many are drawn); the chance that all have given colours in order."""
    colours = rng.sample(COLOURS, rng.randint(2, 4))
    counts = {colour: rng.randint(3 + level, 12 + level) for colour in colours}
    drawn = [rng.choice(colours) for _ in range(level)]
    urn = ", ".join(f"{n} {colour}" for colour, n in counts.items())
    left, total, chance = dict(counts), sum(counts.values()), Fraction(1)
    steps = [f"{' + '.join(map(str, counts.values()))} = {total}"]
    for colour in drawn:
        part = Fraction(left[colour], total)
        if chance == 1:
            steps.append(f"{left[colour]} / {total} = {part}")
        else:
            steps.append(f"({chance}) * {left[colour]} / {total} = {chance * part}")
        chance *= part
        left[colour] -= 1
        total -= 1
    order = f"the ball is {drawn[0]}" if level == 1 else f"the colours are {', '.join(drawn)} in this order"
    number = "one ball is" if level == 1 else f"{level} balls are"
    prompt = f"An urn holds {urn} balls; {number} drawn without replacement. What is the probability that {order}?"
    asked = [
        (n, [i for i, c in enumerate(drawn) if c == colour]) for colour, n in counts.items()
    ]  # whatever the colours
    return Problem(prompt, str(chance), tuple(steps), canonical=f"urn {unordered(*asked)}")


@environment("dice", levels=(2, 3), ood_levels=(4,), verify="numeric")
def dice(rng: random.Random, level: int) -> Problem:
    """The chance of a sum with dice of different sizes (level: number of dice), by counting."""
    sides = sorted(rng.randint(6, 24) for _ in range(level))
    target = rng.randint(level + 1, sum(sides) - 1)
    ways = [1] + [0] * target  # by sum, up to the target
    for size in sides:
        below = [0, *accumulate(ways)]
        ways = [below[total] - below[max(0, total - size)] for total in range(target + 1)]
    count, total = ways[target], math.prod(sides)
    steps = [f"all outcomes: {' * '.join(map(str, sides))} = {total}", f"outcomes with sum {target}: {count}"]
    steps.append(f"{count} / {total} = {Fraction(count, total)}")
    names = ", ".join(f"a {size}-sided" for size in sides)
    prompt = f"Dice are rolled: {names} die. What is the probability that they sum to {target}?"
    return Problem(prompt, str(Fraction(count, total)), tuple(steps))
