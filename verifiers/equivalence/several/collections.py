"""Several values: tuples and vectors keep their order, sets and bare lists do not, labels decide where they exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from verifiers.algebra.exact import InexactError, UndefinedError
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.conventions import COORDINATES
from verifiers.equivalence.several.expanding import all_orders, expand_signs, has_signs
from verifiers.equivalence.types import Compare, Equivalence, Settings, no, yes
from verifiers.equivalence.words.labels import Labelled, label_chain, labelled
from verifiers.parse.joining import is_assignment
from verifiers.parse.limits import OverBudgetError
from verifiers.parse.tree import (
    Cases,
    Dots,
    Expr,
    Group,
    Interval,
    Matrix,
    Num,
    Op,
    Rel,
    Sym,
    Text,
    free_symbols,
    marks,
    num,
)
from verifiers.text import listed

_MAX_ITEMS = 400
_TWO_SIGNS = 2


@dataclass(frozen=True, slots=True)
class Collection:
    """Items with labels. `ordered`: as written in round or angle brackets. `explicit_set`: duplicates do not count."""

    items: tuple[Labelled, ...]
    ordered: bool
    explicit_set: bool
    ranked: bool = False  # a bare list whose labels name its places
    alternatives: bool = False  # ... joined by `or`: x = 2 or y = 3


def collection(expr: Expr, *, independent_signs: bool = False) -> Collection | None:
    """`expr` as several values; None when it is one value.

    Raises:
        ContradictionError: an item is a chain that contradicts itself.
    """
    if isinstance(expr, Rel) and expr.ops == ("=",):
        paired = _paired(expr)
        if paired is not None:
            return paired
    found = labelled(expr)
    value = found.value
    if found.label is not None and isinstance(value, Group | Matrix | Interval) and not has_signs(value):
        inner = collection(value)
        if inner is not None and value is not expr:
            return inner
    if has_signs(value) and (not isinstance(value, Group) or value.kind == "tuple"):
        readings = expand_signs(value, independent=independent_signs)
        return Collection(tuple(Labelled(found.label, reading) for reading in readings), False, True)
    if isinstance(value, Interval) and value.closed_low and value.closed_high:
        return Collection((Labelled(None, value.low), Labelled(None, value.high)), True, False)
    if isinstance(value, Cases) and all(condition is None for _, condition in value.branches):
        return _from_items([branch for branch, _ in value.branches], ordered=False, explicit_set=False)
    if not isinstance(value, Group) or value.kind == "forall":
        return None
    if len(value.items) > _MAX_ITEMS:
        raise OverBudgetError(f"{len(value.items)} values; the limit is {_MAX_ITEMS}")
    ordered = value.kind in ("tuple", "square")
    items = _flattened(value, independent_signs)
    several = _from_items(items, ordered=ordered, explicit_set=value.kind in ("set", "or"))
    return replace(several, alternatives=True) if several.ranked and value.kind == "or" else several


def chained(expr: Expr) -> Collection | None:
    """The values of `x = y = 3`, one for each name; None for anything else."""
    found = label_chain(expr)
    if found is None:
        return None
    names, value = found
    return Collection(tuple(Labelled(name, value) for name in names), False, False, True)


def _flattened(group: Group, independent_signs: bool) -> list[Expr]:
    """Items with ± signs expanded and bare sub-lists spliced in."""
    items: list[Expr] = []
    for item in group.items:
        value = item.sides[-1] if isinstance(item, Rel) and item.ops == ("=",) else item
        if has_signs(value) and not isinstance(value, Group):
            label = item.sides[0] if isinstance(item, Rel) else None
            for reading in expand_signs(value, independent=independent_signs):
                items.append(Rel(("=",), (label, reading)) if label is not None else reading)
        elif isinstance(item, Group) and item.kind == "tuple" and has_signs(item) and group.kind != "tuple":
            items.extend(expand_signs(item, independent=independent_signs))
        elif is_assignment(item):
            items.append(item)
        elif isinstance(item, Text) and (orders := all_orders(item.words, items)):
            items = orders
        elif isinstance(item, Group) and item.kind in ("list", "and", "or") and group.kind in ("list", "and", "or"):
            items.extend(_flattened(item, independent_signs))
        else:
            items.append(item)
    return items


def as_curve(items: Collection) -> Rel | None:
    """`y = a or y = b` as the one equation (y - a)(y - b) = 0; None where the values are of no one name."""
    labels = {entry.label for entry in items.items}
    if not items.explicit_set or len(labels) != 1 or len(items.items) != _TWO_SIGNS or None in labels:
        return None
    if not all(free_symbols(entry.value) for entry in items.items):
        return None
    (label,) = labels
    assert label is not None
    factors = tuple(Op("add", (label, Op("neg", (entry.value,)))) for entry in items.items)
    return Rel(("=",), (Op("mul", factors), num(0)))


def _from_items(items: Sequence[Expr], *, ordered: bool, explicit_set: bool) -> Collection:
    entries = [labelled(item) for item in items]
    labels = [entry.label for entry in entries]
    names = {_base(label) for label in labels if label is not None}
    ranked = (
        not (names <= _EXTREMES.keys())
        and not ordered
        and len(names) == len(entries)
        and None not in labels
        and len(entries) > 1
    )
    return Collection(tuple(entries), ordered, explicit_set and not ranked, ranked)


_EXTREMES = {  # names that a bare list leaves out in any order, under one name each
    **dict.fromkeys(("maximum", "max", "largest", "greatest", "maximum value"), "maximum"),
    **dict.fromkeys(("minimum", "min", "smallest", "least", "minimum value"), "minimum"),
}


def _base(label: Expr) -> str:
    """x_1 and x_2 are values of one unknown; a and b are two."""
    return label.name.split("_")[0] if isinstance(label, Sym) else repr(label)


def _paired(expr: Rel) -> Collection | None:
    """(p, q) = (3, 2) as labelled values."""
    left, right = expr.sides
    if not (isinstance(left, Group) and isinstance(right, Group) and left.kind == "tuple" == right.kind):
        return None
    if len(left.items) != len(right.items):
        return None
    if has_signs(right):
        return None  # (x, y) = (3, \pm 2) is two points
    items = tuple(Labelled(label, value) for label, value in zip(left.items, right.items))
    return Collection(items, True, False, True)


def compare_collections(left: Collection, right: Collection, compare: Compare, settings: Settings) -> Equivalence:
    """Whether two collections hold the same values; `left` is the answer."""
    if any(isinstance(entry.value, Dots) for entry in (*left.items, *right.items)):
        return _compare_in_order(left.items, right.items, compare, settings)
    if left.alternatives != right.alternatives and all(side.ranked or side.ordered for side in (left, right)):
        return no("alternatives, and values that hold together")
    mixed = (left.ordered and right.explicit_set) or (right.ordered and left.explicit_set)
    if mixed and not (left.ranked or right.ranked):
        return no("ordered values and a set")
    named = left.ranked or right.ranked or (_all_extremes(left) and _all_extremes(right))
    if _all_labelled(left) and _all_labelled(right) and named:
        return _compare_by_label(left, right, compare, settings)
    if left.ordered or right.ordered or left.ranked or right.ranked:
        return _compare_in_order(_by_name(left, right), _by_name(right, left), compare, settings)
    first: Sequence[Labelled] = left.items
    second: Sequence[Labelled] = right.items
    if left.explicit_set or right.explicit_set or (_points(left) and _points(right)):
        first, second = _distinct(first, compare, settings), _distinct(second, compare, settings)
    return _compare_any_order(first, second, compare, settings)


def _by_name(items: Collection, other: Collection) -> Sequence[Labelled]:
    """`y = 2, x = 1` beside the bare (1, 2): in the order of the coordinates; other names in the order written."""
    names = [entry.label.name for entry in items.items if isinstance(entry.label, Sym)]
    if (
        not items.ranked
        or len(names) != len(items.items)
        or not set(names) <= set(COORDINATES)
        or any(entry.label is not None for entry in other.items)
    ):
        return items.items
    return [entry for _, entry in sorted(zip(names, items.items), key=lambda pair: pair[0])]


def _points(items: Collection) -> bool:
    """Whether the items are tuples: a list of solutions, in which a repeated one counts once."""
    return all(isinstance(entry.value, Group) and entry.value.kind == "tuple" for entry in items.items)


def _all_extremes(items: Collection) -> bool:
    """Whether the items are one maximum and one minimum."""
    found = [_label_text(entry.label) for entry in items.items if entry.label is not None]
    return len(found) == len(items.items) == 2 and set(found) == set(_EXTREMES.values())


def _label_text(label: Expr) -> str:
    """A label for comparison."""
    return _EXTREMES.get(label.name, repr(label)) if isinstance(label, Sym) else repr(label)


def _all_labelled(items: Collection) -> bool:
    return all(entry.label is not None for entry in items.items)


def _compare_by_label(left: Collection, right: Collection, compare: Compare, settings: Settings) -> Equivalence:
    mine = {_label_text(entry.label): entry for entry in left.items if entry.label is not None}
    theirs = {_label_text(entry.label): entry for entry in right.items if entry.label is not None}
    if mine.keys() != theirs.keys() or len(mine) != len(left.items) or len(theirs) != len(right.items):
        return no("values for other names")
    for key, entry in mine.items():
        judged = compare_entries(entry, theirs[key], compare, settings)
        if not judged:
            return judged
    return yes("the same value for every name", "structure")


def compare_entries(mine: Labelled, theirs: Labelled, compare: Compare, settings: Settings) -> Equivalence:
    """Whether two labelled values agree in any of their stated forms."""
    judged = compare(mine.value, theirs.value, settings)
    if judged:
        return judged
    if isinstance(mine.value, Rel) != isinstance(theirs.value, Rel):
        return compare(_restored(mine), _restored(theirs), settings) if mine.label or theirs.label else judged
    for left in (mine.value, *mine.alternatives):
        for right in (theirs.value, *theirs.alternatives):
            if (left is not mine.value or right is not theirs.value) and compare(left, right, settings):
                return yes("equal in one of the stated forms", "structure")
    return judged


def _restored(entry: Labelled) -> Expr:
    """The equation that a label and its value were."""
    return Rel(("=",), (entry.label, entry.value)) if entry.label is not None else entry.value


def _compare_in_order(
    left: Sequence[Labelled], right: Sequence[Labelled], compare: Compare, settings: Settings
) -> Equivalence:
    if len(left) != len(right):
        return no(f"{len(left)} values, expected {len(right)}")
    for index, (mine, theirs) in enumerate(zip(left, right)):
        if isinstance(mine.value, Dots) or isinstance(theirs.value, Dots):
            if mine.value != theirs.value:
                return no("dots in another place")
            continue
        judged = compare_entries(mine, theirs, compare, settings)
        if not judged:
            return no(f"value {index + 1}: {judged.detail}", judged.reason, judged.method)
    return yes("the same values in the same order", "structure")


def _compare_any_order(
    left: Sequence[Labelled], right: Sequence[Labelled], compare: Compare, settings: Settings
) -> Equivalence:
    if len(left) != len(right):
        return no(f"{len(left)} values, expected {len(right)}")
    remaining = [(theirs, approximate(theirs.value)) for theirs in right]
    for mine in left:
        near = approximate(mine.value)
        match = next(
            (
                index
                for index, (theirs, other) in enumerate(remaining)
                if may_equal(near, other) and compare_entries(mine, theirs, compare, settings)
            ),
            None,
        )
        if match is None:
            return no("a value that the reference does not have")
        remaining.pop(match)
    return yes("the same values", "structure")


def _distinct(items: Sequence[Labelled], compare: Compare, settings: Settings) -> list[Labelled]:
    kept: list[tuple[Labelled, Near]] = []
    for item in items:
        near = approximate(item.value)
        if not any(
            may_equal(near, known) and (item.value == other.value or compare(item.value, other.value, settings))
            for other, known in kept
        ):
            kept.append((item, near))
    return [item for item, _ in kept]


Near: TypeAlias = "complex | tuple[Near, ...] | None"


def approximate(expr: Expr) -> Near:
    """A double close to a constant, so that far ones are not compared in full; a tuple of them; else None."""
    if isinstance(expr, Group) and expr.kind == "tuple":
        return tuple(approximate(item) for item in expr.items)
    if isinstance(expr, Num):
        try:
            return complex(expr.value)
        except OverflowError:
            return None
    if not marks(expr) <= _PLAIN_MARKS:
        return None
    try:
        return complex(numeric(expr, None, 20))
    except (InexactError, UndefinedError, OverBudgetError, OverflowError):
        return None


_PLAIN_MARKS = listed(
    "Num Op Const Call Const:pi Const:e Const:i Op:add Op:mul Op:div Op:pow Op:neg Call:sqrt Call:root Call:ln"
    " Call:sin Call:cos Call:tan"
)


def may_equal(first: Near, second: Near) -> bool:
    """False only if two approximations are too far apart for equal (or rounded) values."""
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return all(map(may_equal, first, second))
    if first is None or second is None or isinstance(first, tuple) or isinstance(second, tuple):
        return True
    return abs(first - second) <= 0.2 + 1e-3 * max(abs(first), abs(second))


__all__ = ["Collection", "collection", "compare_collections", "compare_entries", "expand_signs", "has_signs"]
