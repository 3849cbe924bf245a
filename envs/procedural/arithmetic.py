"""Arithmetic: chains of operations, column by column addition, multiplication and division, fractions."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

from envs.procedural.answers import grouped, read_tuple
from envs.registry import environment
from envs.types import Problem, unordered

_SMALL = ("ones", "tens", "hundreds", "thousands", "ten thousands", "hundred thousands")
PLACES = (*_SMALL, "millions", "ten millions", "hundred millions", "billions")


@environment("arithmetic_chain", levels=(1, 2, 3, 4, 5, 6), ood_levels=(7, 8, 10), verify="numeric")
def arithmetic_chain(rng: random.Random, level: int, largest: int = 30) -> Problem:
    """Chains of +, - and * with precedence: `Compute 7 + 3 * 12 - 5.` (level: operations)."""
    numbers = [rng.randint(2, largest) for _ in range(level + 1)]
    ops = [rng.choice("+-*") for _ in range(level)]
    for i in range(1, level):  # products of at most two factors keep the values readable
        if ops[i] == ops[i - 1] == "*":
            ops[i] = rng.choice("+-")
    text = str(numbers[0]) + "".join(f" {op} {n}" for op, n in zip(ops, numbers[1:]))
    canonical = unordered(*_signed_products(numbers, ops))
    steps = []
    while "*" in ops:
        i = ops.index("*")
        steps.append(f"{numbers[i]} * {numbers[i + 1]} = {numbers[i] * numbers[i + 1]}")
        numbers[i : i + 2] = [numbers[i] * numbers[i + 1]]
        del ops[i]
    total = numbers[0]
    for op, number in zip(ops, numbers[1:]):
        result = total + number if op == "+" else total - number
        steps.append(f"{total} {op} {number} = {result}")
        total = result
    return Problem(f"Compute {text}.", str(total), tuple(steps), canonical=canonical)


def _signed_products(numbers: Sequence[int], ops: Sequence[str]) -> list[str]:
    """The terms of a sum, each with its sign and its factors in order of size: what a chain asks, in any order."""
    terms: list[tuple[str, list[int]]] = [("+", [numbers[0]])]
    for op, number in zip(ops, numbers[1:]):
        if op == "*":
            terms[-1][1].append(number)
        else:
            terms.append((op, [number]))
    return [sign + "*".join(map(str, sorted(factors))) for sign, factors in terms]


def _columns(a: int, b: int, *, with_carry: bool) -> tuple[list[str], str]:
    steps, digits, carry, width = [], [], 0, max(len(str(a)), len(str(b)))
    for place in range(width):
        x, y = a // 10**place % 10, b // 10**place % 10
        column = x + y + (carry if with_carry else 0)
        carried = f" + {carry}" if with_carry and carry else ""
        steps.append(f"{PLACES[place]}: {x} + {y}{carried} = {column}")
        carry = column // 10
        digits.append(str(column % 10 if place < width - 1 else column))
    answer = "".join(reversed(digits))
    return [*steps, f"read together: {answer}"], answer


def _forget_carries(problem: Problem) -> tuple[Sequence[str], str]:
    return _columns(*problem.info["terms"], with_carry=False)


@environment(
    "addition",
    levels=(2, 3, 4, 5),
    ood_levels=(6, 7, 8),
    verify="numeric",
    mistakes={"forget_carries": _forget_carries},
)
def addition(rng: random.Random, level: int) -> Problem:
    """Addition of two numbers, column by column with carries (level: digits)."""
    a, b = (rng.randrange(10 ** (level - 1), 10**level) for _ in range(2))
    steps, answer = _columns(a, b, with_carry=True)
    info = {"terms": [a, b]}
    return Problem(f"Add {a} + {b}.", answer, tuple(steps), info=info, canonical=f"add {unordered(a, b)}")


def _partial_products(a: int, b: int) -> list[tuple[int, int]]:
    return [(a, int(digit) * 10**place) for place, digit in enumerate(reversed(str(b))) if digit != "0"]


@environment("multiplication", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
def multiplication(rng: random.Random, level: int) -> Problem:
    """Multiplication by partial products (level: digits of the second factor; the first has one more)."""
    a = rng.randrange(10**level, 10 ** (level + 1))
    b = rng.randrange(max(2, 10 ** (level - 1)), 10**level)
    steps, total = [], 0
    for i, (x, y) in enumerate(_partial_products(a, b)):
        steps.append(f"{x} * {y} = {x * y}")
        if i:
            steps.append(f"{total} + {x * y} = {total + x * y}")
        total += x * y
    return Problem(f"Multiply {a} * {b}.", str(total), tuple(steps))


def _same_division(problem: Problem, answer: str) -> bool:
    return read_tuple(answer.replace("remainder", ",")) == read_tuple(problem.answer.replace("remainder", ","))


@environment("division", levels=(2, 3, 4), ood_levels=(5, 6), verify=_same_division)
def division(rng: random.Random, level: int) -> Problem:
    """Long division with remainder, digit by digit (level: digits of the dividend)."""
    divisor = rng.randint(3, 19 if level < 3 else 29)
    dividend = rng.randrange(10 ** (level - 1), 10**level)
    steps, rest = [], 0
    for digit in str(dividend):
        rest = rest * 10 + int(digit)
        times = rest // divisor
        steps.append(f"{rest} holds {divisor} {times} times: {rest} - {times} * {divisor} = {rest - times * divisor}")
        rest -= times * divisor
    answer = f"{dividend // divisor} remainder {rest}"
    steps.append(f"quotient {dividend // divisor}, remainder {rest}")
    return Problem(f"Divide {dividend} by {divisor}; give quotient and remainder.", answer, tuple(steps))


def _any_order(terms: Sequence[Fraction], ops: Sequence[str]) -> str:
    """What a chain computed from left to right asks, up to the order of the terms of a sum and of the factors.

    `(1 + 2/3) + 2` and `(2 + 1) + 2/3` are one sum; dividing by 2/3 is multiplying by 3/2.
    """
    is_product = ops[0] in "*/"
    parts = [str(terms[0])]
    for op, term in zip(ops, terms[1:]):
        if (op in "*/") != is_product:
            parts, is_product = [f"({'*' if is_product else '+'} {unordered(*parts)})"], not is_product
        parts.append(f"-{term}" if op == "-" else str(1 / term if op == "/" else term))
    return f"{'*' if is_product else '+'} {unordered(*parts)}"


@environment("fractions", levels=(1, 2, 3), ood_levels=(4, 5), verify="numeric")
def fractions(rng: random.Random, level: int, largest: int = 12) -> Problem:
    """Sums, differences, products and quotients of fractions, left to right (level: operations)."""
    terms = [Fraction(rng.randint(1, largest), rng.randint(2, largest)) for _ in range(level + 1)]
    ops = [rng.choice("+-*/" if level > 1 or rng.random() < 0.5 else "+-") for _ in range(level)]
    text, total, steps = grouped(terms[0]), terms[0], []
    canonical = _any_order(terms, ops)
    for op, term in zip(ops, terms[1:]):
        text = f"({text}) {op} {grouped(term)}" if " " in text else f"{text} {op} {grouped(term)}"
        if op in "+-":
            common = math.lcm(total.denominator, term.denominator)
            top, other = int(total * common), int(term * common)
            result = total + term if op == "+" else total - term
            steps.append(f"{grouped(total)} {op} {grouped(term)}: common denominator {common}")
            steps.append(f"({top} {op} {other}) / {common} = {result}")
        else:
            result = total * term if op == "*" else total / term
            steps.append(f"{grouped(total)} {op} {grouped(term)} = {result}")
        total = result
    prompt = f"Compute {text} as a fraction in lowest terms."
    return Problem(prompt, str(total), tuple(steps), canonical=canonical)
