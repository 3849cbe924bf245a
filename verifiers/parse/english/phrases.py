"""Phrases of mathematical English that have a notation: `3 out of 5`, `1101 in base 2`, `n is divisible by 3`.

Rewriting is textual and anchored to the whole answer or to whole words; what the grammar then cannot read stays words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from verifiers.parse.english.described import MAX_PHRASE
from verifiers.parse.limits import ParseError
from verifiers.parse.notation import parity
from verifiers.parse.tree import Cases, Expr, Rel
from verifiers.text.latex import TEXT

_GAP = r"(?:\s|~|\\[ ,;:])*"
_SHARE = re.compile(  # 3 out of 5, a 1 in 6 chance
    rf"(?:a\s+)?(\d{{1,9}}){_GAP}\s(?:out\s+of|in)\s(?:every\s+)?(?:\s|~|\\ )*(\d{{1,9}})(?:\s*(?:chance|odds)\s*)?"
)
_BASE = re.compile(
    r"(\d[0-9A-Za-z]*|[A-F][0-9A-F]+)(?:\s|~|\\[ ,;:]|\(|\\left\()*(?:in\s+)?base(?:\s|~|-|\\ |[{$])*(\w+)[\s})$]*"
)
_BINARY = re.compile(r"(?i)([01]{1,400})[\s(]*(?:in\s+)?binary[\s)]*")
_HINT = re.compile(
    r"(?i)\b(?:similar|congruent|parallel|perpendicular|divisible|multiple|divides|prime|coprime|for|every)\b"
)
_TEXT = re.compile(rf"{TEXT}\s*\{{([^{{}}]*)\}}")
_SIDE = r"([A-Za-z0-9_^{}+\\() -]{1,40}?)"
_TRIANGLE = r"(?:the )?(?:\\?triangles? )?([A-Z]{3})"
_SUBJECT = rf"(?:all )?{_SIDE}(?: that (?:is|are)| is| are)?"
_DIVISIBLE = r"(?:divisible by|(?:a )?multiples? of)"
_REWRITES = tuple(
    (re.compile(pattern, re.IGNORECASE), notation)
    for pattern, notation in (
        (
            rf"(?:the )?(?:triangles? )?{_SIDE} (?:is|are) similar to (?:triangle )?{_SIDE}",
            r"\\triangle \1 \\sim \\triangle \2",
        ),
        (
            rf"(?:the )?(?:triangles? )?{_SIDE} (?:is|are) congruent to (?:triangle )?{_SIDE}",
            r"\\triangle \1 \\cong \\triangle \2",
        ),
        (rf"{_SIDE} (?:is|are) parallel to {_SIDE}", r"\1 \\parallel \2"),
        (rf"{_SIDE} (?:is|are) perpendicular to {_SIDE}", r"\1 \\perp \2"),
        (
            rf"(?:all )?{_SIDE} (?:that (?:is|are) |is |are )?not (?:divisible by|(?:a )?multiples? of) {_SIDE}",
            r"\2 \\nmid \1",
        ),
        (
            rf"(?:all )?{_SIDE} (?:that (?:is|are) |is |are )?(?:divisible by|(?:a )?multiples? of) {_SIDE}",
            r"\2 \\divides \1",
        ),
        (rf"{_SIDE} divides {_SIDE}", r"\1 \\divides \2"),
        (rf"{_SIDE} and {_SIDE} are (?:coprime|relatively prime|co-prime)", r"\\gcd(\1, \2) = 1"),
    )
)
# on a function or an identity it says nothing that the label does not
_FOR_ALL = re.compile(
    r"(?i),?\s*\b(?:for|with)\s+(?:all|every|each|any)\s+(?:real\s+(?:numbers?\s+)?)?[a-z](?:\s*\\in\s*\\mathbb\{R\})?(?=\s*(?:$|[.,;]|and\b|or\b))"
)
# "8 pi cm, or roughly 25.13 cm": an approximation of the value before it, and checked as one
_OR_ABOUT = re.compile(
    r"(?<=\S)(?:\s*,\s*|\s+)(?:or|which is|i\.e\.)[\s$]*(?:roughly|approximately|about|around|≈|\\approx)"
    r"[\s$]*([-\d.][^,;]*)$"
)
_ABOUT_IN_BRACKETS = re.compile(  # 2/3 (about 66.7%)
    r"(?<=\S)\s*\((?:or |which is |i\.e\.\s*)?(?:roughly|approximately|approx\.?|about|around)\s+([-\d.][^()]{0,40})\)$"
)
_QUANTIFIED = re.compile(r"(?i)^(?:it\s+holds\s+)?for\s+(?:all|every|each|any)\s+")
_CASE_WORD = re.compile(r"(?i),?\s*\b(if|for|when|otherwise|elsewhere|else)\b\s*")
_SEPARATOR = re.compile(r"(?i)(?:;|,\s*and\b|,|\band\b)\s*")


def as_notation(text: str) -> str:
    """`text` with the phrase that it consists of in notation."""
    if len(text) > MAX_PHRASE:
        return text
    if text.endswith(")"):
        text = _ABOUT_IN_BRACKETS.sub(r" \\approx \1", text)
    if "roughly" in text or "approx" in text or "about" in text or "≈" in text:
        text = _OR_ABOUT.sub(r" \\approx \1", text)
    plain = _TEXT.sub(r" \1 ", text).strip() if "\\" in text else text
    if (share := _SHARE.fullmatch(plain)) is not None:
        return f"{share[1]}/{share[2]}"
    if "inary" in text and (binary := _BINARY.fullmatch(plain)):
        return f"{binary[1]}_{{2}}"
    if "base" in text and (based := _BASE.fullmatch(plain)):
        return f"{based[1].upper()}_{{{based[2]}}}"
    if not _HINT.search(text):
        return text
    plain = " ".join(_TEXT.sub(r" \1 ", text).replace("$", "").split()).rstrip(".")
    for pattern, notation in _REWRITES:
        if pattern.fullmatch(plain):
            return pattern.sub(notation, plain)
    if "=" in plain and "(" in plain:
        shorter = _FOR_ALL.sub("", plain)
        if shorter != plain:
            return shorter
    if "\\text" in text or text[:1].isalpha():
        shorter = _QUANTIFIED.sub("", plain)
        if shorter != plain and re.search(r"[<>]|\\(?:le|ge|leq|geq|ne|neq)\b", shorter):
            return shorter
    return text


def cases_in_words(text: str, read: Callable[[str], Expr]) -> Expr | None:
    """`2x for x > 1 and 2 for x < 1` as a piecewise value; None for anything else."""
    if len(text) > MAX_PHRASE or not _CASE_WORD.search(text) or "\\begin" in text or "=" in text.split(" ", 1)[0][:1]:
        return None
    plain = " ".join(_TEXT.sub(r" \1 ", text).replace("$", "").split()).rstrip(".")
    marks = list(_CASE_WORD.finditer(plain))
    if len(marks) < 2:
        return None
    branches: list[tuple[Expr, Expr | None]] = []
    value = plain[: marks[0].start()]
    try:
        for at, mark in enumerate(marks):
            end = marks[at + 1].start() if at + 1 < len(marks) else len(plain)
            chunk = plain[mark.end() : end]
            is_rest = mark[1].lower() in ("otherwise", "elsewhere", "else")
            if at + 1 == len(marks):
                condition = chunk
            else:
                cut = list(_SEPARATOR.finditer(chunk))
                if not cut:
                    return None
                condition, following = chunk[: cut[-1].start()], chunk[cut[-1].end() :]
            if is_rest and condition.strip():
                return None
            branches.append((read(value), None if is_rest else _condition(condition, read)))
            if at + 1 < len(marks):
                value = following
    except ParseError:
        return None
    label, first = _label(branches[0][0])
    cases = Cases(((first, branches[0][1]), *branches[1:]))
    return Rel(("=",), (label, cases)) if label is not None else cases


def _condition(text: str, read: Callable[[str], Expr]) -> Expr:
    in_words = parity(text)
    if in_words is not None:
        return in_words
    found = read(text)
    if not isinstance(found, Rel):
        raise ParseError("a condition must be a relation")
    return found


def _label(expr: Expr) -> tuple[Expr | None, Expr]:
    """The name before the first value: f(x) = 2x for x > 1, ..."""
    if isinstance(expr, Rel) and expr.ops == ("=",):
        return expr.sides[0], expr.sides[1]
    return None, expr
