"""The words that settle a response: `Final answer: ...`. What was announced before them was a step on the way.

So a box of an earlier step neither outranks the final answer nor contradicts it. The first such words count: two final
answers stay two announcements.
"""

from __future__ import annotations

import re

from verifiers.extract.languages import LANGUAGES, column, stems

_FINAL = re.compile(
    rf"(?i){column('finals')}(?:\s+(?:to|of|for|in)\b[^.\n:=$\\]{{0,60}}?)?[\s\"”*_)]*"
    r"(?:(?:is|are|was|es|est|é|è|ist|lautet|är|er|to|это|是|为|為|は|은|는)(?!\w)|[:：=]|(?<=[\n*]))[\s:：*_\"“]*"
)
_VALUE = re.compile(
    r"[-+−±~≈]?\s*[\d.$\\(\[{|√π∞]|<|(?:the|our|my) (?:final )?answer\b"
    r"|[A-Za-z](?:_\w+|\([a-z]\))?\s*(?:=|\\?[<>])|\(?[A-J]\)?(?![A-Za-z])"
    r"|(?!(?:in|the|a|an|now|therefore|thus|given|as|to|this|that|we|so|obtained|found|correct|wrong)\b)[^\s.][^\n.]{0,40}(?:[.\n]|\Z)",
    re.IGNORECASE,
)


_STEMS = tuple(word for row in LANGUAGES for phrase in row.finals for word in stems((phrase,)))
_ASCII_STEMS = tuple(word for word in _STEMS if word.isascii())


def may_settle(response: str, start: int = 0) -> bool:
    """Whether words that settle a response stand at or after `start`."""
    return _has_stem(response) and _FINAL.search(response, start) is not None


def from_final(text: str) -> str:
    """`text` from the first words on that settle it; all of it where none do, or no value follows them."""
    for found in _FINAL.finditer(text) if _has_stem(text) else ():
        if _VALUE.match(text, found.end()):
            return text[found.start() :]
    return text


def _has_stem(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in (_ASCII_STEMS if text.isascii() else _STEMS))
