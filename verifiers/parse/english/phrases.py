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
from verifiers.text.latex import unwrapped

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
_SIDE = r"([A-Za-z0-9_^{}+\\() -]{1,40}?)"
_THAT = "(?:that (?:is|are) |is |are )?"
_DIVISIBLE = "(?:divisible by|(?:a )?multiples? of)"
_REWRITES = tuple(
    (re.compile(pattern, re.IGNORECASE), notation)
    for pattern, notation in (
        *(
            (
                rf"(?:the )?(?:triangles? )?{_SIDE} (?:is|are) {word} to (?:triangle )?{_SIDE}",
                rf"\\triangle \1 \\{sign} \\triangle \2",
            )
            for word, sign in (("similar", "sim"), ("congruent", "cong"))
        ),
        (rf"{_SIDE} (?:is|are) parallel to {_SIDE}", r"\1 \\parallel \2"),
        (rf"{_SIDE} (?:is|are) perpendicular to {_SIDE}", r"\1 \\perp \2"),
        (rf"(?:all )?{_SIDE} {_THAT}not {_DIVISIBLE} {_SIDE}", r"\2 \\nmid \1"),
        (rf"(?:all )?{_SIDE} {_THAT}{_DIVISIBLE} {_SIDE}", r"\2 \\divides \1"),
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
    plain = unwrapped(text).strip()
    if (share := _SHARE.fullmatch(plain)) is not None:
        return f"{share[1]}/{share[2]}"
    if "inary" in text and (binary := _BINARY.fullmatch(plain)):
        return f"{binary[1]}_{{2}}"
    if "base" in text and (based := _BASE.fullmatch(plain)):
        return f"{based[1].upper()}_{{{based[2]}}}"
    if not _HINT.search(text):
        return text
    plain = " ".join(unwrapped(text).replace("$", "").split()).rstrip(".")
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
    plain = " ".join(unwrapped(text).replace("$", "").split()).rstrip(".")
    value, *pieces = _CASE_WORD.split(plain)
    if len(pieces) < 4:
        return None
    branches: list[tuple[Expr, Expr | None]] = []
    try:
        for at in range(0, len(pieces), 2):
            condition, following = pieces[at + 1], ""
            if at + 2 < len(pieces):
                cuts = list(_SEPARATOR.finditer(condition))
                if not cuts:
                    return None
                condition, following = condition[: cuts[-1].start()], condition[cuts[-1].end() :]
            is_rest = pieces[at].lower() in ("otherwise", "elsewhere", "else")
            if is_rest and condition.strip():
                return None
            branches.append((read(value), None if is_rest else _condition(condition, read)))
            value = following
    except ParseError:
        return None
    match branches[0]:
        case Rel(("=",), (label, first)), condition_of_first:  # f(x) = 2x for x > 1, ...
            return Rel(("=",), (label, Cases(((first, condition_of_first), *branches[1:]))))
    return Cases(tuple(branches))


def _condition(text: str, read: Callable[[str], Expr]) -> Expr:
    if (in_words := parity(text)) is not None:
        return in_words
    found = read(text)
    if not isinstance(found, Rel):
        raise ParseError("a condition must be a relation")
    return found
