"""Claims in worked solutions: what is read as one, what is left alone, and which step is the first wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.algebra.claims import claims_of
from verifiers.judges.steps import StepsVerifier, judge_lines

GSM8K = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "gsm8k" / "test.jsonl"


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("So he has 3 + 5 = 8 apples.", [True]),
        ("So he has 3 + 5 = 9 apples.", [False]),
        ("She makes 9 * 2 = $<<9*2=18>>18 every day", [True, True]),
        ("5 apples + 3 apples = 8 apples", [True]),
        ("6 hours * 2 dollars/hour = 12 dollars", [True]),
        ("$5/hour x 3 hours = $15", [True]),
        ("$1,000 + $250 = $1,350", [False]),
        ("3 + 4 = 7 - 2 = 5", [False, True]),
        ("x = 3 + 4 = 8", [False]),
        ("20% * 50 = 10", [True]),
        ("0.2 * 100 = 20%", [True]),
        ("10/3 = 3.33", [True]),
        ("10/3 = 3.35", [False]),
        ("10/3 = 3", [False]),
        (r"\frac{1}{2} + \frac{1}{3} = \frac{5}{6}", [True]),
        (r"$2 \times 3 \cdot 4 = 24$", [True]),
        ("2^10 = 1024", [True]),
        ("-3 - -4 = 1", [True]),
        ("41 = 42", [False]),
        ("17 + 5 = 2 (mod 20)", [True]),
        (r"17 + 5 = 3 \pmod{20}", [False]),
        ("17 = 2 mod 5", [True]),  # as a congruence; as a remainder, 2 mod 5 is 2
        ("3 + 5 mod 4 = 0", [True]),
        ("3 + 5 mod 4 = 4", [False]),
        ("100 - 20% = 99.8", [True]),
        ("50% + 20% = 60%", [False]),
        ("7 plus 8 = 16", [False]),
        ("3 + 4 == 7", [True]),
    ],
)
def test_claims_are_read_and_checked(text: str, claims: list[bool]) -> None:
    assert [claim.holds for claim in claims_of(text)] == claims


@pytest.mark.parametrize(
    "text",
    [
        "2x + 3 = 7",
        "7 = 3x",
        "7 = 3 x",
        "f(2) = 3",
        "x^2 = 4",
        "(1,2) = 3",
        "3 1/2 = 3.5",
        "total + 3 = 5",
        "15 gallons = 120 pints",
        "3 miles less than Reggie = 20 - 3",
        "25 classmates + his 1 teacher + 1 = 27",
        "12 / 0 = 3",
        "9^9^9^9 = 1",
        "2*(3+4 = 14",
        "no numbers here",
        "7 / 2 = 3 remainder 1",
        "7 ÷ 2 = 3 R1",
        "100 - 20% = 80",  # of a price, not of one
        "he wins 3 times, so 5 = 5 points",
        "",
    ],
)
def test_what_may_mean_something_else_is_no_claim(text: str) -> None:
    assert claims_of(text) == []


@settings(deadline=None)
@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 99))
def test_a_true_sum_holds_and_a_changed_one_does_not(a: int, b: int, error: int) -> None:
    assert [claim.holds for claim in claims_of(f"So we have {a} + {b} = {a + b} coins")] == [True]
    assert [claim.holds for claim in claims_of(f"So we have {a} + {b} = {a + b + error} coins")] == [False]


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_error(text: str) -> None:
    steps = judge_lines(text, algebra=True)
    spans = [place for step in steps for place in step.span]
    assert spans == sorted(spans)
    assert all(text[slice(*step.span)].strip() for step in steps)


def test_human_solutions_are_hardly_ever_called_wrong() -> None:
    if not GSM8K.exists():
        pytest.skip(f"GSM8K is not at {GSM8K}")
    rows = [json.loads(line)["answer"] for line in GSM8K.read_text().splitlines()]
    claims = [claim for answer in rows for line in answer.splitlines() for claim in claims_of(line)]
    assert len(claims) > 8000
    # the two are slips of their authors: `$3/2 = $1.50+$3.00=$4.50` and `$32 - $20 = $300`
    assert sum(not claim.holds for claim in claims) == 2


def test_an_equation_keeps_the_solutions_of_the_one_before_it() -> None:
    steps = judge_lines("2x + 3 = 7\n2x = 4\nx = 3\nso x = 3", algebra=True)
    assert [step.is_right for step in steps] == [None, True, False, True]


@pytest.mark.parametrize(
    ("before", "after", "is_right"),
    [
        ("x^2 = 4", "x = 2 or x = -2", True),
        ("x^2 = 4", r"x = \pm 2", True),
        ("x^2 = 4", "x = 2, -2", True),
        ("x^2 = 4", "x = 2", False),
        ("x^3 = 8", "x = 2", True),  # the other roots are not real
        ("x^2 = 2x", "x = 2", False),  # divided by x
        ("(x-1)^2 = 0", "x = 1", True),
        ("1/x = 1/2", "x = 2", True),
        ("x^2/x = 0", "x = 0", False),  # not defined at 0
        ("Step 1: 3t - 6 = 0", "Therefore, t = 2.", True),
        ("x + 1 = 2", "y = 5", None),  # about something else
        ("x + 1 = 2", "we are done", None),
        ("-2x = 4", "x = -2", True),  # a sign, not the dash of a list
    ],
)
def test_real_solutions_decide(before: str, after: str, is_right: bool | None) -> None:
    assert judge_lines(f"{before}\n{after}", algebra=True)[1].is_right is is_right


def test_algebra_can_be_switched_off() -> None:
    assert judge_lines("x = 1\nx = 2")[1].is_right is None


def test_the_verdict_names_the_first_wrong_step() -> None:
    response = "3 + 4 = 7\n\n7 * 2 = 15\n15 - 1 = 14\n#### 14"
    verifier = StepsVerifier({"name": "fixed_verifiers:Always"})
    verdict = verifier.verify(response, "14")
    assert verdict.is_correct
    assert verdict.first_wrong_step == 1
    assert verdict.parts == {"answer": 1.0, "solution": 0.0}
    assert [step.is_right for step in verdict.steps] == [True, False, True, True]
    assert [step.is_conclusion for step in verdict.steps] == [False, False, False, True]
    assert [response[slice(*step.span)] for step in verdict.steps] == [line for line in response.splitlines() if line]
    assert "7 * 2 = 15, but 7 * 2 is 14" in verdict.detail


def test_steps_can_be_required() -> None:
    verifier = StepsVerifier("fixed_verifiers:Always", require_steps=True)
    assert not verifier.verify("1 + 1 = 3", "").is_correct
    assert verifier.verify("1 + 1 = 2", "").is_correct
