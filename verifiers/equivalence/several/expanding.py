"""What stands for several values: plus-minus signs, and points "and their permutations"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations, product

from verifiers.parse import Expr, marks, walk
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Group, is_group, is_op, num

_MAX_SIGNS = 4  # independent plus-minus signs that are expanded
_MAX_PERMUTED = 5  # coordinates
_PERMUTED = re.compile(
    r"(?:and |all |any |every |their |its |the |possible |of )*(cyclic )?permutations?"
    r"(?: thereof| of (?:it|these|them|those|this))?"
)


def has_signs(expr: Expr) -> bool:
    """Whether a plus-minus sign stands in the expression."""
    return not marks(expr).isdisjoint(("Op:pm", "Op:mp"))


def expand_signs(expr: Expr, *, independent: bool) -> tuple[Expr, ...]:
    """Every reading of the ± and ∓ signs: all together (upper or lower), or each on its own."""
    count = sum(is_op(node, "pm", "mp") for node in walk(expr))
    if independent and count > _MAX_SIGNS:
        return ()
    choices = product((1, -1), repeat=count) if independent else ((1,) * count, (-1,) * count)
    return tuple(_with_signs(expr, list(choice)) for choice in choices)


def _with_signs(expr: Expr, signs: list[int]) -> Expr:
    def change(node: Expr) -> Expr | None:
        """A ± b as a sum or a difference, by the next sign; None leaves the node as it is."""
        if not is_op(node, "pm", "mp"):
            return None
        is_plus = signs.pop() == (1 if node.op == "pm" else -1)
        left, right = (transform(arg, change) for arg in node.args)
        if left == num(0) and is_group(right, "tuple"):  # \pm (3, 1)
            return right if is_plus else Group("tuple", tuple(-item for item in right.items))
        return left + right if is_plus else left - right

    return transform(expr, change)


def all_orders(words: str, points: Sequence[Expr]) -> list[Expr]:
    """The points with all orders of their coordinates where the words behind them say so; [] where they do not."""
    said = _PERMUTED.fullmatch(words)
    if said is None:
        return []
    found: dict[Expr, None] = {}
    for point in points:
        if not is_group(point, "tuple") or len(point.items) > _MAX_PERMUTED:
            return []
        turned = (point.items[start:] + point.items[:start] for start in range(len(point.items)))
        for order in turned if said[1] else permutations(point.items):
            found[Group("tuple", tuple(order))] = None
    return list(found)
