"""The general verifier: any form of mathematical answer, against a reference of any form.

Extract, read, compare. Equal text and equal plain numbers are settled without a parser; the rest goes through the
expression tree. The verdict says by which argument.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from verifiers import moments
from verifiers.choicetext import ChoiceText, find_choice, read_choice, read_choices
from verifiers.equivalence import Judgement, Settings, equivalent
from verifiers.equivalence.types import no, yes
from verifiers.extract import (
    ALL_PLACES,
    EXPLICIT_PLACES,
    Extraction,
    Place,
    announcements,
    extract_answer,
    strip_reasoning,
)
from verifiers.normalize import canonical_words, trim
from verifiers.parse import Expr, OverBudgetError, ParseError, parse
from verifiers.parse.limits import DEFAULT_LIMITS
from verifiers.parse.rewrite import transform
from verifiers.parse.spoken import in_words
from verifiers.parse.tree import BaseNum, Call, Dots, Group, Num, Op, Text, num, walk
from verifiers.plain import Number, read_number
from verifiers.propositions import same_proposition
from verifiers.types import Outcome, Reason, Verdict

_SPACES = re.compile(r"(?<!\d)(?:\s|\\[,;!: ])+|(?:\s|\\[,;!: ])+(?!\d|\s|\\)")
_GROUPING = re.compile(r"\d,\d{3}(?!\d)")
_DECIMAL_COMMA = re.compile(r"(?<![\d,.])(\d{1,12}),(\d{1,6})(?![\d,])")
_POINT_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|\.\d{3},\d+)(?![\d.,])")
_LOG_POWER = re.compile(r"(?:ln|log|lg)(?:_\w|_\{\w+\})?\s*(?:\\left)?\s*[(|\[]")  # the power is not on the name
_LOGS = frozenset(("ln", "log"))
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
        return _squeezed(self.text)


@dataclass(frozen=True)
class SymbolicVerifier:
    """Judges whether the announced answer is mathematically the reference.

    Attributes:
        places: where the answer may stand in the response; training environments pass `TRAINING_PLACES`.
        strict: an answer announced more than once with different values is wrong (else the last announcement counts).
        allow_unevaluated: an integral, sum, limit, derivative or gcd counts as an answer where the reference has none.
        tolerance: absolute difference that counts as equal; None: only a decimal reference allows rounding.
        relative_tolerance: the same, as a fraction of the reference.
        percent_as_number: `10` answers `10%`, and the other way round.
        require_units: a reference with a unit asks for the unit.
        number_words: `forty-two` answers `42`; a reference in words is answered in words or digits either way.
        question: text of the problem; an answer that only copies an expression from it while the reference is
            another text is an echo. "" turns this off.
    """

    places: Sequence[Place | str] = ALL_PLACES
    strict: bool = False
    allow_unevaluated: bool = False
    tolerance: float | None = None
    relative_tolerance: float | None = None
    percent_as_number: bool = True
    require_units: bool = False
    number_words: bool = False
    question: str = field(default="", repr=False)

    @cached_property
    def settings(self) -> Settings:
        """The same settings as the equivalence check takes them."""
        return Settings(
            tolerance=self.tolerance,
            relative_tolerance=self.relative_tolerance,
            allow_unevaluated=self.allow_unevaluated,
            percent_as_number=self.percent_as_number,
            require_units=self.require_units,
        )

    def warm_up(self) -> None:
        """Import what proofs and high-precision evaluation need, before a deadline runs."""
        import sympy  # noqa: F401

        import verifiers.numbers  # noqa: F401

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on `response`.

        Raises:
            ValueError: the reference is empty or cannot be read.
        """
        started = time.perf_counter()
        reference = read_reference(answer)
        extraction = extract_answer(response, self.places)
        if extraction.answer is None or not extraction.answer.strip():
            return _verdict(Outcome.NO_ANSWER, None, extraction.detail or "the announced answer is empty", started)
        outcome, text, judged = self._judge_candidates(extraction, reference, response)
        if outcome is Outcome.CORRECT and self.strict and self._announces_another(response, extraction, reference):
            return _verdict(Outcome.WRONG, text, "announced with different values", started, Reason.SEVERAL_ANSWERS)
        if outcome is Outcome.CORRECT and self.question and self._echoes(text, reference):
            return _verdict(Outcome.WRONG, text, "copied from the question", started, Reason.ECHO)
        return _verdict(outcome, text, judged.detail, started, judged.reason)

    def _judge_candidates(
        self, extraction: Extraction, reference: Reference, response: str
    ) -> tuple[Outcome, str, Judgement]:
        """The judgement on the first reading of the announcement that is of the reference's kind."""
        assert extraction.answer is not None
        is_weak = extraction.place not in EXPLICIT_PLACES
        if is_weak and len(response) < 4_000 and _squeezed(response) == reference.squeezed:
            return Outcome.CORRECT, extraction.answer, yes("the same text", "text")
        first: tuple[Outcome, str, Judgement] | None = None
        for text in _readings(extraction):
            outcome, judged, readable = self._judge(text, reference)
            if outcome is Outcome.CORRECT or (readable and reference.choice is None):
                return outcome, text, judged
            first = first or (outcome, text, judged)
        if reference.choice is not None and (is_weak or extraction.place is Place.ANNOUNCED):
            letter = find_choice(extraction.answer)
            if letter is not None:
                same = letter == reference.choice.letter
                judged = yes(f"settles on {letter}", "text") if same else no(f"settles on {letter}", method="text")
                return (Outcome.CORRECT if same else Outcome.WRONG), letter, judged
        assert first is not None
        return first

    def _judge(self, text: str, reference: Reference) -> tuple[Outcome, Judgement, bool]:
        """(outcome, judgement, whether the text is mathematics or of the reference's kind)."""
        if text == reference.text:
            return Outcome.CORRECT, yes("the same text", "text"), True
        number = reference.number and read_number(text)
        if number and reference.number and self.tolerance is None and self.relative_tolerance is None:
            settled = _judge_numbers(number, reference.number)
            if settled is not None:
                return (Outcome.CORRECT if settled else Outcome.WRONG), settled, True
        if _squeezed(text) == reference.squeezed:
            return Outcome.CORRECT, yes("the same text", "text"), True
        if reference.choice is not None:
            judged = _judge_choice(text, reference.choice)
            if judged is not None:
                return (Outcome.CORRECT if judged else Outcome.WRONG), judged, True
        if reference.choices is not None and read_choices(text) == reference.choices:
            return Outcome.CORRECT, yes("the same options", "text"), True
        return self._judge_trees(text, reference)

    def _judge_trees(self, text: str, reference: Reference) -> tuple[Outcome, Judgement, bool]:
        try:
            tree = read(text)
        except OverBudgetError as error:
            return Outcome.UNPARSEABLE, no(str(error), Reason.OVER_BUDGET), True
        except ParseError as error:
            return Outcome.UNPARSEABLE, no(f"cannot read the answer: {error}"), False
        judged = self._compare(tree, text, reference)
        if judged and not self.number_words and in_words(trim(text)) and not in_words(trim(reference.text)):
            judged = no("the right number, in words", Reason.FORMAT)
        readable = not holds_words(tree) or holds_words(reference.tree)
        return (Outcome.CORRECT if judged else Outcome.WRONG), judged, readable

    def _compare(self, tree: Expr, text: str, reference: Reference) -> Judgement:
        moment = moments.same_moment(text, reference.text)
        if moment is not None:
            return yes("the same moment", "text") if moment else no("another moment", method="text")
        formula = same_proposition(text, reference.text)
        if formula is not None:
            return yes("the same truth table", "exact") if formula else no("another truth table", method="exact")
        first = equivalent(tree, reference.tree, self.settings)
        if first or first.reason in (Reason.CONTRADICTION, Reason.OVER_BUDGET, Reason.UNEVALUATED):
            return first
        for other_tree, other_reference in self._other_readings(tree, text, reference):
            judged = equivalent(other_tree, other_reference, self.settings)
            if judged:
                return yes(f"{judged.detail} (in another common reading of the notation)", judged.method)
        return first

    def _other_readings(self, tree: Expr, text: str, reference: Reference) -> Iterator[tuple[Expr, Expr]]:
        """Readings of ambiguous notation: 1,234 as a list; 2,74 as a decimal; log with base 10."""
        if _GROUPING.search(text) or _GROUPING.search(reference.text):
            lists = _try_read(text, thousands=False), _try_read(reference.text, thousands=False)
            if lists[0] is not None and lists[1] is not None:
                yield lists[0], lists[1]
        if "," in text and "," not in reference.text and _DECIMAL_COMMA.search(text) and _has_decimals(reference.tree):
            decimal = _try_read(_DECIMAL_COMMA.sub(r"\1.\2", text), thousands=True)
            if decimal is not None:
                yield decimal, reference.tree
        if _POINT_GROUPED.search(text):
            grouped = _try_read(
                _POINT_GROUPED.sub(lambda found: found[0].replace(".", "").replace(",", "."), text), thousands=True
            )
            if grouped is not None:
                yield grouped, reference.tree
        if isinstance(reference.tree, BaseNum) and reference.tree.base > 10 and text.isascii():
            digits = _try_read(text.upper(), thousands=True)  # 2a_{16}, where the digits are letters
            if digits is not None:
                yield digits, reference.tree
        powers = _with_power_inside(tree, text), _with_power_inside(reference.tree, reference.text)
        if powers[0] is not None or powers[1] is not None:
            yield powers[0] or tree, powers[1] or reference.tree
        mine, theirs = _with_common_logs(tree), _with_common_logs(reference.tree)
        if mine is not None or theirs is not None:
            yield mine or tree, theirs or reference.tree

    def _announces_another(self, response: str, chosen: Extraction, reference: Reference) -> bool:
        """Whether any explicit announcement outside the reasoning block has another value."""
        places = [place for place in self.places if Place(place) in EXPLICIT_PLACES or Place(place) is chosen.place]
        for found in announcements(response, places):
            for other in found.others:
                if self._is_another((other,), found, reference):
                    return True
            if found.place is not chosen.place and self._is_another(tuple(_readings(found)), found, reference):
                return True
        return False

    def _is_another(self, readings: tuple[str, ...], found: Extraction, reference: Reference) -> bool:
        for reading in readings:  # as in _judge_candidates: the first reading that is mathematics counts
            outcome, _, readable = self._judge(reading, reference)
            if outcome is Outcome.CORRECT or readable:
                return outcome is not Outcome.CORRECT
        return found.place in (Place.BOXED, Place.TAG)

    def _echoes(self, text: str, reference: Reference) -> bool:
        plain = _squeezed(text)
        return len(plain) > 3 and plain != reference.squeezed and plain in _squeezed(self.question)


