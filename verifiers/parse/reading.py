"""LaTeX or plain text -> tree: spellings are made one, numbers and phrases in words become notation, the grammar reads.

What is no mathematics becomes `Text`: an answer such as "Evelyn" is compared as words, never guessed at as a product
of letters.
"""

from __future__ import annotations

import re

from verifiers.parse.english.described import described
from verifiers.parse.english.phrases import as_notation, cases_in_words
from verifiers.parse.english.spoken import digits
from verifiers.parse.grammar import Parser
from verifiers.parse.lexer import Lexer
from verifiers.parse.limits import DEFAULT_LIMITS, Limits, OverBudgetError, ParseError
from verifiers.parse.tree import Expr, Text, depth
from verifiers.text.normalize import canonical_words, normalize, trim

_TIMES_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2}")  # letters side by side that are no command
_LETTERS = re.compile(r"[^\W\d_]{2}")
_BRACKET = re.compile(r"(?<!\\)[(){}]")
_BRACE = re.compile(r"(?<!\\)[{}]")
_DEEP = 20  # brackets from which a look for superfluous ones is worth its time
_MAX_UNCLOSED = 3  # braces that are closed where a text breaks off


def parse(text: str, limits: Limits = DEFAULT_LIMITS, *, thousands: bool = True, letters: bool = False) -> Expr:
    """The tree of one answer in LaTeX or plain notation.

    Args:
        text: the answer alone, without the sentence around it.
        limits: bounds on its size.
        thousands: read a bare `1,234` as one number; else as a list of two.
        letters: read short words and units outside text commands as products of symbols: `ax + by`, `mg`.
    Raises:
        OverBudgetError: larger than the limits.
        ParseError: empty, or malformed and without words.
    """
    if len(text) > limits.chars:
        raise OverBudgetError(f"answer of {len(text)} characters; the limit is {limits.chars}")
    cleaned = trim(normalize(text))
    if not cleaned:
        raise ParseError("empty answer")
    if cleaned.count("(") + cleaned.count("{") > _DEEP:
        cleaned = without_doubled_brackets(cleaned)
    cleaned = _TIMES_TEN.sub("*", cleaned)
    has_words = _WORD.search(cleaned) is not None
    if has_words:
        cleaned = as_notation(digits(cleaned))

    def read(part: str) -> Expr:
        """The tree of a part of an answer that is told in words."""
        return _mathematics(as_notation(digits(part.strip())), limits, thousands)

    if letters:
        return _mathematics(cleaned, limits, thousands, letters=True)
    found = (cases_in_words(cleaned, read) or described(cleaned, read)) if has_words else None
    if found is not None:
        return found
    try:
        return _mathematics(cleaned, limits, thousands)
    except OverBudgetError:
        raise
    except (ParseError, ValueError) as error:
        if "\\" in cleaned and (balanced := _balanced(cleaned)) != cleaned:
            try:
                return _mathematics(balanced, limits, thousands)
            except (ParseError, ValueError):
                pass  # the braces were not all that is wrong with it
        words = canonical_words(cleaned)
        if _LETTERS.search(words):
            return Text(words)
        raise ParseError(str(error)) from error


def try_parse(text: str, *, thousands: bool = True, letters: bool = False) -> Expr | None:
    """The tree as in `parse`; None where there is none."""
    try:
        return parse(text, DEFAULT_LIMITS, thousands=thousands, letters=letters)
    except ParseError:
        return None


def without_doubled_brackets(text: str) -> str:
    """`text` with one pair left of brackets that directly enclose each other: ((5)) as (5), {{5}} as {5}."""
    opened: list[int] = []
    partner: dict[int, int] = {}
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in "({":
            opened.append(bracket.start())
        elif opened:
            start = opened.pop()
            if text[start] + bracket[0] not in ("()", "{}"):
                return text
            partner[start] = bracket.start()
    dropped = {
        place
        for start, end in partner.items()
        if text[start + 1] == text[start] and partner.get(start + 1) == end - 1
        for place in (start, end)
    }
    return "".join(sign for index, sign in enumerate(text) if index not in dropped)


def _balanced(text: str) -> str:
    """`text` with the braces closed that are open at its end, and without those at its end that close nothing."""
    depth = lowest = 0
    for brace in _BRACE.findall(text):
        depth += 1 if brace == "{" else -1
        lowest = min(lowest, depth)
    if lowest == 0:
        return text + "}" * depth if depth <= _MAX_UNCLOSED else text
    return text[: len(text) + lowest].rstrip() if depth == lowest and text.endswith("}" * -lowest) else text


def _mathematics(text: str, limits: Limits, thousands: bool, *, letters: bool = False) -> Expr:
    parser = Parser(Lexer(text, limits, thousands=thousands, letters=letters).run(), limits)
    parser.latex = "\\" in text
    tree = parser.whole()
    if len(parser.tokens) > limits.levels and depth(tree) > limits.levels:
        raise OverBudgetError(f"nested deeper than {limits.levels} levels")
    return tree
