"""Labels and chains: `x = 5`, `f(x) = x^2`, `(p, q) = (3, 2)`, `28 + 32 = 60`, `x = 3 = 4`.

A label names what is asked for; the value is what is compared. A chain whose constant members differ contradicts
itself, and one that repeats itself says nothing: neither is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.types import Settings
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import (
    Apply,
    Call,
    Const,
    Expr,
    Group,
    Interval,
    Num,
    Op,
    Quantity,
    Ratio,
    Rel,
    SetOp,
    Sym,
    free_symbols,
    marks,
)
from verifiers.text.nouns import names_a_count
from verifiers.text.units import SCALE_LETTERS

_EXACT = Fraction(1, 10**15)  # a number that was worked out numerically, relative
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
    if isinstance(expr, Sym | Apply):
        return True
    if isinstance(expr, Const):
        return expr.name == "i" or expr.name == "e"
    if isinstance(expr, Ratio):
        return all(is_label(item) for item in expr.items)
    if isinstance(expr, Group) and expr.kind == "tuple":
        return all(is_label(item) for item in expr.items)
    if isinstance(expr, Call):
        return expr.name not in ("sqrt", "root", "cbrt") and all(_names_only(arg) for arg in expr.args)
    if isinstance(expr, Op) and expr.op == "mul" and expr.args[0] in (Sym("nabla"), Sym("Delta")):
        return all(isinstance(arg, Sym) for arg in expr.args)
    if isinstance(expr, Op) and expr.op == "mul":
        return len(expr.args) <= 4 and all(isinstance(arg, Sym) and arg.name.isupper() for arg in expr.args)
    if isinstance(expr, Op) and expr.op == "degree":
        return is_label(expr.args[0])
    return False


def _names_only(expr: Expr) -> bool:
    if isinstance(expr, Sym):
        return True
    return isinstance(expr, Op) and expr.op in ("mul", "add", "neg") and all(_names_only(arg) for arg in expr.args)


def is_quantity_label(expr: Expr) -> bool:
    """Whether a small linear form such as m + n or a + 2b stands for the number asked for."""
    if isinstance(expr, Sym):
        return True
    if isinstance(expr, Num):
        return expr.places is None and abs(expr.value) < 1000
    return (
        isinstance(expr, Op)
        and expr.op in ("add", "mul", "neg", "div")
        and all(is_quantity_label(arg) for arg in expr.args)
    )


def unchain(expr: Rel) -> Labelled | None:
    """The label and value of an equality chain; None when it is an equation rather than a labelled value.

    Raises:
        ContradictionError: two members are different numbers, or all members are the same text.
    """
    if any(op not in ("=", "approx") for op in expr.ops):
        return None
    check_chain(expr)
    sides = expr.sides
    if len(sides) == 2:
        return _unchain_pair(expr.ops[0], sides[0], sides[1])
    label = sides[0] if is_label(sides[0]) else None
    if label is None and free_symbols(sides[0]) and not free_symbols(sides[-1]):
        label = sides[0]
    if label is not None and is_label(sides[-1]) and not is_label(sides[1]):
        return None
    members = sides[1:] if label is not None else sides
    if not _all_equal(members) and not (all(is_label(side) for side in sides[:-1]) and not free_symbols(sides[-1])):
        return None
    return _value_of(label, expr.ops, sides)


def label_chain(expr: Expr) -> tuple[tuple[Expr, ...], Expr] | None:
    """The names and the value of `x = y = 3`; None for anything else."""
    if isinstance(expr, Rel) and len(expr.sides) > 2 and set(expr.ops) == {"="}:
        *names, value = expr.sides
        if all(is_label(name) for name in names) and not free_symbols(value):
            return tuple(names), value
    return None


def _all_equal(members: tuple[Expr, ...]) -> bool:
    """Whether the members of a chain with symbols are one expression, so that the chain is no system of equations."""
    if not any(free_symbols(member) for member in members):
        return True
    if len(members) > _MAX_MEMBERS:
        return False
    pairs = [(first, second) for first, second in pairwise(members) if first != second]
    return all(compare_values(first, second, Settings(allow_unevaluated=True)) for first, second in pairs)


def _value_of(label: Expr | None, ops: tuple[str, ...], sides: tuple[Expr, ...]) -> Labelled:
    """The exact end of the chain, with approximations as alternatives."""
    if "approx" not in ops:
        return Labelled(label, sides[-1], _rounded_from(sides))
    last_exact = ops.index("approx")
    if last_exact == 0 and label is not None:
        return Labelled(label, sides[-1])
    return Labelled(label, sides[last_exact], _roundings(sides[last_exact], sides[last_exact + 1 :]))


def _rounded_from(sides: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The exact member before a final decimal: 1/3 = 0.33 means 1/3."""
    if len(sides) < 2 or not (isinstance(sides[-1], Num) and sides[-1].places):
        return ()
    before = _constant(sides[-2])
    return (sides[-2],) if before is not None and before != sides[-1].value and not isinstance(sides[-2], Num) else ()


