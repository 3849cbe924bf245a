"""Equality of two single values: numbers and expressions in free symbols.

In order: a stated tolerance, exact rationals (a decimal reference allows rounding), operators of calculus, integers
where the letters are about integers, numbers to many digits, and what `verifiers.algebra.identity` proves or shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from verifiers.algebra.agreement import Agreement
from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree, agree_as_constants
from verifiers.algebra.sampling import is_real
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.operators import agree_at_integers, has_calculus, is_about_integers, worked_operators
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import opaque
from verifiers.parse.tree import Expr, Num, Op, Rel, free_symbols, marks, walk
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
    except (InexactError, OverBudgetError):
        pass
    except UndefinedError as error:
        return no(f"no value: {error}")
    else:
        return _compare_rationals(answer, left, reference, right, settings)
    answer, reference = opaque(answer), opaque(reference)
    if has_calculus(answer) or has_calculus(reference):
        worked = worked_operators(answer, reference, settings)
        return worked if isinstance(worked, Equivalence) else compare_values(*worked, settings)
    names = sorted(free_symbols(answer) | free_symbols(reference))
    if is_about_integers(answer, reference, names):
        at_integers = agree_at_integers(answer, reference)
        if at_integers is not None:
            return at_integers
    return _compare_anywhere(answer, reference, names, settings)


def _compare_anywhere(answer: Expr, reference: Expr, names: Sequence[str], settings: Settings) -> Equivalence:
    try:
        if names:
            return _judged(agree(answer, reference))
        return _compare_constants(answer, reference, settings)
    except UndefinedError as error:
        return no(f"no value to compare: {error}", method="numeric")
    except OverBudgetError as error:
        return no(str(error), Reason.OVER_BUDGET)
    except InexactError as error:
        return no(f"cannot evaluate {error}")


def _judged(agreement: Agreement) -> Equivalence:
    return Equivalence(agreement.equal, agreement.detail, None, agreement.method)


def _compare_rationals(
    answer: Expr, left: Fraction, reference: Expr, right: Fraction, settings: Settings
) -> Equivalence:
    if left == right:
        return yes("equal rational numbers", "exact")
    step = decimal_step(reference) if settings.round_to_reference else None
    if step is not None and abs(left - right) * 2 <= step and not _is_decimal(answer) and not _terminates(left):
        return yes(f"rounds to the decimal reference (within {_short(step / 2)})", "tolerance")
    return no("different rational numbers", method="exact")


def _terminates(value: Fraction) -> bool:
    """Whether a number has finitely many decimals, so that it is another decimal and no exact value of this one."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


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


def _within_tolerance(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | None:
    try:
        left, right = numeric(answer), numeric(reference)
    except (InexactError, UndefinedError, OverBudgetError):
        return None
    allowed = max(settings.tolerance or 0.0, (settings.relative_tolerance or 0.0) * float(abs(right)))
    gap = float(abs(left - right))
    if gap <= allowed * (1 + 1e-12):
        return yes(f"within the stated tolerance {allowed:g}", "tolerance")
    return no(f"differs by {gap:.6g}; the stated tolerance is {allowed:g}", method="tolerance")


def _compare_constants(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    agreement = agree_as_constants(answer, reference)
    step = decimal_step(reference) if settings.round_to_reference and not agreement else None
    if step is None or _is_decimal(answer):
        return _judged(agreement)
    left, right = (numeric(side) for side in (answer, reference))
    if is_real(left) and abs(left - right) * 2 * step.denominator <= step.numerator:
        return yes(f"rounds to the decimal reference (within {_short(step / 2)})", "tolerance")
    return _judged(agreement)


def leaves_operation(answer: Expr, reference: Expr) -> bool:
    """Whether the answer asks for an operation that the reference has worked out.

    Integral, sum, limit, derivative, gcd, lcm, det, mod; the modulus of a congruence is none.
    """
    found = _UNEVALUATED & marks(answer)
    if found == {"Op:mod"} and any(isinstance(node, Rel) and "equiv" in node.ops for node in walk(answer)):
        return False
    return bool(found) and _UNEVALUATED.isdisjoint(marks(reference))
