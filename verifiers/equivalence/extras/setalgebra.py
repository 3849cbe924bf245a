"""Expressions in named sets: A \\ B is A and not B. Equal when they hold the same regions of the Venn diagram."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.parse.tree import Expr, Op, SetOp, Sym

_MAX_SETS = 6
_COMPLEMENTS = (Sym("c"), Sym("C"), Sym("complement"))


def compare_set_expressions(answer: Expr, reference: Expr) -> Equivalence | None:
    """Whether two expressions in set letters are the same set; None if they are none."""
    if not (_is_operation(answer) or _is_operation(reference)):
        return None
    try:
        letters = sorted(_letters(answer) | _letters(reference))
        if len(letters) > _MAX_SETS:
            return None
        for row in product((False, True), repeat=len(letters)):
            inside = dict(zip(letters, row))
            if _holds(answer, inside) != _holds(reference, inside):
                return no("another region of the Venn diagram", method="exact")
    except _NoSetError:
        return None
    return yes("the same regions of the Venn diagram", "exact")


class _NoSetError(ValueError):
    """Something that is no operation on named sets."""


def _is_operation(expr: Expr) -> bool:
    return isinstance(expr, SetOp) or (isinstance(expr, Op) and expr.op in ("complement", "pow"))


def _letters(expr: Expr) -> set[str]:
    if isinstance(expr, Sym) and _plain(expr.name)[:1].isupper():
        return {_plain(expr.name)}
    if isinstance(expr, SetOp):
        return set().union(*(_letters(arg) for arg in expr.args))
    if _is_complement(expr):
        return _letters(expr.children[0])
    raise _NoSetError


def _is_complement(expr: Expr) -> bool:
    return isinstance(expr, Op) and (expr.op == "complement" or (expr.op == "pow" and expr.args[1] in _COMPLEMENTS))


def _plain(name: str) -> str:
    """A' and overline(A) are the complement of A."""
    return name.removeprefix("overline(").removesuffix(")").rstrip("'")


def _holds(expr: Expr, inside: Mapping[str, bool]) -> bool:
    """Whether an element is in the set, given which of the named sets it is in."""
    if isinstance(expr, Sym):
        plain = _plain(expr.name)
        marks = expr.name.count("'") + expr.name.startswith("overline(")
        return inside[plain] != bool(marks % 2)
    if isinstance(expr, SetOp):
        parts = [_holds(arg, inside) for arg in expr.args]
        if expr.op == "union":
            return any(parts)
        if expr.op == "intersection":
            return all(parts)
        return parts[0] and not any(parts[1:])
    return not _holds(expr.children[0], inside)
