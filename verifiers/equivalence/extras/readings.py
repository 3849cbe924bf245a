"""Further readings of notation that decide only pairs which this project wrote itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifiers.equivalence.conventions import SETS
from verifiers.equivalence.reference import Reference
from verifiers.parse.reading import try_parse
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import BaseNum, Call, Const, Expr, Group, Matrix, Op, Rel, SetOp, Sym, marks

_POINT = re.compile(r"[$\s]*[A-Z]\s*(?:\\left)?(\([^()]{1,80}\))[$\s.]*")
_LOG_POWER = re.compile(r"(?:ln|log|lg)(?:_\w|_\{\w+\})?\s*(?:\\left)?\s*[(|\[]")  # the power is not on the name
_LOGS = frozenset(("ln", "log"))
_SET_MARKS = frozenset((*(f"Const:{name}" for name in SETS), "Interval", "SetOp"))


def with_digit_letters(tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """Digits of a base above ten that are small letters."""
    if isinstance(reference.tree, BaseNum) and reference.tree.base > 10 and text.isascii():
        digits = try_parse(text.upper())  # 2a_{16}, where the digits are letters
        if digits is not None:
            yield digits, reference.tree


def as_point(tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """P(2, 3) as the point (2, 3), and a binomial coefficient as a column, where two entries are asked for."""
    if not _has_two_entries(reference.tree):
        return
    if (point := _POINT.fullmatch(text)) and (read := try_parse(point[1])) is not None:
        yield read, reference.tree  # P(2, 3) is a point where one is asked for
    if isinstance(tree, Call) and tree.name == "binomial":
        yield Matrix(tuple((entry,) for entry in tree.args)), reference.tree  # \binom{3}{-2}, a column


def _has_two_entries(expr: Expr) -> bool:
    if isinstance(expr, Matrix):
        return len(expr.rows) == 2 and len(expr.rows[0]) == 1
    return isinstance(expr, Group) and expr.kind == "tuple" and len(expr.items) == 2


def as_sets(tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """Plain letters as the sets that they usually name, where only a set can stand."""
    mine, theirs = _with_named_sets(tree, reference.tree), _with_named_sets(reference.tree, tree)
    if mine is not None or theirs is not None:
        yield mine or tree, theirs or reference.tree


def _with_named_sets(tree: Expr, other: Expr) -> Expr | None:
    """`tree` with a plain letter R, Z, N, Q or C read as the set, where only a set can stand; None without such."""
    is_beside_set = not _SET_MARKS.isdisjoint(marks(other))

    def named(node: Expr) -> Expr:
        """The set that a letter names; other nodes as they are."""
        return Const(node.name) if isinstance(node, Sym) and node.name in SETS else node

    def change(node: Expr) -> Expr | None:
        """What `in`, and beside a set its operations, make of letters; None leaves the node as it is."""
        if isinstance(node, Rel) and node.ops == ("in",):
            return Rel(node.ops, (transform(node.sides[0], change), named(node.sides[1])))
        if isinstance(node, SetOp) and is_beside_set:
            return SetOp(node.op, tuple(named(transform(arg, change)) for arg in node.args))
        return None

    changed = named(tree) if is_beside_set else tree
    changed = transform(changed, change)
    return changed if changed != tree else None


def with_power_inside(tree: Expr, text: str) -> Expr | None:
    r"""`\ln (x + 1)^2` read as the logarithm of the square; None where no such power stands."""
    if not _LOG_POWER.search(text):
        return None

    def change(node: Expr) -> Expr | None:
        """A power of a logarithm as the logarithm of a power; None leaves the node as it is."""
        if isinstance(node, Op) and node.op == "pow" and isinstance(node.args[0], Call) and node.args[0].name in _LOGS:
            call, exponent = node.args[0], transform(node.args[1], change)
            return Call(call.name, (Op("pow", (transform(call.args[0], change), exponent)), *call.args[1:]))
        return None

    changed = transform(tree, change)
    return changed if changed != tree else None
