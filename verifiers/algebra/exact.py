"""Working expression trees out: the fold that every kind of number shares; exact rationals; residues modulo a prime.

Every evaluator is bounded by `Limits`: a tower of powers ends in `OverBudgetError` before it is built. What an
evaluator cannot do (a symbol without a value, an irrational in exact arithmetic) is `InexactError`; what has no
value (0/0, log 0) is `UndefinedError`.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any, Generic, TypeVar

from verifiers.parse.limits import DEFAULT_LIMITS, OverBudgetError
from verifiers.parse.tree import BaseNum, Bound, Call, Expr, Num, Op, Sym

PRIME = (1 << 61) - 1  # a random point misses a non-zero polynomial of degree d with probability 1 - d / PRIME
Number = TypeVar("Number")


class InexactError(ValueError):
    """This evaluator cannot give the value of this expression."""


class UndefinedError(ArithmeticError):
    """The expression has no value: division by zero, a logarithm of zero, an infinite form."""


NO_VALUE = (InexactError, UndefinedError, OverBudgetError)  # what an evaluator raises that gives none


class Evaluator(ABC, Generic[Number]):
    """Works trees out, leaves first, in numbers of one kind.

    A subclass says what a rational number is among its numbers, and what it can do besides + - * /: powers, functions,
    other nodes. Numbers without those signs have their own `plus`, `times`, `negative` and `over`.
    """

    max_terms = DEFAULT_LIMITS.terms  # of a sum or product

    def __init__(self, values: Mapping[str, Number]) -> None:
        self.values = values

    def value(self, expr: Expr) -> Number:
        """The value of a node.

        Raises:
            InexactError, UndefinedError, OverBudgetError: it has none among these numbers.
        """
        if isinstance(expr, Op):
            return self.operation(expr.op, expr.args)
        if isinstance(expr, Num):
            return self.number(expr.value)
        if isinstance(expr, Sym):
            if expr.name not in self.values:
                raise InexactError(expr.name)
            return self.values[expr.name]
        if isinstance(expr, Call):
            return self.function(expr.name, expr.args)
        return self.number(expr.value) if isinstance(expr, BaseNum) else self.other(expr)

    def operation(self, op: str, args: tuple[Expr, ...]) -> Number:
        """The value of an operator: arithmetic from the left, or a function by its sign."""
        if op == "pow":
            return self.power(*args)
        if op == "add":
            return reduce(self.plus, [self.value(arg) for arg in args])
        if op == "mul":
            return reduce(self.times, [self.value(arg) for arg in args])
        if op == "neg":
            return self.negative(self.value(args[0]))
        if op == "div":
            return self.over(self.value(args[0]), self.value(args[1]))
        if op == "percent":
            return self.over(self.value(args[0]), self.number(Fraction(100)))
        return self.function(op, args)

    @abstractmethod
    def number(self, value: Fraction) -> Number:
        """A rational number."""

    @abstractmethod
    def power(self, base: Expr, exponent: Expr) -> Number:
        """base ^ exponent."""

    def function(self, name: str, args: tuple[Expr, ...]) -> Number:
        """A function by its canonical name; `fact`, `dfact`, `mod` and `degree` are some."""
        raise InexactError(name)

    def other(self, expr: Expr) -> Number:
        """A node of another type: a finite sum or product, its terms one by one."""
        if not isinstance(expr, Bound) or expr.kind not in ("sum", "prod") or expr.low is None or expr.high is None:
            raise InexactError(getattr(expr, "name", type(expr).__name__))
        low, high = self.integer(expr.low), self.integer(expr.high)
        if high - low > self.max_terms:
            raise OverBudgetError(f"series of more than {self.max_terms} terms")
        join, total = (
            (self.plus, self.number(Fraction(0))) if expr.kind == "sum" else (self.times, self.number(Fraction(1)))
        )
        outer = self.values
        for index in range(low, high + 1):
            self.values = {**outer, expr.variable: self.number(Fraction(index))}
            total = join(total, self.value(expr.body))
        self.values = outer
        return total

    def integer(self, expr: Expr) -> int:
        """The value of an end of a sum."""
        raise InexactError("series")

    plus: Callable[[Any, Any], Any] = staticmethod(operator.add)
    negative: Callable[[Any], Any] = staticmethod(operator.neg)

    def bounded(self, value: Any) -> Any:
        """A product or quotient, unless it is over the limits."""
        return value

    def times(self, first: Any, second: Any) -> Any:
        """first * second."""
        return self.bounded(first * second)

    def over(self, first: Any, second: Any) -> Any:
        """first / second."""
        if not second:
            raise UndefinedError("division by zero")
        return self.bounded(first / second)


def exact(expr: Expr, values: Mapping[str, Fraction] | None = None) -> Fraction:
    """The rational value of `expr`, its symbols replaced by `values`.

    Raises:
        InexactError: an irrational or a symbol without value stands in it.
        UndefinedError: it divides by zero.
        OverBudgetError: a number would be larger than the limits.
    """
    return _Exact(values or {}).value(expr)


def exact_or_none(expr: Expr, values: Mapping[str, Fraction] | None = None) -> Fraction | None:
    """The rational value of `expr` as in `exact`; None where it has none, or none within the limits."""
    try:
        return exact(expr, values)
    except NO_VALUE:
        return None


class _Exact(Evaluator[Fraction]):
    def number(self, value: Fraction) -> Fraction:
        return value

    def bounded(self, value: Fraction) -> Fraction:
        if _bits(value) > DEFAULT_LIMITS.bits:
            raise OverBudgetError("number too large for exact arithmetic")
        return value

    def plus(self, first: Fraction, second: Fraction) -> Fraction:
        return self.bounded(first + second)

    def power(self, base: Expr, exponent: Expr) -> Fraction:
        return _power(self.value(base), self.value(exponent))

    def function(self, name: str, args: tuple[Expr, ...]) -> Fraction:
        numbers = [self.value(arg) for arg in args]
        if name not in _FUNCTIONS:
            raise InexactError(name)
        return Fraction(_FUNCTIONS[name](*numbers))

    def integer(self, expr: Expr) -> int:
        value = self.value(expr)
        if value.denominator != 1:
            raise InexactError("series with fractional ends")
        return int(value)


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        return _power(_root(base, exponent.denominator), Fraction(exponent.numerator))
    power = int(exponent)
    if not base and power <= 0:
        raise UndefinedError("0 to a power that is not positive")
    if base not in (0, 1, -1) and _bits(base) * abs(power) > DEFAULT_LIMITS.bits * 2:
        raise OverBudgetError(f"power with an exponent of {power.bit_length()} bits")
    return base**power


def _root(value: Fraction, degree: Fraction | int = 2) -> Fraction:
    """The real root of that degree, up to the 64th, where it is rational."""
    if degree.denominator == 1 and 0 < degree <= 64 and (value >= 0 or degree % 2):
        power = int(degree)
        top, bottom = _integer_root(abs(value.numerator), power), _integer_root(value.denominator, power)
        if top**power == abs(value.numerator) and bottom**power == value.denominator:
            return Fraction(top if value >= 0 else -top, bottom)
    raise InexactError("irrational root")


def _integer_root(value: int, degree: int) -> int:
    """The root of value >= 0, rounded down, by Newton's method from above."""
    if value < 2:
        return value
    root = 1 << -(-value.bit_length() // degree)
    while (lower := ((degree - 1) * root + value // root ** (degree - 1)) // degree) < root:
        root = lower
    return root


@lru_cache(maxsize=256)
def factorial(value: Fraction, step: int = 1) -> int:
    """value! with the step 1; value!! = value (value - 2) ... with 2.

    Raises:
        OverBudgetError: beyond the limits.
        UndefinedError: of a negative number or a fraction; (-1)!! is 1.
    """
    name = "factorial" if step == 1 else "double factorial"
    if value.denominator != 1 or value < 1 - step:
        raise UndefinedError(f"{name} of a negative number or a fraction")
    if value > DEFAULT_LIMITS.factorial:
        raise OverBudgetError(f"{name} beyond {DEFAULT_LIMITS.factorial}{'!' * step}")
    return math.prod(range(int(value), 0, -step))


def _ln(value: Fraction) -> int:
    if value != 1:
        raise InexactError("ln")
    return 0


def _mod(value: Fraction, modulus: Fraction) -> Fraction:
    if not modulus:
        raise UndefinedError("remainder of a division by zero")
    return value % modulus


def _binomial(top: Fraction, bottom: Fraction) -> int:
    if top.denominator != 1 or bottom.denominator != 1:
        raise InexactError("binomial of fractions")
    if top < 0 or top > DEFAULT_LIMITS.factorial * 4:
        raise OverBudgetError("binomial too large")
    return math.comb(int(top), int(bottom)) if bottom >= 0 else 0


def _of_integers(function: Callable[..., int]) -> Callable[..., int]:
    def call(*values: Fraction) -> int:
        """The function of integers; of fractions there is none."""
        if any(value.denominator != 1 for value in values):
            raise UndefinedError(f"{function.__name__} of fractions")
        return function(*map(int, values))

    return call


_FUNCTIONS: dict[str, Callable[..., Fraction | int]] = {
    "sqrt": _root, "root": _root, "cbrt": lambda value: _root(value, 3), "ln": _ln, "mod": _mod, "binomial": _binomial,
    "fact": factorial, "dfact": lambda value: factorial(value, 2), "gcd": _of_integers(math.gcd),
    "lcm": _of_integers(math.lcm), "abs": abs, "floor": math.floor, "ceil": math.ceil,
    "min": lambda *values: min(values), "max": lambda *values: max(values),
    "sgn": lambda value: (value > 0) - (value < 0),
}  # fmt: skip


def modular(expr: Expr, values: Mapping[str, int]) -> int:
    """`expr` at a point of the field with PRIME elements: cheap, exact, and never large.

    Raises:
        InexactError: not a rational function with integer powers.
        UndefinedError: a denominator vanishes at this point (or always).
    """
    return residues(values).value(expr)


def residues(values: Mapping[str, int]) -> Evaluator[int]:
    """Evaluates at a point of the field with PRIME elements."""
    return _Residues(values)


class _Residues(Evaluator[int]):
    def number(self, value: Fraction) -> int:
        return self.over(value.numerator, value.denominator)

    def bounded(self, value: int) -> int:
        return value % PRIME

    def plus(self, first: int, second: int) -> int:
        return (first + second) % PRIME

    def negative(self, value: int) -> int:
        return -value % PRIME

    def over(self, first: int, second: int) -> int:
        if second % PRIME == 0:
            raise UndefinedError("division by zero")
        return first * pow(second, -1, PRIME) % PRIME

    def power(self, base: Expr, exponent: Expr) -> int:
        power = exact(exponent)
        if power.denominator != 1:
            raise InexactError("fractional power")
        residue = self.value(base)
        if residue == 0 and power <= 0:
            raise UndefinedError("0 to a power that is not positive")
        return pow(residue, int(power), PRIME)
