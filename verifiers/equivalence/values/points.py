"""What the comparisons at points share: the free symbols of an expression, and closeness of values."""

from __future__ import annotations

from typing import Any

from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Apply, Expr, Sym, free_symbols, marks, walk


def free_names(expr: Expr) -> set[str]:
    """The symbols of an expression without its bound variables."""
    if "Sym" not in marks(expr):
        return set()
    if "Bound" in marks(expr):
        return set(free_symbols(expr))
    return {node.name for node in walk(expr) if isinstance(node, Sym)}


def opaque(expr: Expr) -> Expr:
    """Applications of unknown functions as symbols of their own."""
    if "Apply" not in marks(expr):
        return expr
    return transform(expr, lambda node: Sym(f"{node.name}({node.args!r})") if isinstance(node, Apply) else None)


def close(left: Any, right: Any, digits: int) -> bool:
    """Whether two values worked out to `digits` digits agree in all but the last ten."""
    size = max(abs(left), abs(right))
    gap = abs(left - right)
    shift = 10 ** (digits - 10)  # an integer: 10 to a large negative power would be a float and 0.0
    return bool(gap * shift <= size) or bool(100 * size * shift < 1 and 100 * gap * shift < 1)


def is_real(value: Any) -> bool:
    """Whether the imaginary part is within rounding of zero."""
    imaginary = getattr(value, "imag", 0)
    return abs(imaginary) <= abs(value) * 1e-25
