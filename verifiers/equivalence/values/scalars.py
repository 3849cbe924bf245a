"""Equality of two single values: numbers and expressions in free symbols.

In order: same tree, exact rationals, random points of a finite field (a mismatch is final; agreement at several
points of a field with 2^61 elements is a proof up to a chance of about (degree / 2^61)^points), then real and complex
points at high precision (a mismatch is final), then, for calculus operators only, a symbolic evaluation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from verifiers.algebra.evaluate import PRIME, InexactError, UndefinedError, digits_needed, exact, modular, numeric
from verifiers.equivalence.types import Judgement, Settings, no, yes
from verifiers.equivalence.values.operators import agree_at_integers, compare_operators, has_calculus, is_about_integers
from verifiers.equivalence.values.points import close, free_names, is_real, opaque
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Expr, Num, Op, Rel, marks, walk
from verifiers.types import Reason

_UNEVALUATED = frozenset(("Bound", "Call:gcd", "Call:lcm", "Call:det", "Op:mod"))
_RANGES = ((0.11, 0.93), (1.1, 3.7), (-2.9, -0.3), (0.05, 0.48), (2.2, 9.1), (0.2, 1.6))
_STEPS = frozenset(("Call:floor", "Call:ceil", "Call:sgn"))
_MAX_DIGITS = 3_000  # of a comparison of constants
_MIN_SIGNIFICANT = 2  # a one-digit decimal such as 0.3 is no approximation of 1/3


def compare_values(answer: Expr, reference: Expr, settings: Settings) -> Judgement:
    """Equality of two unit-free values."""
    if settings.tolerance is not None or settings.relative_tolerance is not None:
        judged = _within_tolerance(answer, reference, settings)
        if judged is not None:
            return judged
    try:
        left, right = exact(answer, None, settings.limits), exact(reference, None, settings.limits)
    except (InexactError, OverBudgetError):
        pass
    except UndefinedError as error:
        return no(f"no value: {error}")
    else:
        return _compare_rationals(answer, left, reference, right)
    answer, reference = opaque(answer), opaque(reference)
    names = sorted(free_names(answer) | free_names(reference))
    judged = _compare_modular(answer, reference, names, settings)
    if judged is not None:
        return judged
    if has_calculus(answer) or has_calculus(reference):
        return compare_operators(answer, reference, settings)
    if is_about_integers(answer, reference, names):
        at_integers = agree_at_integers(answer, reference, settings)
        if at_integers is not None:
            return at_integers
    return _compare_numeric(answer, reference, names, settings)


def _compare_rationals(answer: Expr, left: Fraction, reference: Expr, right: Fraction) -> Judgement:
    if left == right:
        return yes("equal rational numbers", "exact")
    step = decimal_step(reference)
    if step is not None and abs(left - right) * 2 <= step and not _is_decimal(answer):
        return yes(f"rounds to the decimal reference (within {_short(step / 2)})", "tolerance")
    return no("different rational numbers", method="exact")


def decimal_step(reference: Expr) -> Fraction | None:
    """The unit of the last digit of a decimal reference (0.01 for 3.14); None: exact, or too short to round to."""
    if isinstance(reference, Num):
        if not reference.places or reference.places < 0:
            return None
        digits = str(abs(reference.value.numerator * 10**reference.places // reference.value.denominator))
        return Fraction(1, 10**reference.places) if len(digits) >= _MIN_SIGNIFICANT else None
    if isinstance(reference, Op) and reference.op in ("neg", "percent", "degree"):
        step = decimal_step(reference.args[0])
        return step / 100 if step is not None and reference.op == "percent" else step
    if isinstance(reference, Op) and reference.op == "mul" and len(reference.args) == 2:
        step = decimal_step(reference.args[0])
        scale = reference.args[1]
        if step is not None and isinstance(scale, Op) and scale.op == "pow" and scale.args[0] == Num(Fraction(10)):
            return step * exact(scale)
    return None


def _short(value: Fraction) -> str:
    """A number for a message."""
    try:
        return f"{float(value):g}"
    except OverflowError:
        return f"2^{value.numerator.bit_length() - value.denominator.bit_length()}"


def _is_decimal(expr: Expr) -> bool:
    return any(isinstance(node, Num) and node.places is not None for node in walk(expr)) or isinstance(expr, Num)


def _within_tolerance(answer: Expr, reference: Expr, settings: Settings) -> Judgement | None:
    try:
        left, right = numeric(answer, None, settings.digits), numeric(reference, None, settings.digits)
    except (InexactError, UndefinedError, OverBudgetError):
        return None
    allowed = max(settings.tolerance or 0.0, (settings.relative_tolerance or 0.0) * float(abs(right)))
    gap = float(abs(left - right))
    if gap <= allowed * (1 + 1e-12):
        return yes(f"within the stated tolerance {allowed:g}", "tolerance")
    return no(f"differs by {gap:.6g}; the stated tolerance is {allowed:g}", method="tolerance")


def _compare_modular(answer: Expr, reference: Expr, names: Sequence[str], settings: Settings) -> Judgement | None:
    rng = random.Random(20_011)
    points = settings.points if names else 2
    agreed = attempts = 0
    while agreed < points and attempts < points + 3:
        attempts += 1
        values = {name: rng.randrange(2, PRIME) for name in names}
        prime = PRIME if names else _PRIMES[attempts % len(_PRIMES)]
        try:
            left = modular(answer, values, prime)
            right = modular(reference, values, prime)
        except UndefinedError:
            continue
        except (InexactError, OverBudgetError):
            return None
        if left != right:
            return no("different values at a random point of a finite field", method="modular")
        agreed += 1
    if not agreed:
        return no("no value: a denominator vanishes everywhere")
    return yes(f"the same rational function (equal at {agreed} random points of a finite field)", "modular")


_PRIMES = (PRIME, (1 << 89) - 1, (1 << 107) - 1, (1 << 127) - 1)


def _compare_numeric(answer: Expr, reference: Expr, names: Sequence[str], settings: Settings) -> Judgement:
    if not names:
        return _compare_constants(answer, reference, settings)
    if "Const:i" not in marks(answer) and "Const:i" not in marks(reference):
        judged = _agree_at_points(answer, reference, names, settings, real=True)
        if judged is not None:
            return judged
    judged = _agree_at_points(answer, reference, names, settings, real=False)
    return judged or no("not defined together at enough points", method="numeric")


def _agree_at_points(
    answer: Expr, reference: Expr, names: Sequence[str], settings: Settings, *, real: bool
) -> Judgement | None:
    """Compare at random points; with `real`, points off the reals do not count. None: too few points."""
    from verifiers.algebra.high_precision import context

    if not _STEPS.isdisjoint(marks(answer) | marks(reference)) and not _agree_at_steps(
        answer, reference, names, settings
    ):
        return no("different values at an integer", method="numeric")
    ctx = context(settings.digits)
    rng = random.Random(77_003)
    both_real = complex_agreed = 0
    for attempt in range(settings.points * 4):
        low, high = _RANGES[attempt % len(_RANGES)]
        values = {name: ctx.mpf(low + (high - low) * rng.random()) for name in names}
        if attempt % 7 == 6:
            values = {name: ctx.mpf(rng.randrange(2, 9)) for name in names}
        try:
            left = numeric(answer, values, settings.digits, real=real)
            right = numeric(reference, values, settings.digits, real=real)
        except (UndefinedError, OverBudgetError):
            continue
        except InexactError as error:
            return no(f"cannot evaluate {error}")
        kinds = (is_real(left), is_real(right))
        if kinds == (True, True):
            if not close(left, right, settings.digits):
                return no("different values at a random real point", method="numeric")
            both_real += 1
        elif kinds == (False, False):
            if not close(left, right, settings.digits):
                return no("different values at a random complex point", method="numeric")
            complex_agreed += 1
        if both_real >= settings.points:
            if not _agree_exactly(answer, reference, values, settings):
                return no("different values in distant digits", method="numeric")
            return yes(f"equal at {both_real} random real points to {settings.digits - 10} digits", "numeric")
    if both_real >= 2 or (both_real == 0 and complex_agreed >= settings.points):
        return yes(f"equal at {both_real or complex_agreed} random points", "numeric")
    return None


def _agree_at_steps(answer: Expr, reference: Expr, names: Sequence[str], settings: Settings) -> bool:
    """Whether two expressions with roundings agree at integers, where floor(x) + 1 and ceil(x) differ."""
    for point in (0, 1, 2, -1, -2, 3):
        try:
            values = dict.fromkeys(names, point)
            left, right = numeric(answer, values, settings.digits), numeric(reference, values, settings.digits)
        except (UndefinedError, OverBudgetError, InexactError):
            continue
        if not close(left, right, settings.digits):
            return False
    return True


def _agree_exactly(answer: Expr, reference: Expr, values: Mapping[str, Any] | None, settings: Settings) -> bool:
    """Whether both still agree with as many digits as their largest and smallest parts call for."""
    try:
        high = max(digits_needed(side, values, settings.digits) for side in (answer, reference))
        if high > _MAX_DIGITS:
            return False
        high += settings.digits
        left, right = numeric(answer, values, high), numeric(reference, values, high)
    except (UndefinedError, OverBudgetError, InexactError):
        return False
    return close(left, right, high)


def _compare_constants(answer: Expr, reference: Expr, settings: Settings) -> Judgement:
    try:
        right = numeric(reference, None, settings.digits)
        left = numeric(answer, None, settings.digits)
    except UndefinedError as error:
        return no(f"no finite value: {error}")
    except OverBudgetError as error:
        return no(str(error), Reason.OVER_BUDGET)
    except InexactError as error:
        return no(f"cannot evaluate {error}")
    if not close(left, right, settings.digits):
        step = decimal_step(reference)
        near = step is not None and abs(left - right) * 2 * step.denominator <= step.numerator
        if near and step is not None and is_real(left) and not _is_decimal(answer):
            return yes(f"rounds to the decimal reference (within {_short(step / 2)})", "tolerance")
        return no("different numbers", method="numeric")
    if _agree_exactly(answer, reference, None, settings):
        return yes(f"equal to at least {settings.digits * 3 - 10} digits", "numeric")
    return no(f"different beyond {settings.digits} digits", method="numeric")


def leaves_operation(answer: Expr, reference: Expr) -> bool:
    """Whether the answer asks for an operation that the reference has worked out.

    Integral, sum, limit, derivative, gcd, lcm, det, mod; the modulus of a congruence is none.
    """
    found = _UNEVALUATED & marks(answer)
    if found == {"Op:mod"} and any(isinstance(node, Rel) and "equiv" in node.ops for node in walk(answer)):
        return False
    return bool(found) and _UNEVALUATED.isdisjoint(marks(reference))
