"""Rebuild a tree with some nodes replaced."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cache

from verifiers.parse.tree import Apply, Expr, Sym, marks


def transform(expr: Expr, change: Callable[[Expr], Expr | None]) -> Expr:
    """`expr` with every node for which `change` returns a node replaced by it, top down, and the rest rebuilt."""
    changed = change(expr)
    if changed is not None:
        return changed
    if not expr.children:
        return expr
    updates = {}
    for name in _fields(type(expr)):  # type: ignore[arg-type]  # mypy takes a type's hash for its instances'
        value = getattr(expr, name)
        rebuilt = _rebuilt(value, change)
        if rebuilt is not value:
            updates[name] = rebuilt
    return replace(expr, **updates) if updates else expr  # type: ignore[type-var]


@cache
def _fields(kind: type[Expr]) -> tuple[str, ...]:
    return tuple(spec.name for spec in fields(kind))  # type: ignore[arg-type]  # every node type is a dataclass


def _rebuilt(value: object, change: Callable[[Expr], Expr | None]) -> object:
    if isinstance(value, Expr):
        return transform(value, change)
    if isinstance(value, tuple):
        parts = tuple([_rebuilt(part, change) for part in value])
        return value if all(map(operator.is_, parts, value)) else parts
    return value


def substitute(expr: Expr, values: Mapping[str, Expr]) -> Expr:
    """`expr` with the symbols of those names replaced."""
    return transform(expr, lambda node: values.get(node.name) if isinstance(node, Sym) else None)


def opaque(expr: Expr) -> Expr:
    """Applications of unknown functions as symbols of their own."""
    if "Apply" not in marks(expr):
        return expr
    return transform(expr, lambda node: Sym(f"{node.name}({node.args!r})") if isinstance(node, Apply) else None)
