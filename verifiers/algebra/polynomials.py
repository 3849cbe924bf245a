"""Exact polynomials in one variable over the rationals, and the real roots of equations between them.

A polynomial is a tuple of Fractions, constant term first, without trailing zeros; () is zero.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from itertools import pairwise, zip_longest
from math import lcm

from verifiers.algebra.contexts import context
from verifiers.algebra.exact import Evaluator, InexactError, UndefinedError
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Expr, Group, Num, Rel, Sym, is_op

Polynomial = tuple[Fraction, ...]
Quotient = tuple[Polynomial, Polynomial]  # numerator, denominator

MAX_DEGREE = 24
MAX_BITS = 4096
MAX_LEADING_BITS = 64
ONE: Polynomial = (Fraction(1),)
ROOT_DIGITS = 40  # twice those of the largest leading coefficient: near roots tell rational ones apart


class NotPolynomial(ValueError):
    """The expression is no quotient of polynomials in the one variable, or is larger than the limits."""


def polynomial(*coefficients: Fraction | int) -> Polynomial:
    """The polynomial with these coefficients, that of x^0 first."""
    return trim(tuple(map(Fraction, coefficients)))


def trim(p: Polynomial) -> Polynomial:
    """Without trailing zeros.

    Raises:
        NotPolynomial: over the limits of degree or coefficient size.
    """
    end = len(p)
    while end and p[end - 1] == 0:
        end -= 1
    for c in p:
        if c.numerator.bit_length() > MAX_BITS or c.denominator.bit_length() > MAX_BITS:
            raise NotPolynomial(f"a coefficient over {MAX_BITS} bits")
    if end - 1 > MAX_DEGREE:
        raise NotPolynomial(f"over degree {MAX_DEGREE}")
    return p[:end]


def add(p: Polynomial, q: Polynomial) -> Polynomial:
    """p + q."""
    return trim(tuple(a + b for a, b in zip_longest(p, q, fillvalue=Fraction(0))))


def multiply(p: Polynomial, q: Polynomial) -> Polynomial:
    """p q."""
    if not p or not q:
        return ()
    if len(p) == 1 and p[0] == 1:
        return q
    if len(p) + len(q) - 2 > MAX_DEGREE:
        raise NotPolynomial(f"over degree {MAX_DEGREE}")
    product = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, a in enumerate(p):
        if a:
            for j, b in enumerate(q):
                product[i + j] += a * b
    return trim(tuple(product))


def negate(p: Polynomial) -> Polynomial:
    """-p."""
    return tuple(-c for c in p)


def divide(p: Polynomial, q: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder of p by q != 0."""
    remainder = list(p)
    quotient = [Fraction(0)] * max(0, len(p) - len(q) + 1)
    for shift in range(len(p) - len(q), -1, -1):
        factor = remainder[shift + len(q) - 1] / q[-1]
        quotient[shift] = factor
        for k, c in enumerate(q):
            remainder[shift + k] -= factor * c
    return trim(tuple(quotient)), trim(tuple(remainder[: len(q) - 1]) if len(p) >= len(q) else p)


def monic(p: Polynomial) -> Polynomial:
    """p over its leading coefficient; zero stays zero."""
    return tuple(c / p[-1] for c in p) if p else p


def gcd(p: Polynomial, q: Polynomial) -> Polynomial:
    """The monic greatest common divisor."""
    while q:
        p, q = q, monic(divide(p, q)[1])
    return monic(p)


def derivative(p: Polynomial) -> Polynomial:
    """p'."""
    return tuple(k * c for k, c in enumerate(p))[1:]


def squarefree(p: Polynomial) -> Polynomial:
    """The monic polynomial with p's roots, each once; p != 0."""
    return monic(divide(p, gcd(p, derivative(p)))[0])


def num_real_roots(p: Polynomial) -> int:
    """How many distinct real roots p != 0 has, by Sturm's theorem."""
    chain = [p, derivative(p)]
    while chain[-1]:
        # dividing by a positive number keeps the signs and keeps the coefficients small
        remainder = negate(divide(chain[-2], chain[-1])[1])
        chain.append(tuple(c / abs(remainder[-1]) for c in remainder) if remainder else remainder)
    chain = [q for q in chain if q]
    at_plus = [q[-1] > 0 for q in chain]
    at_minus = [(q[-1] > 0) == (len(q) % 2 == 1) for q in chain]
    changes = [sum(a != b for a, b in pairwise(signs)) for signs in (at_minus, at_plus)]
    return changes[0] - changes[1]


def has_same_real_roots(p: Polynomial, q: Polynomial) -> bool:
    """True when the non-zero p and q vanish at the same real points."""
    p, q = squarefree(p), squarefree(q)
    common = gcd(p, q)
    return all(num_real_roots(divide(side, common)[0]) == 0 for side in (p, q))


