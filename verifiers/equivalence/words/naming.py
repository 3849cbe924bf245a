"""What a name before a value stands for: a function and its variable, a derivative."""

from __future__ import annotations

import re

from verifiers.equivalence.words.labels import Labelled
from verifiers.parse.rewrite import substitute
from verifiers.parse.tree import Apply, Expr, Sym, free_symbols


def same_function(mine: Labelled, theirs: Labelled) -> Labelled | None:
    """f(t) = t^2 beside f(x) = x^2, and y = x^2 beside f(x) = x^2: the answer in the terms of the reference.

    The name of a function's variable is free, that of the function is not. None where the labels name other things.
    """
    left, right = mine.label, theirs.label
    if isinstance(left, Apply) and isinstance(right, Apply):
        names = [arg.name for arg in left.args if isinstance(arg, Sym)]
        targets = [arg.name for arg in right.args if isinstance(arg, Sym)]
        distinct = len(set(names)) == len(left.args) == len(right.args) == len(set(targets))
        if left.name != right.name or not distinct or (free_symbols(mine.value) - set(names)) & set(targets):
            return None
        return Labelled(right, substitute(mine.value, {name: Sym(target) for name, target in zip(names, targets)}))
    if _name_one_derivative(_derivative(left), _derivative(right)):
        return Labelled(right, mine.value, mine.alternatives)
    function, other = (left, right) if isinstance(left, Apply) else (right, left)
    if isinstance(function, Apply) and (other == Sym(function.name) or (other == Sym("y") and len(function.args) == 1)):
        return Labelled(right, mine.value, mine.alternatives)
    return None


def _name_one_derivative(first: tuple[str, int] | None, second: tuple[str, int] | None) -> bool:
    """dy/dx and f'(x): of one order, and of one function, which y may stand for."""
    if first is None or second is None or first[1] != second[1]:
        return False
    return first[0] == second[0] or {first[0], second[0]} in _Y_STANDS_FOR


def _derivative(label: Expr | None) -> tuple[str, int] | None:
    """The function whose derivative a label names, and its order: dy/dx, y', f''(x); None for another label."""
    name = label.name if isinstance(label, Sym | Apply) else ""
    found = _LEIBNIZ.fullmatch(name)
    if found:
        return found[2], int(found[1] or 1)
    function = name.rstrip("'")
    return (function, len(name) - len(function)) if function and function != name else None


_LEIBNIZ = re.compile(r"d(\d?)([A-Za-z]\w*)/d\w+")
_Y_STANDS_FOR = tuple({"y", function} for function in "fghFG")  # and for no variable: dx/dy is another derivative
