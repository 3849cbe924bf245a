"""What clauses mean together: a list, alternatives, several solutions, one compound amount."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.parse.english.quantities import compounded
from verifiers.parse.tree import Expr, Group, Num, Op, Rel, Sym, is_equation, is_group


def joined(items: Sequence[Expr], joints: Sequence[str]) -> Expr:
    """The items as one answer; `joints` holds the separator before each further one (and perhaps one after the last).

    `x = 1, y = 2 or x = 2, y = 1` is two solutions, not four values.
    """
    if len(items) == 1:
        return Group("list", tuple(items)) if joints else items[0]
    first = items[0]
    if isinstance(first, Rel) and first.ops == ("!=",) and all(isinstance(item, Num | Op) for item in items[1:]):
        items = [first, *(Rel(("!=",), (first.sides[0], item)) for item in items[1:])]  # x != 1, 2 excludes both
    words = [joint for joint in joints if joint in ("and", "or")]
    if words and all(joint == "and" for joint in joints) and (amount := compounded(list(items))) is not None:
        return amount
    for strong in ("or", ";", "row", "and"):
        if strong in joints and any(joint != strong for joint in joints):
            solutions = _solutions(items, joints, strong)
            if solutions is not None:
                return Group("or", solutions)
    return Group(words[-1] if words else "list", tuple(items))


def _solutions(items: Sequence[Expr], joints: Sequence[str], strong: str) -> tuple[Expr, ...] | None:
    """The items in groups between the strong separators, where each group gives a value to the same names."""
    groups: list[list[Expr]] = [[items[0]]]
    for item, joint in zip(items[1:], joints):
        if joint == strong:
            groups.append([])
        groups[-1].append(item)
    names = [_names(group) for group in groups]
    if len(names[0] or ()) < 2 or any(other != names[0] for other in names[1:]):
        return None
    return tuple(Group("list", tuple(group)) for group in groups)


def _names(group: Sequence[Expr]) -> frozenset[str] | None:
    """The names that a group of equations gives a value to, each once; None if it is no such group."""
    names = [item.sides[0] for item in group if is_equation(item)]
    letters = frozenset(name.name for name in names if isinstance(name, Sym))
    return letters if len(letters) == len(group) else None


def is_assignment(expr: Expr) -> bool:
    """Whether a list gives values to several names: x = 1, y = 2."""
    return is_group(expr, "list", "and") and len(_names(expr.items) or ()) > 1
