"""Formulas of propositional logic, compared by their truth tables: p -> q is (not p) or q."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

_HINT = re.compile(
    r"\\(?:lor|vee|land|wedge|lnot|neg|rightarrow|to|Rightarrow|implies|leftrightarrow|iff)\b|[∨∧¬→⇒↔⇔~]"
)
_TOKEN = re.compile(
    r"\s*(?:(?P<not>\\(?:lnot|neg)(?![a-zA-Z])|[¬~!]|\\sim(?![a-zA-Z])|not\b)"
    r"|(?P<and>\\(?:land|wedge)(?![a-zA-Z])|∧|and\b)|(?P<or>\\(?:lor|vee)(?![a-zA-Z])|∨|or\b)"
    r"|(?P<iff>\\(?:leftrightarrow|Leftrightarrow|iff)(?![a-zA-Z])|↔|⇔|<->|<=>)"
    r"|(?P<implies>\\(?:rightarrow|Rightarrow|to|implies)(?![a-zA-Z])|→|⇒|->|=>)"
    r"|(?P<open>\\left\s*\(|[(\[]|\\left\s*\[)|(?P<close>\\right\s*\)|[)\]]|\\right\s*\])|(?P<name>[A-Za-z](?![A-Za-z]))"
    r"|(?P<space>\$|\\[,;! ]|\\text\s*\{\s*(?P<word>and|or|not)\s*\}))"
)
MAX_LETTERS = 8
MAX_TOKENS = 200
_LEVELS = ("iff", "implies", "or", "and")
Tree = tuple[object, ...]


def same_proposition(answer: str, reference: str) -> bool | None:
    """Whether two formulas have the same truth table; None if one of them is no formula with a connective."""
    if not (_HINT.search(answer) or _HINT.search(reference)):
        return None
    mine, theirs = _parsed(answer), _parsed(reference)
    if mine is None or theirs is None or (mine[0] == "name" and theirs[0] == "name"):
        return None
    letters = sorted(_letters(mine) | _letters(theirs))
    if len(letters) > MAX_LETTERS:
        return None
    rows = (dict(zip(letters, row)) for row in product((False, True), repeat=len(letters)))
    return all(_value(mine, row) == _value(theirs, row) for row in rows)


class _NoFormulaError(ValueError):
    """The text is no formula."""


def _parsed(text: str) -> Tree | None:
    try:
        tokens = _tokens(text)
        tree, rest = _level(tokens, 0)
    except _NoFormulaError:
        return None
    return tree if not rest else None


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    text = text.strip().rstrip(".")
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or len(found) >= MAX_TOKENS:
            raise _NoFormulaError
        position = match.end()
        kind = match["word"] or str(match.lastgroup)
        if kind != "space":
            found.append((kind, match["name"] or ""))
    return found


def _level(tokens: list[tuple[str, str]], level: int) -> tuple[Tree, list[tuple[str, str]]]:
    """Loosest connective first; -> groups to the right, the others to the left."""
    if level == len(_LEVELS):
        return _negated(tokens)
    left, rest = _level(tokens, level + 1)
    kind = _LEVELS[level]
    while rest and rest[0][0] == kind:
        right, rest = _level(rest[1:], level if kind == "implies" else level + 1)
        left = (kind, left, right)
    return left, rest


def _negated(tokens: list[tuple[str, str]]) -> tuple[Tree, list[tuple[str, str]]]:
    if not tokens:
        raise _NoFormulaError
    (kind, name), rest = tokens[0], tokens[1:]
    if kind == "not":
        inner, rest = _negated(rest)
        return ("not", inner), rest
    if kind == "name":
        return ("name", name), rest
    if kind == "open":
        inner, rest = _level(rest, 0)
        if rest and rest[0][0] == "close":
            return inner, rest[1:]
    raise _NoFormulaError


def _letters(tree: Tree) -> set[str]:
    if tree[0] == "name":
        return {str(tree[1])}
    return set().union(*(_letters(part) for part in tree[1:] if isinstance(part, tuple)))


def _value(tree: Tree, row: Mapping[str, bool]) -> bool:
    kind = tree[0]
    if kind == "name":
        return row[str(tree[1])]
    values = [_value(part, row) for part in tree[1:] if isinstance(part, tuple)]
    if kind == "not":
        return not values[0]
    if kind == "and":
        return values[0] and values[1]
    if kind == "or":
        return values[0] or values[1]
    return values[0] == values[1] if kind == "iff" else (not values[0] or values[1])
