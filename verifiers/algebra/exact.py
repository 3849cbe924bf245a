"""Exact values of expression trees: rationals, and residues modulo a prime.

Every evaluator is bounded by `Limits`: a tower of powers ends in `OverBudgetError` before it is built. What an
evaluator cannot do (a symbol without a value, an irrational in exact arithmetic) is `InexactError`; what has no
value (0/0, log 0) is `UndefinedError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache

from verifiers.parse.limits import DEFAULT_LIMITS, Limits, OverBudgetError
from verifiers.parse.tree import BaseNum, Bound, Call, Expr, Num, Op, Sym

PRIME = (1 << 61) - 1  # a random point misses a non-zero polynomial of degree d with probability 1 - d / PRIME


class InexactError(ValueError):
    """This evaluator cannot give the value of this expression."""


class UndefinedError(ArithmeticError):
    """The expression has no value: division by zero, a logarithm of zero, an infinite form."""


NO_VALUE = (InexactError, UndefinedError, OverBudgetError)  # what an evaluator raises that gives none


def exact(expr: Expr, values: Mapping[str, Fraction] | None = None, limits: Limits = DEFAULT_LIMITS) -> Fraction:
    """The rational value of `expr`, its symbols replaced by `values`.

    Raises:
        InexactError: an irrational or a symbol without value stands in it.
        UndefinedError: it divides by zero.
        OverBudgetError: a number would be larger than the limits.
    """
    return _Exact(values or {}, limits).value(expr)


def exact_or_none(expr: Expr, values: Mapping[str, Fraction] | None = None) -> Fraction | None:
    """The rational value of `expr` as in `exact`; None where it has none, or none within the limits."""
    try:
        return exact(expr, values)
    except (InexactError, UndefinedError, OverBudgetError):
        return None


class _Exact:
    def __init__(self, values: Mapping[str, Fraction], limits: Limits) -> None:
        self.values = values
        self.limits = limits

    def value(self, expr: Expr) -> Fraction:
        """The value of a node, by its type."""
        if isinstance(expr, Num):
            return expr.value
        if isinstance(expr, Sym):
            if expr.name not in self.values:
                raise InexactError(expr.name)
            return self.values[expr.name]
        if isinstance(expr, Op):
            return self._op(expr)
        if isinstance(expr, Call):
            return self._call(expr)
        if isinstance(expr, BaseNum):
            return expr.value
        if isinstance(expr, Bound) and expr.kind in ("sum", "prod"):
            return self._series(expr)
        raise InexactError(type(expr).__name__)

    def _op(self, expr: Op) -> Fraction:
        op, args = expr.op, expr.args
        if op == "pow":
            return self._power(self.value(args[0]), self.value(args[1]))
        if op == "fact":
            return Fraction(factorial(self.value(args[0]), self.limits))
        if op == "dfact":
            return Fraction(double_factorial(self.value(args[0]), self.limits))
        numbers = [self.value(arg) for arg in args]
        if op == "add":
            return self._checked(sum(numbers[1:], numbers[0]))
        if op == "mul":
            product = numbers[0]
            for factor in numbers[1:]:
                product = self._checked(product * factor)
            return product
        if op == "div":
            if not numbers[1]:
                raise UndefinedError("division by zero")
            return self._checked(numbers[0] / numbers[1])
        if op == "neg":
            return -numbers[0]
        if op == "percent":
            return numbers[0] / 100
        if op == "mod":
            if not numbers[1]:
                raise UndefinedError("remainder of a division by zero")
            return numbers[0] % numbers[1]
        raise InexactError(op)

    def _checked(self, value: Fraction) -> Fraction:
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > self.limits.bits:
            raise OverBudgetError("number too large for exact arithmetic")
        return value

    def _power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator != 1:
            return self._rational_power(base, exponent)
        power = int(exponent)
        if not base:
            if power <= 0:
                raise UndefinedError("0 to a power that is not positive")
            return base
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if base not in (1, -1) and size * abs(power) > self.limits.bits * 2:
            raise OverBudgetError(f"power with an exponent of {power.bit_length()} bits")
        if base in (1, -1):
            return base if power % 2 else Fraction(1)
        return base**power

    def _rational_power(self, base: Fraction, exponent: Fraction) -> Fraction:
        root = rational_root(base, exponent.denominator)
        if root is None:
            raise InexactError("irrational power")
        return self._power(root, Fraction(exponent.numerator))

    def _call(self, expr: Call) -> Fraction:
        numbers = [self.value(arg) for arg in expr.args]
        name = expr.name
        if name in ("sqrt", "cbrt", "root"):
            degree = {"sqrt": 2, "cbrt": 3}.get(name) or int(numbers[1])
            if name == "root" and (numbers[1].denominator != 1 or not 0 < degree <= 64):
                raise InexactError("root")
            root = rational_root(numbers[0], degree)
            if root is None:
                raise InexactError("irrational root")
            return root
        if name in _EXACT_CALLS:
            return _EXACT_CALLS[name](*numbers)
        if name in ("gcd", "lcm"):
            if any(number.denominator != 1 for number in numbers):
                raise UndefinedError(f"{name} of fractions")
            return Fraction((math.gcd if name == "gcd" else math.lcm)(*(int(number) for number in numbers)))
        if name == "binomial":
            return self._binomial(*numbers)
        if name == "ln" and numbers[0] == 1:
            return Fraction(0)
        raise InexactError(name)

    def _binomial(self, top: Fraction, bottom: Fraction) -> Fraction:
        if top.denominator != 1 or bottom.denominator != 1:
            raise InexactError("binomial of fractions")
        if top < 0 or top > self.limits.factorial * 4:
            raise OverBudgetError("binomial too large")
        return Fraction(math.comb(int(top), int(bottom))) if bottom >= 0 else Fraction(0)

    def _series(self, expr: Bound) -> Fraction:
        if expr.low is None or expr.high is None:
            raise InexactError("series without ends")
        low, high = self.value(expr.low), self.value(expr.high)
        if low.denominator != 1 or high.denominator != 1:
            raise InexactError("series with fractional ends")
        if high - low > self.limits.terms:
            raise OverBudgetError(f"series of more than {self.limits.terms} terms")
        total = Fraction(0 if expr.kind == "sum" else 1)
        for index in range(int(low), int(high) + 1):
            term = _Exact({**self.values, expr.variable: Fraction(index)}, self.limits).value(expr.body)
            total = self._checked(total + term if expr.kind == "sum" else total * term)
        return total


_EXACT_CALLS: dict[str, Callable[..., Fraction]] = {
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "sgn": lambda value: Fraction((value > 0) - (value < 0)),
}


def factorial(value: Fraction, limits: Limits = DEFAULT_LIMITS) -> int:
    """value!

    Raises:
        OverBudgetError: beyond the limits.
        UndefinedError: of a negative number or a fraction.
    """
    if value.denominator != 1 or value < 0:
        raise UndefinedError("factorial of a negative number or a fraction")
    if value > limits.factorial:
        raise OverBudgetError(f"factorial beyond {limits.factorial}!")
    return _factorial(int(value))


@lru_cache(maxsize=256)
def _factorial(value: int) -> int:
    return math.factorial(value)


def double_factorial(value: Fraction, limits: Limits = DEFAULT_LIMITS) -> int:
    """value!! = value (value - 2) ...; errors as in `factorial`."""
    if value.denominator != 1 or value < -1:
        raise UndefinedError("double factorial of a negative number or a fraction")
    if value > limits.factorial:
        raise OverBudgetError(f"double factorial beyond {limits.factorial}!!")
    return math.prod(range(int(value), 0, -2))


def rational_root(value: Fraction, degree: int) -> Fraction | None:
    """The real `degree`-th root if it is rational, else None (also for an even root of a negative number)."""
    if degree <= 0 or degree > 64:
        return None
    if value < 0:
        root = rational_root(-value, degree) if degree % 2 else None
        return -root if root is not None else None
    top, bottom = _integer_root(value.numerator, degree), _integer_root(value.denominator, degree)
    return Fraction(top, bottom) if top is not None and bottom is not None else None


def _integer_root(value: int, degree: int) -> int | None:
    if value < 2:
        return value
    if degree == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    low, high = 1, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < value:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == value else None


def modular(expr: Expr, values: Mapping[str, int], prime: int = PRIME) -> int:
    """`expr` at a point of the field with `prime` elements: cheap, exact, and never large.

    Raises:
        InexactError: not a rational function with integer powers.
        UndefinedError: a denominator vanishes at this point (or always).
    """
    if isinstance(expr, Num):
        return expr.value.numerator * _inverse(expr.value.denominator, prime) % prime
    if isinstance(expr, Sym):
        if expr.name not in values:
            raise InexactError(expr.name)
        return values[expr.name]
    if not isinstance(expr, Op):
        raise InexactError(type(expr).__name__)
    op, args = expr.op, expr.args
    if op == "add":
        return sum(modular(arg, values, prime) for arg in args) % prime
    if op == "mul":
        product = 1
        for arg in args:
            product = product * modular(arg, values, prime) % prime
        return product
    if op == "neg":
        return -modular(args[0], values, prime) % prime
    if op == "div":
        return modular(args[0], values, prime) * _inverse(modular(args[1], values, prime), prime) % prime
    if op == "percent":
        return modular(args[0], values, prime) * _inverse(100, prime) % prime
    if op == "pow":
        return _modular_power(args[0], args[1], values, prime)
    raise InexactError(op)


def _modular_power(base_expr: Expr, exponent_expr: Expr, values: Mapping[str, int], prime: int) -> int:
    exponent = exact(exponent_expr)
    if exponent.denominator != 1:
        raise InexactError("fractional power")
    base = modular(base_expr, values, prime)
    power = int(exponent)
    if power < 0:
        return pow(_inverse(base, prime), -power, prime)
    if base == 0 and power == 0:
        raise UndefinedError("0^0")
    return pow(base, power, prime)


def _inverse(value: int, prime: int) -> int:
    if value % prime == 0:
        raise UndefinedError("division by zero")
    return pow(value, -1, prime)
