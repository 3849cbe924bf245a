"""Labels and chains: `x = 5`, `f(x) = x^2`, `(p, q) = (3, 2)`, `28 + 32 = 60`, `x = 3 = 4`.

A label names what is asked for; the value is what is compared. A chain whose constant members differ contradicts
itself, and one that repeats itself says nothing: neither is an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from verifiers.algebra.exact import NO_VALUE, exact_or_none
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.types import Settings
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse import Expr, free_symbols, marks
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Apply, Call, Const, Group, Interval, Num, Op, Quantity, Ratio, Rel, SetOp, Sym, is_op
from verifiers.text.nouns import names_a_count
from verifiers.text.units import SCALE_LETTERS

_LEIBNIZ = re.compile(r"d(\d?)([A-Za-z]\w*)/d\w+")
_Y_STANDS_FOR = tuple({"y", function} for function in "fghFG")  # and for no variable: dx/dy is another derivative
_DIGITS = 30  # of a number that is worked out
_EXACT = Fraction(1, 10**15)  # a number that was worked out numerically, relative
_MAX_SIDES = 40  # of a chain
_MAX_MEMBERS = 12  # of a chain with symbols whose members are compared
_APPROXIMATION = Fraction(2, 100)  # how far "≈ 3.01" may be from the exact value that it follows, relative


class ContradictionError(ValueError):
    """The chain contradicts itself or is a tautology."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A value, the label it was given (None if bare) and other forms of the same value (an approximation)."""

    label: Expr | None
    value: Expr
    alternatives: tuple[Expr, ...] = ()

    @property
    def restored(self) -> Expr:
        """The equation that the label and the value were; a bare value as it is."""
        return self.value if self.label is None else Rel(("=",), (self.label, self.value))


def is_label(expr: Expr) -> bool:
    """Whether an expression can name a quantity: x, a_n, f(x), |AB|, angle ABC, A:B, AB, sin A."""
    match expr:
        case Sym() | Apply():
            return True
        case Const(name):
            return name in ("i", "e")
        case Ratio(items) | Group("tuple", items):
            return all(map(is_label, items))
        case Call(name, args):
            return name not in ("sqrt", "root", "cbrt") and all(map(_names_only, args))
        case Op("mul", (Sym("nabla" | "Delta"), *others)):
            return all(isinstance(other, Sym) for other in others)
        case Op("mul", args):
            return len(args) <= 4 and all(isinstance(arg, Sym) and arg.name.isupper() for arg in args)
        case Op("degree", (inner,)):
            return is_label(inner)
    return False


def _names_only(expr: Expr) -> bool:
    return isinstance(expr, Sym) or (is_op(expr, "mul", "add", "neg") and all(map(_names_only, expr.args)))


def labelled(expr: Expr) -> Labelled:
    """`expr` as a value with an optional label.

    Raises:
        ContradictionError: two members of a chain are different numbers, or all members are the same text.
    """
    if isinstance(expr, Rel):
        found = _unchained(expr)
        if found is not None:
            return found
        is_identity = expr.ops == ("equiv",) and "Op:mod" not in marks(expr)  # f \equiv 0
        if (is_identity or expr.ops == ("in",)) and is_label(expr.sides[0]):
            return Labelled(expr.sides[0], expr.sides[1])
    return Labelled(None, expr)


def _unchained(expr: Rel) -> Labelled | None:
    """The label and value of an equality chain; None when it is an equation rather than a labelled value."""
    ops, sides = expr.ops, expr.sides
    if not {"=", "approx"}.issuperset(ops):
        return None
    _check_chain(expr)
    if len(sides) == 2:
        return _unchained_pair(ops[0], *sides)
    is_named = is_label(sides[0]) or (free_symbols(sides[0]) and not free_symbols(sides[-1]))
    label, members = (sides[0], sides[1:]) if is_named else (None, sides)
    if is_named and is_label(sides[-1]) and not is_label(sides[1]):
        return None
    if not _all_equal(members) and not (all(map(is_label, sides[:-1])) and not free_symbols(sides[-1])):
        return None
    if "approx" not in ops:
        return Labelled(label, sides[-1], _rounded_from(sides))
    exact = ops.index("approx")  # the last exact member, with its approximations as alternatives
    if exact == 0 and is_named:
        return Labelled(label, sides[-1])
    return Labelled(label, sides[exact], _roundings(sides[exact], sides[exact + 1 :]))


