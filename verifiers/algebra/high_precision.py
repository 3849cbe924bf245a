"""High-precision evaluation with mpmath's functional core; each thread has its own precision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from verifiers.algebra.contexts import context
from verifiers.algebra.exact import InexactError, UndefinedError, double_factorial, factorial
from verifiers.algebra.exact import exact as exact_value
from verifiers.parse.limits import DEFAULT_LIMITS, Limits, OverBudgetError
from verifiers.parse.tree import BaseNum, Bound, Call, Const, Expr, Matrix, Num, Op, Sym

_MPMATH = threading.RLock()  # mpmath keeps pi and e in a cache that two threads may tear
_MAX_ARGUMENT = 10  # log2 of the largest argument of zeta and gamma, whose cost grows with it
_MAX_EXPONENT = 4000  # |log10| of the largest intermediate value


def numeric(
    expr: Expr,
    values: Mapping[str, Any] | None = None,
    digits: int = 40,
    limits: Limits = DEFAULT_LIMITS,
    *,
    real: bool = False,
) -> Any:
    """The value of `expr` with `digits` significant digits, an mpmath real or complex number.

    With `real`, a part that leaves the real numbers (the root of a negative number) makes the whole undefined.

    Raises:
        InexactError: something without a numeric value stands in it.
        UndefinedError: it has no finite value at this point.
        OverBudgetError: larger than the limits.
    """
    with _MPMATH:
        return Numeric(values or {}, digits, limits, real=real).result(expr)


def sized(
    expr: Expr, values: Mapping[str, Any] | None = None, digits: int = 40, *, real: bool = False
) -> tuple[Any, int]:
    """The value as in `numeric`, and the decimal digits of the largest or smallest part met on the way.

    So many digits may be lost to cancellation, or hidden: tanh(200) differs from 1 in the 173rd digit only.
    """
    evaluator = Numeric(values or {}, digits, DEFAULT_LIMITS, real=real)
    with _MPMATH:
        value = evaluator.result(expr)
    return value, int(evaluator.size * 0.302) + 1


class Numeric:
    """Evaluates one tree at one point."""

    def __init__(self, values: Mapping[str, Any], digits: int, limits: Limits, *, real: bool = False) -> None:
        self.real = real
        self.size = 0  # largest |log2| of a value met on the way
        self.ctx = context(digits)
        self.values = {name: self.ctx.convert(value) for name, value in values.items()}
        self.digits = digits
        self.limits = limits

    def result(self, expr: Expr) -> Any:
        """The finite value of the whole expression."""
        try:
            value = self.value(expr)
        except (ZeroDivisionError, OverflowError) as error:
            raise UndefinedError(str(error)) from error
        except (ValueError, TypeError, AttributeError) as error:  # mpmath: poles, domains, complex order
            if isinstance(error, InexactError | OverBudgetError):
                raise
            raise UndefinedError(str(error)) from error
        if not self.ctx.isfinite(value):
            raise UndefinedError("not finite")
        return value

    def value(self, expr: Expr) -> Any:
        """The value of a sub-expression."""
        ctx = self.ctx
        if isinstance(expr, Op):
            return self._within(self._op(expr))
        if isinstance(expr, Num):
            fraction = expr.value
            if fraction.denominator == 1:
                return ctx.mpf(fraction.numerator)
            return ctx.mpf(fraction.numerator) / fraction.denominator
        if isinstance(expr, Sym):
            if expr.name not in self.values:
                raise InexactError(expr.name)
            return self.values[expr.name]
        if isinstance(expr, Const):
            return self._constant(expr.name)
        if isinstance(expr, Call):
            return self._within(self._call(expr))
        if isinstance(expr, BaseNum):
            return ctx.mpf(expr.value.numerator) / expr.value.denominator
        if isinstance(expr, Bound):
            return self._bound(expr)
        if isinstance(expr, Matrix) and expr.kind == "det":
            return self._determinant(expr)
        raise InexactError(type(expr).__name__)

    def _within(self, value: Any) -> Any:
        if value:
            size = abs(_log2(self.ctx, value))
            if size > self.size:
                self.size = size
        if self.real and isinstance(value, self.ctx.mpc):
            raise UndefinedError("not a real number")
        return value

    def _constant(self, name: str) -> Any:
        if name == "pi":
            return +self.ctx.pi
        if name == "e":
            return self.values.get("e", +self.ctx.e)
        if name == "i":
            return self.values.get("i", self.ctx.j)
        raise InexactError(name)

    def _op(self, expr: Op) -> Any:
        op, args = expr.op, expr.args
        if op == "pow":
            return self._power(args[0], args[1])
        if op == "fact":
            return self._factorial(args[0])
        numbers = [self.value(arg) for arg in args]
        if op == "add":
            total = numbers[0]
            for number in numbers[1:]:
                total = total + number
            return total
        if op == "mul":
            total = numbers[0]
            for number in numbers[1:]:
                total = self._sized(total * number)
            return total
        if op == "div":
            if numbers[1] == 0:
                raise UndefinedError("division by zero")
            return self._sized(numbers[0] / numbers[1])
        if op == "neg":
            return -numbers[0]
        if op == "percent":
            return numbers[0] / 100
        if op == "degree":
            return numbers[0] * self.ctx.pi / 180
        if op == "mod":
            return self.ctx.fmod(numbers[0], numbers[1])
        if op == "dfact":
            if numbers[0] != self.ctx.floor(self.ctx.re(numbers[0])):
                raise UndefinedError("double factorial of a fraction")
            return self.ctx.mpf(double_factorial(Fraction(int(self.ctx.re(numbers[0]))), self.limits))
        raise InexactError(op)

    def _sized(self, value: Any) -> Any:
        """`value`, unless it is absurdly large or small."""
        if value and not -_MAX_EXPONENT * 4 < _log2(self.ctx, value) < _MAX_EXPONENT * 4:
            raise OverBudgetError("number out of range")
        return value

    def _power(self, base_expr: Expr, exponent_expr: Expr) -> Any:
        exponent = self.value(exponent_expr)
        if base_expr == Const("e") and "e" not in self.values:
            if self.ctx.mag(exponent) > 14:
                raise OverBudgetError("exponential out of range")
            return self.ctx.exp(exponent)
        base = self.value(base_expr)
        if base == 0:
            if self.ctx.re(exponent) <= 0:
                raise UndefinedError("0 to a power that is not positive")
            return base
        if (
            isinstance(exponent, self.ctx.mpf)
            and isinstance(exponent_expr, Op | Num)
            and self.ctx.im(base) == 0
            and self.ctx.re(base) < 0
        ):
            real = self._odd_root(base, exponent_expr)
            if real is not None:
                return real
        size = self.ctx.mag(exponent) + max(0, self.ctx.mag(abs(self.ctx.mag(base)) + 1))
        if size > 18:
            raise OverBudgetError("power out of range")
        return self._sized(base**exponent)

    def _odd_root(self, base: Any, exponent_expr: Expr) -> Any:
        """(-8)^(1/3) = -2, as in school: the real root where the denominator is odd."""
        try:
            exponent = exact_value(exponent_expr)
        except (InexactError, UndefinedError):
            return None
        if exponent.denominator == 1 or exponent.denominator % 2 == 0:
            return None
        size = (-base) ** (self.ctx.mpf(exponent.numerator) / exponent.denominator)
        return -size if exponent.numerator % 2 else size

    def _factorial(self, arg: Expr) -> Any:
        try:
            return self.ctx.mpf(factorial(exact_value(arg), self.limits))
        except InexactError:
            value = self.value(arg)
            if self.ctx.mag(value) > 12:
                raise OverBudgetError("factorial out of range") from None
            return self.ctx.gamma(value + 1)

    def _call(self, expr: Call) -> Any:
        name = expr.name
        if name in ("binomial",):
            return self._binomial(expr)
        numbers = [self.value(arg) for arg in expr.args]
        function = _CALLS.get(name)
        if function is None:
            raise InexactError(name)
        if name in ("zeta", "gamma") and self.ctx.mag(numbers[0]) > _MAX_ARGUMENT:
            raise OverBudgetError(f"{name} out of range")
        if name in _SATURATING:
            self.size = max(self.size, int(3 * abs(self.ctx.re(numbers[0])) + 3))
            if self.size > _MAX_EXPONENT * 4:
                raise OverBudgetError("hyperbolic function out of range")
        return function(self.ctx, *numbers)

    def _binomial(self, expr: Call) -> Any:
        try:
            value = exact_value(expr, None, self.limits)
            return self.ctx.mpf(value.numerator) / value.denominator
        except InexactError:
            top, bottom = (self.value(arg) for arg in expr.args)
            if self.ctx.mag(top) > 12:
                raise OverBudgetError("binomial out of range") from None
            return self.ctx.binomial(top, bottom)

    def _bound(self, expr: Bound) -> Any:
        if expr.kind not in ("sum", "prod") or expr.low is None or expr.high is None:
            raise InexactError(expr.kind)
        low, high = self.value(expr.low), self.value(expr.high)
        if low != self.ctx.floor(low) or high != self.ctx.floor(high):
            raise InexactError("series with fractional ends")
        if high - low > self.limits.terms // 4:
            raise OverBudgetError("series too long")
        total = self.ctx.mpf(0 if expr.kind == "sum" else 1)
        for index in range(int(low), int(high) + 1):
            inner = Numeric(
                {**self.values, expr.variable: self.ctx.mpf(index)}, self.digits, self.limits, real=self.real
            )
            term = inner.value(expr.body)
            self.size = max(self.size, inner.size)
            total = total + term if expr.kind == "sum" else self._sized(total * term)
        return total

    def _determinant(self, expr: Matrix) -> Any:
        if len(expr.rows) != len(expr.rows[0]) or len(expr.rows) > 12:
            raise InexactError("determinant")
        return self.ctx.det(self.ctx.matrix([[self.value(entry) for entry in row] for row in expr.rows]))


def _log2(ctx: Any, value: Any) -> int:
    """The size of a value that is not zero, as `ctx.mag` says it; read off the parts of a finite real number."""
    if isinstance(value, ctx.mpf):
        _, mantissa, exponent, bits = value._mpf_
        if mantissa:
            return int(exponent + bits)
    return int(ctx.mag(value))


_SATURATING = frozenset(("sinh", "cosh", "tanh", "coth", "sech", "csch"))  # they hide a term of size e^-x


def _log(ctx: Any, value: Any, base: Any = None) -> Any:
    if value == 0:
        raise UndefinedError("logarithm of zero")
    if base is None:
        return ctx.log(value)
    if base in (0, 1):
        raise UndefinedError("logarithm to base 0 or 1")
    return ctx.log(value) / ctx.log(base)


def _root(ctx: Any, value: Any, degree: Any = 2) -> Any:
    if degree == 0:
        raise UndefinedError("0th root")
    if (
        ctx.im(value) == 0
        and ctx.re(value) < 0
        and ctx.im(degree) == 0
        and degree == ctx.floor(degree)
        and degree % 2 == 1
    ):
        return -((-value) ** (1 / ctx.mpf(degree)))
    if value == 0:
        return ctx.mpf(0)
    return ctx.sqrt(value) if degree == 2 else value ** (1 / ctx.convert(degree))


def _real(ctx: Any, value: Any) -> Any:
    if ctx.im(value) != 0:
        raise UndefinedError("order of complex numbers")
    return ctx.re(value)


def _floor(ctx: Any, value: Any) -> Any:
    value = _real(ctx, value)
    nearest = ctx.nint(value)
    if abs(value - nearest) < ctx.mpf(10) ** (-ctx.dps // 2):
        return nearest  # the value is an integer up to rounding
    return ctx.floor(value)


def _ceil(ctx: Any, value: Any) -> Any:
    return -_floor(ctx, -value)


def _method(name: str) -> Callable[..., Any]:
    return lambda ctx, value: getattr(ctx, name)(value)


_CALLS: dict[str, Callable[..., Any]] = {
    name: _method(function)
    for name, function in {
        "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "sinh": "sinh",
        "cosh": "cosh",
        "tanh": "tanh", "coth": "coth", "sech": "sech", "csch": "csch", "arcsin": "asin", "arccos": "acos",
        "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc", "arcsinh": "asinh", "arccosh": "acosh",
        "arctanh": "atanh", "gamma": "gamma", "zeta": "zeta", "re": "re", "im": "im", "arg": "arg", "sgn": "sign",
    }.items()
} | {
    "cis": lambda ctx, value: ctx.expj(value),
    "ln": _log, "log": _log, "sqrt": _root, "root": _root, "cbrt": lambda ctx, value: _root(ctx, value, 3),
    "abs": lambda ctx, value: abs(value), "norm": lambda ctx, value: abs(value), "floor": _floor, "ceil": _ceil,
    "min": lambda ctx, *values: min(_real(ctx, value) for value in values),
    "max": lambda ctx, *values: max(_real(ctx, value) for value in values),
}  # fmt: skip
KNOWN_CALLS = frozenset(_CALLS)