def value_at(p: Polynomial, point: Fraction | int) -> Fraction:
    """p(point)."""
    value = Fraction(0)
    for coefficient in reversed(p):
        value = value * point + coefficient
    return value


def near_real_roots(p: Polynomial) -> list[Fraction]:
    """The real roots of a squarefree p != 0 to about ROOT_DIGITS digits.

    Raises:
        NotPolynomial: the roots could not be approximated.
    """
    ctx = context(ROOT_DIGITS)
    try:
        near = ctx.polyroots([ctx.mpf(c.numerator) / c.denominator for c in reversed(p)], maxsteps=100)
    except ctx.NoConvergence as error:
        raise NotPolynomial("roots that cannot be approximated") from error
    return [Fraction(str(ctx.re(root))) for root in near if abs(ctx.im(root)) < 1e-12 * (1 + abs(root))]


def rational_roots(p: Polynomial) -> tuple[list[Fraction], Polynomial]:
    """The rational roots of a squarefree p != 0, and p without them.

    Found near the real roots in floating point, and checked exactly; a root is a fraction whose denominator divides
    the leading coefficient.

    Raises:
        NotPolynomial: the roots could not be approximated.
    """
    scale = lcm(*(c.denominator for c in p))
    largest = abs(int(p[-1] * scale))
    if largest.bit_length() > MAX_LEADING_BITS:
        raise NotPolynomial("a leading coefficient too large to look for rational roots")
    found: list[Fraction] = []
    for root in near_real_roots(p):
        guess = root.limit_denominator(max(1, largest))
        if guess not in found and value_at(p, guess) == 0:
            found.append(guess)
            p = divide(p, (-guess, Fraction(1)))[0]
    return found, p


def rational_function(expr: Expr, variable: str) -> Quotient:
    """Numerator and denominator of an expression in one variable.

    Raises:
        NotPolynomial: it is no such quotient, divides by zero, or is over the limits.
    """
    try:
        return _Quotients({variable: (polynomial(0, 1), ONE)}).value(expr)
    except (InexactError, UndefinedError) as error:
        raise NotPolynomial(f"no quotient of polynomials in {variable}: {error}") from error


class _Quotients(Evaluator[Quotient]):
    def number(self, value: Fraction) -> Quotient:
        return trim((value,)), ONE

    def plus(self, first: Quotient, second: Quotient) -> Quotient:
        (t, b), (u, c) = first, second
        return add(multiply(t, c), multiply(u, b)), multiply(b, c)

    def times(self, first: Quotient, second: Quotient) -> Quotient:
        return multiply(first[0], second[0]), multiply(first[1], second[1])

    def negative(self, value: Quotient) -> Quotient:
        return negate(value[0]), value[1]

    def over(self, first: Quotient, second: Quotient) -> Quotient:
        if not second[0]:
            raise UndefinedError("division by zero")
        return self.times(first, (second[1], second[0]))

    def power(self, base: Expr, exponent: Expr) -> Quotient:
        if not isinstance(exponent, Num) or exponent.value.denominator != 1 or abs(exponent.value) > MAX_DEGREE:
            raise InexactError("power")
        result = reduce(self.times, [self.value(base)] * abs(int(exponent.value)), (ONE, ONE))
        return result if exponent.value >= 0 else self.over((ONE, ONE), result)


def equation_polynomial(expr: Expr, variable: str) -> Polynomial:
    """The polynomial whose real roots solve an equation, or alternatives such as `x = 2 or x = 3`; () if all do.

    Raises:
        NotPolynomial: another kind of expression.
    """
    branches = sign_branches(expr)
    if len(branches) == 2:
        return multiply(*(equation_polynomial(branch, variable) for branch in branches))
    match expr:
        case Rel(("=",), (left, right)):
            top, bottom = rational_function(left - right, variable)
            while len(common := gcd(top, bottom)) > 1:  # where it is not defined it has no root
                top = divide(top, common)[0]
            return top
        case Group("or" | "list", items):
            product = polynomial(1)
            for item in items:
                # in `x = 2, 3` and `x = 2 or 3` the later values are bare
                equation = item if isinstance(item, Rel | Group) else Rel(("=",), (Sym(variable), item))
                product = multiply(product, equation_polynomial(equation, variable))
            return product
    raise NotPolynomial(f"{type(expr).__name__} is no equation in {variable}")


def sign_branches(expr: Expr) -> list[Expr]:
    r"""The expression with every \pm read as + (and \mp as -), then the other way; itself where there is none."""

    def chosen(plus: str) -> Expr:
        """The expression with the operator `plus` read as +, and the other one as -."""

        def change(node: Expr) -> Expr | None:
            """A ± b as a sum or a difference; None leaves the node as it is."""
            if not is_op(node, "pm", "mp"):
                return None
            left, right = (transform(arg, change) for arg in node.args)
            return left + right if node.op == plus else left - right

        return transform(expr, change)

    return list(dict.fromkeys((chosen("pm"), chosen("mp"))))
