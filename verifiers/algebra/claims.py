"""Arithmetic claims in running text: `16 - 3 = 13`, `$9 * 2 = $18`, `20% of 50` left alone. Exact, never executed.

A claim is a chain of closed expressions joined by `=`. Units after numbers are skipped, money signs and thousands
separators are read; where the text may mean something else (a letter beside a number, two numbers side by side, a
quotient with its remainder, `100 - 20%`), no claim is made of it. `17 + 5 = 2 (mod 20)` is a claim about residues.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from verifiers.algebra.arithmetic import MAX_DIGITS, value_of

MAX_TOKENS = 600
MAX_UNIT_TOKENS = 8
FLOAT_NOISE = Fraction(1, 10**9)  # relative; calculators print 8.294400000000001

RESIDUES = "\x01"  # stands before the modulus of a chain whose sides agree as residues
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+"
_NOTE = re.compile(r"<<([^<>]*)>>")
_LATEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\(?:left|right)|\\[,;! ]|\\(?=[$%])"), ""),
    (re.compile(r"\\[()\[\]]"), "\n"),
    (re.compile(r"\^\{([^{}]*)\}"), r"^(\1)"),
    (re.compile(r"\\pmod\s*\{?(\d+)\}?"), r"(mod \1)"),
    (re.compile(r"\\b?mod(?![a-zA-Z])"), " mod "),
    (re.compile(r"(?<![\d)])\*\*(?=\S)|(?<=\S)\*\*(?!\s*[\d(-])"), ""),  # bold type
    (re.compile(r"=="), "="),
    (re.compile(rf"\(\s*mod\s*({_NUMBER})\s*\)"), rf" {RESIDUES} \1 "),
)
_TOKEN = re.compile(
    rf"(?P<number>{_NUMBER})|(?P<word>[A-Za-zµ°]+)|(?P<op>\*\*|[-+*/^()=%×·⋅÷−–{RESIDUES}])|(?P<space>\s+)|(?P<break>.)",
    re.DOTALL,
)
_VULGAR = re.compile("[¼½¾⅐-⅞]")
FRACTION_SLASH = "\u2044"
_SAME = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}
_DROPPED = frozenset("$€£")
_SPOKEN = {"plus": "+", "minus": "-", "times": "*", "x": "*", "X": "*", "mod": "mod"}
_REMAINDER = frozenset(("r", "R", "rem", "remainder"))  # 7 / 2 = 3 remainder 1
_ARTICLES = frozenset(("a", "A", "I"))


@dataclass(frozen=True)
class Claim:
    """left = right, both as written, the exact value of the left, and whether they agree (up to stated rounding)."""

    left: str
    right: str
    left_value: Fraction
    holds: bool


class _Token(NamedTuple):
    kind: str  # number, word, op, break
    text: str
    glued: bool = False  # no space before it


_END = _Token("break", "")


@dataclass(frozen=True)
class _Side:
    """One side of `=`.

    `values`: what it may stand for ("20%" is 1/5 and, as a result, 20); `places`: decimals of a lone number, else None;
    `is_number`: it is a lone number; `is_reduced`: it may mean a price less (or plus) a share of itself, `100 - 20%`.
    """

    text: str
    values: tuple[Fraction, ...]
    places: int | None
    is_number: bool
    is_reduced: bool


def claims_of(text: str) -> list[Claim]:
    """Every arithmetic claim in one step of text; a note `<<...>>` is read apart from the prose around it."""
    if "=" not in text:
        return []
    claims = [claim for note in _NOTE.findall(text) for claim in _claims_in(note)]
    return claims + _claims_in(_NOTE.sub("", text))


def _claims_in(text: str) -> list[Claim]:
    claims = []
    tokens = _tokenize(text)
    has_words = any(token.kind == "word" for token in tokens)
    for chain in _chains(tokens):
        modulus = _modulus(chain[-1])
        sides = [_side(side) for side in chain]
        if has_words and sides[0] is not None and sides[0].is_number:
            sides[0] = None  # prose: "3 miles less than Reggie = 20 - 3", "15 gallons = 120 pints"
        for left, right in pairwise(sides):
            if left is None or right is None or (has_words and left.is_number and right.is_number):
                continue  # 12 inches = 1 foot
            holds = any(_agrees(a, b, (left.places, right.places)) for a in left.values for b in right.values)
            if modulus is not None and not holds:
                holds = (left.values[0] - right.values[0]) % modulus == 0
            if holds or not (left.is_reduced or right.is_reduced):
                claims.append(Claim(left.text, right.text, left.values[0], holds))
    return claims


def _modulus(last: list[str]) -> Fraction | None:
    """The modulus at the end of a chain, `(mod 5)` or `mod 5`; the first is taken off the tokens.

    `17 = 2 mod 5` is read as a remainder and, where that fails, as a congruence.
    """
    if len(last) < 2 or last[-2] not in (RESIDUES, "mod") or not last[-1].isdigit() or len(last[-1]) > MAX_DIGITS:
        return None
    modulus = Fraction(int(last[-1]))
    if last[-2] == RESIDUES:
        del last[-2:]
    return modulus or None


def _tokenize(text: str) -> list[_Token]:
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    text = _VULGAR.sub(lambda match: f"({unicodedata.normalize('NFKC', match[0]).replace(FRACTION_SLASH, '/')})", text)
    tokens: list[_Token] = []
    glued = False
    for match in _TOKEN.finditer(text):
        symbol = _SAME.get(match[0], match[0])
        if len(tokens) >= MAX_TOKENS:
            break
        if match["space"]:
            glued = False
            tokens += [_Token("break", "\n")] if "\n" in symbol else []
        elif symbol not in _DROPPED:
            tokens.append(_Token(str(match.lastgroup), symbol, glued))
            glued = True
    return _read_operators(tokens)


def _read_operators(tokens: list[_Token]) -> list[_Token]:
    """`5 x 3`, `5 pens x $3`, `3 times 4`, `17 mod 5`: words that are operators between operands, words elsewhere."""
    read: list[_Token] = []
    for token, after in zip(tokens, [*tokens[1:], _END]):
        last = read[-1] if read else _END
        ends_operand = (
            last.kind == "number" or last.text in (")", "%") or (token.text in ("x", "X") and last.kind == "word")
        )
        is_operator = token.text in _SPOKEN and ends_operand and (after.kind == "number" or after.text == "(")
        read.append(_Token("op", _SPOKEN[token.text]) if is_operator else token)
    return read


def _chains(tokens: list[_Token]) -> Iterator[list[list[str]]]:
    """Maximal runs of numbers and operators with an `=` in them, split at the `=`."""
    run: list[str] = []
    spoiled = False  # a letter beside a number: algebra, not arithmetic
    index = 0
    while index <= len(tokens):
        token = tokens[index] if index < len(tokens) else _END
        if token.kind == "number" and run and (run[-1][0].isdigit() or run[-1] == ")"):
            spoiled = True  # two numbers side by side: a mixed number, a list, or a slip of the tokenizer
        after = _after_unit(tokens, index, run)
        if after is not None:
            index = after
            continue
        is_aside = token.text == "(" and not token.glued and bool(run) and run[-1][0].isdigit()  # "= 4 (15 minutes)"
        if token.kind in ("number", "op") and not is_aside:
            run.append(token.text)
        else:
            if "=" in run and not spoiled and not _is_letter_after_number(token, run) and token.text not in _REMAINDER:
                yield [side.split() for side in " ".join(run).split("=")]
            # an operator left hanging (`25 pupils + his 1 teacher`): the next run is only a part of the expression
            spoiled = _is_operand(tokens, index) or (bool(run) and run[-1] in "+-*/^(")
            run = []
        index += 1


def _is_letter_after_number(token: _Token, run: list[str]) -> bool:
    """`7 = 3x` and `7 = 3 x`: algebra."""
    return token.kind == "word" and len(token.text) == 1 and token.text not in _ARTICLES and run[-1] not in "=+-*/^("


def _is_operand(tokens: list[_Token], index: int) -> bool:
    """True for a word that the operator or bracket after it works on (`x + 3`, `f(2)`, `x2`): algebra of some kind."""
    token, after, beyond = [*tokens[index : index + 3], _END, _END, _END][:3]
    if token.kind != "word":
        return False
    if after.kind == "op" and after.text in "+-*/^":
        # `it is -3 + 5`: a sign, not a difference
        return not (len(token.text) > 1 and after.text in "+-" and not after.glued and beyond.glued)
    return after.glued and (after.text == "(" or after.kind == "number")


def _after_unit(tokens: list[_Token], index: int, run: list[str]) -> int | None:
    """Past a unit (`eggs`, `per day`, `dollars/egg`, `/hour`) between a number and an operator; None elsewhere."""
    if not run or not (run[-1][0].isdigit() or run[-1] in ")%"):
        return None
    end = index
    while end < len(tokens) and end - index < MAX_UNIT_TOKENS:
        over = tokens[end].text == "/"
        word = end + over
        if word >= len(tokens) or tokens[word].kind != "word" or len(tokens[word].text) == 1:
            break
        end = word + 1
    is_operator = end < len(tokens) and tokens[end].kind == "op" and tokens[end].text in "+-*/=)"
    return end if end > index and is_operator else None


def _side(tokens: list[str]) -> _Side | None:
    """What one side stands for; None when it is no closed expression."""
    try:
        value = value_of(tokens)
    except (ValueError, ZeroDivisionError):
        return None
    values = (value, value * 100) if tokens[-1] == "%" else (value,)  # "0.2 * 100 = 20%"
    places = None
    numbers = [token for token in tokens if token[0].isdigit() or token[0] == "."]
    if len(numbers) == 1 and "." in numbers[0].rstrip("."):
        places = len(numbers[0].partition(".")[2])
    is_number = len(numbers) == len(tokens) == 1
    is_reduced = tokens[-1] == "%" and len(tokens) > 3 and tokens[-3] in "+-" and tokens[-4] != "%"
    return _Side(" ".join(tokens), values, places, is_number, is_reduced)


def _agrees(a: Fraction, b: Fraction, decimals: tuple[int | None, int | None]) -> bool:
    """Equal, or a decimal that is the other side rounded (either way at the last place written)."""
    places = max(decimals[0] or 0, decimals[1] or 0)
    return a == b or (places > 0 and abs(a - b) <= max(Fraction(1, 10**places), FLOAT_NOISE * abs(a)))
