"""The short ways say what the long ways say: words looked for before patterns, two plain numbers without their trees,
a response that is a box of numbers."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verifiers.equivalence.reference import read_reference
from verifiers.extract import TRAINING_PLACES, Place, announcements, extract_answer
from verifiers.extract.boxes import _DENIED_BEFORE, _TRIED
from verifiers.extract.doubt import SUPPOSED
from verifiers.extract.places import Hinted
from verifiers.extract.settled import _FINAL, _finals
from verifiers.judges.numeric import NumericVerifier
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.parse import parse
from verifiers.parse.tree import Num
from verifiers.text.plain_numbers import read_number
from verifiers.types import Outcome, Reason

VERIFIER = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()

digits = st.integers(0, 10**6).map(str) | st.sampled_from(["0", "00", "007", "1", "10", "100", "1000"])
signs = st.sampled_from(["", "-", "+"])


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """A plain number in one of its notations, sometimes one character away from one."""
    top, bottom, sign = draw(digits), draw(digits), draw(signs)
    text = draw(
        st.sampled_from(
            [
                f"{sign}{top}", f"{sign}{top}.{bottom}", f"{sign}.{bottom}", f"{sign}{top}/{bottom}",
                f"{sign}\\frac{{{top}}}{{{bottom}}}", f"\\dfrac{{{sign}{top}}}{{{bottom}}}",
                f"{sign}{int(top):,}", f"{sign}{top}\\%", f"\\${top}", f"{sign}{top} / {bottom}", f" {top} ",
                f"${top}$",                f"{top}.", f"{top}e3",
            ]
        )
    )  # fmt: skip
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(list("0159.,-/ {}\\%$ex!_^"))) + text[place:]
    return text


sentences = st.sampled_from(
    ["", "so ", "The answer is ", "Answer: 3. ", "#### 5\n", "<think>", "</think>", "<answer>7</answer>", "% note\n",
     " percent", "%", "\\%", "$", "$$", "\\tag{1}", "\\phantom{3}", "\nUser: ", "\nHuman: ", "A: 9\n", "{", "}", "\\{",
     "\\}", "\\boxed", "\\boxed{", "\\boxed{}", "\\boxed{8}", "\\fbox{8}", "boxed", "<|im_end|>", "答案是5。", " and ",
     "Решение. Ответ: 5", "ANSWER", "the solution to this is\n", "**Final Answer**\n", "la réponse est 5", ".", "\n\n"]
)  # fmt: skip


@st.composite
def responses(draw: st.DrawFn) -> str:
    """Boxes, decorated and nested, among other announcements and marks that hide text."""
    before = "".join(draw(st.lists(sentences, max_size=3)))
    after = "".join(draw(st.lists(sentences, max_size=3)))
    inside = draw(numbers() | st.sampled_from(["", " ", "x", "\\{1,2\\}", "{{3}}", "\\frac{1}{\\frac{2}{3}}", "\\\\}"]))
    return f"{before}\\boxed{{{inside}}}{after}"


@settings(max_examples=200, deadline=None)
@given(numbers())
@example(".")
@example("\\frac{1}{2}")
def test_a_box_of_numbers_is_read_the_same_with_a_blank_after_it(inside: str) -> None:
    quick, whole = (extract_answer(f"\\boxed{{{inside}}}{blank}", TRAINING_PLACES) for blank in ("", " "))
    assert (quick.answer, quick.place, quick.others) == (whole.answer, whole.place, whole.others)


@pytest.mark.parametrize("box", ["\\boxed{Final answer: 5}", "So \\fbox{$x$: the final answer is $5$}."])
def test_words_within_a_box_settle_nothing(box: str) -> None:
    found = extract_answer(box, TRAINING_PLACES)
    assert found.place is Place.BOXED
    assert found.answer is not None
    assert found.answer.endswith(("5", "$5$"))


@pytest.mark.parametrize("words", [SUPPOSED, _DENIED_BEFORE, _TRIED])
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_match_lacks_a_hint(words: Hinted, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(words.pattern))
    assert words.search(text) is not None
    assert words.search(text.swapcase()) is not None


@settings(max_examples=400, deadline=None)
@given(st.lists(st.from_regex(_FINAL) | responses() | sentences, max_size=4).map("".join))
def test_final_words_are_found_from_their_beginnings(text: str) -> None:
    if len(text.lower()) == len(text):  # where a sign changes its length, plain words are looked for elsewhere
        assert [found.span() for found in _finals(text)] == [found.span() for found in _FINAL.finditer(text)]


@settings(max_examples=800, deadline=None)
@given(numbers(), numbers())
@example("0.5", "1/2")
@example("0.33", "1/3")
@example("1/3", "0.33")
@example("1,000", "1000")
@example("5\\%", "0.05")
@example("\\$5", "5")
@example("1", "$1/1")
def test_two_plain_numbers_are_judged_as_their_trees_are(answer: str, reference: str) -> None:
    if read_number(answer) is None or read_number(reference) is None:
        return
    quick = VERIFIER.verify(f"so \\boxed{{{answer}}}", reference)
    judged, _ = VERIFIER._judge_trees(answer, read_reference(reference))
    same_text = answer == reference
    assert quick.outcome is judged.outcome or same_text


@settings(max_examples=500, deadline=None)
@given(numbers())
def test_a_reference_with_a_number_is_always_readable(text: str) -> None:
    number = read_number(text)
    if number is not None:
        tree = read_reference(text).tree  # read when first needed: it must not raise then
        if isinstance(tree, Num):
            assert tree.value == number.value


@settings(max_examples=500, deadline=None)
@given(numbers(), numbers())
def test_strict_refuses_a_second_value_wherever_it_stands(first: str, second: str) -> None:
    second = second.strip("$ .")  # a full stop or a lone formula sign ends the sentence otherwise
    one, other = read_number(first), read_number(second)
    if one is None or other is None or one.value == other.value or one.percent != other.percent:
        return
    for response in (
        f"The answer is {second}. So \\boxed{{{first}}}", f"\\boxed{{{second}}} or \\boxed{{{first}}}",
        f"\\boxed{{{first}}}\nAnswer: {second}\n", f"#### {second}\n\\boxed{{{first}}}",
    ):  # fmt: skip
        for verifier in (STRICT, NumericVerifier()):
            assert verifier.verify(response, first).outcome is not Outcome.CORRECT


def test_strict_says_why() -> None:
    for verifier in (STRICT, NumericVerifier()):
        assert verifier.verify("The answer is 5. \\boxed{6}", "6").reason is Reason.SEVERAL_ANSWERS


def test_every_announcement_is_found_whatever_its_case_and_language() -> None:
    text = "ANSWER: 1. Then the Solution is 2.\nLa Respuesta es 3\nОтвет: 4\nA: 5\n#### 6"
    found = {each.place: [*each.others, each.answer] for each in announcements(text, TRAINING_PLACES)}
    assert found == {Place.ANNOUNCED: ["1", "2", "3", "4", "5"], Place.HASHES: ["6"]}


def test_parse_agrees_with_the_plain_reader_on_integers() -> None:
    for text in ("7", "-7", "+7", "007", "0"):
        number, tree = read_number(text), parse(text)
        assert number is not None
        assert isinstance(tree, Num)
        assert number.value == tree.value
