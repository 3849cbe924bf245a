"""High-precision evaluation with mpmath's functional core; each thread has its own precision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from verifiers.algebra.contexts import DIGITS, context
from verifiers.algebra.exact import NO_VALUE, Evaluator, InexactError, UndefinedError, exact, exact_or_none, factorial
from verifiers.parse.limits import DEFAULT_LIMITS, OverBudgetError
from verifiers.parse.tree import Call, Const, Expr, Matrix, Num, Op

_MPMATH = threading.RLock()  # mpmath keeps pi and e in a cache that two threads may tear
_MAX_ARGUMENT = 10  # log2 of the largest argument of zeta and gamma, whose cost grows with it
_MAX_SIZE = 16_000  # |log2| of the largest intermediate value


def numeric(expr: Expr, values: Mapping[str, Any] | None = None, digits: int = DIGITS, *, real: bool = False) -> Any:
    """The value of `expr` with `digits` significant digits, an mpmath real or complex number.

    With `real`, a part that leaves the real numbers (the root of a negative number) makes the whole undefined.

    Raises:
        InexactError: something without a numeric value stands in it.
        UndefinedError: it has no finite value at this point.
        OverBudgetError: larger than the limits.
    """
    return sized(expr, values, digits, real=real)[0]


def numeric_or_none(
    expr: Expr, values: Mapping[str, Any] | None = None, digits: int = DIGITS, *, real: bool = False
) -> Any:
    """The value of `expr` as in `numeric`; None where it has none, or none within the limits."""
    try:
        return numeric(expr, values, digits, real=real)
    except NO_VALUE:
        return None


def sized(
    expr: Expr, values: Mapping[str, Any] | None = None, digits: int = DIGITS, *, real: bool = False
) -> tuple[Any, int]:
    """The value as in `numeric`, and the decimal digits of the largest or smallest part met on the way.

    So many digits may be lost to cancellation, or hidden: tanh(200) differs from 1 in the 173rd digit only.
    """
    evaluator = _Numeric(values or {}, digits, real)
    with _MPMATH:
        try:
            value = evaluator.value(expr)
        except (InexactError, OverBudgetError):
            raise
        except (ZeroDivisionError, OverflowError, ValueError, TypeError, AttributeError, NotImplementedError) as error:
            raise UndefinedError(str(error)) from error  # mpmath: poles, domains, complex order, complex remainders
        if not evaluator.ctx.isfinite(value):
            raise UndefinedError("not finite")
    return value, int(evaluator.size * 0.302) + 1


class _Numeric(Evaluator[Any]):
    """Evaluates one tree at one point, and remembers the largest |log2| of a value met on the way."""

    max_terms = DEFAULT_LIMITS.terms // 4

    def __init__(self, values: Mapping[str, Any], digits: int, real: bool) -> None:
        self.ctx = context(digits)
        super().__init__({name: self.ctx.convert(value) for name, value in values.items()})
        self.real = real
        self.size = 0

    def number(self, value: Fraction) -> Any:
        top = self.ctx.mpf(value.numerator)
        return top if value.denominator == 1 else top / value.denominator

    def operation(self, op: str, args: tuple[Expr, ...]) -> Any:
        return self._within(super().operation(op, args))

    def _within(self, value: Any) -> Any:
        if value:
            size = abs(_log2(self.ctx, value))
            if size > self.size:
                self.size = size
        if self.real and isinstance(value, self.ctx.mpc):
            raise UndefinedError("not a real number")
        return value

    def bounded(self, value: Any) -> Any:
        if value and not -_MAX_SIZE < _log2(self.ctx, value) < _MAX_SIZE:
            raise OverBudgetError("number out of range")
        return value

    def integer(self, expr: Expr) -> int:
        value = self.value(expr)
        if value != self.ctx.floor(value):
            raise InexactError("series with fractional ends")
        return int(value)

    def power(self, base: Expr, exponent: Expr) -> Any:
        mag = self.ctx.mag
        power = self.value(exponent)
        if base == Const("e") and "e" not in self.values:
            if mag(power) > 14:
                raise OverBudgetError("exponential out of range")
            return self.ctx.exp(power)
        value = self.value(base)
        if value == 0:
            if self.ctx.re(power) <= 0:
                raise UndefinedError("0 to a power that is not positive")
            return value
        if isinstance(power, self.ctx.mpf) and isinstance(exponent, Op | Num) and _is_negative(self.ctx, value):
            fraction = exact_or_none(exponent)  # (-8)^(1/3) = -2, as in school: the real root of odd degree
            if fraction is not None and fraction.denominator > 1 and fraction.denominator % 2:
                size = (-value) ** (self.ctx.mpf(fraction.numerator) / fraction.denominator)
                return -size if fraction.numerator % 2 else size
        if mag(power) + max(0, mag(abs(mag(value)) + 1)) > 18:
            raise OverBudgetError("power out of range")
        return self.bounded(value**power)

    def function(self, name: str, args: tuple[Expr, ...]) -> Any:
        if name in _EXACT_FIRST:
            return self._within(self._exact_first(name, args))
        numbers = [self.value(arg) for arg in args]
        if name not in _CALLS:
            raise InexactError(name)
        if name in ("zeta", "gamma") and self.ctx.mag(numbers[0]) > _MAX_ARGUMENT:
            raise OverBudgetError(f"{name} out of range")
        if name in _SATURATING:
            self.size = max(self.size, int(3 * abs(self.ctx.re(numbers[0])) + 3))
            if self.size > _MAX_SIZE:
                raise OverBudgetError("hyperbolic function out of range")
        return self._within(_CALLS[name](self.ctx, *numbers))

    def _exact_first(self, name: str, args: tuple[Expr, ...]) -> Any:
        """A factorial or binomial coefficient: exact where its arguments are, else by the gamma function."""
        try:
            return self.number(exact(Call(name, args) if name == "binomial" else Op(name, args)))
        except InexactError:
            numbers = [self.value(arg) for arg in args]
            if self.ctx.mag(numbers[0]) > 12:
                raise OverBudgetError(f"{name} out of range") from None
            return _EXACT_FIRST[name](self.ctx, *numbers)

    def other(self, expr: Expr) -> Any:
        if isinstance(expr, Const) and expr.name in _CONSTANTS:
            return self.values[expr.name] if expr.name in self.values else _CONSTANTS[expr.name](self.ctx)
        if isinstance(expr, Matrix) and expr.kind == "det" and len(expr.rows) == len(expr.rows[0]) <= 12:
            return self.ctx.det(self.ctx.matrix([[self.value(entry) for entry in row] for row in expr.rows]))
        return super().other(expr)


def _log2(ctx: Any, value: Any) -> int:
    """The size of a value that is not zero, as `ctx.mag` says it; read off the parts of a finite real number."""
    if isinstance(value, ctx.mpf):
        _, mantissa, exponent, bits = value._mpf_
        if mantissa:
            return int(exponent + bits)
    return int(ctx.mag(value))


def _is_negative(ctx: Any, value: Any) -> bool:
    return bool(ctx.im(value) == 0 and ctx.re(value) < 0)


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
    if _is_negative(ctx, value) and ctx.im(degree) == 0 and degree % 2 == 1:
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


def _double_factorial(ctx: Any, value: Any) -> Any:
    whole = int(ctx.re(value))
    if value != whole:
        raise UndefinedError("double factorial of a fraction")
    return ctx.mpf(factorial(Fraction(whole), 2))


def _method(name: str) -> Callable[..., Any]:
    return lambda ctx, *values: getattr(ctx, name)(*values)


_SATURATING = frozenset(("sinh", "cosh", "tanh", "coth", "sech", "csch"))  # they hide a term of size e^-x
_ARCS = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")
_EXACT_FIRST = {"fact": lambda ctx, value: ctx.gamma(value + 1), "binomial": _method("binomial")}
_CALLS: dict[str, Callable[..., Any]] = {
    **{name: _method(name) for name in (*_ARCS, "coth", "sech", "csch", "gamma", "zeta", "re", "im", "arg")},
    **{f"arc{name}": _method(f"a{name}") for name in _ARCS},
    "sgn": _method("sign"), "cis": _method("expj"), "abs": _method("fabs"), "norm": _method("fabs"),
    "mod": _method("fmod"), "degree": lambda ctx, value: value * ctx.pi / 180, "dfact": _double_factorial,
    "ln": _log, "log": _log, "sqrt": _root, "root": _root, "cbrt": lambda ctx, value: _root(ctx, value, 3),
    "floor": _floor, "ceil": lambda ctx, value: -_floor(ctx, -value),
    "min": lambda ctx, *values: min(_real(ctx, value) for value in values),
    "max": lambda ctx, *values: max(_real(ctx, value) for value in values),
}  # fmt: skip
_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "pi": lambda ctx: +ctx.pi, "e": lambda ctx: +ctx.e, "i": lambda ctx: ctx.j,
}  # fmt: skip
KNOWN_CALLS = frozenset(_CALLS)
