"""Sets described in English: `all real numbers except 2`, `x is at least 3`, `between 2 and 5, inclusive`.

A small grammar of phrases gives the same tree as the notation would. A phrase that is not understood to its last word
is no set: None, and the text stays words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from verifiers.parse.limits import ParseError
from verifiers.parse.tree import (
    Builder,
    Const,
    Expr,
    Family,
    Group,
    Interval,
    Op,
    Rel,
    SetOp,
    Sym,
    is_equation,
    is_group,
    num,
)
from verifiers.text.latex import unwrapped

MAX_PHRASE = 300  # characters: patterns with two open ends take quadratic time
Read = Callable[[str], Expr]

_HINT = re.compile(r"(?i)\b(?:real|reals|integers?|numbers?|values?|than|least|most|between|inclusive|except|positive|"
                   r"negative|non-?negative|non-?positive|non-?zero|above|below|exceeds)\b")  # fmt: skip
_NOISE = re.compile(r"\$|\\[,;:! ]|~|\s+")
_PARITY = re.compile(r"(?i)(?:the\s+set\s+of\s+)?(?:all\s+)?(?:the\s+)?(odd|even)\s+(?:integers|whole\s+numbers)")
_SUBJECT = re.compile(
    r"(?i)(?:the\s+)?(?:set\s+of\s+|interval\s+of\s+)?(?:(?P<name>[a-z])\s+(?:is|must\s+be|can\s+be|may\s+be|has\s+to\s+be)\s+)?"
    r"(?P<every>(?:(?:all|any|every|each|the|a|an)\s+)*)(?:strictly\s+)?"
    r"(?P<sign>positive|negative|non-?negative|non-?positive|non-?zero)?\s*"
    r"(?P<kind>real\s+numbers?|reals?|real\s+values?|integers?|natural\s+numbers?|whole\s+numbers?|numbers?|values?)?"
    r"(?:\s*(?:of\s+)?(?P<of>[a-z])(?![a-z]))?\s*"
)
_LINK = re.compile(
    r"(?i)(?:,\s*)?(?:such\s+that|for\s+which|where|with|satisfying|that\s+(?:is|are)|which\s+(?:is|are))?\s*(?:is|are)?\s*"
)
_THAN = re.compile(
    r"(?i)(?P<neg>not?\s+)?(?:strictly\s+)?(?:(?P<above>greater|more|larger|bigger|higher)|less|smaller|fewer|lower)"
    r"\s+than(?P<equal>\s+or\s+equal\s+to)?\s+(?P<end>.+)"
)
_LEAST = re.compile(r"(?i)at\s+(?:(?P<above>least)|most)\s+(?P<end>.+)")
_BETWEEN = re.compile(
    r"(?i)(?:strictly\s+)?(?:between|from)\s+(?P<low>.+?)\s+(?:and|to)\s+(?P<high>.+?)(?:,?\s*\(?(?P<ends>inclusive|exclusive)\)?)?"
)
_EXCEPT = re.compile(
    r"(?i),?\s*(?:except(?:\s+for)?|excluding|other\s+than|apart\s+from|but\s+not|not\s+equal\s+to|different\s+from)\s+(?P<values>.+)"
)
_ORDER_SIGNS = frozenset(("<", ">", "<=", ">=", "!="))
_INFINITY = Const("inf")
_MINUS_INFINITY = Op("neg", (_INFINITY,))
_ZERO = num(0)
_SIGNS = {
    "positive": Interval(_ZERO, _INFINITY, False, False), "negative": Interval(_MINUS_INFINITY, _ZERO, False, False),
    "nonnegative": Interval(_ZERO, _INFINITY, True, False),
    "nonpositive": Interval(_MINUS_INFINITY, _ZERO, False, True),
    "nonzero": SetOp("minus", (Const("R"), Group("set", (_ZERO,)))),
}  # fmt: skip


def described(text: str, read: Read) -> Expr | None:
    """The set that a phrase describes; None if the text is no such phrase. `read` parses the numbers in it."""
    if len(text) > MAX_PHRASE or not _HINT.search(text):
        return None
    plain = _NOISE.sub(" ", unwrapped(text)).strip()
    if (parity := _PARITY.fullmatch(plain)) is not None:  # 2k + 1, k in Z
        double = Op("mul", (num(2), Sym("k")))
        return Family(double if parity[1].lower() == "even" else Op("add", (double, num(1))), ("k",), "Z")
    subject = _SUBJECT.match(plain)
    assert subject is not None  # every part of it is optional
    rest = plain[subject.end() :]
    rest = rest[_LINK.match(rest).end() :]  # type: ignore[union-attr]  # every part of it is optional too
    base = _base(subject)
    kind, sign = (subject["kind"] or "").lower(), subject["sign"]
    if not rest:  # "positive" and "numbers" alone are words
        is_set = kind if not kind.startswith(("number", "value")) else sign or subject["every"]
        return base if is_set or (sign and (subject["every"] or subject["of"])) else None
    if rest[:1] in "\\<>=" and (subject["of"] or subject["name"]):
        rest = f"{subject['of'] or subject['name']} {rest}"
    try:
        condition = _condition(rest, read)
    except ParseError:
        return None
    if condition is None or (isinstance(condition, Rel) and not kind):
        return None
    if isinstance(base, Const) and base.name == "R":
        return condition
    if isinstance(base, Const):
        name = Sym(subject["name"] or subject["of"] or "n")
        return Builder(Rel(("in",), (name, base)), Rel(("in",), (name, condition)))
    return SetOp("intersection", (base, condition))


def _base(subject: re.Match[str]) -> Expr:
    """The set of the noun: reals unless integers are named."""
    kind = (subject["kind"] or "").lower()
    sign = (subject["sign"] or "").lower().replace("-", "")
    if not kind.startswith(("integer", "whole", "natural")):
        return _SIGNS[sign] if sign else Const("R")
    if kind.startswith("natural") or sign == "positive":
        return Const("N")
    is_plain = kind.startswith("integer") and not sign
    return Const("Z") if is_plain else Rel(("in",), (Sym("n"), Const(f"{kind} {sign}")))


def _condition(text: str, read: Read) -> Expr | None:
    """What the words after the noun allow; ParseError where an end or a value is none."""
    if (found := _EXCEPT.fullmatch(text)) is not None:
        values = read(found["values"])
        values = values.sides[1] if is_equation(values) else values
        items = values.items if is_group(values, "list", "and", "or") else (values,)
        return SetOp("minus", (Const("R"), Group("set", items)))
    parts = [_range(part, read) for part in re.split(r"(?i)\s+or\s+(?!equal)", text)]
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        return None
    return SetOp("union", known) if len(known) > 1 else known[0]


def _range(text: str, read: Read) -> Expr | None:
    text = text[_LINK.match(text).end() :]  # type: ignore[union-attr]
    text = re.sub(r"(?i)^[a-z]\s+(?:is\s+)?(?=[a-z]{2})", "", text)
    if (found := _THAN.fullmatch(text) or _LEAST.fullmatch(text)) is not None:
        said = found.groupdict("")
        is_denied = bool(said.get("neg"))  # no more than, not less than
        is_above = bool(said["above"]) != is_denied
        closed = bool(said.get("equal", "at least")) != is_denied
        end = read(said["end"])
        return Interval(end, _INFINITY, closed, False) if is_above else Interval(_MINUS_INFINITY, end, False, closed)
    found = _BETWEEN.fullmatch(text)
    if found and (found["ends"] or text.lower().startswith(("between", "strictly"))):
        closed = (found["ends"] or "").lower() == "inclusive"
        return Interval(read(found["low"]), read(found["high"]), closed, closed)
    relation = read(text)
    return relation if isinstance(relation, Rel) and _ORDER_SIGNS.issuperset(relation.ops) else None
