"""Number theory. Where a task has many right answers (Bezout) or a cheap proof, the answer is checked, not compared."""

from __future__ import annotations

import math
import random

from envs.procedural.answers import read_integer, read_tuple
from envs.registry import environment
from envs.types import Problem, unordered
from verifiers.algebra.arithmetic import evaluate, tokenize

PRIMES = tuple(n for n in range(2, 200) if all(n % d for d in range(2, n)))
TWO_DIGITS = PRIMES[8:25]  # 23 to 97


@environment("modular_arithmetic", levels=(1, 2, 3, 4), ood_levels=(5, 6), verify="numeric")
def modular_arithmetic(rng: random.Random, level: int, largest: int = 97) -> Problem:
    """Sums and products modulo a prime from 29 to 97, reduced at every step (level: operations)."""
    modulus = rng.choice(TWO_DIGITS[1:])
    total = rng.randrange(modulus)
    text, steps = str(total), []
    for _ in range(level):
        op, number = rng.choice("+-*"), rng.randint(2, largest)
        result = {"+": total + number, "-": total - number, "*": total * number}[op]
        steps.append(f"{total} {op} {number} = {result}")
        steps.append(f"{result} mod {modulus} = {result % modulus}")
        text = f"({text}) {op} {number}" if " " in text else f"{text} {op} {number}"
        total = result % modulus
    return Problem(f"Compute {text} modulo {modulus}.", str(total), tuple(steps))


@environment("modular_power", levels=(1, 2, 3, 4), ood_levels=(5, 6), verify="numeric")
def modular_power(rng: random.Random, level: int) -> Problem:
    """Powers modulo a prime by square and multiply (level: binary digits of the exponent, less two)."""
    while True:
        prime = rng.choice(TWO_DIGITS)
        base = rng.randint(2, prime - 2)
        exponent = rng.randrange(2 ** (level + 1), 2 ** (level + 2))
        if pow(base, exponent, prime) not in (1, base, prime - 1):  # bases of small order would make these frequent
            break
    result, steps = base, [f"{exponent} in binary is {exponent:b}"]
    for bit in f"{exponent:b}"[1:]:
        steps.append(f"square: {result} * {result} mod {prime} = {result * result % prime}")
        result = result * result % prime
        if bit == "1":
            steps.append(f"multiply: {result} * {base} mod {prime} = {result * base % prime}")
            result = result * base % prime
    return Problem(f"Compute {base}^{exponent} modulo {prime}.", str(result), tuple(steps))


def _is_bezout(problem: Problem, answer: str) -> bool:
    a, b = problem.info["numbers"]
    values = read_tuple(answer)
    return (
        len(values) == 2 and all(v.denominator == 1 for v in values) and a * values[0] + b * values[1] == math.gcd(a, b)
    )


@environment("gcd_bezout", levels=(2, 3), ood_levels=(4, 5), verify=_is_bezout)
def gcd_bezout(rng: random.Random, level: int) -> Problem:
    """Integers x, y with a x + b y = gcd(a, b), by the extended Euclidean algorithm (level: digits)."""
    while True:
        factor = rng.randint(1, 9)
        a, b = (factor * rng.randrange(10 ** (level - 1), 10**level) // 3 for _ in range(2))
        if a > b > 1 and a % b and b % (a % b):  # at least two divisions
            break
    rows, (x, y), (u, v), r, s = [], (1, 0), (0, 1), a, b
    while s:
        q = r // s
        if r - q * s:
            rows.append(f"{r - q * s} = {r} - {q} * {s} = {a} * ({x - q * u}) + {b} * ({y - q * v})")
        (x, y), (u, v), r, s = (u, v), (x - q * u, y - q * v), s, r - q * s
    steps = [*rows, f"gcd {r}: x = {x}, y = {y}"]
    return Problem(
        f"Find integers x and y with {a}x + {b}y = gcd({a}, {b}). Give x, y.",
        f"{x}, {y}",
        tuple(steps),
        info={"numbers": [a, b]},
    )


def _is_factorisation(problem: Problem, answer: str) -> bool:
    number, tokens = problem.info["number"], tokenize(answer)
    if any(token not in ("*", "^") and not token.isdigit() for token in tokens):
        return False
    bases = [int(t) for i, t in enumerate(tokens) if t.isdigit() and (i == 0 or tokens[i - 1] != "^")]
    return all(_is_prime(base) for base in bases if base <= number) and evaluate(answer) == number


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, math.isqrt(number) + 1))


@environment("factorisation", levels=(2, 3, 4), ood_levels=(5, 6), verify=_is_factorisation)
def factorisation(rng: random.Random, level: int) -> Problem:
    """Prime factorisation by trial division (level: number of prime factors)."""
    factors = sorted(rng.choice(PRIMES[: 46 if level < 3 else 20]) for _ in range(level))
    number = rest = math.prod(factors)
    steps = []
    for prime in factors[:-1]:
        steps.append(f"{rest} / {prime} = {rest // prime}")
        rest //= prime
    steps.append(f"{rest} is prime")
    return Problem(
        f"Write {number} as a product of primes.",
        " * ".join(map(str, factors)),
        (*steps, " * ".join(map(str, factors)) + f" = {number}"),
        info={"number": number},
    )


def _is_inverse(problem: Problem, answer: str) -> bool:
    number, modulus = problem.info["number"], problem.info["modulus"]
    value = read_integer(answer)
    return 0 <= value < modulus and number * value % modulus == 1


@environment("modular_inverse", levels=(1, 2, 3), ood_levels=(4, 5), verify=_is_inverse)
def modular_inverse(rng: random.Random, level: int) -> Problem:
    """The inverse of a number modulo m, 0 < x < m, by Euclid's rows (level: size of m)."""
    while True:
        modulus = rng.randint(20 * 3**level, 60 * 3**level)
        number = rng.randint(modulus // 5, modulus - 2)
        if math.gcd(number, modulus) == 1 and modulus % number != 1:
            break
    steps, r, s, u, v = [], modulus, number, 0, 1
    while s != 1:
        q = r // s
        steps.append(f"{r} - {q} * {s} = {r - q * s}, that is {number} * ({u - q * v}) modulo {modulus}")
        r, s, u, v = s, r - q * s, v, u - q * v
    inverse = v % modulus
    steps.append(f"{v} mod {modulus} = {inverse}")
    info = {"number": number, "modulus": modulus}
    return Problem(f"Find the inverse of {number} modulo {modulus}.", str(inverse), tuple(steps), info=info)


@environment("chinese_remainder", levels=(2, 3), ood_levels=(4, 5), verify="numeric")
def chinese_remainder(rng: random.Random, level: int) -> Problem:
    """The smallest x >= 0 with given remainders modulo coprime numbers (level: congruences)."""
    moduli: list[int] = []
    while len(moduli) < level:
        candidate = rng.randint(7, 31)
        if all(math.gcd(candidate, m) == 1 for m in moduli):
            moduli.append(candidate)
    x = rng.randrange(max(moduli), math.prod(moduli))  # smaller ones stand in the prompt
    conditions = [f"x = {x % m} (mod {m})" for m in moduli]
    value, product, steps = x % moduli[0], moduli[0], [f"x = {x % moduli[0]} + {moduli[0]}k"]
    for m in moduli[1:]:
        k = (x - value) * pow(product, -1, m) % m
        steps.append(f"modulo {m}: k = {k}, so {value} + {product} * {k} = {value + product * k}")
        value, product = value + product * k, product * m
    prompt = f"Find the smallest non-negative x with {', '.join(conditions)}."
    return Problem(prompt, str(x), tuple(steps), canonical=unordered(*conditions))
