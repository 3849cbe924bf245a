"""The general verifier: any form of mathematical answer, against a reference of any form.

Extract, read, compare. Equal text and equal plain numbers are settled without a parser; the rest goes through the
expression tree. The verdict says by which argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from verifiers.algebra import contexts
from verifiers.equivalence import DATES, Equivalence, Settings, equivalent, rule_names
from verifiers.equivalence.ambiguity import other_readings
from verifiers.equivalence.reference import Reference, read, read_reference, squeezed_text
from verifiers.equivalence.types import no, unread, yes
from verifiers.extract import EXPLICIT_PLACES, Extraction, Place, extract_answer
from verifiers.extract.choices import ChoiceText, chosen_option, find_choice, read_choice, read_choices
from verifiers.judges.explaining import explained
from verifiers.judges.frame import AnswerVerifier, Mode
from verifiers.parse import Expr, OverBudgetError, ParseError
from verifiers.parse.english.spoken import in_words
from verifiers.parse.tree import Group, Op, Rel, Text, walk
from verifiers.text.dates import same_moment
from verifiers.text.normalize import canonical_words, restored, trim
from verifiers.text.plain_numbers import Number, read_number
from verifiers.types import Reason, Verdict

_MAX_SENTENCE = 12  # words of a text answer beyond those of the reference
_MAX_OPTION = 200  # characters of an option with its words
_MAX_SHORT = 4_000  # characters of a response that may be nothing but its answer


@dataclass(kw_only=True, eq=False)
class SymbolicVerifier(AnswerVerifier):
    """Judges whether the announced answer is mathematically the reference.

    Attributes:
        mode, places, strict: as in AnswerVerifier.
        allow_unevaluated: an integral, sum, limit, derivative or gcd counts as an answer where the reference has none.
        tolerance: absolute difference that counts as equal; None: none.
        relative_tolerance: the same, as a fraction of the reference.
        round_to_reference: an exact answer counts that rounds to a decimal reference; None: in `evaluation` only.
        percent_as_number: `10` answers `10%`, and the other way round.
        require_units: a reference with a unit asks for the unit.
        number_words: `forty-two` answers `42`; a reference in words is answered in words or digits either way.
        without: names of rules that are switched off (`verifiers.equivalence.rule_names`).
        question: text of the problem; an answer that only copies an expression from it while the reference is
            another text is an echo. "" turns this off.
    """

    allow_unevaluated: bool = False
    tolerance: float | None = None
    relative_tolerance: float | None = None
    round_to_reference: bool | None = None
    percent_as_number: bool = True
    require_units: bool = False
    number_words: bool = False
    without: Sequence[str] = ()
    question: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.round_to_reference is None:
            self.round_to_reference = self.mode == Mode.EVALUATION
        if unknown := set(self.without) - set(rule_names()):
            raise ValueError(f"unknown rules {sorted(unknown)}; known: {', '.join(rule_names())}")

    @cached_property
    def settings(self) -> Settings:
        """The same settings as the equivalence check takes them."""
        return Settings(
            tolerance=self.tolerance,
            relative_tolerance=self.relative_tolerance,
            round_to_reference=bool(self.round_to_reference),
            allow_unevaluated=self.allow_unevaluated,
            percent_as_number=self.percent_as_number,
            require_units=self.require_units,
            without=frozenset(self.without),
        )

    def warm_up(self) -> None:
        """Import what proofs and high-precision evaluation need, before a deadline runs."""
        import sympy  # noqa: F401

        contexts.warm_up()

    def read_reference(self, answer: str) -> Reference:
        """The reference answer, read once and kept for all verifiers of a process."""
        return read_reference(answer)

    reference_of = read_reference

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on `response`.

        Raises:
            ValueError: the reference is empty or cannot be read.
        """
        return super().verify(restored(response), answer)

    def extract(self, response: str, reference: Reference) -> Extraction:
        """The announced answer; of an option that is named outside any explicit place, the one that is chosen."""
        found = extract_answer(response, self.places)
        if reference.choice is not None and found.place not in EXPLICIT_PLACES:
            return chosen_option(response, self.places) or found
        if found.answer is None and Place.SOLE in self.places and _is_said_alike(response, reference):
            return Extraction(reference.text, Place.SOLE)  # word for word, though a sentence: odd $n$
        return found

    def judge_announced(self, found: Extraction, reference: Reference, response: str) -> tuple[Equivalence, str]:
        """The judgement on the first reading of the announcement that is of the reference's kind."""
        judged, text = self._judge_readings(found, reference, response)
        if not judged and found.parts and not self.strict:
            return self._judge_parts(found, reference) or (judged, text)
        return judged, text

    def judge_text(self, text: str, reference: Reference) -> Equivalence:
        """The judgement on the text of one answer."""
        return self._judge(text, reference)[0]

    def is_another(self, found: Extraction, reference: Reference) -> bool:
        """Whether the first reading of an announcement that is mathematics has another value."""
        for text in _readings(found):
            judged, is_readable = self._judge(text, reference)
            if judged or is_readable:
                return not judged
        return found.place in (Place.BOXED, Place.TAG)

    def is_refused(self, text: str, reference: Reference) -> Equivalence | None:
        """An echo: an answer that only copies the question."""
        plain = squeezed_text(text) if self.question else ""
        is_echo = len(plain) > 3 and plain != reference.squeezed and plain in squeezed_text(self.question)
        return no("copied from the question", Reason.ECHO) if is_echo else None

    def explain(self, response: str, answer: str) -> dict[str, str]:
        """How the reference and the announced answer were found and read, in words: what the verdict does not say.

        Raises:
            ValueError: the reference is empty or cannot be read.
        """
        return explained(self.places, response, answer)

    def _judge_readings(self, found: Extraction, reference: Reference, response: str) -> tuple[Equivalence, str]:
        """The judgement on the first reading of the announcement that is of the reference's kind, and that reading."""
        assert found.answer is not None
        is_weak = found.place not in EXPLICIT_PLACES
        if is_weak and len(response) < _MAX_SHORT and squeezed_text(response) == reference.squeezed:
            return yes("the same text", "text"), found.answer
        first: tuple[Equivalence, str] | None = None
        for text in _readings(found):
            judged, is_readable = self._judge(text, reference)
            is_sentence = is_weak and "\n" in text and judged.reason is Reason.FORMAT
            if judged or (is_readable and not is_sentence and reference.choice is None):
                return judged, text
            option = read_choice(text) if reference.choice is not None and len(text) < _MAX_OPTION else None
            if option is not None and reference.choice is not None and option.letter != reference.choice.letter:
                return judged, text  # "(B) 3" is not saved by the words of the option (A) 3
            first = first or (judged, text)
        if reference.choice is not None and (is_weak or found.place is Place.ANNOUNCED):
            letter = find_choice(found.answer)
            if letter is not None:
                is_same = letter == reference.choice.letter
                told = f"settles on {letter}"
                return (yes(told, "text") if is_same else no(told, method="text")), letter
        assert first is not None
        return first

    def _judge_parts(self, found: Extraction, reference: Reference) -> tuple[Equivalence, str] | None:
        """One box for every value of a reference that lists them: parts that the response marks as such."""
        if not isinstance(reference.tree, Group) or len(reference.tree.items) != len(found.parts):
            return None
        text = "; ".join(found.parts)
        tree = Group(reference.tree.kind, tuple(map(_read_or_words, found.parts)))
        judged = self._compare(tree, text, reference)
        return (judged, text) if judged else None

    def _judge(self, text: str, reference: Reference) -> tuple[Equivalence, bool]:
        """The judgement on a text, and whether it is mathematics or of the reference's kind."""
        if text == reference.text:
            return yes("the same text", "text"), True
        number = reference.number and read_number(text)
        if number and reference.number and self.tolerance is None and self.relative_tolerance is None:
            settled = _judge_numbers(number, reference.number)
            if settled is not None:
                return settled, True
        if squeezed_text(text) == reference.squeezed:
            return yes("the same text", "text"), True
        if reference.choice is not None:
            settled = self._judge_choice(text, reference.choice)
            if settled is not None:
                return settled, True
        if reference.choices is not None and read_choices(text) == reference.choices:
            return yes("the same options", "text"), True
        judged, is_readable = self._judge_trees(text, reference)
        if reference.choice is None and not judged:
            option = read_choice(text)
            if option is not None and option.text and option.text != text:  # "(B) 12" where 12 is asked for
                return self._judge(option.text, reference)
        return judged, is_readable

    def _judge_choice(self, text: str, reference: ChoiceText) -> Equivalence | None:
        """The judgement on an option: its letter, or its words; None where the text is neither.

        A letter with another value than that of the option contradicts itself; other words may be a paraphrase.
        """
        choice = read_choice(text)
        if choice is None:
            is_same = bool(reference.words) and canonical_words(text) == reference.words
            is_same = is_same or bool(reference.text and self._same_value(text, reference.text))
            return yes("the words of the option", "text") if is_same else None
        if choice.letter != reference.letter:
            return no("another option", method="text")
        is_said_alike = not choice.words or not reference.words or choice.words == reference.words
        if not is_said_alike and self._same_value(choice.text, reference.text) is False:
            return no("the letter with another value", Reason.CONTRADICTION)
        return yes("the same option", "text")

    def _same_value(self, text: str, other: str) -> bool | None:
        """Whether two texts have one value; None where one of them holds words."""
        mine, theirs = _read_or_words(text), _read_or_words(other)
        return None if holds_words(mine) or holds_words(theirs) else bool(equivalent(mine, theirs, self.settings))

    def _judge_trees(self, text: str, reference: Reference) -> tuple[Equivalence, bool]:
        try:
            tree = read(text)
        except OverBudgetError as error:
            return unread(str(error), Reason.OVER_BUDGET), True
        except ParseError as error:
            return unread(f"cannot read the answer: {error}"), False
        judged = self._compare(tree, text, reference)
        if judged and not self.number_words and in_words(trim(text)) and not in_words(trim(reference.text)):
            judged = no("the right number, in words", Reason.FORMAT)
        # where words go on for much longer than those of the reference, the answer is somewhere in them
        is_sentence = _num_words(tree) > _num_words(reference.tree) + _MAX_SENTENCE
        return judged, holds_words(tree) == holds_words(reference.tree) and not is_sentence

    def _compare(self, tree: Expr, text: str, reference: Reference) -> Equivalence:
        found = same_moment(text, reference.text) if self.settings.uses(DATES) else None
        if found is not None:
            return yes("the same moment", "text") if found else no("another moment", method="text")
        first = equivalent(tree, reference.tree, self.settings)
        if first or first.reason in (Reason.CONTRADICTION, Reason.OVER_BUDGET, Reason.UNEVALUATED):
            return first
        for other_tree, other_reference in other_readings(tree, text, reference, self.settings):
            judged = equivalent(other_tree, other_reference, self.settings)
            if judged:
                return yes(f"{judged.detail} (in another common reading of the notation)", judged.method)
        return first


