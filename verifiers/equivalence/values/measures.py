"""Values with a sign or unit of measure: percent, degrees, ratios, quantities, bases; bare values go to `scalars`."""

from __future__ import annotations

import re
from fractions import Fraction
from math import gcd

from verifiers.algebra.exact import exact, exact_or_none
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import BaseNum, Const, Expr, Num, Op, Quantity, Ratio, marks
from verifiers.text import units
from verifiers.text.nouns import names_a_count
from verifiers.types import Reason


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
        return compare_values(strip_op(answer, "degree"), strip_op(reference, "degree"), settings)
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


def _is(expr: Expr, op: str) -> bool:
    return isinstance(expr, Op) and (expr.op == op or (expr.op == "neg" and _is(expr.args[0], op)))


def strip_op(expr: Expr, op: str) -> Expr:
    """`expr` without its percent or degree sign."""
    return transform(expr, lambda node: node.args[0] if isinstance(node, Op) and node.op == op else None)


def _angle_in_radians(expr: Expr, other: Expr) -> Expr:
    """5 pi/6 rad beside an angle in degrees: as the number that degrees are multiples of."""
    if isinstance(expr, Quantity) and expr.unit == "rad" and _is(other, "degree"):
        return Op("degree", (Op("div", (Op("mul", (expr.value, Num(Fraction(180)))), Const("pi"))),))
    return expr


_RADIANS = frozenset(("Const:pi", "Call:arcsin", "Call:arccos", "Call:arctan", "Call:arccot"))


