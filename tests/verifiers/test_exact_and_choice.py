"""Exact text and multiple choice: what counts as the same, and what never does."""

import pickle

import pytest

from verifiers import Outcome, Reason, make
from verifiers.judges.choice import ChoiceVerifier
from verifiers.judges.exact import ExactVerifier


@pytest.mark.parametrize(
    ("response", "answer", "outcome"),
    [
        ("#### 18", "18", Outcome.CORRECT),
        ("so \\boxed{18}", "18", Outcome.CORRECT),
        ("The answer is 18.", "18", Outcome.CORRECT),
        ("<answer> blue  whale </answer>", "blue whale", Outcome.CORRECT),
        ("#### 1,000", "1000", Outcome.CORRECT),
        ("#### 0.50", "1/2", Outcome.CORRECT),
        ("#### 18.0001", "18", Outcome.WRONG),
        ("#### -18", "18", Outcome.WRONG),
        ("#### 18%", "18", Outcome.WRONG),
        ("#### x + 1", "1 + x", Outcome.WRONG),
        ("#### Blue", "blue", Outcome.WRONG),
        ("18", "18", Outcome.CORRECT),
        ("", "18", Outcome.NO_ANSWER),
        ("####", "18", Outcome.NO_ANSWER),
        ("<think>\\boxed{18}</think> I do not know", "18", Outcome.NO_ANSWER),
    ],
)
def test_exact(response: str, answer: str, outcome: Outcome) -> None:
    verdict = ExactVerifier().verify(response, answer)
    assert verdict.outcome is outcome
    assert verdict.score == float(outcome is Outcome.CORRECT)


def test_two_announcements_with_different_values_are_wrong() -> None:
    verdict = ExactVerifier().verify("#### 17\n#### 18", "18")
    assert (verdict.outcome, verdict.reason) == (Outcome.WRONG, Reason.SEVERAL_ANSWERS)
    assert ExactVerifier().verify("\\boxed{17}\n#### 18", "17").reason is Reason.SEVERAL_ANSWERS
    assert ExactVerifier().verify("#### 18\n#### 18.0", "18").is_correct
    assert ExactVerifier(strict=False).verify("#### 17\n#### 18", "18").is_correct


def test_only_the_declared_places_count() -> None:
    boxed = ExactVerifier(places=("boxed",))
    assert boxed.verify("\\boxed{18}", "18").is_correct
    assert boxed.verify("#### 18", "18").outcome is Outcome.NO_ANSWER


def test_case_and_numbers_can_be_set() -> None:
    assert ExactVerifier(ignore_case=True).verify("#### Blue", "blue").is_correct
    assert not ExactVerifier(numbers=False).verify("#### 1,000", "1000").is_correct


def test_an_enormous_answer_is_wrong_and_cheap() -> None:
    assert ExactVerifier().verify("#### " + "9" * 150_000, "9").outcome is Outcome.WRONG


@pytest.mark.parametrize("name", ["exact", "choice", "constraint", "substitution", "antiderivative"])
@pytest.mark.parametrize("answer", ["", "  "])
def test_an_empty_reference_is_an_exception(name: str, answer: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        make(name).verify("#### 1", answer)


@pytest.mark.parametrize("name", ["exact", "choice", "constraint", "substitution", "antiderivative", "steps"])
def test_verifiers_pickle(name: str) -> None:
    verifier = make(name)
    references = {"exact": "B", "choice": "B", "constraint": "1, 2 -> 3", "substitution": "x = 3"}
    answer = references.get(name, "x")
    verifier.verify("#### 2", answer)
    assert pickle.loads(pickle.dumps(verifier)).verify("#### 2", answer).outcome is not Outcome.ERROR


@pytest.mark.parametrize(
    ("response", "answer", "outcome"),
    [
        ("The answer is (B).", "B", Outcome.CORRECT),
        ("\\boxed{\\text{B}}", "(B)", Outcome.CORRECT),
        ("#### B) 12", "B", Outcome.CORRECT),
        ("#### 12", "(B) 12", Outcome.CORRECT),
        ("#### C", "B", Outcome.WRONG),
        ("#### (C) 12", "(B) 12", Outcome.WRONG),
        ("#### (B) 13", "(B) 12", Outcome.WRONG),
        ("#### B or C", "B", Outcome.UNPARSEABLE),
        ("#### 13", "(B) 12", Outcome.UNPARSEABLE),
        ("#### " + "B " * 5000, "B", Outcome.UNPARSEABLE),
        ("#### B\n#### C", "B", Outcome.WRONG),
        ("It could be B", "B", Outcome.NO_ANSWER),
    ],
)
def test_choice(response: str, answer: str, outcome: Outcome) -> None:
    assert ChoiceVerifier().verify(response, answer).outcome is outcome


def test_the_words_of_the_options_can_be_given() -> None:
    verifier = ChoiceVerifier(options={"A": "circle", "B": "a square"})
    assert verifier.verify("#### A square.", "B").is_correct
    assert not verifier.verify("#### circle", "B").is_correct
    with pytest.raises(ValueError, match="none of the options A, B"):
        verifier.verify("#### B", "C")


def test_a_reference_that_is_no_option_is_an_exception() -> None:
    with pytest.raises(ValueError, match="is no option"):
        ChoiceVerifier().verify("#### B", "twelve")
