"""Other readings of ambiguous notation, tried where the first one makes an answer wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifiers.parse import Expr, ParseError, parse
from verifiers.parse.limits import DEFAULT_LIMITS
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import BaseNum, Call, Group, Num, Op, Sym, num, walk
from verifiers.reference import Reference

_GROUPING = re.compile(r"\d,\d{3}(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d{1,12}),(\d{1,6})(?![\d,])")
_POINT_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+)(?![\d.,])")
_LOG_POWER = re.compile(r"(?:ln|log|lg)(?:_\w|_\{\w+\})?\s*(?:\\left)?\s*[(|\[]")  # the power is not on the name
_LOGS = frozenset(("ln", "log"))


def other_readings(tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """Readings of ambiguous notation: 1,234 as a list; 2,74 as a decimal; log with base 10."""
    is_point = isinstance(reference.tree, Group) and reference.tree.kind == "tuple"
    if _GROUPING.search(reference.text) or (_GROUPING.search(text) and not is_point):
        lists = _try_read(text, thousands=False), _try_read(reference.text, thousands=False)
        if lists[0] is not None and lists[1] is not None:
            yield lists[0], lists[1]
    if "," in text and "," not in reference.text and _DECIMAL_COMMA.search(text) and _has_decimals(reference.tree):
        decimal = _try_read(_DECIMAL_COMMA.sub(r"\1.\2", text), thousands=True)
        if decimal is not None:
            yield decimal, reference.tree
    if _POINT_GROUPED.search(text):
        grouped = _try_read(
            _POINT_GROUPED.sub(lambda found: found[0].replace(".", "").replace(",", "."), text), thousands=True
        )
        if grouped is not None:
            yield grouped, reference.tree
    if isinstance(reference.tree, BaseNum) and reference.tree.base > 10 and text.isascii():
        digits = _try_read(text.upper(), thousands=True)  # 2a_{16}, where the digits are letters
        if digits is not None:
            yield digits, reference.tree
    counts = _with_counts(tree), _with_counts(reference.tree)
    if counts[0] is not None or counts[1] is not None:
        yield counts[0] or tree, counts[1] or reference.tree
    powers = _with_power_inside(tree, text), _with_power_inside(reference.tree, reference.text)
    if powers[0] is not None or powers[1] is not None:
        yield powers[0] or tree, powers[1] or reference.tree
    mine, theirs = _with_common_logs(tree), _with_common_logs(reference.tree)
    if mine is not None or theirs is not None:
        yield mine or tree, theirs or reference.tree


def _with_counts(tree: Expr) -> Expr | None:
    """`C_{10}^3` read as a number of combinations, `A_{10}^3` and `P_{10}^3` of arrangements; None without such."""

    def change(node: Expr) -> Expr | None:
        """`node` as a count where it is a subscripted C, A or P to a power; None leaves it as it is."""
        if not (isinstance(node, Op) and node.op == "pow" and isinstance(node.args[0], Sym)):
            return None
        letter, _, top = node.args[0].name.partition("_")
        if letter not in ("A", "C", "P") or not top.isalnum():
            return None
        whole: Expr = num(int(top)) if top.isdigit() else Sym(top)
        part = node.args[1]
        if letter == "C":
            return Call("binomial", (whole, part))
        return Op("div", (Op("fact", (whole,)), Op("fact", (Op("add", (whole, Op("neg", (part,)))),))))

    changed = transform(tree, change)
    return changed if changed != tree else None


def _has_decimals(tree: Expr) -> bool:
    return any(isinstance(node, Num) and node.places for node in walk(tree))


def _try_read(text: str, *, thousands: bool) -> Expr | None:
    try:
        return parse(text, DEFAULT_LIMITS, thousands=thousands)
    except ParseError:
        return None


def _with_common_logs(tree: Expr) -> Expr | None:
    """`tree` with `log` to base 10 where no base is written; None if there is no such log."""
    if not any(isinstance(node, Call) and node.name == "log" and len(node.args) == 1 for node in walk(tree)):
        return None

    def change(node: Expr) -> Expr | None:
        """A logarithm without a base gets base 10; None leaves the node as it is."""
        if isinstance(node, Call) and node.name == "log" and len(node.args) == 1:
            return Call("log", (transform(node.args[0], change), num(10)))
        return None

    return transform(tree, change)


def _with_power_inside(tree: Expr, text: str) -> Expr | None:
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
