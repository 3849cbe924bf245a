"""Other readings of ambiguous notation, tried where the first one makes an answer wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verifiers.equivalence.reference import Reference
from verifiers.equivalence.types import Settings
from verifiers.parse import Expr, free_symbols, marks, walk
from verifiers.parse.reading import try_parse
from verifiers.parse.rewrite import transform
from verifiers.parse.tree import Call, Const, Num, Op, Quantity, Rel, Sym, is_group, num
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


Pairs = Iterator[tuple[Expr | None, Expr | None]]  # of which those are compared that could both be read
PairsOf = Callable[[Expr, str, Reference], Pairs]


@dataclass(frozen=True)
class Reading:
    """Another reading of one kind of notation: (tree of the answer, its text, reference) -> pairs to compare."""

    name: str
    pairs: PairsOf


def other_readings(tree: Expr, text: str, reference: Reference, settings: Settings) -> Iterator[tuple[Expr, Expr]]:
    """Readings of ambiguous notation, as (answer, reference): 1,234 as a list; 2,74 as a decimal; log with base 10."""
    for reading in READINGS:
        for mine, theirs in reading.pairs(tree, text, reference) if settings.uses(reading.name) else ():
            if mine is not None and theirs is not None:
                yield mine, theirs


def _rewritten(change: Callable[[Expr], Expr | None], mark: str, *, inside: type[Expr] = Expr) -> PairsOf:
    def rewritten(tree: Expr) -> Expr:
        """The tree with the change to its nodes; itself where it holds no such mark, or is of another type."""
        return transform(tree, change) if mark in marks(tree) and isinstance(tree, inside) else tree

    def pairs(tree: Expr, text: str, reference: Reference) -> Pairs:
        """Both sides with the change, where it changes one of them."""
        mine, theirs = rewritten(tree), rewritten(reference.tree)
        if mine is not tree or theirs is not reference.tree:
            yield mine, theirs

    return pairs


def _regrouped(tree: Expr, text: str, reference: Reference) -> Pairs:
    """Other meanings of the commas and points between digits."""
    are_amounts = _is_amount(tree) and _is_amount(reference.tree)  # $5,500 is not $5 and 500 euros
    may_list = _GROUPING.search(text) and not is_group(reference.tree, "tuple")
    if not are_amounts and (may_list or _GROUPING.search(reference.text)):
        yield try_parse(text, thousands=False), try_parse(reference.text, thousands=False)
    if _DECIMAL_COMMA.search(text) and not ("," in reference.text or _BRACKETED.search(text) or read_number(text)):
        is_fraction = marks(reference.tree) <= _FRACTION and _ONE_DECIMAL.fullmatch(text)
        if is_fraction or any(isinstance(node, Num) and node.places for node in walk(reference.tree)):
            yield try_parse(_DECIMAL_COMMA.sub(r"\1.\2", text)), reference.tree
    if _POINT_GROUPED.search(text):
        plain = _POINT_GROUPED.sub(lambda found: found[0].replace(".", "").replace(",", "."), text)
        yield try_parse(plain), reference.tree
    if _LAKHS.search(text) or _LAKHS.search(reference.text):
        mine, theirs = (_LAKHS.sub(lambda found: found[0].replace(",", ""), side) for side in (text, reference.text))
        yield try_parse(mine), try_parse(theirs)


def _as_letters(_: Expr, text: str, reference: Reference) -> Pairs:
    """`ax + by` and `mg` as products of symbols, unless the reference is an amount with its unit."""
    plain, wanted = (_ROMAN.sub(r"\1", side) if "\\mathrm" in side else side for side in (text, reference.text))
    if _is_amount(reference.tree) or not _LETTERED.search(wanted):
        return
    if (plain, wanted) != (text, reference.text) or _has_short_words(text) or _has_short_words(wanted):
        theirs = try_parse(wanted, letters=True)
        if theirs is not None and free_symbols(theirs):
            yield try_parse(plain, letters=True), theirs


def _is_amount(expr: Expr) -> bool:
    value = expr.sides[-1] if isinstance(expr, Rel) else expr
    return isinstance(value, Quantity) and value.known


def _has_short_words(text: str) -> bool:
    plain = _TEXT.sub(" ", text) if "\\" in text else text
    return any(is_short(run) for run in _SHORT_RUN.findall(plain))


def _count(node: Expr) -> Expr | None:
    """`C_{10}^3` as a number of combinations, `A_{10}^3` and `P_{10}^3` of arrangements; None for anything else."""
    match node:
        case Op("pow", (Sym(name), part)) if name.startswith(_COUNTS):
            whole = try_parse(name[2:])
            if whole is None or not marks(whole) <= _COUNTED:
                return None
            return (
                Call("binomial", (whole, part))
                if name[0] == "C"
                else Op("fact", (whole,)) / Op("fact", (whole - part,))
            )
    return None


def _common_log(node: Expr) -> Expr | None:
    """`log` to base 10 where no base is written; None for anything else."""
    match node:
        case Call("log", (value,)):
            return Call("log", (transform(value, _common_log), num(10)))
    return None


def _unit_letter(node: Expr) -> Expr | None:
    """An amount in a one-letter unit as a product; None for anything else."""
    return node.value * Sym(node.unit) if isinstance(node, Quantity) and len(node.unit) == 1 else None


def _as_letter_of_reference(tree: Expr, _: str, reference: Reference) -> Pairs:
    """0.5 m where the reference is m/2."""
    if isinstance(tree, Quantity) and tree.unit in free_symbols(reference.tree):
        yield tree.value * Sym(tree.unit), reference.tree


def _as_named_set(tree: Expr, _: str, reference: Reference) -> Pairs:
    r"""A plain R for \mathbb{R}."""
    if isinstance(reference.tree, Const) and tree == Sym(reference.tree.name):
        yield reference.tree, reference.tree


READINGS = (
    Reading("commas between digits", _regrouped),
    Reading("short words as products", _as_letters),
    Reading("numbers of combinations", _rewritten(_count, "Op:pow")),
    Reading("common logarithms", _rewritten(_common_log, "Call:log")),
    # 12 L - 3 with L as a letter of the formula: what stands in a sum is no amount
    Reading("unit letters in formulas", _rewritten(_unit_letter, "Quantity", inside=Op)),
    Reading("unit letters of the reference", _as_letter_of_reference),
    Reading("letters for sets", _as_named_set),
)
