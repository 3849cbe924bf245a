"""Piecewise values: cases in any order or partition, beside maxima and absolute values.

Both sides are evaluated at the points where a condition changes and at points between and beyond them. Equal pieces
agree there; a wrong bracket differs at its end, a wrong piece inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from verifiers.algebra.breakpoints import Breaks, around, breaks, critical_parts
from verifiers.algebra.contexts import DIGITS
from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import integer_points, more_points, real_points, seeded
from verifiers.equivalence.conventions import INTEGERS
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.values.relations import HOLDS
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks
from verifiers.parse.tree import Cases, Family, Num, Rel, Sym, Text, is_group, num

_MIN_POINTS = 6  # of agreement
_MAX_ENDS = 40
_LARGEST_INTEGER = 10**6
_OTHERWISE = frozenset(("otherwise", "else", "elsewhere", "all other x", "other"))


def compare_piecewise(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two values of one variable are equal, at least one of them in cases; None if this does not apply."""
    name = _variable(answer) or _variable(reference)
    if name is None:
        return None
    try:
        first = _first_integer(answer, reference, name)
        if first is None:
            points = _points(answer, reference, name)
        else:
            whole = integer_points([name], seeded(answer, reference), largest=_LARGEST_INTEGER)
            points = (point[name] + first - 1 for point in whole)
        return _compare_at(points, answer, reference, name)
    except (_NotPiecewiseError, InexactError, OverBudgetError):
        return None


def as_sequence(expr: Expr) -> Expr:
    """`a_1 = 1, a_n = 2^{n-2} (n >= 2)` as the sequence a_n in cases; anything else as it is."""
    whole, where = (expr.body, expr.where) if isinstance(expr, Family) and not expr.parameters else (expr, None)
    if not is_group(whole, "list", "and"):
        return expr
    known: list[tuple[Expr, int]] = []
    general: list[tuple[Sym, Expr, Rel]] = []
    for item in whole.items:
        match item.body if isinstance(item, Family) else item:
            case Rel(("=",), (Sym(name) as label, value)):
                index = name.partition("_")[2]
            case _:
                return expr
        condition = (item.where if isinstance(item, Family) else None) or where
        if index.isdecimal():
            known.append((value, int(index)))
        elif len(index) == 1 and isinstance(condition, Rel):
            general.append((label, value, condition))
        else:
            return expr
    if len(general) != 1 or not known:
        return expr
    label, value, condition = general[0]
    counter = Sym(label.name.partition("_")[2])
    first = tuple((item, Rel(("=",), (counter, num(place)))) for item, place in known)
    return Rel(("=",), (label, Cases((*first, (value, condition)))))


class _NotPiecewiseError(ValueError):
    """A condition that is no order relation of the variable with numbers."""


def _branches(expr: Expr) -> tuple[tuple[Expr, Expr | None], ...]:
    """The values with their conditions; one value without a condition of what is not in cases."""
    return expr.branches if isinstance(expr, Cases) else ((expr, None),)


def _variable(expr: Expr) -> str | None:
    """The one variable of the conditions."""
    names: set[str] = set()
    for _, condition in _branches(expr):
        if isinstance(condition, Rel):
            names |= free_symbols(condition)
        elif (parity := _parity(condition)) is not None:
            names.add(parity[0])
    return names.pop() if len(names) == 1 else None


def _parity(condition: Expr | None) -> tuple[str, int] | None:
    """The name and its remainder on division by 2 that `n even` and `n odd` ask for; None for other conditions."""
    match condition.words.split() if isinstance(condition, Text) else ():
        case [name, ("even" | "odd") as parity]:
            return name, int(parity == "odd")
    return None


def _is_by_parity(expr: Expr) -> bool:
    return any(_parity(condition) is not None for _, condition in _branches(expr))


def _ends(expr: Expr, name: str) -> Iterator[Fraction]:
    """The numbers that the conditions compare the variable with."""
    for _, condition in _branches(expr):
        if condition is None or (isinstance(condition, Text) and condition.words in _OTHERWISE):
            continue
        if not isinstance(condition, Rel) or not HOLDS.keys() >= set(condition.ops):
            raise _NotPiecewiseError
        for side in condition.sides:
            if name not in free_symbols(side):
                yield Fraction(str(numeric(side).real))


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
    single: list[int] = []
    begins: list[int] = []
    for _, condition in _branches(expr):
        match condition:
            case Rel(("=" | ">=" | ">" as op,), (Sym(variable), Num(end))) if variable == name and end.denominator == 1:
                (single if op == "=" else begins).append(int(end) + (op == ">"))
            case _:
                return None
    first = min(single, default=-1)
    return first if len(begins) == 1 and first >= 0 and sorted(single) == [*range(first, begins[0])] else None


def _points(answer: Expr, reference: Expr, name: str) -> Iterator[Fraction]:
    """The ends of the pieces and the breakpoints inside them, their sides, and points of every scale."""
    stated = {end for side in (answer, reference) for end in _ends(side, name)}
    if len(stated) > _MAX_ENDS:
        raise _NotPiecewiseError
    rng = seeded(answer, reference)
    parts = [part for side in (answer, reference) for value, _ in _branches(side) for part in critical_parts(value)]
    hidden = breaks([part for part in parts if name in free_symbols(part)], name)
    yield from around(Breaks(tuple(sorted(stated.union(hidden.places))), complete=False), rng)
    yield from (point[name] for point in real_points([name], rng))
    yield from (point[name] for point in more_points([name], rng, 8))


def _compare_at(points: Iterable[Fraction], answer: Expr, reference: Expr, name: str) -> Equivalence | None:
    rng = seeded(reference, answer)
    others = sorted((free_symbols(answer) | free_symbols(reference)) - {name})
    agreed = 0
    for point in points:
        values = {name: point, **{other: Fraction(rng.randrange(-4000, 4000), 997) for other in others}}
        mine, theirs = _value(answer, values, name), _value(reference, values, name)
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            return no(f"only one of the two is defined at {name} = {float(point):.6g}", method="numeric")
        if abs(mine - theirs) > 10 ** (12 - DIGITS) * (1 + abs(mine) + abs(theirs)):
            return no(f"different values at {name} = {float(point):.6g}", method="numeric")
        agreed += 1
    if agreed < _MIN_POINTS:
        return None
    return yes(f"equal at {agreed} points, the ends of the pieces among them", "numeric")


def _value(expr: Expr, values: dict[str, Fraction], name: str) -> Any:
    """The value at a point; None where it has none."""
    for value, condition in _branches(expr):
        if condition is None or _holds(condition, values, name):
            return _numeric(value, values)
    return None


def _numeric(expr: Expr, values: dict[str, Fraction]) -> Any:
    if not marks(expr).isdisjoint(("Cases", "Text")):
        raise _NotPiecewiseError
    try:
        return numeric(expr, values)
    except UndefinedError:
        return None


def _holds(condition: Expr, values: dict[str, Fraction], name: str) -> bool:
    """Whether a condition is met at a point; one in other words than `n even` is met where none before it is."""
    if (parity := _parity(condition)) is not None:
        return values[name] % 2 == parity[1]
    if isinstance(condition, Text):
        return True
    if not isinstance(condition, Rel):
        raise _NotPiecewiseError
    sides = [_numeric(side, values) for side in condition.sides]
    return None not in sides and all(
        HOLDS[op](left.real, right.real) for op, (left, right) in zip(condition.ops, pairwise(sides))
    )
