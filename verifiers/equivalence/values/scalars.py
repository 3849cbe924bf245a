"""Equality of two single values: numbers and expressions in free symbols.

In order: a stated tolerance, exact rationals (a decimal reference allows rounding), operators of calculus, integers
where the letters are about integers, numbers to many digits, and what `verifiers.algebra.identity` proves or shows.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric, numeric_or_none
from verifiers.algebra.identity import agree
from verifiers.algebra.sampling import is_real
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.operators import agree_at_integers, has_calculus, is_about_integers, worked_operators
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks, walk
from verifiers.parse.rewrite import opaque
from verifiers.parse.tree import Num, Op, Rel
from verifiers.types import Reason

_UNEVALUATED = frozenset(("Bound", "Call:gcd", "Call:lcm", "Call:det", "Op:mod"))
_MIN_SIGNIFICANT = 3  # 0.3 and 0.33 are no approximations of 1/3


def compare_values(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    """Equality of two unit-free values."""
    if settings.tolerance is not None or settings.relative_tolerance is not None:
        judged = _within_tolerance(answer, reference, settings)
        if judged is not None:
            return judged
    try:
        left, right = exact(answer), exact(reference)
    except UndefinedError as error:
        return no(f"no value: {error}")
    except (InexactError, OverBudgetError):
        return _compare_irrationals(opaque(answer), opaque(reference), settings)
    if left == right:
        return yes("equal rational numbers", "exact")
    # a number with finitely many decimals is another decimal, and no exact value of this one
    is_decimal = pow(10, left.denominator.bit_length(), left.denominator) == 0
    rounded = None if is_decimal else _rounded(answer, left, reference, right, settings)
    return rounded or no("different rational numbers", method="exact")


def _compare_irrationals(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    if has_calculus(answer) or has_calculus(reference):
        worked = worked_operators(answer, reference, settings)
        return worked if isinstance(worked, Equivalence) else compare_values(*worked, settings)
    names = free_symbols(answer) | free_symbols(reference)
    if is_about_integers(answer, reference, names):
        at_integers = agree_at_integers(answer, reference)
        if at_integers is not None:
            return at_integers
    try:
        agreement = agree(answer, reference)
        rounded = None
        if not agreement and not names and settings.round_to_reference:
            rounded = _rounded(answer, numeric(answer), reference, numeric(reference), settings)
        return rounded or Equivalence(agreement.equal, agreement.detail, None, agreement.method)
    except UndefinedError as error:
        return no(f"no value to compare: {error}", method="numeric")
    except OverBudgetError as error:
        return no(str(error), Reason.OVER_BUDGET)
    except InexactError as error:
        return no(f"cannot evaluate {error}")


def _rounded(answer: Expr, left: Any, reference: Expr, right: Any, settings: Settings) -> Equivalence | None:
    """The judgement on an exact answer with the value `left` that rounds to a decimal reference; None: it does not."""
    step = decimal_step(reference) if settings.round_to_reference and not _is_decimal(answer) else None
    if step is None or not is_real(left) or abs(left - right) * 2 * step.denominator > step.numerator:
        return None
    return yes(f"rounds to the decimal reference (within {short(step / 2)})", "tolerance")


def decimal_step(reference: Expr) -> Fraction | None:
    """The unit of the last digit of a decimal reference (0.01 for 3.14); None: exact, or too short to round to."""
    match reference:
        case Num(value, places) if places and places > 0:
            digits = str(abs(value.numerator * 10**places // value.denominator))
            return Fraction(1, 10**places) if len(digits) >= _MIN_SIGNIFICANT else None
        case Op("neg" | "degree", (inner,)):
            return decimal_step(inner)
        case Op("percent", (inner,)):
            step = decimal_step(inner)
            return step and step / 100
        case Op("mul", (inner, Op("pow", (Num(Fraction(numerator=10, denominator=1)), _)) as scale)):
            step = decimal_step(inner)
            return step and step * exact(scale)
    return None


def short(value: Fraction) -> str:
    """A number for a message."""
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value)
    try:
        return f"{float(value):.12g}"
    except OverflowError:
        return "a very large number"


def _is_decimal(expr: Expr) -> bool:
    return any(isinstance(node, Num) and node.places is not None for node in walk(expr)) or isinstance(expr, Num)


def _within_tolerance(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | None:
    left, right = numeric_or_none(answer), numeric_or_none(reference)
    if left is None or right is None:
        return None
    allowed = max(settings.tolerance or 0.0, (settings.relative_tolerance or 0.0) * float(abs(right)))
    gap = float(abs(left - right))
    if gap <= allowed * (1 + 1e-12):
        return yes(f"within the stated tolerance {allowed:g}", "tolerance")
    return no(f"differs by {gap:.6g}; the stated tolerance is {allowed:g}", method="tolerance")


def leaves_operation(answer: Expr, reference: Expr) -> bool:
    """Whether the answer asks for an operation that the reference has worked out.

    Integral, sum, limit, derivative, gcd, lcm, det, mod; the modulus of a congruence is none.
    """
    found = _UNEVALUATED & marks(answer)
    if found == {"Op:mod"} and any(isinstance(node, Rel) and "equiv" in node.ops for node in walk(answer)):
        return False
    return bool(found) and _UNEVALUATED.isdisjoint(marks(reference))
