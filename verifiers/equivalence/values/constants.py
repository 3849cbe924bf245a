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
from verifiers.equivalence.several.systems import echelon
from verifiers.equivalence.types import Equivalence, Settings, no, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.equivalence.words.labels import Labelled, labelled
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Apply, Rel, Sym, is_op

_WAVES = frozenset(("Const:e", "Call:sin", "Call:cos", "Call:sinh", "Call:cosh"))
_MAX_CONSTANTS = 4
_DIGITS = 60
_KNOWN_DIGITS = 26  # of them after cancellation near breakpoints
_POINTS = 9  # more than the constants: a determinant that vanishes at all of them vanishes
_MAX_PLACES = 40  # points beside breakpoints
Vector = Sequence[Any]
General = tuple[Expr, Sequence[str]]  # an expression and its arbitrary constants


def compare_general(answer: Expr, reference: Expr, settings: Settings) -> Equivalence | None:
    """Whether two expressions with arbitrary constants are the same family of functions; None if they are none."""
    if not any(map(FREE_CONSTANT.fullmatch, free_symbols(reference))):
        return None
    left, right = labelled(answer), labelled(reference)
    if isinstance(left.value, Rel) or isinstance(right.value, Rel):
        return None
    names, targets = _constants(left.value, right.value), _constants(right.value, left.value)
    if not targets or len(names) != len(targets) or len(targets) > _MAX_CONSTANTS:
        return None
    variables = free_symbols(right.value) - {*targets}
    if free_symbols(left.value) - {*names} != variables or not variables:
        return None
    if not _is_general(right.value, targets, right.label) or not _are_arbitrary(targets, names, variables, right):
        return None
    try:
        same = _same_family((left.value, names), (right.value, targets), sorted(variables))
    except (InexactError, OverBudgetError):
        return None
    if same is None:
        return _renamed_equal((left.value, names), (right.value, targets), settings)
    if same:
        return yes("the same family of functions, whatever the constants are called", "numeric")
    return no("another family of functions", method="numeric")


def _constants(expr: Expr, other: Expr) -> list[str]:
    """The letters that may be arbitrary constants: those that the other side does not have, or that say so."""
    mine, theirs = free_symbols(expr), free_symbols(other)
    return sorted(name for name in mine if FREE_CONSTANT.fullmatch(name) and (name not in theirs or _says_so(name)))


def _says_so(name: str) -> bool:
    return NAMED_CONSTANT.fullmatch(name) is not None


def _are_arbitrary(
    targets: Sequence[str], names: Sequence[str], variables: frozenset[str], reference: Labelled
) -> bool:
    """Whether the letters that the reference may have for constants are some: a + b is no function with one.

    A constant stands beside a variable, and either is called C, or is one of several beside a variable alone.
    """
    if any(map(NUMBERED_CONSTANT.fullmatch, targets)):
        return bool(variables & VARIABLES) or len(targets) > 1 or reference.label is not None
    if not variables <= VARIABLES:
        return False
    is_renamed = set(names) == set(targets) or all(map(NUMBERED_CONSTANT.fullmatch, names))
    if is_renamed and _are_coefficients(reference.value, targets):
        return True
    if len(targets) > 1:  # cx + d of a line given by its letters, unless it is said to be a function
        return reference.label is not None
    return _says_so(targets[0])


def _are_coefficients(reference: Expr, targets: Sequence[str]) -> bool:
    """Whether several of A, B, C, D stand before exponentials or waves: e^{-t} (A cos 2t + B sin 2t)."""
    return len(targets) > 1 and {"A", "B", "C", "D"}.issuperset(targets) and not marks(reference).isdisjoint(_WAVES)


def _is_general(reference: Expr, targets: Sequence[str], label: Expr | None) -> bool:
    """Whether the reference reads as a general solution: a bare `+ C`, several numbered constants, or a function.

    A formula in a given quantity called C, such as C/2 + x, does not.
    """
    if is_op(reference, "add") and any(Sym(name) in reference.args for name in targets):
        return True
    if (len(targets) > 1 and all("_" in name for name in targets)) or _are_coefficients(reference, targets):
        return True
    if isinstance(label, Apply):
        return all(isinstance(arg, Sym) for arg in label.args)
    return isinstance(label, Sym) and label.name.split("_")[0] in FUNCTIONS


def _same_family(answer: General, reference: General, variables: Sequence[str]) -> bool | None:
    """Whether both are the same affine space of functions; None if one is not linear in its constants."""
    columns: list[tuple[Vector, Vector]] = []
    same, few = None, len(reference[1]) + 2
    for part in _points(answer[0], reference[0], variables):  # the plain points first: most differ there
        for point in part:
            try:
                columns.append((_affine(*answer, point), _affine(*reference, point)))
            except (UndefinedError, OverBudgetError):
                continue
            except _NotLinearError:
                return None
            if len(columns) == few:
                basis, other, gap = _rows(columns)
                if _rank([*basis, *other, gap]) > len(basis):
                    return False  # further points only add to a rank
        if len(columns) >= _POINTS:
            basis, other, gap = _rows(columns)
            same = _rank(basis) == _rank(other) == _rank([*basis, *other, gap]) == len(basis)
            if not same:
                return False
    return same


def _rows(columns: Sequence[tuple[Vector, Vector]]) -> tuple[Sequence[Vector], Sequence[Vector], Vector]:
    """The functions that the constants of each side multiply, and the difference of both without constants."""
    # a column over its largest entry: e^{2x} at 1000 would dwarf all other points
    sizes = [max(map(abs, (*mine, *theirs))) or 1 for mine, theirs in columns]
    origin, *basis = zip(*([entry / size for entry in mine] for (mine, _), size in zip(columns, sizes)))
    other, *basis_other = zip(*([entry / size for entry in theirs] for (_, theirs), size in zip(columns, sizes)))
    return basis, basis_other, [a - b for a, b in zip(origin, other)]


class _NotLinearError(ValueError):
    """The expression is not linear in its constants."""


def _points(expr: Expr, other: Expr, variables: Sequence[str]) -> Iterator[Iterator[Point]]:
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
    return len(echelon(rows, tolerance=10**-_KNOWN_DIGITS))


def _renamed_equal(answer: General, reference: General, settings: Settings) -> Equivalence | None:
    """Families that are not linear in their constants, such as 1/(C - x): equal up to names and signs of constants."""
    (expr, names), (other, targets) = answer, reference
    for chosen in permutations(map(Sym, targets)):
        for letters in (chosen, [-letter for letter in chosen]):
            if compare_values(substitute(expr, dict(zip(names, letters))), other, settings):
                return yes("the same family with renamed constants", "numeric")
    return None
