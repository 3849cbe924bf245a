"""Numbers in English words: `seventeen`, `one hundred and five`, `two thirds`, `three and a half million`.

`digits` rewrites them as digits where an answer begins with one, so that everything else (units, percent, lists) is
read as usual. What is no well-formed number ("ten twenty") is left alone.
"""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.text.latex import unwrapped

_ONES = {name: value for value, name in enumerate(
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
     "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
)}  # fmt: skip
_TENS = {name: 10 * value for value, name in enumerate(
    ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
)}  # fmt: skip
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "fifteenth": 15, "sixteenth": 16, "twentieth": 20,
    "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_PARTS |= {name + "s": value for name, value in _PARTS.items() if not name.endswith(("f", "s"))}
_WORDS = frozenset((*_ONES, *_TENS, *_SCALES, *_PARTS, "hundred", "and", "a", "an", "minus", "negative"))
_BEGINS = re.compile(
    rf"(?i)(?:(?:minus|negative)\s+)?(?:(?:a|an)\s+(?={'|'.join((*_PARTS, *_SCALES, 'hundred'))})|half\b|"
    rf"(?:{'|'.join(sorted((*_ONES, *_TENS), key=len, reverse=True))})(?![A-Za-z]))"
)
_RUN = re.compile(r"([A-Za-z]+)(\s*-\s*|\s+)?")
_OPENINGS = ("\\text", "\\mbox", "\\mathrm")
MAX_WORDS = 40


def digits(text: str) -> str:
    """`text` with the number in words that it begins with in digits; itself where there is none."""
    if not (text[:1].isalpha() or text.startswith(_OPENINGS)):
        return text
    plain = unwrapped(text, "")
    if not _BEGINS.match(plain):
        return text
    read = _number_words(plain)
    for count in range(len(read), 0, -1):
        value = _value([word for word, _ in read[:count]])
        if value is not None:
            rest = plain[read[count - 1][1] :]
            goes_on = count < len(read) and read[count][0] != "and"  # ten twenty
            return text if goes_on or rest[:1].isalnum() or rest[:1] == "-" else f"{value}{_rest(rest)}"  # one-to-one
    return text


def in_words(text: str) -> bool:
    """Whether the answer begins with a number in words."""
    return digits(text) != text


def _rest(rest: str) -> str:
    """A list or alternative goes on with further numbers: `two and three`."""
    found = re.match(r"\s*(?:,|and|or)(?:\s+|(?<=,))", rest)
    return rest[: found.end()] + digits(rest[found.end() :]) if found else rest


def _number_words(text: str) -> list[tuple[str, int]]:
    """The number words that a text begins with, in lower case, and where each ends."""
    read: list[tuple[str, int]] = []
    position = 0
    while len(read) < MAX_WORDS and (found := _RUN.match(text, position)) and found[1].lower() in _WORDS:
        read.append((found[1].lower(), found.end(1)))
        position = found.end()
        if not found[2]:
            break
    return read


def _value(words: list[str]) -> Fraction | None:
    """The number that all the words make; None if they make none."""
    if words[0] in ("minus", "negative"):
        inner = _value(words[1:]) if len(words) > 1 else None
        return -inner if inner is not None else None
    if words[-1] in _SCALES and len(words) > 3 and "half" in words:  # two and a half million
        inner = _value(words[:-1])
        return inner * _SCALES[words[-1]] if inner is not None else None
    if words[-1] in _PARTS:
        return _with_part(words[:-1], _PARTS[words[-1]])
    return _whole(words)


def _with_part(words: list[str], bottom: int) -> Fraction | None:
    """`two thirds`, `a half`, `three and a half`, `two and three quarters`."""
    if "and" in words:
        cut = len(words) - 1 - words[::-1].index("and")
        whole, part = _whole(words[:cut]) if cut else None, _with_part(words[cut + 1 :], bottom)
        return whole + part if whole is not None and part is not None and 0 < part < 1 else None
    if words in ([], ["a"], ["an"]):
        return Fraction(1, bottom)
    top = _whole(words)
    return top / bottom if top is not None and top > 0 else None


def _whole(words: list[str]) -> Fraction | None:
    total, section, last = 0, 0, 10**18  # `last`: the size of the word before, which must fall
    seen = False
    for index, word in enumerate(words):
        if word == "and":
            if not seen or index + 1 == len(words) or words[index - 1] not in ("hundred", *_SCALES):
                return None
        elif word in _ONES or word in _TENS or word in ("a", "an"):
            value = _ONES.get(word, _TENS.get(word, 1))
            size = 1 if value < 10 else 10
            if (seen and size >= last) or (last == 10 and words[index - 1] in _ONES) or (seen and value == 0):
                return None
            section, last, seen = section + value, size, True
        elif word == "hundred":
            if not 0 < section < 100 or last >= 100 * 100:
                return None
            section, last = section * 100, 100
        else:
            scale = _SCALES.get(word)
            if scale is None or not section or (total and scale >= _lowest_scale(total)):
                return None
            total, section, last = total + section * scale, 0, 10**17
    return Fraction(total + section) if seen else None


def _lowest_scale(total: int) -> int:
    return next(scale for scale in sorted(_SCALES.values(), reverse=True) if total % scale == 0)
