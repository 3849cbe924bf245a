"""Multiple choice: the letter that the response settles on, or the words of that option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from verifiers.equivalence import Settings, equivalent
from verifiers.equivalence.reference import read
from verifiers.equivalence.types import Equivalence, no, unread, yes
from verifiers.extract import Extraction
from verifiers.extract.choices import ChoiceText, chosen_option, find_choice, read_choice
from verifiers.judges.frame import AnswerVerifier
from verifiers.parse import ParseError
from verifiers.text.normalize import canonical_words
from verifiers.types import Reason

MAX_CHARACTERS = 2_000


@dataclass(kw_only=True, eq=False)
class ChoiceVerifier(AnswerVerifier):
    """CORRECT when the announced answer is the reference's option: `B`, `(B)`, `\\text{B}`, `B) 12`, or its words.

    The words of an option are accepted where they are known: from `options`, or from a reference such as `(B) 12`. A
    letter together with the words of another option is WRONG.

    Attributes:
        options: letter -> words of the option, for a fixed set of options.
        mode, places, strict: as in AnswerVerifier.
    """

    options: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.options = {letter: canonical_words(words) for letter, words in (self.options or {}).items()}

    def read_reference(self, answer: str) -> ChoiceText:
        """The option that the reference names."""
        choice = read_choice(answer)
        if choice is None:
            raise ValueError(f"the reference {answer!r:.100} is no option; write a letter such as 'B', or '(B) 12'")
        options = self.options or {choice.letter: choice.words}
        if choice.letter not in options:
            raise ValueError(f"the reference {answer!r:.100} is none of the options {', '.join(options)}")
        return replace(choice, words=options[choice.letter])

    def extract(self, response: str, reference: ChoiceText) -> Extraction:
        """The announced answer; where none is announced, the option that a sentence chooses: "Option B is correct"."""
        found = super().extract(response, reference)
        if found.answer is None and found.place is None:
            return chosen_option(response, self.places) or found
        return found

    def judge_text(self, text: str, reference: ChoiceText) -> Equivalence:
        """The judgement on a letter, a letter with words, or the words of an option."""
        if len(text) > MAX_CHARACTERS:
            return unread(f"over {MAX_CHARACTERS} characters", Reason.OVER_BUDGET)
        choice = read_choice(text, among_options=True)
        if choice is None and (letter := find_choice(text)) is not None:
            choice = ChoiceText(letter)
        if choice is None:
            is_same = bool(reference.words) and canonical_words(text) == reference.words
            told = "it is neither a letter nor the words of the option"
            return yes("the words of the option", "text") if is_same else unread(told)
        if choice.letter != reference.letter:
            return no(f"option {choice.letter}", method="text")
        if choice.words and reference.words and not _same(choice, reference):
            return no("the letter with other words", Reason.CONTRADICTION)
        return yes(f"option {choice.letter}", "text")


def _same(choice: ChoiceText, reference: ChoiceText) -> bool:
    """Whether the words of two options are the same, or the same mathematics: 12 cm beside 12."""
    if choice.words == reference.words:
        return True
    try:
        return bool(equivalent(read(choice.text), read(reference.text or reference.words), Settings()))
    except ParseError:
        return False
