"""Several values: tuples and vectors keep their order, sets and bare lists do not, labels decide where they exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from verifiers.algebra.exact import NO_VALUE
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence.conventions import COORDINATES
from verifiers.equivalence.several.expanding import all_orders, expand_signs, has_signs
from verifiers.equivalence.types import Compare, Equivalence, no, yes
from verifiers.equivalence.words.labels import Labelled, label_chain, labelled
from verifiers.parse import Expr, OverBudgetError, free_symbols, marks
from verifiers.parse.joining import is_assignment
from verifiers.parse.tree import Cases, Dots, Group, Interval, Matrix, Num, Rel, Sym, Text, is_equation, is_group, num
from verifiers.text import listed

_MAX_ITEMS = 400
_EXTREMES = {  # names that a bare list leaves out in any order, under one name each
    **dict.fromkeys(("maximum", "max", "largest", "greatest", "maximum value"), "maximum"),
    **dict.fromkeys(("minimum", "min", "smallest", "least", "minimum value"), "minimum"),
}


@dataclass(frozen=True, slots=True)
class Collection:
    """Items with labels. `ordered`: as written in round or angle brackets. `explicit_set`: duplicates do not count."""

    items: tuple[Labelled, ...]
    ordered: bool = False
    explicit_set: bool = False
    ranked: bool = False  # a bare list whose labels name its places
    alternatives: bool = False  # ... joined by `or`: x = 2 or y = 3

    @property
    def values(self) -> tuple[Expr, ...]:
        """The items without their labels."""
        return tuple(item.value for item in self.items)

    @property
    def labels(self) -> tuple[Expr, ...]:
        """The labels that are given."""
        return tuple(item.label for item in self.items if item.label is not None)

    @property
    def has_places(self) -> bool:
        """Whether it matters which value stands where."""
        return self.ordered or self.ranked

    @property
    def is_labelled(self) -> bool:
        """Whether every value has a label."""
        return len(self.labels) == len(self.items)


def collection(expr: Expr, *, independent_signs: bool = False) -> Collection | None:
    """`expr` as several values; None when it is one value.

    Raises:
        ContradictionError: an item is a chain that contradicts itself.
    """
    match expr:
        case Rel(("=",), (Group("tuple", names), Group("tuple", values) as right)):
            if len(names) == len(values) and not has_signs(right):  # (x, y) = (3, \pm 2) is two points
                return Collection(tuple(map(Labelled, names, values)), ordered=True, ranked=True)
    found = labelled(expr)
    value = found.value
    if found.label is not None and isinstance(value, Group | Matrix | Interval) and not has_signs(value):
        return collection(value)
    if has_signs(value) and (not isinstance(value, Group) or value.kind == "tuple"):
        readings = expand_signs(value, independent=independent_signs)
        return Collection(tuple(Labelled(found.label, reading) for reading in readings), explicit_set=True)
    if isinstance(value, Interval) and value.closed_low and value.closed_high:
        return Collection((Labelled(None, value.low), Labelled(None, value.high)), ordered=True)
    if isinstance(value, Cases) and all(condition is None for _, condition in value.branches):
        return _from_items(value.children)
    if not isinstance(value, Group) or value.kind == "forall":
        return None
    if len(value.items) > _MAX_ITEMS:
        raise OverBudgetError(f"{len(value.items)} values; the limit is {_MAX_ITEMS}")
    return _from_items(_flattened(value, independent_signs), value.kind)


def chained(expr: Expr) -> Collection | None:
    """The values of `x = y = 3`, one for each name; None for anything else."""
    found = label_chain(expr)
    if found is None:
        return None
    names, value = found
    return Collection(tuple(Labelled(name, value) for name in names), ranked=True)


def _flattened(group: Group, independent_signs: bool) -> list[Expr]:
    """Items with ± signs expanded and bare sub-lists spliced in."""
    items: list[Expr] = []
    for item in group.items:
        label, value = item.sides if is_equation(item) else (None, item)
        if has_signs(value) and not isinstance(value, Group):
            readings = expand_signs(value, independent=independent_signs)
            items.extend(reading if label is None else Rel(("=",), (label, reading)) for reading in readings)
        elif is_group(item, "tuple") and has_signs(item) and group.kind != "tuple":
            items.extend(expand_signs(item, independent=independent_signs))
        elif isinstance(item, Text) and (orders := all_orders(item.words, items)):
            items = orders
        elif is_group(item, "list", "and", "or") and group.kind in ("list", "and", "or") and not is_assignment(item):
            items.extend(_flattened(item, independent_signs))
        else:
            items.append(item)
    return items


def as_curve(items: Collection) -> Rel | None:
    """`y = a or y = b` as the one equation (y - a)(y - b) = 0; None where the values are of no one name."""
    if not (
        items.explicit_set and items.is_labelled and len(items.items) == 2 and all(map(free_symbols, items.values))
    ):
        return None
    (label, other), (first, second) = items.labels, items.values
    return Rel(("=",), ((label - first) * (label - second), num(0))) if label == other else None


def _from_items(items: Sequence[Expr], kind: str = "list") -> Collection:
    """The items of a group of this kind; a bare list is ranked where its labels are of different names."""
    found = Collection(tuple(map(labelled, items)), kind in ("tuple", "square"), kind in ("set", "or"))
    # x_1 and x_2 are values of one unknown; a and b are two
    names = {label.name.split("_")[0] if isinstance(label, Sym) else repr(label) for label in found.labels}
    is_ranked = found.is_labelled and not found.ordered and not names <= _EXTREMES.keys()
    if not is_ranked or not 1 < len(names) == len(items):
        return found
    return replace(found, explicit_set=False, ranked=True, alternatives=kind == "or")


def compare_collections(left: Collection, right: Collection, compare: Compare) -> Equivalence:
    """Whether two collections hold the same values; `left` is the answer."""
    if any(isinstance(value, Dots) for value in (*left.values, *right.values)):
        return _compare_in_order(left.items, right.items, compare)
    if left.alternatives != right.alternatives and left.has_places and right.has_places:
        return no("alternatives, and values that hold together")
    is_ranked = left.ranked or right.ranked
    if not is_ranked and ((left.ordered and right.explicit_set) or (right.ordered and left.explicit_set)):
        return no("ordered values and a set")
    are_extremes = _all_extremes(left) and _all_extremes(right)
    if left.is_labelled and right.is_labelled and (is_ranked or are_extremes):
        return _compare_by_label(left, right, compare)
    if left.has_places or right.has_places:
        return _compare_in_order(_by_name(left, right), _by_name(right, left), compare)
    first: Sequence[Labelled] = left.items
    second: Sequence[Labelled] = right.items
    are_points = all(is_group(value, "tuple") for value in (*left.values, *right.values))  # a repeated one counts once
    if left.explicit_set or right.explicit_set or are_points:
        first, second = _distinct(first, compare), _distinct(second, compare)
    return _compare_any_order(first, second, compare)


def _by_name(items: Collection, other: Collection) -> Sequence[Labelled]:
    """`y = 2, x = 1` beside the bare (1, 2): in the order of the coordinates; other names in the order written."""
    names = [label.name for label in items.labels if isinstance(label, Sym)]
    if not items.ranked or len(names) != len(items.items) or not set(names) <= set(COORDINATES) or other.labels:
        return items.items
    return [item for _, item in sorted(zip(names, items.items), key=lambda pair: pair[0])]


def _all_extremes(items: Collection) -> bool:
    """Whether the items are one maximum and one minimum."""
    return len(items.items) == 2 and {_label_text(label) for label in items.labels} == {*_EXTREMES.values()}


def _label_text(label: Expr) -> str:
    """A label for comparison."""
    return _EXTREMES.get(label.name, repr(label)) if isinstance(label, Sym) else repr(label)


def _compare_by_label(left: Collection, right: Collection, compare: Compare) -> Equivalence:
    mine, theirs = (dict(zip(map(_label_text, side.labels), side.items)) for side in (left, right))
    if mine.keys() != theirs.keys() or len(mine) != len(left.items) or len(theirs) != len(right.items):
        return no("values for other names")
    for name, item in mine.items():
        judged = compare_entries(item, theirs[name], compare)
        if not judged:
            return judged
    return yes("the same value for every name", "structure")


def compare_entries(mine: Labelled, theirs: Labelled, compare: Compare) -> Equivalence:
    """Whether two labelled values agree in any of their stated forms."""
    judged = compare(mine.value, theirs.value)
    if judged:
        return judged
    if isinstance(mine.value, Rel) != isinstance(theirs.value, Rel):
        return compare(mine.restored, theirs.restored) if mine.label or theirs.label else judged
    for left in (mine.value, *mine.alternatives):
        for right in (theirs.value, *theirs.alternatives):
            if (left is not mine.value or right is not theirs.value) and compare(left, right):
                return yes("equal in one of the stated forms", "structure")
    return judged


def _compare_in_order(left: Sequence[Labelled], right: Sequence[Labelled], compare: Compare) -> Equivalence:
    if len(left) != len(right):
        return no(f"{len(left)} values, expected {len(right)}")
    for index, (mine, theirs) in enumerate(zip(left, right)):
        if isinstance(mine.value, Dots) or isinstance(theirs.value, Dots):
            if mine.value != theirs.value:
                return no("dots in another place")
            continue
        judged = compare_entries(mine, theirs, compare)
        if not judged:
            return no(f"value {index + 1}: {judged.detail}", judged.reason, judged.method)
    return yes("the same values in the same order", "structure")


def _compare_any_order(left: Sequence[Labelled], right: Sequence[Labelled], compare: Compare) -> Equivalence:
    if len(left) != len(right):
        return no(f"{len(left)} values, expected {len(right)}")
    remaining = [(theirs, approximate(theirs.value)) for theirs in right]
    for mine in left:
        near = approximate(mine.value)
        for index, (theirs, other) in enumerate(remaining):
            if may_equal(near, other) and compare_entries(mine, theirs, compare):
                remaining.pop(index)
                break
        else:
            return no("a value that the reference does not have")
    return yes("the same values", "structure")


def _distinct(items: Sequence[Labelled], compare: Compare) -> list[Labelled]:
    kept: list[tuple[Labelled, Near]] = []
    for item in items:
        near = approximate(item.value)
        if not any(may_equal(near, known) and compare(item.value, other.value) for other, known in kept):
            kept.append((item, near))
    return [item for item, _ in kept]


Near: TypeAlias = "complex | tuple[Near, ...] | None"
_PLAIN_MARKS = listed(
    "Num Op Const Call Const:pi Const:e Const:i Op:add Op:mul Op:div Op:pow Op:neg Call:sqrt Call:root Call:ln"
    " Call:sin Call:cos Call:tan"
)


def approximate(expr: Expr) -> Near:
    """A double close to a constant, so that far ones are not compared in full; a tuple of them; else None."""
    if is_group(expr, "tuple"):
        return tuple(map(approximate, expr.items))
    try:
        if isinstance(expr, Num):
            return complex(expr.value)
        return complex(numeric(expr, None, 20)) if marks(expr) <= _PLAIN_MARKS else None
    except (OverflowError, *NO_VALUE):
        return None


def may_equal(first: Near, second: Near) -> bool:
    """False only if two approximations are too far apart for equal (or rounded) values."""
    if isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second):
        return all(map(may_equal, first, second))
    if isinstance(first, complex) and isinstance(second, complex):
        return abs(first - second) <= 0.2 + 1e-3 * max(abs(first), abs(second))
    return True
