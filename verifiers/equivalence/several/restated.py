"""Equations that end in one value, such as `2x = 10; x = 5`, beside that value."""

from __future__ import annotations

from verifiers.equivalence.types import Compare, Equivalence
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse import Expr, free_symbols
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Num, Sym, is_equation, is_group

_MAX_STEPS = 12


def compare_last(answer: Expr, reference: Expr, compare: Compare) -> Equivalence | None:
    """The judgement on the value in which equations for one unknown end, each true of it; None for a system."""
    if (
        not is_group(answer, "list")
        or not 1 < len(answer.items) <= _MAX_STEPS
        or not all(map(is_equation, answer.items))
    ):
        return None
    *steps, (name, value) = (item.children for item in answer.items)
    if not isinstance(name, Sym) or free_symbols(value):
        return None
    for left, right in steps:
        if free_symbols(left) | free_symbols(right) != {name.name}:
            return None
        left, right = (substitute(side, {name.name: value}) for side in (left, right))
        is_last_again = left == right and isinstance(left, Num)
        if not is_last_again and not compare_values(left, right, compare.settings):
            return None
    return compare(value, reference)
