"""Multiple choice: the letter that the response settles on, or the words of that option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifiers.equivalence import Settings, equivalent
from verifiers.equivalence.reference import read
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.extract import Extraction
from verifiers.extract.choices import ChoiceText, chosen_option, find_choice, read_choice
from verifiers.judges.frame import AnswerVerifier
from verifiers.parse import ParseError
from verifiers.text.normalize import canonical_words
from verifiers.types import Outcome, Reason

MAX_CHARACTERS = 2_000


class ChoiceVerifier(AnswerVerifier):
    """CORRECT when the announced answer is the reference's option: `B`, `(B)`, `\\text{B}`, `B) 12`, or its words.

    The words of an option are accepted where they are known: from `options`, or from a reference such as `(B) 12`. A
    letter together with the words of another option is WRONG.

    Args:
        options: letter -> words of the option, for a fixed set of options.
        places, strict: as in AnswerVerifier.
    """

    def __init__(
        self, *, options: Mapping[str, str] | None = None, places: Sequence[str] | None = None, strict: bool = True
    ) -> None:
        super().__init__(places=places, strict=strict)
        self.options = {letter: canonical_words(words) for letter, words in (options or {}).items()}

    def read_reference(self, answer: str) -> ChoiceText:
        """The option that the reference names."""
        choice = read_choice(answer)
        if choice is None:
            raise ValueError(f"the reference {answer!r:.100} is no option; write a letter such as 'B', or '(B) 12'")
        if self.options and choice.letter not in self.options:
            raise ValueError(f"the reference {answer!r:.100} is none of the options {', '.join(self.options)}")
        return ChoiceText(choice.letter, self.options.get(choice.letter, choice.words), choice.text)

    def extract(self, response: str, reference: ChoiceText) -> Extraction:
        """The announced answer; where none is announced, the option that a sentence chooses: "Option B is correct"."""
        found = super().extract(response, reference)
        if found.answer is None and found.place is None:
            return chosen_option(response, self.places) or found
        return found

    def judge_text(self, text: str, reference: ChoiceText) -> tuple[Outcome, Equivalence]:
        """The judgement on a letter, a letter with words, or the words of an option."""
        if len(text) > MAX_CHARACTERS:
            return Outcome.UNPARSEABLE, no(f"over {MAX_CHARACTERS} characters", Reason.OVER_BUDGET)
        choice = read_choice(text, among_options=True)
        if choice is None and (letter := find_choice(text)) is not None:
            choice = ChoiceText(letter)
        if choice is None:
            if reference.words and canonical_words(text) == reference.words:
                return Outcome.CORRECT, yes("the words of the option", "text")
            return Outcome.UNPARSEABLE, no("it is neither a letter nor the words of the option")
        if choice.letter != reference.letter:
            return Outcome.WRONG, no(f"option {choice.letter}", method="text")
        if choice.words and reference.words and not _same(choice, reference):
            return Outcome.WRONG, no("the letter with other words", Reason.CONTRADICTION)
        return Outcome.CORRECT, yes(f"option {choice.letter}", "text")


def _same(choice: ChoiceText, reference: ChoiceText) -> bool:
    """Whether the words of two options are the same, or the same mathematics: 12 cm beside 12."""
    if choice.words == reference.words:
        return True
    try:
        return bool(equivalent(read(choice.text), read(reference.text or reference.words), Settings()))
    except ParseError:
        return False
