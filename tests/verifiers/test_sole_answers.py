"""In training a response that is one expression and nothing else is its answer; guesses and sentences are none."""

from __future__ import annotations

import pytest

import verifiers
from verifiers.types import Outcome

TRAINING = verifiers.make("symbolic")
EVALUATION = verifiers.make("symbolic", mode="evaluation")

ONE_EXPRESSION = [
    ("5", "5"),
    ("**5**", "5"),
    ("$\\frac{1}{2}$", "0.5"),
    ("$$\nx^2 + 1\n$$", "1 + x^2"),
    ("\\begin{pmatrix}\n1 & 2\\\\\n3 & 4\n\\end{pmatrix}", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"),
    ("```\n5\n```", "5"),
    ("<think>2 + 3 = 6? No, 5.</think>\n\n5", "5"),
    ("12 apples", "12"),
    ("$28$ percent", "28\\%"),
    ("x = 5", "5"),
    ("xy^2 + 1", "1 + xy^2"),
    ("sqrt(8)", "2\\sqrt{2}"),
    ("D", "(D) Alina"),
    ("(D) Alina", "D"),
    ("Tuesday", "\\text{Tuesday}"),
    ("no real solutions", "\\emptyset"),
    ("x > 2 or x < 1", "x < 1 \\text{ or } x > 2"),
    ("负5", "-5"),
    ("odd $n$", "odd $n$"),  # word for word the reference
    ("at most 5", "\\text{at most } 5"),
]
NO_EXPRESSION = [
    ("6", "5"),
    ("5, 6, 7", "5"),
    ("5 or 6", "5"),
    ("2 + 3 = 5", "5"),
    ("7 \\times 2 = 14", "14"),
    ("5\n6", "5"),
    ("4\n5", "5"),
    ("I get 5", "5"),
    ("so 5", "5"),
    ("The sum is 5", "5"),
    ("She has 5 apples", "5"),
    ("Total cost: 5", "5"),
    ("5 because 2 + 3 = 5", "5"),
    ("5 is what I get", "5"),
    ("maybe 5", "5"),
    ("not 5", "5"),
    ("So there are 5", "5"),
    ("共5个", "5"),
    ("所以5", "5"),
    ("$5$ $6$", "6"),
    ("<think>it is 5", "5"),
    ("A or D", "D"),
    ("not D", "D"),
    ("1 2 3 4 5", "5"),
    ("0\n1\n2\n3\n4\n5", "5"),
    ("We find that $x = 5$", "5"),
    ("\\text{The sum is } 5", "5"),
    ("even $n$", "odd $n$"),
    ("at least 5", "\\text{at most } 5"),
    ("at most 5", "5"),
    ("```python\nprint(5)\n```", "5"),
]


@pytest.mark.parametrize(("response", "reference"), ONE_EXPRESSION)
def test_one_expression_and_nothing_else_is_the_answer(response: str, reference: str) -> None:
    assert TRAINING.verify(response, reference).is_correct


@pytest.mark.parametrize(("response", "reference"), NO_EXPRESSION)
def test_sentences_lists_of_guesses_and_other_values_are_not_paid(response: str, reference: str) -> None:
    assert not TRAINING.verify(response, reference).is_correct


def test_a_sentence_with_a_number_announces_nothing() -> None:
    assert TRAINING.verify("There are 5 of them.", "5").outcome is Outcome.NO_ANSWER


TAKEN_BACK = [
    ("Answer: 5\n\nOn second thought, there are two more cases.\n\nAnswer: 7", "7", "5"),
    ("The final answer is $5$.\n\nNo wait, I must redo this. Therefore the answer is \\boxed{7}.", "7", "5"),
    ("I got \\boxed{10}, then \\boxed{12}. Wait, I made an error: the correct answer is \\boxed{10}.", "10", "12"),
    ("\\boxed{5}. Oops, a sign. The answer is 7.", "7", "5"),
    ("I tried \\boxed{5}. I tried \\boxed{6}. Finally \\boxed{7}", "7", "5"),
    ("I first got \\boxed{5}, but a case was missing: \\boxed{7}", "7", "5"),
    ("答案是5。不对，少算了一种。答案是7。", "7", "5"),
]


@pytest.mark.parametrize(("response", "last", "first"), TAKEN_BACK)
@pytest.mark.parametrize("verifier", [TRAINING, EVALUATION])
def test_what_is_taken_back_in_so_many_words_is_no_second_answer(
    verifier: verifiers.Verifier, response: str, last: str, first: str
) -> None:
    assert verifier.verify(response, last).is_correct
    assert not verifier.verify(response, first).is_correct


@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{5} \\boxed{6} \\boxed{7}",
        "Answer: 5\nAnswer: 7",
        "Try \\boxed{5} or \\boxed{7}",
        "I first got \\boxed{5} and \\boxed{7}",
        "The answer is 5. The answer is 7.",
        "\\boxed{7}. Wait, it is \\boxed{5}",
        "Wait, \\boxed{5}, \\boxed{7}",
    ],
)
def test_several_answers_without_such_words_are_not_paid(response: str) -> None:
    assert not TRAINING.verify(response, "7").is_correct


@pytest.mark.parametrize(
    ("response", "reference"),
    [("Thus $x <= 2$ is our answer.", "x \\le 2"), ("So **5** is the final answer.", "5"), ("D is the answer", "D")],
)
def test_an_answer_may_stand_before_its_announcement(response: str, reference: str) -> None:
    assert TRAINING.verify(response, reference).is_correct


@pytest.mark.parametrize(
    "response",
    ["If 5 is the answer, she has too many.", "3 + 5 is the answer.", "5 is not the answer.", "Is 5 the answer?"],
)
def test_a_supposed_or_denied_value_before_such_words_is_none(response: str) -> None:
    assert not TRAINING.verify(response, "5").is_correct


def test_a_restatement_must_hold() -> None:
    assert TRAINING.verify("So the answer is $\\frac{3}{4}$, i.e. $75\\%$.", "3/4").is_correct
    assert not TRAINING.verify("So the answer is $\\frac{3}{4}$, i.e. $70\\%$.", "3/4").is_correct
    assert not TRAINING.verify("So the answer is $\\frac{3}{4}$, i.e. $70\\%$.", "70\\%").is_correct
