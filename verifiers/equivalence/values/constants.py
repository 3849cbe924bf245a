"""Arbitrary constants: `+ C` of an antiderivative, `C_1 e^x + C_2 e^{-x}` of a differential equation.

Two general solutions that are linear in their constants are equal when they are the same family of functions: the
constants' coefficients span the same space, and the rest differs by a member of it. So names, signs, multiples and
order of the constants do not matter, and one constant too few does. Ranks are decided at random points to many digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, permutations
from typing import Any

from verifiers.algebra.breakpoints import around, breaks, critical_parts, may_break
from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.sampling import Point, more_points, real_points, seeded
from verifiers.equivalence.conventions import FREE_CONSTANT, FUNCTIONS, NAMED_CONSTANT, NUMBERED_CONSTANT, VARIABLES
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import labelled
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Apply, Expr, Op, Rel, Sym, free_symbols, marks

_WAVES = frozenset(("Const:e", "Call:sin", "Call:cos", "Call:sinh", "Call:cosh"))
_MAX_CONSTANTS = 4
_DIGITS = 60
_KNOWN_DIGITS = 26  # of them after cancellation near breakpoints
_POINTS = 9  # more than the constants: a determinant that vanishes at all of them vanishes
_MAX_PLACES = 40  # points beside breakpoints
Vector = Sequence[Any]


def compare_general(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | None:
    """Whether two expressions with arbitrary constants are the same family of functions; None if they are none."""
    if not any(map(FREE_CONSTANT.fullmatch, free_symbols(reference))):
        return None
    left, right = labelled(answer), labelled(reference)
    if isinstance(left.value, Rel) or isinstance(right.value, Rel):
        return None
    mine, theirs = free_symbols(left.value), free_symbols(right.value)
    targets = _constants(right.value, theirs - mine | {name for name in theirs if NAMED_CONSTANT.fullmatch(name)})
    names = _constants(left.value, mine - theirs | {name for name in mine if NAMED_CONSTANT.fullmatch(name)})
    if not targets or len(names) != len(targets) or len(targets) > _MAX_CONSTANTS:
        return None
    variables = sorted((mine - set(names)) | (theirs - set(targets)))
    if mine - set(names) != theirs - set(targets) or not variables or not _is_general(right.value, targets, reference):
        return None
    if not _are_arbitrary(targets, names, frozenset(variables), reference):
        return None
    try:
        same = _same_family((left.value, names), (right.value, targets), variables, settings)
    except (InexactError, OverBudgetError):
        return None
    if same is None:
        return _renamed_equal((left.value, names), (right.value, targets), settings)
    if same:
        return yes("the same family of functions, whatever the constants are called", "numeric")
    return no("another family of functions", method="numeric")


def _constants(expr: Expr, candidates: set[str] | frozenset[str]) -> list[str]:
    return sorted(name for name in candidates if FREE_CONSTANT.fullmatch(name))


def _are_arbitrary(targets: Sequence[str], names: Sequence[str], variables: frozenset[str], reference: Expr) -> bool:
    """Whether the letters that the reference may have for constants are some: a + b is no function with one.

    A constant stands beside a variable, and either is called C, or is one of several beside a variable alone.
    """
    is_function = len(targets) > 1 or labelled(reference).label is not None
    if any(NUMBERED_CONSTANT.fullmatch(name) for name in targets):
        return bool(variables & VARIABLES) or is_function
    if not variables <= VARIABLES:
        return False
    if _are_coefficients(reference, targets) and (
        set(names) == set(targets) or all(map(NUMBERED_CONSTANT.fullmatch, names))
    ):
        return True
    if len(targets) > 1:  # cx + d of a line given by its letters, unless it is said to be a function
        return labelled(reference).label is not None
    return any(NAMED_CONSTANT.fullmatch(name) for name in targets)


def _are_coefficients(reference: Expr, targets: Sequence[str]) -> bool:
    """Whether several of A, B, C, D stand before exponentials or waves: e^{-t} (A cos 2t + B sin 2t)."""
    return len(targets) > 1 and {"A", "B", "C", "D"}.issuperset(targets) and not marks(reference).isdisjoint(_WAVES)


def _is_general(reference: Expr, targets: Sequence[str], whole: Expr) -> bool:
    """Whether the reference reads as a general solution: a bare `+ C`, several numbered constants, or a function.

    A formula in a given quantity called C, such as C/2 + x, does not.
    """
    if isinstance(reference, Op) and reference.op == "add" and any(Sym(name) in reference.args for name in targets):
        return True
    if (len(targets) > 1 and all("_" in name for name in targets)) or _are_coefficients(reference, targets):
        return True
    label = labelled(whole).label
    if isinstance(label, Apply):
        return all(isinstance(arg, Sym) for arg in label.args)
    return isinstance(label, Sym) and label.name.split("_")[0] in FUNCTIONS


def _same_family(
    answer: tuple[Expr, Sequence[str]],
    reference: tuple[Expr, Sequence[str]],
    variables: Sequence[str],
    settings: Settings,
) -> bool | None:
    """Whether both are the same affine space of functions; None if one is not linear in its constants."""
    columns: list[tuple[Vector, Vector]] = []
    same, few = None, len(reference[1]) + 2
    for part in _points(answer[0], reference[0], variables, settings):  # the plain points first: most differ there
        for point in part:
            try:
                columns.append((_affine(*answer, point), _affine(*reference, point)))
            except (UndefinedError, OverBudgetError):
                continue
            except _NotLinearError:
                return None
            if len(columns) == few and not _may_be_alike(columns):
                return False  # further points only add to a rank
        if len(columns) >= _POINTS:
            same = _span_alike(columns)
            if not same:
                return False
    return same


def _span_alike(columns: Sequence[tuple[Vector, Vector]]) -> bool:
    """Whether the functions with these values, those for zero constants first, make up the same affine space."""
    basis, basis_other, gap = _rows(columns)
    rank = _rank(basis)
    if rank != len(basis) or _rank(basis_other) != rank:
        return False
    return _rank([*basis, *basis_other, gap]) == rank


def _may_be_alike(columns: Sequence[tuple[Vector, Vector]]) -> bool:
    basis, basis_other, gap = _rows(columns)
    return _rank([*basis, *basis_other, gap]) <= len(basis)


def _rows(columns: Sequence[tuple[Vector, Vector]]) -> tuple[Sequence[Vector], Sequence[Vector], Vector]:
    """The functions that the constants of each side multiply, and the difference of both without constants."""
    # a column over its largest entry: e^{2x} at 1000 would dwarf all other points
    sizes = [max(map(abs, (*mine, *theirs))) or 1 for mine, theirs in columns]
    origin, *basis = zip(*([entry / size for entry in mine] for (mine, _), size in zip(columns, sizes)))
    other, *basis_other = zip(*([entry / size for entry in theirs] for (_, theirs), size in zip(columns, sizes)))
    return basis, basis_other, [a - b for a, b in zip(origin, other)]


class _NotLinearError(ValueError):
    """The expression is not linear in its constants."""


def _points(expr: Expr, other: Expr, variables: Sequence[str], settings: Settings) -> Iterator[Iterator[Point]]:
    """Points of every orthant and scale, then both sides of the breakpoints of functions of one variable."""
    rng = seeded(expr, other)
    yield chain(real_points(variables, rng), more_points(variables, rng, _POINTS))
    if len(variables) == 1 and (may_break(expr) or may_break(other)):
        parts = [part for side in (expr, other) for part in critical_parts(side)]
        found = breaks([part for part in parts if free_symbols(part) == {*variables}], variables[0])
        yield ({variables[0]: place} for place in islice(around(found, rng), _MAX_PLACES))


def _affine(expr: Expr, names: Sequence[str], point: Point) -> Sequence[Any]:
    """The value for all constants zero and the coefficient of each, at a point.

    Raises:
        UndefinedError: no real value there.
    """
    is_real = "Const:i" not in marks(expr)
    zero: dict[str, Any] = {**point, **dict.fromkeys(names, Fraction(0))}
    start = numeric(expr, zero, _DIGITS, real=is_real)
    parts = [numeric(expr, {**zero, name: Fraction(1)}, _DIGITS, real=is_real) - start for name in names]
    mixed = {name: Fraction(2 + index) for index, name in enumerate(names)}
    whole = numeric(expr, {**zero, **mixed}, _DIGITS, real=is_real)
    expected = start + sum(part * int(mixed[name]) for name, part in zip(names, parts))
    if abs(whole - expected) > 10 ** (10 - _DIGITS) * (1 + abs(whole) + abs(start)):
        raise _NotLinearError
    return [start, *parts]


def _rank(rows: Sequence[Vector]) -> int:
    """The rank of a matrix of numbers known to _KNOWN_DIGITS digits."""
    table = [[*row] for row in rows]
    tolerance = 10**-_KNOWN_DIGITS
    rank = 0
    for column in range(len(table[0]) if table else 0):
        pivot = max(range(rank, len(table)), key=lambda index: abs(table[index][column]), default=None)
        scale = max((abs(entry) for row in table for entry in row), default=1) or 1
        if pivot is None or abs(table[pivot][column]) <= tolerance * scale:
            continue
        table[rank], table[pivot] = table[pivot], table[rank]
        for index in range(rank + 1, len(table)):
            factor = table[index][column] / table[rank][column]
            table[index] = [entry - factor * lead for entry, lead in zip(table[index], table[rank])]
        rank += 1
        if rank == len(table):
            break
    return rank


def _renamed_equal(
    answer: tuple[Expr, Sequence[str]], reference: tuple[Expr, Sequence[str]], settings: Settings
) -> Equivalence | None:
    """Families that are not linear in their constants, such as 1/(C - x): equal up to names and signs of constants."""
    (expr, names), (other, targets) = answer, reference
    for chosen in permutations(targets):
        for sign in (1, -1):
            values: dict[str, Expr] = {
                name: Sym(target) if sign > 0 else Op("neg", (Sym(target),)) for name, target in zip(names, chosen)
            }
            renamed = substitute(expr, values)
            if compare_values(renamed, other, settings):
                return yes("the same family with renamed constants", "numeric")
    return None
