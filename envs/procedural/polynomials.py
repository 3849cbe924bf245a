"""Expanding, factoring and dividing polynomials; every answer is read as a polynomial, so its form is free."""

from __future__ import annotations

import math
import random

from envs.procedural.polynomial_writing import (
    is_sum_of_monomials,
    read,
    read_factors,
    write,
    write_term,
    write_unordered,
)
from envs.registry import environment
from envs.types import Problem
from verifiers.algebra.polynomials import Polynomial, add, divide, multiply, negate, polynomial


def _coefficients(rng: random.Random, degree: int, largest: int) -> Polynomial:
    middle = [rng.randint(-largest, largest) for _ in range(degree)]
    return polynomial(*middle, rng.choice([n for n in range(-largest, largest + 1) if n]))


def _is_expanded(problem: Problem, answer: str) -> bool:
    return is_sum_of_monomials(answer) and read(answer) == read(problem.answer)


@environment("polynomial_expansion", levels=(1, 2, 3), ood_levels=(4, 5), verify=_is_expanded)
def polynomial_expansion(rng: random.Random, level: int) -> Problem:
    """Products of two polynomials, multiplied out (level: sum of the degrees, less one)."""
    largest = 9
    a, b = _coefficients(rng, (level + 1) // 2, largest), _coefficients(rng, (level + 2) // 2, largest)
    product, steps = multiply(a, b), []
    for exponent, coefficient in reversed(list(enumerate(a))):
        if coefficient:
            row = multiply(polynomial(*[0] * exponent, coefficient), b)
            steps.append(f"{write_term(coefficient, exponent)} * ({write(b)}) = {write(row)}")
    steps.append(f"together: {write(product)}")
    prompt, asked = f"Expand ({write(a)})({write(b)}).", f"expand {write_unordered(a, b)}"
    return Problem(prompt, write(product), tuple(steps), canonical=asked)


def _is_factored(problem: Problem, answer: str) -> bool:
    if read(answer) != read(problem.info["product"]):
        return False
    return sum(len(factor) > 1 for factor in read_factors(answer)) == problem.info["num_factors"]


@environment("polynomial_factoring", levels=(1, 2, 3), ood_levels=(4, 5), verify=_is_factored)
def polynomial_factoring(rng: random.Random, level: int) -> Problem:
    """Factoring into linear factors (1: monic quadratics; 2: leading coefficients; 3: cubics; then quartics)."""
    num_factors = max(2, level)
    largest = 30 if level < 3 else 12
    factors = []
    for _ in range(num_factors):
        leading = 1 if level != 2 else rng.randint(1, 4)
        constant = rng.choice([n for n in range(-largest, largest + 1) if n and math.gcd(n, leading) == 1])
        factors.append(polynomial(constant, leading))
    product = polynomial(1)
    for factor in factors:
        product = multiply(product, factor)
    steps, rest = [], product
    for factor in factors[:-1]:
        quotient, _ = divide(rest, factor)
        root = -factor[0] / factor[1]
        steps.append(f"x = {root} is a root: {write(rest)} = ({write(factor)})({write(quotient)})")
        rest = quotient
    answer = "".join(f"({write(factor)})" for factor in factors)
    info = {"product": write(product), "num_factors": num_factors}
    return Problem(f"Factor {write(product)}.", answer, (*steps, f"so {answer}"), info=info)


def _same_division(problem: Problem, answer: str) -> bool:
    quotient, mark, remainder = answer.partition("remainder")
    expected, _, rest = problem.answer.partition("remainder")
    return bool(mark) and read(quotient.rstrip(" ,;")) == read(expected.rstrip(" ,;")) and read(remainder) == read(rest)


@environment("polynomial_division", levels=(1, 2, 3), ood_levels=(4, 5), verify=_same_division)
def polynomial_division(rng: random.Random, level: int) -> Problem:
    """Division with remainder (level: degree of the quotient), row by row."""
    divisor = polynomial(rng.choice([n for n in range(-6, 7) if n]), 1)
    if level > 2:
        divisor = polynomial(rng.randint(-5, 5), rng.randint(-5, 5), 1)
    quotient = _coefficients(rng, level, 6)
    remainder = polynomial(*(rng.randint(-9, 9) for _ in range(len(divisor) - 1)))
    dividend = add(multiply(divisor, quotient), remainder)
    steps = []
    rest = dividend
    for exponent, coefficient in reversed(list(enumerate(quotient))):
        if coefficient:
            rest = add(rest, negate(multiply(polynomial(*[0] * exponent, coefficient), divisor)))
            steps.append(f"{write_term(coefficient, exponent)}: left {write(rest)}")
    answer = f"{write(quotient)} remainder {write(remainder)}"
    steps.append(f"quotient {write(quotient)}, remainder {write(remainder)}")
    prompt = f"Divide {write(dividend)} by {write(divisor)}; give quotient and remainder."
    return Problem(prompt, answer, tuple(steps))