def _readings(extraction: Extraction) -> Iterator[str]:
    """The announced text, then shorter readings of it, worked out only if they are asked for."""
    if extraction.answer is not None:
        yield extraction.answer
        yield from extraction.fallbacks


def read_reference(answer: str) -> Reference:
    """The reference answer, read once and kept.

    Raises:
        ValueError: it is empty or cannot be read.
    """
    found = _read_reference(answer)
    if isinstance(found, str):
        raise ValueError(found)
    return found


@lru_cache(maxsize=8192)
def _read_reference(answer: str) -> Reference | str:
    text = answer
    if "boxed" in answer or "####" in answer or "<answer>" in answer:
        extraction = extract_answer(answer, _REFERENCE_PLACES)
        if extraction.answer is None and extraction.place is Place.BOXED:
            return f"reference {answer[:80]!r}: {extraction.detail}"
        text = extraction.answer or answer
    text = strip_reasoning(text).strip()
    if not text.strip(" $.\n\\"):
        return f"reference {answer[:80]!r} holds no answer"
    reference = Reference(text, read_number(text), read_choice(text), read_choices(text))
    if reference.number is None:
        try:
            tree = reference.tree
        except ParseError as error:
            return f"reference {answer[:80]!r} cannot be read: {error}"
        if isinstance(tree, Dots):
            return f"reference {answer[:80]!r} holds no answer"
    return reference


