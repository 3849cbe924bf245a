"""Where a response announces its final answer. The caller declares the places; reasoning never counts.

Announcing is explicit: a box, a tag, `####`, "the answer is". `TRAINING_PLACES` adds a response that consists of one
expression and nothing else, and stops there. `ALL_PLACES` goes on to read the last formula and the last number of a
text, as graders of evaluation sets have to; a policy rewarded for those would learn to scatter numbers, so training
environments leave them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from verifiers.extract.announced import announced, hashes
from verifiers.extract.boxes import boxed, boxes
from verifiers.extract.doubt import reduced, without_denied
from verifiers.extract.places import (
    ALL_PLACES,
    EXPLICIT_PLACES,
    TRAINING_PLACES,
    Extraction,
    Place,
    read_places,
    undecorated,
)
from verifiers.extract.prose import bare, formula, last
from verifiers.extract.reasoning import strip_reasoning
from verifiers.extract.settled import after_retraction, from_final
from verifiers.extract.sole import sole
from verifiers.extract.turns import own_turn

__all__ = [
    "ALL_PLACES", "EXPLICIT_PLACES", "TRAINING_PLACES", "Extraction", "Place", "announcements", "boxes",
    "extract_answer", "read_places", "strip_reasoning", "visible_text",
]  # fmt: skip

_MAX_TAIL = 200_000  # characters at the end of a response that are searched
_INVISIBLE = re.compile(r"\\(?:[hv]?phantom|tag|label)\*?\s*\{[^{}]{0,400}\}")
_STRUCK = re.compile(
    r"(?<!\S)~~(?=\S)(?:[^~\n$\\]{1,200}|\$?\\boxed\{[^{}~]{0,200}\}\$?)(?<=\S)~~(?!\S)|<(del|s|strike)>[^<\n]{0,200}</\1>",
    re.IGNORECASE,
)
_NO_BOX = re.compile(r"(?<=[}$]),\s*(?:and |but )?not\s+\$?\\f?boxed\{[^{}]{1,60}\}\$?")  # \boxed{5}, not \boxed{6}
_COMMENT = re.compile(r"(?m)^\s*%[^\n]*$|(?<=\})\s*%\s*\\boxed\{[^\n]*$")
_ANSWER_TAG = re.compile(r"<(/?)(?:answer|final_answer|solution)>", re.IGNORECASE)
_ONLY_NUMBERS = re.compile(r"[\d\s.,/+*^()=%$-]{1,64}")  # no word, tag or command: no other place can match
_ONLY_BOX = re.compile(r"\\boxed\{((?=\D{0,64}\d)(?:\\d?frac\{\d+\}\{\d+\}|[\d.,/+*^()=-]){1,64})\}")  # likewise


def extract_answer(response: str, places: Sequence[Place | str] = ALL_PLACES) -> Extraction:
    """The final answer that `response` announces, looked for in `places` (tried in the order of `Place`)."""
    order = _in_order(tuple(places))
    if Place.BOXED in order and (box := _ONLY_BOX.fullmatch(response)) is not None:
        return Extraction(box[1], Place.BOXED)
    if Place.BARE in order and _ONLY_NUMBERS.fullmatch(response):
        return Extraction(undecorated(response.strip()), Place.BARE)
    text, hidden = _visible(response)
    if len(text) != len(response) and not text.strip():
        return Extraction(None, detail="nothing is left outside reasoning blocks, comments and invisible commands")
    for place in order:
        if not (hidden and place is Place.LAST) and (found := _FINDERS[place](text)) is not None:
            return found
    return Extraction(None, detail="no place in the response announces an answer")


def announcements(
    response: str, places: Sequence[Place | str], *, besides: Extraction | None = None
) -> Iterator[Extraction]:
    """What each of `places` announces on its own, where it announces something.

    Args:
        besides: an extraction from the same response; if it is the only box, boxes are not looked for again.
    """
    if _ONLY_BOX.fullmatch(response):
        return
    is_only_box = besides is not None and besides.place is Place.BOXED and not besides.others and "<" not in response
    text = visible_text(response)
    for place in _in_order(tuple(places)):
        if is_only_box and place is Place.BOXED:
            continue
        if (found := _FINDERS[place](text)) is not None and found.answer is not None:
            yield found


def visible_text(response: str) -> str:
    """What of a response counts: no reasoning, nothing after the end of its turn, no comment or struck text."""
    return _visible(response)[0]


@lru_cache(maxsize=2)  # an answer is looked for, then a second one in the same response
def _visible(response: str) -> tuple[str, bool]:
    """The text that counts: no reasoning, comment, invisible command or later turn; and whether it had reasoning."""
    text = response[-_MAX_TAIL:] if len(response) > _MAX_TAIL else response
    said = strip_reasoning(text)
    hidden = len(said) != len(text)
    text = own_turn(said, _announces)
    text = _COMMENT.sub("", text) if "%" in text else text
    if "\\" in text:
        text = _INVISIBLE.sub(" ", text)
    if "~~" in text or "</" in text:
        text = _STRUCK.sub(" ", text)
    if "not " in text:
        text = _NO_BOX.sub("", text)
    return after_retraction(from_final(without_denied(text)), _announces), hidden


def _announces(text: str) -> bool:
    """Whether a text announces an answer in any explicit place."""
    return any((found := _FINDERS[place](text)) is not None and found.answer for place in EXPLICIT_PLACES)


@lru_cache(maxsize=64)
def _in_order(places: tuple[Place | str, ...]) -> tuple[Place, ...]:
    wanted = {Place(place) for place in places}
    return tuple(place for place in Place if place in wanted)


def _tag(text: str) -> Extraction | None:
    if "<" not in text:
        return None
    found: list[str] = []
    start: int | None = None
    for tag in _ANSWER_TAG.finditer(text):
        if not tag[1]:
            start = tag.end()
        elif start is not None:
            found.append(text[start : tag.start()].strip())
            start = None
    if not found:
        return None
    inner = found[-1]
    if (box := boxed(inner)) is not None:
        return box

    def shorter() -> tuple[str, ...]:
        said = announced(inner)
        return ((said.answer, *said.fallbacks) if said and said.answer else ()) + reduced(inner)

    return Extraction(undecorated(inner), Place.TAG, shorter, tuple(found[:-1]))


_FINDERS = {
    Place.TAG: _tag,
    Place.BOXED: boxed,
    Place.HASHES: hashes,
    Place.ANNOUNCED: announced,
    Place.SOLE: sole,
    Place.BARE: bare,
    Place.FORMULA: formula,
    Place.LAST: last,
}
