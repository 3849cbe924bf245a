"""What stands for several values: plus-minus signs, and points "and their permutations"."""

from __future__ import annotations

import re
from itertools import permutations, product

from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Expr, Group, Op, marks, num, walk

_MAX_SIGNS = 4  # independent plus-minus signs that are expanded
_MAX_PERMUTED = 5  # coordinates
_PERMUTED = re.compile(
    r"(?:and |all |any |every |their |its |the |possible |of )*(cyclic )?permutations?"
    r"(?: thereof| of (?:it|these|them|those|this))?"
)


def has_signs(expr: Expr) -> bool:
    """Whether a plus-minus sign stands in the expression."""
    found = marks(expr)
    return "Op:pm" in found or "Op:mp" in found


def expand_signs(expr: Expr, *, independent: bool) -> tuple[Expr, ...]:
    """Every reading of the ± and ∓ signs: all together (upper or lower), or each on its own."""
    count = sum(1 for node in walk(expr) if isinstance(node, Op) and node.op in ("pm", "mp"))
    if independent and count > _MAX_SIGNS:
        return ()
    choices = product((1, -1), repeat=count) if independent else ((1,) * count, (-1,) * count)
    return tuple(_with_signs(expr, list(choice)) for choice in choices)


def _with_signs(expr: Expr, signs: list[int]) -> Expr:
    def change(node: Expr) -> Expr | None:
        """A ± b as a sum or a difference, by the next sign; None leaves the node as it is."""
        if not (isinstance(node, Op) and node.op in ("pm", "mp")):
            return None
        sign = signs.pop() * (1 if node.op == "pm" else -1)
        left, right = (transform(arg, change) for arg in node.args)
        if left == num(0) and isinstance(right, Group) and right.kind == "tuple":  # \pm (3, 1)
            return right if sign > 0 else Group("tuple", tuple(Op("neg", (item,)) for item in right.items))
        return Op("add", (left, right if sign > 0 else Op("neg", (right,))))

    return transform(expr, change)


def all_orders(words: str, points: list[Expr]) -> list[Expr]:
    """The points with all orders of their coordinates where the words behind them say so; [] where they do not."""
    said = _PERMUTED.fullmatch(words)
    if said is None or not all(
        isinstance(point, Group) and point.kind == "tuple" and len(point.items) <= _MAX_PERMUTED for point in points
    ):
        return []
    found: dict[Expr, None] = {}
    for point in points:
        assert isinstance(point, Group)
        coordinates = point.items
        turned = (coordinates[start:] + coordinates[:start] for start in range(len(coordinates)))
        for order in turned if said[1] else permutations(coordinates):
            found[Group("tuple", tuple(order))] = None
    return list(found)