def _judge_numbers(number: Number, reference: Number) -> Judgement | None:
    """The judgement on two plain numbers; None where signs of money or percent, or rounding, need a closer look."""
    if number.percent != reference.percent or (number.money and reference.money):
        return None
    if number.value == reference.value:
        return yes("equal numbers", "exact")
    both_plain = (number.places is not None or number.value.denominator == 1) or reference.places is None
    return no("different numbers", method="exact") if both_plain else None


def _judge_choice(text: str, reference: ChoiceText) -> Judgement | None:
    choice = read_choice(text)
    if choice is not None:
        if choice.letter == reference.letter:
            return yes("the same option", "text")
        return no("another option", method="text")
    if reference.words and canonical_words(text) == reference.words:
        return yes("the words of the option", "text")
    return None


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


def holds_words(tree: Expr) -> bool:
    """Whether a tree is words, or a list with words in it: a sentence with a comma is no mathematics either."""
    return isinstance(tree, Text) or (isinstance(tree, Group) and any(isinstance(item, Text) for item in tree.items))


def _has_decimals(tree: Expr) -> bool:
    return any(isinstance(node, Num) and node.places for node in walk(tree))


def _try_read(text: str, *, thousands: bool) -> Expr | None:
    try:
        return parse(text, DEFAULT_LIMITS, thousands=thousands)
    except ParseError:
        return None


def _with_common_logs(tree: Expr) -> Expr | None:
    """`tree` with `log` to base 10 where no base is written; None if there is no such log."""
    if not any(isinstance(node, Call) and node.name == "log" and len(node.args) == 1 for node in walk(tree)):
        return None

    def change(node: Expr) -> Expr | None:
        if isinstance(node, Call) and node.name == "log" and len(node.args) == 1:
            return Call("log", (transform(node.args[0], change), num(10)))
        return None

    return transform(tree, change)


def _with_power_inside(tree: Expr, text: str) -> Expr | None:
    r"""`\ln (x + 1)^2` read as the logarithm of the square; None where no such power stands."""
    if not _LOG_POWER.search(text):
        return None

    def change(node: Expr) -> Expr | None:
        if isinstance(node, Op) and node.op == "pow" and isinstance(node.args[0], Call) and node.args[0].name in _LOGS:
            call, exponent = node.args[0], transform(node.args[1], change)
            return Call(call.name, (Op("pow", (transform(call.args[0], change), exponent)), *call.args[1:]))
        return None

    changed = transform(tree, change)
    return changed if changed != tree else None


def _squeezed(text: str) -> str:
    return _SPACES.sub(
        "", text.replace("\\left", "").replace("\\right", "").replace("dfrac", "frac").replace("tfrac", "frac")
    ).strip("$")


def _verdict(outcome: Outcome, text: str | None, detail: str, started: float, reason: Reason | None = None) -> Verdict:
    score = 1.0 if outcome is Outcome.CORRECT else 0.0
    if outcome is Outcome.CORRECT:
        reason = None
    return Verdict(outcome, score, text, detail, reason, seconds=time.perf_counter() - started)
