"""The places in which an answer may be announced, and what is found there."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Place(StrEnum):
    """Where an answer may stand, in the order in which places are tried."""

    TAG = "tag"  # <answer> ... </answer>
    BOXED = "boxed"  # \boxed{...}
    HASHES = "hashes"  # #### ...
    ANNOUNCED = "announced"  # the answer is ..., Answer: ..., A: ...
    SOLE = "sole"  # the response is one expression and nothing else, no sentence
    BARE = "bare"  # the whole response as one expression, or what is left of it without a sentence
    FORMULA = "formula"  # the last $...$ of the text
    LAST = "last"  # the last number, equation or bold words of the text


EXPLICIT_PLACES = (Place.TAG, Place.BOXED, Place.HASHES, Place.ANNOUNCED)
TRAINING_PLACES = (*EXPLICIT_PLACES, Place.SOLE)
ALL_PLACES = tuple(place for place in Place if place is not Place.SOLE)  # BARE reads more than SOLE


def read_places(places: Sequence[Place | str]) -> tuple[Place, ...]:
    """The places that a caller names.

    Raises:
        ValueError: an unknown name, or none at all.
    """
    if isinstance(places, str):
        places = (places,)
    unknown = [place for place in places if place not in Place._value2member_map_]
    if unknown or not places:
        given = f"unknown places {unknown}" if unknown else "no place where an answer may stand"
        raise ValueError(f"{given}; known: {', '.join(Place)}")
    return tuple(Place(place) for place in places)


@dataclass(frozen=True)
class Extraction:
    """The announced answer."""

    answer: str | None  # its text; None when nothing is announced
    place: Place | None = None  # where it stood
    shorter: Callable[[], tuple[str, ...]] = tuple  # gives `fallbacks`, worked out only when they are needed
    others: tuple[str, ...] = ()  # earlier announcements in the same kind of place, oldest first
    parts: tuple[str, ...] = ()  # boxes that the response marks as the parts of one answer, in order
    detail: str = ""  # why there is no answer

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Shorter readings of the same announcement, to be tried when `answer` is no mathematics."""
        return self.shorter()


@dataclass(frozen=True)
class Hinted:
    """A pattern that is searched only where a hint stands; every match holds one of these words in lower case.

    A plain look is many times cheaper than a pattern that may begin with any of many words. A text that is not ASCII
    is searched in any case, as case folds otherwise there.
    """

    pattern: re.Pattern[str]
    hints: frozenset[str]

    def search(self, text: str, start: int = 0, end: int = sys.maxsize) -> re.Match[str] | None:
        """The first match within text[start:end], as `re.Pattern.search` finds it."""
        near = text[start:end].lower()
        if near.isascii() and not [hint for hint in self.hints if hint in near]:
            return None
        return self.pattern.search(text, start, end)


MATH = re.compile(r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|(?<!\\)\$((?:[^$\\]|\\.)+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SPECIAL = re.compile(r"<\|[A-Za-z_]{1,24}\|>")
_MARKS_BEFORE = re.compile(r"\A(?:[*`]|_(?!\s?\{|\w{1,9}\s?[CP]_))+\s*")  # _{10}C_3 begins with no mark
_DELIMITERS = re.compile(r"\\[()]|\\\[(?![\d.]*(?:pt|em|ex)\])|\\\]")
_COPULA_AFTER = re.compile(r"(?<=[0-9A-Za-z$)}%])\s*(?:입니다|이다|예요|です|である|だ|है|हैं|হয়|dir|dır)\s*[.。।]?$")


def formulas(text: str) -> list[str]:
    """The contents of the formulas in a text, in order."""
    return [content(match) for match in MATH.finditer(text)]


def content(formula: re.Match[str]) -> str:
    """What stands between the signs around a formula, a match of `MATH`."""
    return "".join(formula.groups("")).strip()


def undecorated(text: str) -> str:
    """Without Markdown marks and formula delimiters around the whole."""
    text = _MARKS_BEFORE.sub("", (_SPECIAL.sub("", text) if "<|" in text else text).strip()).rstrip("*_`").rstrip()
    if not text.isascii() or text.rstrip(".").endswith("dir"):
        text = _COPULA_AFTER.sub("", text)
    while text[-1:] in (".", "。", ",", "।") and not text.endswith(("..", "\\,")):
        text = text[:-1].rstrip()
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$")):
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
            inner = text[len(opening) : -len(closing)]
            if opening not in inner:
                return inner.strip()
    return _DELIMITERS.sub(" ", text) if "\\(" in text or "\\[" in text else text


@lru_cache(maxsize=4)
def lower_case(text: str) -> str:
    """The text in lower case, sign for sign: a letter whose lower case is longer stays, so that no position shifts."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := sign.lower()) == 1 else sign for sign in text)


def positions(text: str, words: Sequence[str]) -> list[int]:
    """Where any of the words begins in the text, in order; found as plain text, which is cheap."""
    begins: set[int] = set()
    for word in words:
        position = -1
        while (position := text.find(word, position + 1)) >= 0:
            begins.add(position)
    return sorted(begins)


def holds_mark(text: str) -> bool:
    """Whether a tag or special token may stand in the text: `<think>`, `</s>`, `<|im_end|>`, and no `<<2+3=5>>`."""
    return "<" in text and _MARK.search(text) is not None


_MARK = re.compile(r"<[|｜/A-Za-z]")