def label_chain(expr: Expr) -> tuple[tuple[Expr, ...], Expr] | None:
    """The names and the value of `x = y = 3`; None for anything else."""
    if isinstance(expr, Rel) and len(expr.sides) > 2 and set(expr.ops) == {"="}:
        *names, value = expr.sides
        if all(is_label(name) for name in names) and not free_symbols(value):
            return tuple(names), value
    return None


def _all_equal(members: Sequence[Expr]) -> bool:
    """Whether the members of a chain with symbols are one expression, so that the chain is no system of equations."""
    if not any(free_symbols(member) for member in members):
        return True
    if len(members) > _MAX_MEMBERS:
        return False
    pairs = [(first, second) for first, second in pairwise(members) if first != second]
    return all(compare_values(first, second, Settings(allow_unevaluated=True)) for first, second in pairs)


def _rounded_from(sides: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The exact member before a final decimal: 1/3 = 0.33 means 1/3."""
    if len(sides) < 2 or not (isinstance(sides[-1], Num) and sides[-1].places):
        return ()
    before = _constant(sides[-2])
    return (sides[-2],) if before is not None and before != sides[-1].value and not isinstance(sides[-2], Num) else ()


def _roundings(value: Expr, others: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The approximations that round `value` to their last digit: `100 ≈ 101` offers two answers, not one."""
    known = _constant(value)
    near = [(other, found) for other in others if (found := _constant(other)) is not None]
    return tuple(
        other
        for other, found in near
        if known is not None and (found == known or _rounds(value, other, abs(found - known), approximate=True))
    )


def _unchained_pair(op: str, left: Expr, right: Expr) -> Labelled | None:
    names_set = _names_set(left) and not _names_set(right)  # A \cap B = \{2, 4\}
    names_matrix = "Matrix" in marks(right) and "Matrix" not in marks(left) and _names_matrix(left)
    if is_label(left) or (not is_label(right) and (names_set or names_matrix)):
        return Labelled(left, right)
    if is_label(right):
        return Labelled(right, left)
    if op == "approx":
        return Labelled(None, left, _roundings(left, (right,)))
    if _all_equal((left, right)):  # x^2 - 1 = (x - 1)(x + 1): worked out, and no equation
        return Labelled(None, right, _rounded_from((left, right)))
    return None


def _names_set(expr: Expr) -> bool:
    """A union B, A minus B, the complement of A: what names a set without listing it."""
    if isinstance(expr, SetOp):
        return all(isinstance(arg, Sym) or _names_set(arg) for arg in expr.args)
    return is_op(expr, "complement") and isinstance(expr.args[0], Sym)


def _names_matrix(expr: Expr) -> bool:
    """A^{-1}, A^n, AB: products and powers of capital letters."""
    if is_op(expr, "mul", "pow"):
        return all(map(_names_matrix, expr.args if expr.op == "mul" else expr.args[:1]))
    return isinstance(expr, Sym) and expr.name[:1].isupper()


def _check_chain(expr: Rel) -> None:
    """Compare the members of an equality chain that are constants, and look for repetition.

    Raises:
        ContradictionError: as in `labelled`.
    """
    if all(left == right for left, right in pairwise(expr.sides)):
        raise ContradictionError("both sides are the same: a tautology says nothing")
    if len(expr.sides) > _MAX_SIDES:
        raise ContradictionError(f"a chain of more than {_MAX_SIDES} equalities")
    constants: list[tuple[Expr, Fraction]] = []
    approximate = False
    no_number = next((why for side in expr.sides if (why := _no_number(side, is_last=side is expr.sides[-1]))), "")
    for op, side in zip(("=", *expr.ops), expr.sides):
        approximate = approximate or op == "approx"
        value = _constant(side)
        if value is None:
            continue
        if no_number:
            raise ContradictionError(f"the chain says that {no_number} is a number")
        for other, known in constants:
            gap = abs(value - known)
            allowed = max(abs(value), abs(known)) * (_APPROXIMATION if approximate else _EXACT)
            is_near = gap <= allowed or _rounds(side, other, gap, approximate)
            if not is_near and not _same_percent(side, value, other, known):
                raise ContradictionError("the chain says that two different numbers are equal")
        constants.append((side, value))


def _no_number(side: Expr, *, is_last: bool) -> str:
    """What a side is that equals no plain number: a set, two numbers, an amount of something; "" for any other.

    Words behind the last side may be those of the sentence.
    """
    if isinstance(side, Interval | SetOp) or (isinstance(side, Group) and side.kind in ("tuple", "set")):
        return "a point or set"
    if isinstance(side, Quantity) and not is_last:
        counts = side.known or names_a_count(side.unit, _constant(side.value))
        if side.unit in SCALE_LETTERS or not counts:
            return f"an amount in {side.unit!r}"
    is_either = not marks(side).isdisjoint(("Op:pm", "Op:mp")) and not free_symbols(side)
    return "a number of either sign" if is_either else ""


def _rounds(first: Expr, second: Expr, gap: Fraction, approximate: bool) -> bool:
    """Whether one side is a decimal that rounds the other: 5/12 = 0.42, or 33.5% = 0.335."""
    decimals = [side.places for side in (first, second) if isinstance(side, Num) and side.places]
    if not decimals or len(decimals) == 2:
        return False
    return gap <= 10 ** -min(decimals) * (1 if approximate else 0.5) * 1.0001


def _same_percent(first: Expr, value: Fraction, second: Expr, known: Fraction) -> bool:
    """Whether a percentage rounds the other side, which may count in percent: 1/7 = 14 %, 10/40 * 100 = 25 %."""
    if is_op(first, "percent") == is_op(second, "percent"):
        return False
    percent, part, other = (first, value, known) if is_op(first, "percent") else (second, known, value)
    number = percent.children[0]
    places = (isinstance(number, Num) and number.places) or 0
    return any(abs(100 * part - scale * other) <= Fraction(1, 2 * 10**places) for scale in (1, 100))


def _constant(expr: Expr) -> Fraction | None:
    """The number that a side denotes; None if it is none (symbols, sets, too large)."""
    if isinstance(expr, Num):
        return expr.value
    if isinstance(expr, Quantity) or not marks(expr).isdisjoint(("Sym", "Apply", "Op:degree")):
        return None
    value = exact_or_none(expr)
    if value is not None:
        return value
    try:
        return Fraction(str(numeric(expr, None, _DIGITS)))
    except (ValueError, *NO_VALUE):  # a complex number is no fraction either
        return None


def same_function(mine: Labelled, theirs: Labelled) -> Labelled | None:
    """f(t) = t^2 beside f(x) = x^2, and y = x^2 beside f(x) = x^2: the answer in the terms of the reference.

    The name of a function's variable is free, that of the function is not. None where the labels name other things.
    """
    left, right = mine.label, theirs.label
    if isinstance(left, Apply) and isinstance(right, Apply):
        names = [arg.name for arg in left.args if isinstance(arg, Sym)]
        targets = [arg.name for arg in right.args if isinstance(arg, Sym)]
        distinct = len(set(names)) == len(left.args) == len(right.args) == len(set(targets))
        if left.name != right.name or not distinct or (free_symbols(mine.value) - set(names)) & set(targets):
            return None
        return Labelled(right, substitute(mine.value, {name: Sym(target) for name, target in zip(names, targets)}))
    function, other = (left, right) if isinstance(left, Apply) else (right, left)
    is_named = isinstance(function, Apply) and (
        other == Sym(function.name) or (other == Sym("y") and len(function.args) == 1)
    )
    is_same = is_named or _name_one_derivative(_derivative(left), _derivative(right))
    return Labelled(right, mine.value, mine.alternatives) if is_same else None


def _name_one_derivative(first: tuple[str, int] | None, second: tuple[str, int] | None) -> bool:
    """dy/dx and f'(x): of one order, and of one function, which y may stand for."""
    if first is None or second is None or first[1] != second[1]:
        return False
    return first[0] == second[0] or {first[0], second[0]} in _Y_STANDS_FOR


def _derivative(label: Expr | None) -> tuple[str, int] | None:
    """The function whose derivative a label names, and its order: dy/dx, y', f''(x); None for another label."""
    name = label.name if isinstance(label, Sym | Apply) else ""
    found = _LEIBNIZ.fullmatch(name)
    if found:
        return found[2], int(found[1] or 1)
    function = name.rstrip("'")
    return (function, len(name) - len(function)) if function and function != name else None
