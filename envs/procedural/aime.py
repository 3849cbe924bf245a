"""Competition-style problems whose answers are integers from 0 to 999, as in the AIME; generated, with worked steps."""

from __future__ import annotations

import math
import random
from fractions import Fraction

from envs.procedural.answers import read_integer
from envs.procedural.number_theory import PRIMES
from envs.registry import environment
from envs.types import Problem, unordered

Worked = tuple[str, int, list[str], str]  # prompt, answer, steps, what is asked in whatever order


def _power_remainder(rng: random.Random) -> Worked:
    base, exponent = rng.randint(3, 99), rng.randint(20, 2000)
    result, steps = base, [f"{exponent} in binary is {exponent:b}"]
    for bit in f"{exponent:b}"[1:]:
        steps.append(f"{result} * {result} mod 1000 = {result * result % 1000}")
        result = result * result % 1000
        if bit == "1":
            steps.append(f"{result} * {base} mod 1000 = {result * base % 1000}")
            result = result * base % 1000
    prompt = f"Find the remainder when {base}^{exponent} is divided by 1000."
    return prompt, result, steps, prompt


def _multiples(rng: random.Random) -> Worked:
    a, b = rng.sample(range(2, 30), 2)
    low = max(a, b) + 1
    n = rng.randint(10 * low, 999)
    common = math.lcm(a, b)
    value = n // a + n // b - n // common
    steps = [f"multiples of {d} up to {n}: {n // d}" for d in (a, b, common)]
    steps.append(f"{n // a} + {n // b} - {n // common} = {value}")
    prompt = f"How many positive integers up to {n} are divisible by {a} or by {b}?"
    return prompt, value, steps, f"multiples up to {n} of {unordered(a, b)}"


def _divisors(rng: random.Random) -> Worked:
    primes = sorted(rng.sample(PRIMES[:8], rng.randint(2, 4)))
    exponents = [rng.randint(1, 6) for _ in primes]
    number = " * ".join(f"{p}^{e}" for p, e in zip(primes, exponents))
    squares = math.prod(e // 2 + 1 for e in exponents)
    total = math.prod(e + 1 for e in exponents)
    steps = [f"exponents of {', '.join(map(str, primes))}: {', '.join(map(str, exponents))}"]
    steps += [" * ".join(f"({e} + 1)" for e in exponents) + f" = {total}", f"of these {squares} are squares"]
    steps.append(f"{total} - {squares} = {total - squares}")
    prompt = f"How many positive divisors of {number} are not perfect squares?"
    return prompt, total - squares, steps, prompt


def _trailing_zeros(rng: random.Random) -> Worked:
    prime, n = rng.choice((3, 5, 7, 11, 13)), rng.randint(60, 1900)
    power, terms = prime, []
    while power <= n:
        terms.append(n // power)
        power *= prime
    steps = [f"multiples of {prime}^{i} up to {n}: {term}" for i, term in enumerate(terms, 1)]
    steps.append(f"{' + '.join(map(str, terms))} = {sum(terms)}" if len(terms) > 1 else f"so {sum(terms)}")
    prompt = f"Find the largest k such that {prime}^k divides {n}! (n factorial)."
    return prompt, sum(terms), steps, prompt


def _coefficient(rng: random.Random) -> Worked:
    n, a, b = rng.randint(5, 12), rng.randint(2, 7), rng.randint(2, 7)
    k = rng.randint(2, n - 2)
    value = math.comb(n, k) * a**k * b ** (n - k)
    steps = [f"choose {k} of {n}: {math.comb(n, k)}", f"{math.comb(n, k)} * {a}^{k} * {b}^{n - k} = {value}"]
    steps.append(f"{value} mod 1000 = {value % 1000}")
    prompt = f"Find the remainder when the coefficient of x^{k} in ({a}x + {b})^{n} is divided by 1000."
    return prompt, value % 1000, steps, prompt


def _probability(rng: random.Random) -> Worked:
    red, blue, k = rng.randint(3, 25), rng.randint(3, 25), rng.randint(2, 4)
    ways, total = math.comb(red, k) + math.comb(blue, k), math.comb(red + blue, k)
    chance = Fraction(ways, total)
    value = chance.numerator + chance.denominator
    steps = [f"{math.comb(red, k)} + {math.comb(blue, k)} = {ways}", f"{ways} / {total} = {chance}"]
    steps.append(f"{chance.numerator} + {chance.denominator} = {value}")
    drawn = f"{k} balls are drawn at once from {red} red and {blue} blue ones"
    prompt = f"{drawn}; the probability that all have one colour is m/n in lowest terms. Find m + n."
    return prompt, value, steps, f"{k} of one colour from {unordered(red, blue)}"


def _congruences(rng: random.Random) -> Worked:
    p, q = rng.sample((7, 9, 11, 13, 16, 17, 19, 23, 25, 29, 31), 2)
    x = rng.randrange(max(p, q), min(p * q, 1000))
    k = (x - x % p) // p
    steps = [f"x = {x % p} + {p}k; modulo {q} this gives k = {k}", f"{x % p} + {p} * {k} = {x}"]
    prompt = f"Find the smallest positive x that leaves remainder {x % p} when divided by {p} and {x % q} by {q}."
    return prompt, x, steps, f"remainders {unordered((p, x % p), (q, x % q))}"


EASY = (_multiples, _divisors, _trailing_zeros)
HARD = (_power_remainder, _coefficient, _probability, _congruences)


def _same_integer(problem: Problem, answer: str) -> bool:
    return read_integer(answer) == int(problem.answer)


@environment("aime", levels=(1, 2), ood_levels=(3,), verify=_same_integer)
def aime(rng: random.Random, level: int) -> Problem:
    """Integers from 0 to 999: counting (1), remainders and probabilities (2), two such problems in one (3)."""
    if level < 3:
        prompt, value, steps, asked = rng.choice(EASY if level == 1 else HARD)(rng)
        while not 1 <= value <= 999:  # remainders of 0 would be the answer of every fourteenth problem
            prompt, value, steps, asked = rng.choice(EASY if level == 1 else HARD)(rng)
        return Problem(prompt, str(value), tuple(steps), canonical=asked)
    (first, a, above, asked), (second, b, below, also) = (rng.choice(EASY + HARD)(rng) for _ in range(2))
    prompt = f"Let A be the answer to: {first} Let B be the answer to: {second} Find A + B modulo 1000."
    steps = [*above, *below, f"{a} + {b} mod 1000 = {(a + b) % 1000}"]
    return Problem(prompt, str((a + b) % 1000), tuple(steps), canonical=unordered(asked, also))
