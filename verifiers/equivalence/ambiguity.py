"""Other readings of ambiguous notation, tried where the first one makes an answer wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verifiers.equivalence.reference import Reference
from verifiers.equivalence.types import Settings
from verifiers.parse.reading import try_parse
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Call, Const, Expr, Group, Num, Op, Quantity, Rel, Sym, free_symbols, marks, num, walk
from verifiers.parse.words import is_short
from verifiers.text.latex import TEXT
from verifiers.text.plain_numbers import read_number

_GROUPING = re.compile(r"\d,\d{3}(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d{1,12}),(\d{1,6})(?![\d,])")
_BRACKETED = re.compile(r"[(\[]|\\\{")  # what stands in brackets is a list, a pair or an interval
_ONE_DECIMAL = re.compile(r"[\s$*-]*\d{1,12},\d{1,6}\s*(?:\\?%)?[\s$*.]*")
_POINT_GROUPED = re.compile(r"(?<![\d.,])(?!0)\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+)(?![\d.,])")
_LAKHS = re.compile(r"(?<![\d.,])\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?(?![\d,])")  # 12,34,567
_COUNTS = ("A_", "C_", "P_")
_SHORT_RUN = re.compile(r"(?<![A-Za-z\\])[a-z]{2,3}(?![A-Za-z])")
_TEXT = re.compile(rf"{TEXT}\s*\{{[^{{}}]*\}}")
_ROMAN = re.compile(r"\\mathrm\s*\{\s*([A-Za-z]{1,3})\s*\}")  # \mathrm{gt}^{2}
_LETTERED = re.compile(r"[\d+*/^=\\_(]")  # something that words alone do not hold
_COUNTED = frozenset(("Num", "Sym", "Op", "Op:add", "Op:neg", "Op:mul"))  # what a number of things looks like
_FRACTION = frozenset(("Num", "Op", "Op:div", "Op:neg", "Op:percent"))


Pairs = Iterator[tuple[Expr, Expr]]


@dataclass(frozen=True)
class Reading:
    """Another reading of one kind of notation: (tree of the answer, its text, reference) -> pairs to compare."""

    name: str
    pairs: Callable[[Expr, str, Reference], Pairs]


def other_readings(tree: Expr, text: str, reference: Reference, settings: Settings) -> Pairs:
    """Readings of ambiguous notation, as (answer, reference): 1,234 as a list; 2,74 as a decimal; log with base 10."""
    for reading in READINGS:
        if settings.uses(reading.name):
            yield from reading.pairs(tree, text, reference)


def _changed(change: Callable[[Expr, str], Expr | None]) -> Callable[[Expr, str, Reference], Pairs]:
    def pairs(tree: Expr, text: str, reference: Reference) -> Pairs:
        """Both sides with the change, where it changes one of them."""
        mine, theirs = change(tree, text), change(reference.tree, reference.text)
        if mine is not None or theirs is not None:
            yield mine or tree, theirs or reference.tree

    return pairs


def _regrouped(tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """Other meanings of the commas and points between digits."""
    is_point = isinstance(reference.tree, Group) and reference.tree.kind == "tuple"
    are_amounts = _is_amount(tree) and _is_amount(reference.tree)  # $5,500 is not $5 and 500 euros
    if not are_amounts and (_GROUPING.search(reference.text) or (_GROUPING.search(text) and not is_point)):
        lists = try_parse(text, thousands=False), try_parse(reference.text, thousands=False)
        if lists[0] is not None and lists[1] is not None:
            yield lists[0], lists[1]
    if (
        "," in text
        and "," not in reference.text
        and not _BRACKETED.search(text)
        and read_number(text) is None
        and _DECIMAL_COMMA.search(text)
    ):
        is_fraction = marks(reference.tree) <= _FRACTION and _ONE_DECIMAL.fullmatch(text) is not None
        decimal = (
            try_parse(_DECIMAL_COMMA.sub(r"\1.\2", text)) if is_fraction or _has_decimals(reference.tree) else None
        )
        if decimal is not None:
            yield decimal, reference.tree
    if _POINT_GROUPED.search(text):
        grouped = try_parse(_POINT_GROUPED.sub(lambda found: found[0].replace(".", "").replace(",", "."), text))
        if grouped is not None:
            yield grouped, reference.tree
    if _LAKHS.search(text) or _LAKHS.search(reference.text):
        joined = [
            try_parse(_LAKHS.sub(lambda found: found[0].replace(",", ""), side)) for side in (text, reference.text)
        ]
        if joined[0] is not None and joined[1] is not None:
            yield joined[0], joined[1]


def _as_letters(_: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
    """`ax + by` and `mg` as products of symbols, unless the reference is an amount with its unit."""
    if _is_amount(reference.tree):
        return
    plain, wanted = (_ROMAN.sub(r"\1", side) if "\\mathrm" in side else side for side in (text, reference.text))
    if not _LETTERED.search(wanted):
        return
    if (plain, wanted) == (text, reference.text) and not (_has_short_words(text) or _has_short_words(wanted)):
        return
    mine, theirs = try_parse(plain, letters=True), try_parse(wanted, letters=True)
    if mine is not None and theirs is not None and free_symbols(theirs):
        yield mine, theirs


def _is_amount(expr: Expr) -> bool:
    value = expr.sides[-1] if isinstance(expr, Rel) else expr
    return isinstance(value, Quantity) and value.known


def _has_short_words(text: str) -> bool:
    plain = _TEXT.sub(" ", text) if "\\" in text else text
    return any(is_short(run) for run in _SHORT_RUN.findall(plain))


def _with_counts(tree: Expr, _: str) -> Expr | None:
    """`C_{10}^3` read as a number of combinations, `A_{10}^3` and `P_{10}^3` of arrangements; None without such."""
    if "Op:pow" not in marks(tree) or not any(name.startswith(_COUNTS) for name in free_symbols(tree)):
        return None

    def change(node: Expr) -> Expr | None:
        """`node` as a count where it is a subscripted C, A or P to a power; None leaves it as it is."""
        if not (isinstance(node, Op) and node.op == "pow" and isinstance(node.args[0], Sym)):
            return None
        letter, _, top = node.args[0].name.partition("_")
        whole = try_parse(top) if letter in ("A", "C", "P") and top else None
        if whole is None or not marks(whole) <= _COUNTED:
            return None
        part = node.args[1]
        if letter == "C":
            return Call("binomial", (whole, part))
        return Op("div", (Op("fact", (whole,)), Op("fact", (Op("add", (whole, Op("neg", (part,)))),))))

    changed = transform(tree, change)
    return changed if changed != tree else None


def _unit_letters(tree: Expr, text: str, reference: Reference) -> Pairs:
    """12 L - 3 with L as a letter of the formula, and 0.5 m where the reference is m/2."""
    yield from _changed(_with_unit_letters)(tree, text, reference)
    if isinstance(tree, Quantity) and tree.unit in free_symbols(reference.tree):
        yield Op("mul", (tree.value, Sym(tree.unit))), reference.tree


def _with_unit_letters(tree: Expr, _: str) -> Expr | None:
    """12 L - 3 with L as a letter of the formula: what stands in a sum is no amount; None without such."""
    if not isinstance(tree, Op) or "Quantity" not in marks(tree):
        return None

    def change(node: Expr) -> Expr | None:
        """An amount in a one-letter unit as a product; None leaves the node as it is."""
        if isinstance(node, Quantity) and len(node.unit) == 1:
            return Op("mul", (node.value, Sym(node.unit)))
        return None

    return transform(tree, change)


def _has_decimals(tree: Expr) -> bool:
    return any(isinstance(node, Num) and node.places for node in walk(tree))


def _with_common_logs(tree: Expr, _: str) -> Expr | None:
    """`tree` with `log` to base 10 where no base is written; None if there is no such log."""
    if "Call:log" not in marks(tree):
        return None

    def change(node: Expr) -> Expr | None:
        """A logarithm without a base gets base 10; None leaves the node as it is."""
        if isinstance(node, Call) and node.name == "log" and len(node.args) == 1:
            return Call("log", (transform(node.args[0], change), num(10)))
        return None

    changed = transform(tree, change)
    return changed if changed is not tree else None


def _as_named_set(tree: Expr, _: str, reference: Reference) -> Pairs:
    r"""A plain R for \mathbb{R}."""
    if isinstance(reference.tree, Const) and tree == Sym(reference.tree.name):
        yield reference.tree, reference.tree


READINGS = (
    Reading("commas between digits", _regrouped),
    Reading("short words as products", _as_letters),
    Reading("numbers of combinations", _changed(_with_counts)),
    Reading("common logarithms", _changed(_with_common_logs)),
    Reading("unit letters in formulas", _unit_letters),
    Reading("letters for sets", _as_named_set),
)
