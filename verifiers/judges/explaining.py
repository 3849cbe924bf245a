"""How a reference and the announced answer were found and read, in words: what a verdict does not say."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.equivalence.reference import read, read_reference, words_for_mathematics
from verifiers.extract import EXPLICIT_PLACES, Place, announcements, extract_answer
from verifiers.parse import ParseError
from verifiers.parse.show import show

_MAX_OTHERS = 5  # other announcements that an explanation quotes
_PLACE_NAMES = {
    Place.TAG: "an answer tag",
    Place.BOXED: "the last box",
    Place.HASHES: "what follows ####",
    Place.ANNOUNCED: "the last announcement in words",
    Place.SOLE: "the whole response, one expression",
    Place.BARE: "the whole response",
    Place.FORMULA: "the last formula",
    Place.LAST: "the last number, equation or bold words",
}


def explained(places: Sequence[Place | str], response: str, answer: str) -> dict[str, str]:
    """What was found in `places` of the response, and how it and the reference were read.

    Raises:
        ValueError: the reference is empty or cannot be read.
    """
    reference = read_reference(answer)
    told = {"reference read as": show(reference.tree)}
    if (doubt := words_for_mathematics(answer)) is not None:
        told["doubt about the reference"] = doubt
    extraction = extract_answer(response, places)
    if extraction.answer is None or extraction.place is None:
        looked = ", ".join(Place(place).value for place in places)
        return told | {"looked in": looked}
    told["found in"] = _PLACE_NAMES[extraction.place]
    told["answer read as"] = _shown(extraction.answer)
    explicit = [place for place in places if Place(place) in EXPLICIT_PLACES]
    every = [text for found in announcements(response, explicit) for text in (*found.others, found.answer or "")]
    others = [text for text in dict.fromkeys(every) if text not in (extraction.answer, "")]
    if others:
        told["also announced"] = "; ".join(others[:_MAX_OTHERS]) + (" ..." if len(others) > _MAX_OTHERS else "")
    return told


def _shown(text: str) -> str:
    """How a text was read, or why it could not be."""
    try:
        return show(read(text))
    except ParseError as error:
        return f"nothing: {error}"
