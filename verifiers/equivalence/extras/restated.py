"""One value said more than once: `1/2 or 0.5`, and the steps `2x = 10; x = 5` that end in it."""

from __future__ import annotations

from verifiers.equivalence.several.collections import collection
from verifiers.equivalence.types import Compare, Equivalence, Settings, yes
from verifiers.equivalence.values.scalars import compare_values
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Expr, Group, Num, Rel, Sym, free_symbols

_MAX_STEPS = 12


def compare_restated(answer: Expr, reference: Expr, compare: Compare, settings: Settings) -> Equivalence | None:
    """The judgement on several items that say one value; None where they say several."""
    if not isinstance(answer, Group) or not 1 < len(answer.items) <= _MAX_STEPS:
        return None
    if answer.kind == "or":
        several = collection(answer)
        if several is None or len({repr(entry.label) for entry in several.items}) != 1:
            return None
        if all(compare(entry.value, reference, settings) for entry in several.items):
            return yes("the same value, said more than once", "structure")
        return None
    result = _result(answer, settings)
    return compare(result, reference, settings) if result is not None else None


def _result(steps: Group, settings: Settings) -> Expr | None:
    """The value in which equations for one unknown end, each true of it; None for a system."""
    *earlier, final = steps.items
    if steps.kind != "list" or not _is_equation(final) or not all(_is_equation(step) for step in earlier):
        return None
    assert isinstance(final, Rel)
    name, value = final.sides
    if not isinstance(name, Sym) or free_symbols(value):
        return None
    for step in earlier:
        if free_symbols(step) != {name.name}:
            return None
        left, right = (substitute(side, {name.name: value}) for side in step.children)
        if left == right and isinstance(left, Num):
            continue
        if not compare_values(left, right, settings):
            return None
    return value


def _is_equation(expr: Expr) -> bool:
    return isinstance(expr, Rel) and expr.ops == ("=",)
