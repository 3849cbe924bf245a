"""The words that settle a response: `Final answer: ...`. What was announced before them was a step on the way.

So a box of an earlier step neither outranks the final answer nor contradicts it. The first such words count: two final
answers stay two announcements. Words that take back what was said (`Wait, I made an error.`) do the same for the answer
announced after them: it is the last one that counts, so nothing is gained by announcing another before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from verifiers.extract.boxes import boxes
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
_AROUND = 40  # characters around one of these in which the words that hold it stand
_RETRACTIONS_READ, _RETRACTIONS_TRIED = 200, 20  # the last ones of a text
_STEMS = tuple(word for row in LANGUAGES for word in stems(row.finals))


def from_final(text: str) -> str:
    """`text` from the first words on that settle it; all of it where none do, or no value follows them.

    Words in a box settle nothing: \\boxed{Final answer: 5}.
    """
    for found in _finals(text):
        if _VALUE.match(text, found.end()) and not any(box[0] < found.start() < box[1] for box in boxes(text)[0]):
            return text[found.start() :]
    return text


def after_retraction(text: str, has_announced: Callable[[str], bool]) -> str:
    """`text` from the last words on that take back what was said before them, if an answer is announced after these.

    Args:
        has_announced: whether a text announces an answer in any explicit place.
    """
    return next((text[end:] for end in _retractions(text) if has_announced(text[end:])), text)


def _retractions(text: str) -> list[int]:
    """Where words end that begin a sentence and take back what was said: the last of them, the last first."""
    ends = {
        found.end()
        for at in positions(lower_case(text), _RETRACTING)[-_RETRACTIONS_READ:]
        for found in _TAKEN_BACK.finditer(text, max(0, at - _AROUND), at + _AROUND)
        if _SENTENCE_BEGINS.search(text, max(0, found.start() - _NEAR), found.start())
    }
    return sorted(ends, reverse=True)[:_RETRACTIONS_TRIED]


def _finals(text: str) -> Iterator[re.Match[str]]:
    """Words that settle a response, in order."""
    past = 0
    for position in positions(lower_case(text), _STEMS):
        if position >= past and (found := _FINAL.match(text, position)) is not None:
            past = found.end()
            yield found
