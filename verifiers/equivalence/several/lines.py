"""Points with one parameter: lines (1, 2) + t (3, 4), and lattice points x = 3 + 5k, y = 2 - 3k for integers k.

The same set of points may start anywhere and run in either direction. Over the reals a direction may have any
length, over the integers it may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from verifiers.equivalence.conventions import COORDINATES, LINE_NAMES, LINE_PARAMETERS
from verifiers.equivalence.several.arrays import worked
from verifiers.equivalence.several.systems import coefficients
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.equivalence.words.labels import labelled
from verifiers.parse import Expr, free_symbols
from verifiers.parse.tree import Family, Group, Matrix, Op, Rel, Sym, is_equation, is_group, is_op

Vector = list[Fraction]
_ONLY_OF_LINES = frozenset(("s", "lambda", "mu"))  # parameters that are no time and no given constant


def compare_lines(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two sets of points with one parameter are equal; None if they are none."""
    mine, theirs = _line(answer), _line(reference)
    in_plane = mine is not None or theirs is not None
    mine, theirs = mine or _symmetric(answer, in_plane=in_plane), theirs or _symmetric(reference, in_plane=in_plane)
    if mine is None or theirs is None or len(mine[0]) != len(theirs[0]):
        return None
    over_integers = _over_integers(answer) or _over_integers(reference)
    if not over_integers and not (_is_line(reference) or _is_line(answer)):
        return None
    (start, direction), (origin, along) = mine, theirs
    gap = [a - b for a, b in zip(start, origin)]
    is_same = _parallel(direction, along) and _parallel(gap, along)
    if is_same and over_integers:
        ratio, steps = (next(a / b for a, b in zip(vector, along) if b) for vector in (direction, gap))
        is_same = abs(ratio) == 1 and steps.denominator == 1
    if not is_same:
        return no("another set of points", method="exact")
    return yes("the same points, from another start or along another direction", "exact")


def named_line(expr: Expr) -> Expr:
    """p + s d as the line r = p + s d: its name goes without saying where the parameter is one of lines only.

    Anything else as it is, and p + t d too, which may be where something is at time t.
    """
    if not is_op(expr, "add") or len(expr.args) != 2 or len(free_symbols(expr)) != 1:
        return expr
    match [part for part in expr.args if free_symbols(part)]:
        case [Op("mul", (Sym(name), *_))] if name in _ONLY_OF_LINES and _coordinates(worked(expr)) is not None:
            return Rel(("=",), (Sym("r"), expr))
    return expr


def _line(expr: Expr) -> tuple[Vector, Vector] | None:
    """The point at parameter 0 and the step to parameter 1, if the coordinates are linear in one parameter."""
    coordinates = _coordinates(expr.body if isinstance(expr, Family) else expr)
    names = frozenset().union(*map(free_symbols, coordinates or ()))
    if coordinates is None or len(names) != 1 or not names <= LINE_PARAMETERS:
        return None
    found = [row for entry in coordinates if (row := coefficients(entry, [*names])) is not None]
    direction, start = [slope for slope, _ in found], [low for _, low in found]
    return (start, direction) if len(found) == len(coordinates) and any(direction) else None


def _symmetric(expr: Expr, *, in_plane: bool) -> tuple[Vector, Vector] | None:
    """A point and the direction of (x - 1)/2 = (y + 1)/3 = z/4; with two sides only where a line in the plane is."""
    if not isinstance(expr, Rel) or len(expr.sides) not in ((2, 3) if in_plane else (3,)) or set(expr.ops) != {"="}:
        return None
    start, direction = [], []
    for name, side in zip(COORDINATES, expr.sides):
        slope, low = (coefficients(side, [name]) if free_symbols(side) == {name} else None) or (Fraction(0),) * 2
        if not slope:
            return None
        start.append(-low / slope)
        direction.append(1 / slope)
    return start, direction


def _coordinates(expr: Expr) -> Sequence[Expr] | None:
    """The coordinates of a point: a tuple, a column, or x = ..., y = ..., z = ... in any order."""
    if is_group(expr, "list", "and"):
        pairs = [item.sides for item in expr.items if is_equation(item)]
        named = {name.name: value for name, value in pairs if isinstance(name, Sym)}
        is_point = len(named) == len(expr.items) and tuple(sorted(named)) in (COORDINATES[:2], COORDINATES)
        return [named[name] for name in sorted(named)] if is_point else None
    value = labelled(expr).value
    if is_group(value, "tuple") and 2 <= len(value.items) <= 4:
        return value.items
    return value.children if isinstance(value, Matrix) and 1 in (len(value.rows), len(value.rows[0])) else None


def _over_integers(expr: Expr) -> bool:
    condition = expr.condition if isinstance(expr, Family) else ""
    return condition == "Z" or ("integer" in condition and not any(sign.isdigit() for sign in condition))


def _is_line(reference: Expr) -> bool:
    """Whether the reference is a line rather than a position: r = ..., x = 1 + t, y = 2 - t; r(t) is a position."""
    body = reference.body if isinstance(reference, Family) else reference
    if isinstance(body, Group):
        return body.kind in ("list", "and")
    if isinstance(body, Rel) and len(body.sides) == 3:
        return True
    label = labelled(body).label
    return isinstance(label, Group) or (isinstance(label, Sym) and label.name.split("_")[0] in LINE_NAMES)


def _parallel(first: Vector, second: Vector) -> bool:
    return all(a * d == b * c for (a, c), (b, d) in combinations(zip(first, second), 2))
