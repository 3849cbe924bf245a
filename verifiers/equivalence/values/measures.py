"""Values with a sign or unit of measure: percent, degrees, ratios, quantities, bases; bare values go to `scalars`."""

from __future__ import annotations

import re
from fractions import Fraction
from math import gcd

from verifiers.algebra.exact import exact, exact_or_none
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse import Expr, marks
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import BaseNum, Const, Num, Op, Quantity, Ratio, is_op, num
from verifiers.text import units
from verifiers.text.nouns import names_a_count
from verifiers.types import Reason

_RADIANS = frozenset(("Const:pi", "Call:arcsin", "Call:arccos", "Call:arctan", "Call:arccot"))
_WRITTEN = frozenset(("Num", "Op", "Op:add", "Op:mul", "Op:neg"))
_LENGTH = re.compile(r"(unit|[dckmnu]?m|inch|ft|yd|mi)(?:\^(\d))?")
_SAME_UNITS = ({"celsius", "C"}, {"fahrenheit", "F"})  # "25 C" is no charge beside 25 degrees
# scale -> size of its degree in kelvins, and its zero in degrees of its own below that of the scale
_SCALES = {
    "K": (Fraction(1), Fraction(0)), "celsius": (Fraction(1), Fraction(27315, 100)),
    "fahrenheit": (Fraction(5, 9), Fraction(45967, 100)),
}  # fmt: skip
_SMALL_WORDS = frozenset(("of", "the", "in", "per", "each", "total", "a", "an"))


