"""Piecewise values: cases in any order or partition, beside maxima and absolute values.

Both sides are evaluated at the points where a condition changes and at points between and beyond them. Equal pieces
agree there; a wrong bracket differs at its end, a wrong piece inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from verifiers.algebra.breakpoints import Breaks, around, breaks, critical_parts
from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import integer_points, more_points, real_points, seeded
from verifiers.equivalence.conventions import INTEGERS
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import Cases, Expr, Family, Group, Num, Rel, Sym, Text, free_symbols, marks, num, walk

_DIGITS = 40
_MIN_POINTS = 6  # of agreement
_MAX_ENDS = 40
_ORDERS = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
_OTHERWISE = frozenset(("otherwise", "else", "elsewhere", "all other x", "other"))


def compare_piecewise(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | None:
    """Whether two values of one variable are equal, at least one of them in cases; None if this does not apply."""
    if not (isinstance(answer, Cases) or isinstance(reference, Cases)):
        return None
    name = _variable(answer) or _variable(reference)
    if name is None:
        return None
    try:
        first = _first_integer(answer, reference, name)
        if first is not None:
            points: Iterable[Any] = (
                point[name] + first - 1 for point in integer_points([name], seeded(answer, reference), largest=10**6)
            )
        else:
            ends = {end for side in (answer, reference) for end in _ends(side, name)}
            if len(ends) > _MAX_ENDS:
                return None
            points = _points(ends, answer, reference, name)
        return _compare_at(points, answer, reference, name)
    except (_NotPiecewiseError, InexactError, OverBudgetError):
        return None


def as_sequence(expr: Expr) -> Expr:
    """`a_1 = 1, a_n = 2^{n-2} (n >= 2)` as the sequence a_n in cases; anything else as it is."""
    whole = expr.body if isinstance(expr, Family) and not expr.parameters else expr
    if not isinstance(whole, Group) or whole.kind not in ("list", "and"):
        return expr
    first: list[tuple[int, Expr]] = []
    general: list[tuple[str, str, Expr, Expr]] = []
    for item in whole.items:
        where = item.where if isinstance(item, Family) else None
        said = item.body if isinstance(item, Family) else item
        if not (isinstance(said, Rel) and said.ops == ("=",) and isinstance(said.sides[0], Sym)):
            return expr
        letter, _, index = said.sides[0].name.partition("_")
        if index.isdecimal():
            first.append((int(index), said.sides[1]))
        else:
            where = where or (expr.where if isinstance(expr, Family) else None)
            if len(index) != 1 or not isinstance(where, Rel):
                return expr
            general.append((letter, index, said.sides[1], where))
    if len(general) != 1 or not first:
        return expr
    letter, index, value, where = general[0]
    known = tuple((item, Rel(("=",), (Sym(index), num(place)))) for place, item in first)
    return Rel(("=",), (Sym(f"{letter}_{index}"), Cases((*known, (value, where)))))


class _NotPiecewiseError(ValueError):
    """A condition that is no order relation of the variable with numbers."""


def _variable(expr: Expr) -> str | None:
    """The one variable of the conditions."""
    if not isinstance(expr, Cases):
        return None
    names = {name for _, condition in expr.branches if isinstance(condition, Rel) for name in free_symbols(condition)}
    names |= {_words(condition)[0] for _, condition in expr.branches if _remainder(condition) is not None}
    return names.pop() if len(names) == 1 else None


def _remainder(condition: Expr | None) -> int | None:
    """The remainder on division by 2 that `n even` and `n odd` ask for; None for other conditions."""
    words = _words(condition)
    return {"even": 0, "odd": 1}.get(words[1]) if len(words) == 2 else None


def _words(condition: Expr | None) -> list[str]:
    return condition.words.split() if isinstance(condition, Text) else []


def _is_by_parity(expr: Expr) -> bool:
    return isinstance(expr, Cases) and any(_remainder(condition) is not None for _, condition in expr.branches)


def _ends(expr: Expr, name: str) -> list[Any]:
    """The numbers that the conditions compare the variable with."""
    if not isinstance(expr, Cases):
        return []
    found = []
    for _, condition in expr.branches:
        if condition is None or (isinstance(condition, Text) and condition.words in _OTHERWISE):
            continue
        if not isinstance(condition, Rel) or not _ORDERS.keys() >= set(condition.ops):
            raise _NotPiecewiseError
        for side in condition.sides:
            if name not in free_symbols(side):
                found.append(numeric(side, None, _DIGITS).real)
    return found


def _first_integer(answer: Expr, reference: Expr, name: str) -> int | None:
    """The first of the integers that the two are about; None where they are about real numbers.

    The reference says so, by parity or by its first values. An answer may only where a letter such as n stands for
    integers: else it would choose the points at which it is compared.
    """
    begins = _first_index(reference, name)
    if begins is not None or _is_by_parity(reference):
        return 1 if begins is None else begins
    if name not in INTEGERS:
        return None
    begins = _first_index(answer, name)
    return begins if begins in (0, 1) else 1 if _is_by_parity(answer) else None


def _first_index(expr: Expr, name: str) -> int | None:
    """The first index of a sequence given by single values, then a formula: 1 for `n = 1`, `n >= 2`; None else.

    Between the two nothing is defined, so the variable runs through integers.
    """
    if not isinstance(expr, Cases):
        return None
    single: list[int] = []
    begins: list[int] = []
    for _, condition in expr.branches:
        if not (isinstance(condition, Rel) and len(condition.ops) == 1 and condition.sides[0] == Sym(name)):
            return None
        op, end = condition.ops[0], condition.sides[1]
        if not isinstance(end, Num) or end.value.denominator != 1 or op not in ("=", ">=", ">"):
            return None
        (single if op == "=" else begins).append(int(end.value) + (op == ">"))
    first = min(single, default=-1)
    if len(begins) != 1 or first < 0 or sorted(single) != list(range(first, begins[0])):
        return None
    return first


def _points(ends: Iterable[Any], answer: Expr, reference: Expr, name: str) -> Iterator[Any]:
    """The ends of the pieces and the breakpoints inside them, their sides, and points of every scale."""
    rng = seeded(answer, reference)
    values = [part for side in (answer, reference) for part in _pieces(side)]
    hidden = breaks([part for value in values for part in critical_parts(value) if name in free_symbols(part)], name)
    stated = {Fraction(str(end)) for end in ends}
    yield from around(Breaks(tuple(sorted(stated.union(hidden.places))), complete=False), rng)
    yield from (point[name] for point in real_points([name], rng))
    yield from (point[name] for point in more_points([name], rng, 8))


def _pieces(expr: Expr) -> list[Expr]:
    return [value for value, _ in expr.branches] if isinstance(expr, Cases) else [expr]


def _compare_at(points: Iterable[Any], answer: Expr, reference: Expr, name: str) -> Equivalence | None:
    rng = seeded(reference, answer)
    others = sorted((_names(answer) | _names(reference)) - {name})
    agreed = 0
    for point in points:
        values = {name: point, **{other: Fraction(rng.randrange(-4000, 4000), 997) for other in others}}
        mine, theirs = _value(answer, values, name), _value(reference, values, name)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            return no(f"only one of the two is defined at {name} = {float(point):.6g}", method="numeric")
        if abs(mine - theirs) > 10 ** (12 - _DIGITS) * (1 + abs(mine) + abs(theirs)):
            return no(f"different values at {name} = {float(point):.6g}", method="numeric")
        agreed += 1
    if agreed < _MIN_POINTS:
        return None
    return yes(f"equal at {agreed} points, the ends of the pieces among them", "numeric")


def _names(expr: Expr) -> frozenset[str]:
    return free_symbols(expr) if "Sym" in marks(expr) else frozenset()


def _value(expr: Expr, values: dict[str, Any], name: str) -> Any:
    """The value at a point; None where it has none."""
    if not isinstance(expr, Cases):
        return _numeric(expr, values)
    for value, condition in expr.branches:
        rest = _remainder(condition)
        if rest is not None:
            holds = values[name] % 2 == rest
        else:
            holds = condition is None or isinstance(condition, Text) or _holds(condition, values)
        if holds:
            return _numeric(value, values)
    return None


def _numeric(expr: Expr, values: dict[str, Any]) -> Any:
    if any(isinstance(node, Cases | Text) for node in walk(expr)):
        raise _NotPiecewiseError
    try:
        return numeric(expr, values, _DIGITS)
    except UndefinedError:
        return None


def _holds(condition: Expr, values: dict[str, Any]) -> bool:
    if not isinstance(condition, Rel):
        raise _NotPiecewiseError
    sides = [_numeric(side, values) for side in condition.sides]
    if any(side is None for side in sides):
        return False
    return all(_ORDERS[op](left.real, right.real) for op, left, right in zip(condition.ops, sides, sides[1:]))
