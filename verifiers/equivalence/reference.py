"""A reference answer, read once and kept, and the reading of answer texts that is shared with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from verifiers.extract import Place, extract_answer, strip_reasoning
from verifiers.extract.choices import ChoiceText, read_choice, read_choices
from verifiers.parse import Expr, OverBudgetError, ParseError, parse
from verifiers.parse.limits import DEFAULT_LIMITS
from verifiers.parse.tree import Dots, Text
from verifiers.text.latex import TEXT
from verifiers.text.normalize import canonical_words, restored
from verifiers.text.plain_numbers import Number, read_number

_SPACES = re.compile(r"(?<!\d)(?:\s|\\[,;!: ])+|(?:\s|\\[,;!: ])+(?!\d|\s|\\)")
_WORDS_INSIDE = re.compile(rf"{TEXT}\s*\{{[^{{}}]*\}}|{TEXT}|\$")
_MATHEMATICAL = re.compile(r"[\\^_{}=<>+*/|\d\x00-\x08\x0b-\x1f]")
_REFERENCE_PLACES = (Place.TAG, Place.BOXED, Place.HASHES)


@dataclass(frozen=True)
class Reference:
    """A reference answer, read once; its tree and squeezed text when they are first needed.

    A plain number needs neither where the answer is one, and no plain number is an unusable reference.
    """

    text: str
    number: Number | None
    choice: ChoiceText | None
    choices: frozenset[str] | None = None

    @cached_property
    def tree(self) -> Expr:
        """The expression; its words where it is no mathematics.

        Raises:
            ParseError: it is neither.
        """
        try:
            return read(self.text)
        except ParseError:
            words = canonical_words(self.text)
            if not any(sign.isalnum() for sign in words):
                raise
            return Text(words)

    @cached_property
    def squeezed(self) -> str:
        """The text without the spaces that carry no meaning."""
        return squeezed_text(self.text)


@lru_cache(maxsize=8192)
def read_reference(answer: str) -> Reference:
    """The reference answer, read once and kept.

    Raises:
        ValueError: it is empty or cannot be read.
    """
    text = answer = restored(answer)
    if "boxed" in answer or "####" in answer or "<answer>" in answer:
        extraction = extract_answer(answer, _REFERENCE_PLACES)
        if extraction.answer is None and extraction.place is Place.BOXED:
            raise ValueError(f"reference {answer[:80]!r}: {extraction.detail}")
        text = extraction.answer or answer
    text = strip_reasoning(text).strip()
    reference = Reference(text, read_number(text), read_choice(text), read_choices(text))
    try:
        if not text.strip(" $.\n\\") or (reference.number is None and isinstance(reference.tree, Dots)):
            raise ValueError(f"reference {answer[:80]!r} holds no answer")
    except ParseError as error:
        raise ValueError(f"reference {answer[:80]!r} cannot be read: {error}") from error
    return reference


def words_for_mathematics(answer: str) -> str | None:
    """Why a reference that looks like mathematics is compared as words; None where it is read, or is plain words.

    Every right answer to such a reference is WRONG, so whoever loads data should hear of it, with the row.

    Raises:
        ValueError: it is empty or cannot be read.
    """
    reference = read_reference(answer)
    if reference.number is not None or reference.choice is not None or not isinstance(reference.tree, Text):
        return None
    if not _MATHEMATICAL.search(_WORDS_INSIDE.sub(" ", reference.text)):
        return None
    try:
        read(reference.text)
    except ParseError as error:
        return f"it looks like mathematics, cannot be read ({error}), and is compared as words"
    return "it looks like mathematics and is compared as words"


@lru_cache(maxsize=16_384)
def _cached_parse(text: str) -> Expr | ParseError:
    try:
        return parse(text, DEFAULT_LIMITS)
    except ParseError as error:
        return error


def read(text: str) -> Expr:
    """The tree of an answer text (cached).

    Raises:
        ParseError: as in `parse`.
    """
    found = _cached_parse(text) if len(text) <= DEFAULT_LIMITS.chars else None
    if found is None:
        raise OverBudgetError(f"answer of {len(text)} characters; the limit is {DEFAULT_LIMITS.chars}")
    if isinstance(found, ParseError):
        raise found
    return found


def squeezed_text(text: str) -> str:
    """The text without spaces and spellings that carry no meaning."""
    for spelling, plain in (("\\left", ""), ("\\right", ""), ("dfrac", "frac"), ("tfrac", "frac")):
        text = text.replace(spelling, plain)
    return _SPACES.sub("", text).strip("$")
