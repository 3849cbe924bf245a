"""The words that settle a response: `Final answer: ...`. What was announced before them was a step on the way.

So a box of an earlier step neither outranks the final answer nor contradicts it. The first such words count: two final
answers stay two announcements. Words that take back what was said (`Wait, I made an error.`) do the same for the answer
announced after them: it is the last one that counts, so nothing is gained by announcing another before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from verifiers.extract.languages import LANGUAGES, column, stems
from verifiers.extract.places import lower_case, positions

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

_TAKEN_BACK = re.compile(rf"(?i){column('retractions')}")
_SENTENCE_BEGINS = re.compile(r"(?i)(?:\A|[.!?\n。！？)}$*])[\s*_]{0,6}(?:(?:oh|hm+|but|ah|so|well),? )?\Z")
_NEAR = 20  # characters before such words in which their sentence begins
_RETRACTING = ("wait", "hold on", "second thought", "reflection", "correction", "scratch that", "oops", "actually",
               "redo", " correct", " revise", " mistake", " error", " back", " fix",
               "等", "不对", "更正", "算错")  # fmt: skip
_ASCII_RETRACTING = tuple(word for word in _RETRACTING if word.isascii())
_AROUND = 40  # characters around one of these in which the words that hold it stand
_RETRACTIONS_TRIED = 20  # the last ones of a text

_STEMS = tuple(word for row in LANGUAGES for phrase in row.finals for word in stems((phrase,)))
_ASCII_STEMS = tuple(word for word in _STEMS if word.isascii())


def may_settle(response: str, start: int = 0) -> bool:
    """Whether words that settle a response stand at or after `start`."""
    return any(True for _ in _finals(response, start))


def from_final(text: str) -> str:
    """`text` from the first words on that settle it; all of it where none do, or no value follows them."""
    for found in _finals(text):
        if _VALUE.match(text, found.end()):
            return text[found.start() :]
    return text


def may_take_back(response: str, start: int = 0) -> bool:
    """Whether words that take back what was said stand at or after `start`."""
    return any(True for _ in _retractions(response, start))


def after_retraction(text: str, has_announced: Callable[[str], bool]) -> str:
    """`text` from the last words on that take back what was said before them, if an answer is announced after these.

    Args:
        has_announced: whether a text announces an answer in any explicit place.
    """
    for end in list(_retractions(text))[: -_RETRACTIONS_TRIED - 1 : -1]:
        if has_announced(text[end:]):
            return text[end:]
    return text


def _retractions(text: str, start: int = 0) -> Iterator[int]:
    """Where words end, at or after `start`, that begin a sentence and take back what was said: the last of them."""
    lowered = lower_case(text)
    ends: set[int] = set()
    for word in [word for word in (_ASCII_RETRACTING if text.isascii() else _RETRACTING) if word in lowered]:
        position = lowered.rfind(word, start)
        for _ in range(2 * _RETRACTIONS_TRIED):
            if position < 0:
                break
            for found in _TAKEN_BACK.finditer(text, max(start, position - _AROUND), position + _AROUND):
                if _SENTENCE_BEGINS.search(text, max(0, found.start() - _NEAR), found.start()):
                    ends.add(found.end())
            position = lowered.rfind(word, start, position)
    yield from sorted(ends)


def _finals(text: str, start: int = 0) -> Iterator[re.Match[str]]:
    """Words that settle a response, at or after `start`, in order."""
    past = start
    for position in positions(lower_case(text), _ASCII_STEMS if text.isascii() else _STEMS, start):
        if position >= past and (found := _FINAL.match(text, position)) is not None:
            past = found.end()
            yield found
