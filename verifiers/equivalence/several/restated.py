"""Equations that end in one value, such as `2x = 10; x = 5`, beside that value."""

from __future__ import annotations

from verifiers.equivalence.types import Compare, Equivalence, Settings
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Expr, Group, Num, Rel, Sym, free_symbols

_MAX_STEPS = 12


def compare_last(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    """The judgement on the value in which equations for one unknown end, each true of it; None for a system."""
    if not isinstance(answer, Group) or answer.kind != "list" or not 1 < len(answer.items) <= _MAX_STEPS:
        return None
    steps = [item for item in answer.items if isinstance(item, Rel) and item.ops == ("=",)]
    name, value = steps[-1].sides if len(steps) == len(answer.items) else (None, None)
    if not isinstance(name, Sym) or value is None or free_symbols(value):
        return None
    for step in steps[:-1]:
        if free_symbols(step) != {name.name}:
            return None
        left, right = (substitute(side, {name.name: value}) for side in step.sides)
        is_last_again = left == right and isinstance(left, Num)
        if not is_last_again and not compare_values(left, right, settings):
            return None
    return compare(value, reference, settings)
