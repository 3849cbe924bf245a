"""Answers that nobody announced: the whole response, its last formula, its last number. For evaluation sets only."""

from __future__ import annotations

import re

from verifiers.extract.doubt import BOLD, HEDGED, NEGATED, NUMBER, is_doubtful
from verifiers.extract.places import MATH, Extraction, Place, formulas, undecorated

_MAX_BARE = 6_000  # characters
_MAX_BARE_LINES = 60
_TAIL = 4_000  # characters at the end in which a formula or number is looked for
_SENTENCES = re.compile(r"\n\s*\n|(?:(?<=[.!?。])|(?<=[.!?]\$)|(?<=[.!?]\$\$)|(?<=\.\\\]))\s+(?=[A-Z])|(?<=[。！])")
_LINES = re.compile(r"\n|(?<=[。！])|(?<=[.!?])\s+(?=[A-Z\u00c0-\u04ff])")
_DIGIT = re.compile(r"\d")
_ONE = r"-?\$?\d+(?:,\d{3})*(?:\.\d+)?(?:/\d+)?%?"
_SERIES = re.compile(rf"(?<![\w.]){_ONE}(?:(?:,\s+(?:(?:and|or)\s+)?|\s+(?:and|or|&)\s+){_ONE})+(?=\W*$)")
_JOINING_WORDS = frozenset(
    ("and", "or", "where", "for", "with", "if", "when", "in", "percent", "pct", "all", "some", "any", "integer",
     "integers", "real", "odd", "even", "text", "only", "otherwise", "is", "equals", "equal", "prime", "degrees",
     "mod", "to")
)  # fmt: skip


def bare(text: str) -> Extraction | None:
    """The whole text as one expression; formulas inside a sentence come before the sentence."""
    stripped = text.strip()
    if not stripped or len(stripped) > _MAX_BARE or stripped.count("\n") > _MAX_BARE_LINES:
        return None
    if _is_prose(stripped):
        fallbacks = _formula_fallbacks(stripped)
        if fallbacks:
            return Extraction(fallbacks[0], Place.FORMULA, lambda: (*fallbacks[1:], undecorated(stripped)))
    return Extraction(undecorated(stripped), Place.BARE, lambda: _formula_fallbacks(stripped))


def _has_formulas(text: str) -> bool:
    return "$" in text or "\\(" in text or "\\[" in text


def _is_prose(text: str) -> bool:
    """Whether formulas stand inside a sentence, rather than words inside an answer."""
    if not _has_formulas(text):
        return False
    outside, count = MATH.subn(" ", text)
    return count > 0 and any(word.lower() not in _JOINING_WORDS for word in re.findall(r"[^\W\d_]{2,}", outside))


def _formula_fallbacks(text: str) -> tuple[str, ...]:
    found: list[str] = []
    for extraction in (formula(text), last(text)):
        if extraction is not None and extraction.answer is not None:
            found.extend((extraction.answer, *extraction.fallbacks))
    return tuple(dict.fromkeys(found))


def formula(text: str) -> Extraction | None:
    """The last formula of the last sentence, unless that sentence denies it or offers several."""
    if not _has_formulas(text):
        return None
    sentences = [part for part in _SENTENCES.split(text[-_TAIL:]) if _DIGIT.search(part) or "$" in part or "\\" in part]
    if not sentences:
        return None
    sentence = sentences[-1]
    found = [piece for piece in formulas(sentence) if piece]
    if not found or NEGATED.search(MATH.sub(" ", sentence)) or (len(found) > 1 and HEDGED.search(sentence)):
        return None
    return Extraction(found[-1], Place.FORMULA, others=tuple(found[:-1]))


def last(text: str) -> Extraction | None:
    """The last bold words, equation or number: the weakest announcement, refused in a negated or hedged sentence."""
    lines = [line.strip() for line in _LINES.split(text[-_TAIL:]) if line.strip()]
    for line in reversed(lines[-12:]):
        bold = BOLD.findall(line)
        if not _DIGIT.search(line) and not bold:
            continue
        if is_doubtful(line):
            return None
        if re.search(r"\\[a-zA-Z]", MATH.sub(" ", line)) and not bold:
            return None  # a formula that could not be read is no place to pick numbers from
        numbers = [match[0].strip().rstrip(",") for match in NUMBER.finditer(line)]
        candidates: list[str] = []
        if bold:
            candidates.append(undecorated(bold[-1]))
            numbers = [match[0].strip() for match in NUMBER.finditer(bold[-1])] or numbers
        elif "=" in line and len(line) < 200:
            candidates.append(undecorated(line))
        series = _SERIES.search(line) if len(numbers) > 1 else None
        if series:
            candidates.append(series[0])  # "15 and 10" is two values, and its last number is no answer
        elif numbers:
            candidates.append(numbers[-1])
        if candidates:
            rest = tuple(candidates[1:])
            return Extraction(candidates[0], Place.LAST, lambda: rest)  # noqa: B023 (returned at once)
    return None
