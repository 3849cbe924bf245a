"""Points with one parameter: lines (1, 2) + t (3, 4), and lattice points x = 3 + 5k, y = 2 - 3k for integers k.

The same set of points may start anywhere and run in either direction. Over the reals a direction may have any
length, over the integers it may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from verifiers.algebra.exact import exact_or_none
from verifiers.equivalence.conventions import COORDINATES, LINE_NAMES, LINE_PARAMETERS
from verifiers.equivalence.several.arrays import worked
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.words.labels import labelled
from verifiers.parse.tree import Apply, Expr, Family, Group, Matrix, Op, Rel, Sym, free_symbols

Vector = list[Fraction]
_ONLY_OF_LINES = frozenset(("s", "lambda", "mu"))  # parameters that are no time and no given constant


def compare_lines(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two sets of points with one parameter are equal; None if they are none."""
    mine, theirs = _line(answer), _line(reference)
    mine, theirs = (
        mine or _symmetric(answer, in_plane=theirs is not None),
        theirs or _symmetric(reference, in_plane=mine is not None),
    )
    if mine is None or theirs is None or len(mine[0]) != len(theirs[0]):
        return None
    over_integers = "Z" in (_domain(answer), _domain(reference))
    if not over_integers and not (_is_line(reference) or _is_line(answer)):
        return None
    (start, direction), (origin, along) = mine, theirs
    gap = [a - b for a, b in zip(start, origin)]
    if not _parallel(direction, along) or not _parallel(gap, along):
        return no("another set of points", method="exact")
    if over_integers:
        ratio, steps = _multiple(direction, along), _multiple(gap, along)
        if abs(ratio) != 1 or steps.denominator != 1:
            return no("another set of points", method="exact")
    return yes("the same points, from another start or along another direction", "exact")


def named_line(expr: Expr) -> Expr:
    """p + s d as the line r = p + s d: its name goes without saying where the parameter is one of lines only.

    Anything else as it is, and p + t d too, which may be where something is at time t.
    """
    if not isinstance(expr, Op) or expr.op != "add" or len(expr.args) != 2 or len(free_symbols(expr)) != 1:
        return expr
    moving = [part for part in expr.args if free_symbols(part)]
    scaled = moving[0].args[0] if len(moving) == 1 and isinstance(moving[0], Op) and moving[0].op == "mul" else None
    is_line = isinstance(scaled, Sym) and scaled.name in _ONLY_OF_LINES
    return Rel(("=",), (Sym("r"), expr)) if is_line and _coordinates(worked(expr)) is not None else expr


def _line(expr: Expr) -> tuple[Vector, Vector] | None:
    """The point at parameter 0 and the step to parameter 1, if the coordinates are linear in one parameter."""
    body = expr.body if isinstance(expr, Family) else expr
    coordinates = _coordinates(body)
    if coordinates is None:
        return None
    names = {name for entry in coordinates for name in free_symbols(entry)}
    if len(names) != 1 or not names <= LINE_PARAMETERS:
        return None
    (name,) = names
    found = [_linear(entry, name) for entry in coordinates]
    start, direction = [row[0] for row in found if row], [row[1] for row in found if row]
    return (start, direction) if all(found) and any(direction) else None


def _linear(expr: Expr, name: str) -> tuple[Fraction, Fraction] | None:
    """The value at 0 and the slope of an expression that is linear in one symbol."""
    at = [exact_or_none(expr, {name: Fraction(value)}) for value in (0, 1, 2, 7)]
    values = [value for value in at if value is not None]
    if len(values) < len(at):
        return None
    low, high, *further = values
    slope = high - low
    return (low, slope) if further == [low + 2 * slope, low + 7 * slope] else None


def _symmetric(expr: Expr, *, in_plane: bool) -> tuple[Vector, Vector] | None:
    """A point and the direction of (x - 1)/2 = (y + 1)/3 = z/4; with two sides only where a line in the plane is."""
    if not isinstance(expr, Rel) or len(expr.sides) not in ((2, 3) if in_plane else (3,)) or set(expr.ops) != {"="}:
        return None
    start, direction = [], []
    for name, side in zip(COORDINATES, expr.sides):
        if free_symbols(side) != {name}:
            return None
        low, slope = _linear(side, name) or (Fraction(0), Fraction(0))
        if not slope:
            return None
        start.append(-low / slope)
        direction.append(1 / slope)
    return start, direction


def _coordinates(expr: Expr) -> Sequence[Expr] | None:
    """The coordinates of a point: a tuple, a column, or x = ..., y = ..., z = ... in any order."""
    if isinstance(expr, Group) and expr.kind in ("list", "and"):
        named = {
            item.sides[0].name: item.sides[1]
            for item in expr.items
            if isinstance(item, Rel) and item.ops == ("=",) and isinstance(item.sides[0], Sym)
        }
        if len(named) != len(expr.items) or tuple(sorted(named)) not in (COORDINATES[:2], COORDINATES):
            return None
        return [named[name] for name in sorted(named)]
    value = labelled(expr).value if isinstance(expr, Rel) else expr
    if isinstance(value, Group) and value.kind == "tuple" and 2 <= len(value.items) <= 4:
        return value.items
    if isinstance(value, Matrix) and 1 in (len(value.rows), len(value.rows[0])):
        return value.children
    return None


def _domain(expr: Expr) -> str:
    if not isinstance(expr, Family):
        return ""
    if expr.condition == "Z" or ("integer" in expr.condition and not any(sign.isdigit() for sign in expr.condition)):
        return "Z"
    return expr.condition


def _is_line(reference: Expr) -> bool:
    """Whether the reference is a line rather than a position: r = ..., x = 1 + t, y = 2 - t; r(t) is a position."""
    body = reference.body if isinstance(reference, Family) else reference
    if isinstance(body, Group):
        return body.kind in ("list", "and")
    if isinstance(body, Rel) and len(body.sides) == 3:
        return True
    label = labelled(body).label if isinstance(body, Rel) else None
    if isinstance(label, Group):
        return True
    return isinstance(label, Sym) and not isinstance(label, Apply) and label.name.split("_")[0] in LINE_NAMES


def _parallel(first: Vector, second: Vector) -> bool:
    return all(
        first[i] * second[j] == first[j] * second[i] for i in range(len(first)) for j in range(i + 1, len(first))
    )


def _multiple(first: Vector, second: Vector) -> Fraction:
    """first / second for parallel vectors."""
    return next(a / b for a, b in zip(first, second) if b)