def _compare_percent(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    judged = compare_values(answer, reference, settings)
    if judged or not settings.percent_as_number:
        return judged
    bare = compare_values(strip_op(answer, "percent"), strip_op(reference, "percent"), settings)
    return yes("the same number of percent", bare.method) if bare else judged


def _compare_degrees(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    bare = compare_values(strip_op(answer, "degree"), strip_op(reference, "degree"), settings)
    if bare:
        return yes("the same number of degrees", bare.method)
    in_radians = not _RADIANS.isdisjoint(marks(answer) | marks(reference))
    return compare_values(answer, reference, settings) if in_radians else bare


def _compare_ratios(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    left = answer.items if isinstance(answer, Ratio) else _as_pair(answer)
    right = reference.items if isinstance(reference, Ratio) else _as_pair(reference)
    if len(left) != len(right):
        return no("ratios of different length")
    for index in range(1, len(left)):
        crossed = compare_values(Op("mul", (left[0], right[index])), Op("mul", (right[0], left[index])), settings)
        if not crossed:
            return crossed
        if _is_zero(left[0]) and _is_zero(left[index]):
            return no("ratio of zeros")
    if _is_zero(left[0]) != _is_zero(right[0]) or all(_is_zero(item) for item in left):
        return no("different ratios")
    if left != right and _is_time(right) and not _is_time(left):
        return no("another time of day")
    if _is_clock(left) != _is_clock(right):
        return no("a time of day and a ratio")
    if _is_clock(left) and left != right:
        return no("different times of day")
    return yes("the same ratio", "exact")


def _is_clock(items: tuple[Expr, ...]) -> bool:
    return len(items) > 1 and items[1] == Num(Fraction(0))


def _is_time(items: tuple[Expr, ...]) -> bool:
    """3:30, which no ratio in lowest terms is written as."""
    values = [item.value for item in items if isinstance(item, Num) and item.value.denominator == 1]
    if len(values) != len(items) or len(items) != 2:
        return False
    hour, minute = (int(value) for value in values)
    return 0 <= hour <= 24 and 10 <= minute < 60 and gcd(hour, minute) > 1


def _is_zero(expr: Expr) -> bool:
    return exact_or_none(expr) == 0


def _as_pair(expr: Expr) -> tuple[Expr, ...]:
    return (expr, Num(Fraction(1)))


def _compare_quantities(answer: Expr, reference: Expr, settings: Settings) -> Equivalence:
    if not isinstance(answer, Quantity):
        assert isinstance(reference, Quantity)
        if settings.require_units:
            return no("the unit is missing", Reason.UNITS)
        if _other_measure(answer, reference):
            return no(f"another measure than {reference.unit}", Reason.UNITS)
        return compare_scalars(answer, reference.value, settings)
    if not isinstance(reference, Quantity):
        if _other_measure(reference, answer):
            return no(f"unit {answer.unit}, which the reference does not have", Reason.UNITS)
        if answer.unit in units.SCALE_LETTERS:
            return no(f"{answer.unit} after a number may stand for a thousand, a million or a trillion", Reason.FORMAT)
        if not answer.known and not names_a_count(answer.unit, exact_or_none(answer.value)):
            return no(f"{answer.unit!r} after a number is no unit", Reason.FORMAT)
        return compare_scalars(answer.value, reference, settings)
    if _of_other_power(answer.unit, reference.unit):
        return no(f"unit {answer.unit}, expected {reference.unit}", Reason.UNITS)
    if answer.unit == reference.unit or {answer.unit, reference.unit} in _SAME_UNITS:
        return compare_scalars(answer.value, reference.value, settings)
    if answer.unit in _SCALES and reference.unit in _SCALES:
        return compare_scalars(_kelvin(answer), _kelvin(reference), settings)
    left, right = units.dimension(answer.unit), units.dimension(reference.unit)
    if left is None or right is None:
        if answer.known and reference.known:
            return no(f"unit {answer.unit}, expected {reference.unit}", Reason.UNITS)
        if _share_noun(answer.unit, reference.unit):
            return compare_scalars(answer.value, reference.value, settings)
        return no(f"unit {answer.unit}, expected {reference.unit}", Reason.UNITS)
    if left.powers != right.powers:
        if not left.powers or not right.powers:  # "square units" of a figure drawn in centimetres
            return compare_scalars(answer.value, reference.value, settings)
        judged = compare_scalars(answer.value, reference.value, settings)
        return no(f"unit {answer.unit}, expected {reference.unit}", Reason.UNITS) if judged else judged
    scaled = _scaled(answer.value, left.size / right.size)
    judged = compare_scalars(scaled, reference.value, settings)
    return judged if judged else no(f"{judged.detail} ({answer.unit} against {reference.unit})", Reason.UNITS)


def _of_other_power(first: str, second: str) -> bool:
    """Whether one is "units" of a figure to a power, and the other a length to another: units for square units."""
    powers = [_LENGTH.fullmatch(unit) for unit in (first, second)]
    if not all(powers) or not any(found and found[1] == "unit" for found in powers):
        return False
    return len({int(found[2] or 1) for found in powers if found}) > 1


def _scaled(value: Expr, factor: Fraction) -> Expr:
    """A value in another unit; written digits stay written digits, so that 4520 m is no rounding of 4.5 km."""
    if marks(value) <= _WRITTEN:
        return Num(exact(value) * factor)
    return Op("mul", (value, Num(factor)))


_WRITTEN = frozenset(("Num", "Op", "Op:add", "Op:mul", "Op:neg"))
_LENGTH = re.compile(r"(unit|[dckmnu]?m|inch|ft|yd|mi)(?:\^(\d))?")
_SAME_UNITS = ({"celsius", "C"}, {"fahrenheit", "F"})  # "25 C" is no charge beside 25 degrees
# scale -> size of its degree in kelvins, and its zero in degrees of its own below that of the scale
_SCALES = {
    "K": (Fraction(1), Fraction(0)), "celsius": (Fraction(1), Fraction(27315, 100)),
    "fahrenheit": (Fraction(5, 9), Fraction(45967, 100)),
}  # fmt: skip


def _kelvin(quantity: Quantity) -> Expr:
    size, zero = _SCALES[quantity.unit]
    return Op("mul", (Op("add", (quantity.value, Num(zero))), Num(size)))


def _other_measure(plain: Expr, quantity: Quantity) -> bool:
    """Whether a percentage or an angle stands beside a unit that measures something else."""
    return quantity.known and (
        _is(plain, "percent") or (_is(plain, "degree") and quantity.unit not in ("celsius", "fahrenheit"))
    )


def _share_noun(first: str, second: str) -> bool:
    """Whether one of two phrases only says less: "goats" for "stuffed goats", but not "west" for "east"."""
    mine, theirs = (frozenset(_singular(word) for word in text.split()) - _SMALL_WORDS for text in (first, second))
    return bool(mine & theirs) and (mine <= theirs or theirs <= mine)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


_SMALL_WORDS = frozenset(("of", "the", "in", "per", "each", "total", "a", "an"))