def _roundings(value: Expr, others: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The approximations that round `value` to their last digit: `100 ≈ 101` offers two answers, not one."""
    known = _constant(value)
    if known is None:
        return ()
    kept = []
    for other in others:
        near = _constant(other)
        if near is not None and (near == known or _rounds(value, other, abs(near - known), approximate=True)):
            kept.append(other)
    return tuple(kept)


def _unchain_pair(op: str, left: Expr, right: Expr) -> Labelled | None:
    if is_label(left) and not (is_label(right) and not is_label(left)):
        return Labelled(left, right)
    if _names_set(left) and not (is_label(right) or _names_set(right)):
        return Labelled(left, right)  # A \cap B = \{2, 4\}
    if is_label(right):
        return Labelled(right, left)
    if "Matrix" in marks(right) and "Matrix" not in marks(left) and _names_matrix(left):
        return Labelled(left, right)
    if op == "approx":
        return Labelled(None, left, _roundings(left, (right,)))
    if not free_symbols(left) and not free_symbols(right) and not _opaque_names(left):
        return Labelled(None, right, _rounded_from((left, right)))
    if _all_equal((left, right)):
        return Labelled(None, right)  # x^2 - 1 = (x - 1)(x + 1): worked out, and no equation
    return None


def _names_set(expr: Expr) -> bool:
    """A union B, A minus B, the complement of A: what names a set without listing it."""
    if isinstance(expr, SetOp):
        return all(isinstance(arg, Sym) or _names_set(arg) for arg in expr.args)
    return isinstance(expr, Op) and expr.op == "complement" and isinstance(expr.args[0], Sym)


def _names_matrix(expr: Expr) -> bool:
    """A^{-1}, A^n, AB: products and powers of capital letters."""
    if isinstance(expr, Op) and expr.op == "pow":
        return _names_matrix(expr.args[0])
    if isinstance(expr, Op) and expr.op == "mul":
        return all(_names_matrix(arg) for arg in expr.args)
    return isinstance(expr, Sym) and expr.name[:1].isupper()


def _opaque_names(expr: Expr) -> bool:
    return not marks(expr).isdisjoint(("Sym", "Apply"))


def check_chain(expr: Rel) -> None:
    """Compare neighbours of an equality chain that are constants, and look for repetition.

    Raises:
        ContradictionError: as in `unchain`.
    """
    equalities = [
        (left, op, right) for op, (left, right) in zip(expr.ops, pairwise(expr.sides)) if op in ("=", "approx")
    ]
    if equalities and all(left == right for left, _, right in equalities):
        raise ContradictionError("both sides are the same: a tautology says nothing")
    if len(expr.sides) > 40:
        raise ContradictionError("a chain of more than 40 equalities")
    constants: list[tuple[Expr, Fraction]] = []
    approximate = False
    is_no_number = next((why for side in expr.sides if (why := _no_number(side, is_last=side is expr.sides[-1]))), "")
    for index, side in enumerate(expr.sides):
        approximate = approximate or (index > 0 and expr.ops[index - 1] == "approx")
        value = _constant(side)
        if value is None:
            continue
        if is_no_number:
            raise ContradictionError(f"the chain says that {is_no_number} is a number")
        for other, known in constants:
            gap = abs(value - known)
            allowed = max(abs(value), abs(known)) * (_APPROXIMATION if approximate else _EXACT)
            if gap > allowed and not (
                _rounds(side, other, gap, approximate) or _same_percent(side, value, other, known)
            ):
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
    found = marks(side)
    return "a number of either sign" if ("Op:pm" in found or "Op:mp" in found) and not free_symbols(side) else ""


def _rounds(first: Expr, second: Expr, gap: Fraction, approximate: bool) -> bool:
    """Whether one side is a decimal that rounds the other: 5/12 = 0.42, or 33.5% = 0.335."""
    decimals = [side.places for side in (first, second) if isinstance(side, Num) and side.places]
    if not decimals or len(decimals) == 2:
        return False
    return gap <= 10 ** -min(decimals) * (1 if approximate else 0.5) * 1.0001


def _same_percent(first: Expr, value: Fraction, second: Expr, known: Fraction) -> bool:
    """Whether a percentage rounds the other side, which may count in percent: 1/7 = 14 %, 10/40 * 100 = 25 %."""
    percents = [side.args[0] for side in (first, second) if isinstance(side, Op) and side.op == "percent"]
    if len(percents) != 1:
        return False
    part, other = (value, known) if isinstance(first, Op) and first.op == "percent" else (known, value)
    places = percents[0].places or 0 if isinstance(percents[0], Num) else 0
    return any(abs(100 * part - scale * other) <= Fraction(1, 2 * 10**places) for scale in (1, 100))


def _constant(expr: Expr) -> Fraction | None:
    """The number that a side denotes; None if it is none (symbols, sets, too large)."""
    if isinstance(expr, Quantity):
        return None
    if isinstance(expr, Num):
        return expr.value
    if _opaque_names(expr) or "Op:degree" in marks(expr):
        return None
    try:
        return exact(expr)
    except (InexactError, UndefinedError, OverBudgetError):
        pass
    try:
        value = numeric(expr, None, 30)
        return Fraction(str(value)) if not getattr(value, "imag", 0) else None
    except (InexactError, UndefinedError, OverBudgetError, ValueError):
        return None


def labelled(expr: Expr) -> Labelled:
    """`expr` as a value with an optional label.

    Raises:
        ContradictionError: as in `unchain`.
    """
    if isinstance(expr, Rel):
        found = unchain(expr)
        if found is not None:
            return found
        if expr.ops == ("equiv",) and is_label(expr.sides[0]) and "Op:mod" not in marks(expr):
            return Labelled(expr.sides[0], expr.sides[1])  # f \equiv 0
        if expr.ops == ("in",) and is_label(expr.sides[0]):
            return Labelled(expr.sides[0], expr.sides[1])
    return Labelled(None, expr)