def compare_scalars(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    """Whether two values are equal."""
    if answer == reference:
        return yes("the same expression", "structure")
    if isinstance(answer, BaseNum) or isinstance(reference, BaseNum):
        return _compare_bases(answer, reference)
    answer, reference = _angle_in_radians(answer, reference), _angle_in_radians(reference, answer)
    if isinstance(answer, Quantity) or isinstance(reference, Quantity):
        return _compare_quantities(answer, reference, settings)
    if _is(answer, "percent") != _is(reference, "percent"):
        return _compare_percent(answer, reference, settings)
    if _is(answer, "degree") and _is(reference, "degree"):  # in degrees, where the reference's decimals count
        return compare_values(_strip(answer, "degree"), _strip(reference, "degree"), settings)
    if _is(answer, "degree") != _is(reference, "degree"):
        return _compare_degrees(answer, reference, settings)
    if isinstance(answer, Ratio) or isinstance(reference, Ratio):
        return _compare_ratios(answer, reference, settings)
    return compare_values(answer, reference, settings)


def _compare_bases(answer: Expr, reference: Expr) -> Equivalence:
    """Digits in a stated base answer digits in that base; the number without its base is another form."""
    if not (isinstance(answer, BaseNum) and isinstance(reference, BaseNum)):
        return no("only one of the two states a base", Reason.FORMAT)
    if answer.base != reference.base:
        return no(f"base {answer.base}, expected {reference.base}", Reason.FORMAT)
    same = answer.value == reference.value
    return yes("the same digits in the same base", "exact") if same else no("other digits", method="exact")


def _is(expr: Expr, sign: str) -> bool:
    return is_op(expr, sign) or (is_op(expr, "neg") and _is(expr.args[0], sign))


def _strip(expr: Expr, sign: str) -> Expr:
    """`expr` without its percent or degree sign."""
    return transform(expr, lambda node: node.args[0] if is_op(node, sign) else None)


def _angle_in_radians(expr: Expr, other: Expr) -> Expr:
    """5 pi/6 rad beside an angle in degrees: as the number that degrees are multiples of."""
    if isinstance(expr, Quantity) and expr.unit == "rad" and _is(other, "degree"):
        return Op("degree", (expr.value * num(180) / Const("pi"),))
    return expr


def _compare_percent(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    judged = compare_values(answer, reference, settings)
    if judged or not settings.percent_as_number:
        return judged
    bare = compare_values(_strip(answer, "percent"), _strip(reference, "percent"), settings)
    return yes("the same number of percent", bare.method) if bare else judged


def _compare_degrees(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    bare = compare_values(_strip(answer, "degree"), _strip(reference, "degree"), settings)
    if bare:
        return yes("the same number of degrees", bare.method)
    in_radians = not _RADIANS.isdisjoint(marks(answer) | marks(reference))
    return compare_values(answer, reference, settings) if in_radians else bare


def _compare_ratios(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    left, right = (side.items if isinstance(side, Ratio) else (side, num(1)) for side in (answer, reference))
    if len(left) != len(right):
        return no("ratios of different length")
    are_zero, others = ([exact_or_none(item) == 0 for item in items] for items in (left, right))
    for index in range(1, len(left)):
        crossed = compare_values(left[0] * right[index], right[0] * left[index], settings)
        if not crossed:
            return crossed
        if are_zero[0] and are_zero[index]:
            return no("ratio of zeros")
    if are_zero[0] != others[0]:
        return no("different ratios")
    if left != right and (num(0) in (left[1], right[1]) or (_is_time(right) and not _is_time(left))):
        return no("different times of day")
    return yes("the same ratio", "exact")


def _is_time(items: tuple[Expr, ...]) -> bool:
    """3:30, which no ratio in lowest terms is written as."""
    match items:
        case (Num(hour), Num(minute)) if hour.denominator == 1 == minute.denominator:
            return 0 <= hour <= 24 and 10 <= minute < 60 and gcd(int(hour), int(minute)) > 1
    return False


def _compare_quantities(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    if not isinstance(answer, Quantity):
        assert isinstance(reference, Quantity)
        if settings.require_units:
            return no("the unit is missing", Reason.UNITS)
        if _is_other_measure(answer, reference):
            return no(f"another measure than {reference.unit}", Reason.UNITS)
        return compare_scalars(answer, reference.value, settings)
    if not isinstance(reference, Quantity):
        if _is_other_measure(reference, answer):
            return no(f"unit {answer.unit}, which the reference does not have", Reason.UNITS)
        if answer.unit in units.SCALE_LETTERS:
            return no(f"{answer.unit} after a number may stand for a thousand, a million or a trillion", Reason.FORMAT)
        if not answer.known and not names_a_count(answer.unit, exact_or_none(answer.value)):
            return no(f"{answer.unit!r} after a number is no unit", Reason.FORMAT)
        return compare_scalars(answer.value, reference, settings)
    another = no(f"unit {answer.unit}, expected {reference.unit}", Reason.UNITS)
    if _of_other_power(answer.unit, reference.unit):
        return another
    if answer.unit == reference.unit or {answer.unit, reference.unit} in _SAME_UNITS:
        return compare_scalars(answer.value, reference.value, settings)
    if answer.unit in _SCALES and reference.unit in _SCALES:
        return compare_scalars(_kelvin(answer), _kelvin(reference), settings)
    left, right = units.dimension(answer.unit), units.dimension(reference.unit)
    if left is None or right is None:
        is_alike = not (answer.known and reference.known) and _share_noun(answer.unit, reference.unit)
        return compare_scalars(answer.value, reference.value, settings) if is_alike else another
    if left.powers != right.powers:
        judged = compare_scalars(answer.value, reference.value, settings)
        is_figure = not left.powers or not right.powers  # "square units" of a figure drawn in centimetres
        return judged if is_figure or not judged else another
    judged = compare_scalars(_scaled(answer.value, left.size / right.size), reference.value, settings)
    return judged or no(f"{judged.detail} ({answer.unit} against {reference.unit})", Reason.UNITS)


def _of_other_power(first: str, second: str) -> bool:
    """Whether one is "units" of a figure to a power, and the other a length to another: units for square units."""
    found = [match for unit in (first, second) if (match := _LENGTH.fullmatch(unit))]
    is_figure = len(found) == 2 and "unit" in (found[0][1], found[1][1])
    return is_figure and (found[0][2] or "1") != (found[1][2] or "1")


def _scaled(value: Expr, factor: Fraction) -> Expr:
    """A value in another unit; written digits stay written digits, so that 4520 m is no rounding of 4.5 km."""
    return Num(exact(value) * factor) if marks(value) <= _WRITTEN else value * Num(factor)


def _kelvin(quantity: Quantity) -> Expr:
    size, zero = _SCALES[quantity.unit]
    return (quantity.value + Num(zero)) * Num(size)


def _is_other_measure(plain: Expr, quantity: Quantity) -> bool:
    """Whether a percentage or an angle stands beside a unit that measures something else."""
    is_angle = _is(plain, "degree") and quantity.unit not in ("celsius", "fahrenheit")
    return quantity.known and (is_angle or _is(plain, "percent"))


def _share_noun(first: str, second: str) -> bool:
    """Whether one of two phrases only says less: "goats" for "stuffed goats", but not "west" for "east"."""
    mine, theirs = (
        {word[:-1] if len(word) > 3 and word.endswith("s") else word for word in text.split()} - _SMALL_WORDS
        for text in (first, second)
    )
    return bool(mine & theirs) and (mine <= theirs or theirs <= mine)