def _is_said_alike(response: str, reference: Reference) -> bool:
    """Whether a response is the reference word for word, with or without text commands."""
    if squeezed_text(response) == reference.squeezed:
        return True
    has_decimals = any(sign in response for sign in ".,")  # 2.5 and 2, 5 are the same words
    return not has_decimals and canonical_words(response) == canonical_words(reference.text)


def _readings(extraction: Extraction) -> Iterator[str]:
    """The announced text, then shorter readings of it, worked out only if they are asked for."""
    if extraction.answer is not None:
        yield extraction.answer
        yield from extraction.fallbacks


def _judge_numbers(number: Number, reference: Number) -> Equivalence | None:
    """The judgement on two plain numbers; None where signs of money or percent, or rounding, need a closer look."""
    if number.percent != reference.percent or (number.money and reference.money):
        return None
    if number.percent and (number.money or reference.money):
        return None  # $5% is neither
    if number.value == reference.value:
        return yes("equal numbers", "exact")
    both_plain = (number.places is not None or number.value.denominator == 1) or reference.places is None
    return no("different numbers", method="exact") if both_plain else None


def _read_or_words(text: str) -> Expr:
    """The tree of one part; its words where it is no mathematics."""
    try:
        return read(text)
    except ParseError:
        return Text(canonical_words(text))


def _num_words(tree: Expr) -> int:
    return sum(len(node.words.split()) for node in walk(tree) if isinstance(node, Text))


def holds_words(tree: Expr) -> bool:
    """Whether a tree is words, or a list or product with words in it: "42 (6 times 7)" is no mathematics either."""
    if isinstance(tree, Group):
        return any(isinstance(item, Text) or (isinstance(item, Op) and item.op == "not") for item in tree.items)
    if isinstance(tree, Op):
        return any(isinstance(item, Text | Group) and holds_words(item) for item in tree.args)
    if isinstance(tree, Rel):
        return holds_words(tree.sides[-1])
    return isinstance(tree, Text)
