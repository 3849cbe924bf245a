"""Where answers are announced: boxes, tags, sentences in many languages, options; and where not."""

from __future__ import annotations

import pytest

from verifiers.extract import EXPLICIT_PLACES, Place, extract_answer
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.types import Outcome, Reason

VERIFIER = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()

ANNOUNCED: list[tuple[str, str]] = [
    ("B", "The answer is (B)."), ("B", "Answer: B"), ("B", "**Answer: B**"),
    ("B", "I think the answer is B because A is wrong."), ("B", "答案是B。"), ("B", "答案：B"), ("B", "正确答案是 B"),
    ("B", "所以选B"), ("B", "La respuesta es B"), ("B", "La réponse est B"), ("B", "Die Antwort ist B"),
    ("B", "Ответ: B"), ("Б", "Ответ: Б"), ("ب", "الإجابة هي ب"), ("B", "A resposta correta é B"),
    ("B", "La risposta corretta è B"), ("B", "답은 B입니다"), ("B", "정답: B"), ("B", "答えはBです"),
    ("B", "Option B is correct"), ("B", "The correct choice is B) 5 cm"), ("B", "B"), ("B", "B."),
    ("B", r"\boxed{B}"), ("B", r"\boxed{\text{B}}"), ("B", r"\boxed{\textbf{(B)}\ 12}"), ("B", r"\boxed{(B)}"),
    ("B", r"\boxed{\mathrm{B}}"), ("B", "<answer>B</answer>"), ("B", "<answer>B) 5</answer>"),
    ("C", "Let me think. Option A is 5, option B is 7. So the correct option is C: 9"), ("(A) 12", "A"),
    ("(A) 12", "12"), ("(A) 12", "(A)"), ("A. Paris", "Paris"), ("A) Paris", "A"),
    ("D", "Therefore, the answer is:\n\nD"), ("D", r"The final answer is $\boxed{D}$"), ("D", "Final Answer: (D)"),
    ("D", "**D**"), ("D", "My choice: D"), ("D", "It must be D."), ("42", "The answer is 42."),
    ("42", "the final answer is: 42"), ("42", "Final Answer: $42$"), ("42", "**Final Answer**: 42"),
    ("42", "**Final Answer**\n\n42"), ("42", "### Final Answer\n\\(42\\)"), ("42", "Thus, the answer is **42**."),
    ("42", "So the total is 42 dollars."), ("42", "Therefore x = 42."), ("42", "#### 42"), ("42", "work\n#### $42"),
    ("42", "#### 42 dollars"), ("42", "A: 42"), ("42", "42"), ("42", "答案是42"), ("42", "因此，答案为 42。"),
    ("42", "所以，一共有42个苹果。"), ("42", "La respuesta final es 42."), ("42", "Die Antwort lautet 42"),
    ("42", "Ответ: 42"), ("42", "النتيجة هي 42"), ("42", "इसलिए उत्तर 42 है।"), ("42", "উত্তর হল ৪২"),
    ("42", "คำตอบคือ 42"), ("42", "Jibu ni 42"), ("42", "Cevap: 42"), ("42", "答えは42です。"),
    ("42", "따라서 정답은 42입니다."),
    ("42", "Respuesta: 42"), ("2.5", "La réponse est 2,5"), ("1234.5", "1.234,5"), ("1234567", "1.234.567"),
    ("12500", "12 500"), ("0.75", "Ответ: 0,75"), ("3/4", "Antwort: 3/4"), ("25%", "La respuesta es 25 %"),
    (r"\frac{1}{2}", r"Therefore, the probability is $\frac{1}{2}$."),
    (r"\frac{1}{2}", r"So we have $x=\frac{1}{2}$ as the only solution."), ("x=5", "we find that $x = 5$"),
    ("(2,3)", "The point is $(2,3)$."), ("7", "The value of $x$ is $7$."), ("7", "$x$ equals 7"),
    ("7", "Since $a=3$ and $b=4$, $a+b=7$."), ("12", "The area is 12 cm²."), ("12", "Area = 12 square units"),
    (r"12\pi", r"The volume is $12\pi$ cubic inches."), (r"\sqrt{2}", "the answer is sqrt(2)"),
    (r"\sqrt{2}", "answer: √2"), ("2,3", r"$\boxed{2}$ and $\boxed{3}$"), ("2,3", r"$x=\boxed{2}$, $y=\boxed{3}$"),
    ("2,3", r"\boxed{2},\boxed{3}"), ("3", r"\boxed{x=3}"), ("3", r"First \boxed{2}. Actually \boxed{3}."),
    ("3", r"\fbox{3}"), ("3", r"\boxed 3"), ("3", r"\boxed{\boxed{3}}"), ("3", r"\boxed{\left\{3\right\}}"),
    ("3", r"$$\boxed{3}$$"), ("3", r"\boxed{3.}"), ("3", r"\boxed{ 3 }"), ("3", r"\boxed{3\text{ cm}}"),
    ("3", r"\boxed{$3$}"), ("1000", r"\boxed{1,000}"), ("1000", r"\boxed{1{,}000}"), ("1000", r"\boxed{\$1,000}"),
    ("5", "<think>6</think> The answer is 5"), ("5", "</think> 5"), ("60", "28 + 32 = 60"),
    ("60", "The sum is 28 + 32 = 60."), ("60", "60 students"), ("60", "The train travels at 60 mph."),
    ("60", "about 60"), ("60", "approximately 60"), ("60", r"\approx 60"), ("60", "exactly 60"),
    ("Evelyn", "The answer is Evelyn."), ("Evelyn", "Evelyn"), ("Evelyn", r"\boxed{\text{Evelyn}}"),
    ("yes", "Yes."), ("yes", "The answer is yes"), ("yes", "Yes"), ("odd", "The answer is odd."),
    ("[0,1]", "The range is $[0,1]$."), ("x>3", "The solution is $x > 3$"), (r"(-\infty, 3)", "Answer: x < 3"),
]  # fmt: skip

NOT_ANNOUNCED: list[tuple[str, str]] = [
    ("B", "The answer is A or B"), ("B", "The answer is not B"), ("B", "Not B"), ("B", "A"),
    ("B", "The answer is A"), ("(A) 12", "B"), ("42", "The answer is 41"), ("42", "I got 42 but the answer is 43."),
    ("42", "Answer: 42 or 43"), ("42", "42 is not the answer"), ("42", "The answer is definitely not 42."),
    ("42", "The answer could be 42 or 24."), ("6", r"\boxed{2} \text{ and } \boxed{3}"),
    ("3", r"\boxed{2},\boxed{3}"), ("3", r"\boxed{3"), ("5", "<think>5</think>"),
    ("5", "<think>The answer is 5</think> The answer is 6"), ("5", r"<think> \boxed{5}"), ("60", "28+32=61"),
    ("60", "There are 60 students in 3 classes"), ("yes", "no"), ("x>3", "Solution: $x>3$ or $x<-1$"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "response"), ANNOUNCED)
def test_the_announced_answer_is_found(reference: str, response: str) -> None:
    assert VERIFIER.verify(response, reference).is_correct


@pytest.mark.parametrize(("reference", "response"), NOT_ANNOUNCED)
def test_an_answer_that_is_not_announced_is_not_rewarded(reference: str, response: str) -> None:
    assert not VERIFIER.verify(response, reference).is_correct


@pytest.mark.parametrize(
    ("response", "place", "answer"),
    [
        (r"so \boxed{\frac{1}{2}}", Place.BOXED, r"\frac{1}{2}"),
        (r"\boxed{\{1, \frac{2}{3}\}}", Place.BOXED, r"\{1, \frac{2}{3}\}"),
        ("work #### 18", Place.HASHES, "18"),
        ("<answer> 7 </answer>", Place.TAG, "7"),
        ("Thus the final answer is 12.5.", Place.ANNOUNCED, "12.5"),
        ("x = 3", Place.BARE, "x = 3"),
        (r"We get $x=4$ from that.", Place.FORMULA, "x=4"),
    ],
)
def test_each_place_gives_its_text(response: str, place: Place, answer: str) -> None:
    extraction = extract_answer(response)
    assert (extraction.place, extraction.answer) == (place, answer)


def test_only_declared_places_count() -> None:
    assert extract_answer("the answer is 5", (Place.BOXED,)).answer is None
    assert extract_answer("42", EXPLICIT_PLACES).answer is None
    assert VERIFIER.verify("42", "42").is_correct
    assert STRICT.verify("42 it is", "42").outcome is Outcome.NO_ANSWER


def test_text_in_a_reasoning_block_is_no_answer() -> None:
    assert VERIFIER.verify(r"<think>\boxed{42}</think>", "42").outcome is Outcome.NO_ANSWER
    assert not VERIFIER.verify("<think>42", "42").is_correct
    assert VERIFIER.verify(r"<think>41</think> \boxed{42}", "42").is_correct


def test_strict_refuses_an_answer_announced_twice_with_different_values() -> None:
    response = r"\boxed{41} no, \boxed{42}"
    assert VERIFIER.verify(response, "42").is_correct
    verdict = STRICT.verify(response, "42")
    assert (verdict.outcome, verdict.reason) == (Outcome.WRONG, Reason.SEVERAL_ANSWERS)
    assert STRICT.verify(r"\boxed{0.5} or written as a fraction \boxed{\frac{1}{2}}", "0.5").is_correct
    assert not STRICT.verify(r"The answer is 41. \boxed{42}", "42").is_correct
    assert STRICT.verify(r"The answer is 42. \boxed{42}", "42").is_correct


def test_boxes_joined_in_one_breath_are_one_answer_with_several_values() -> None:
    assert VERIFIER.verify(r"$\boxed{1}$ and $\boxed{2}$", r"\{1, 2\}").is_correct
    assert not VERIFIER.verify(r"$\boxed{1}$ and $\boxed{2}$", "2").is_correct


def test_reasons_are_typed() -> None:
    reasons = {
        r"\boxed{41=42}": Reason.CONTRADICTION,
        r"\boxed{3=3}": Reason.CONTRADICTION,
        r"\boxed{\int_0^1 84x\,dx}": Reason.UNEVALUATED,
        r"\boxed{" + "1+" * 4000 + "1}": Reason.OVER_BUDGET,
    }
    assert {text: VERIFIER.verify(text, "42").reason for text in reasons} == reasons
    assert VERIFIER.verify(r"\boxed{5\text{ m}}", "5 km").reason is Reason.UNITS
    echo = SymbolicVerifier(mode="evaluation", question="Factor $x^2-1$ completely.")
    assert echo.verify(r"\boxed{x^2-1}", "(x-1)(x+1)").reason is Reason.ECHO
    assert echo.verify(r"\boxed{(x+1)(x-1)}", "(x-1)(x+1)").is_correct


def test_unevaluated_answers_count_where_the_environment_says_so() -> None:
    lenient = SymbolicVerifier(mode="evaluation", allow_unevaluated=True)
    for text, reference in (
        (r"\int_0^1 x^2\,dx", r"\frac13"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
        (r"\gcd(54,24)", "6"),
    ):
        assert lenient.verify(rf"\boxed{{{text}}}", reference).is_correct
        assert VERIFIER.verify(rf"\boxed{{{text}}}", reference).reason is Reason.UNEVALUATED
    assert not lenient.verify(r"\boxed{\int_0^1 x^3\,dx}", r"\frac13").is_correct


def test_a_tolerance_is_only_what_was_stated() -> None:
    assert not VERIFIER.verify("0.33", r"\frac13").is_correct
    assert SymbolicVerifier(mode="evaluation", tolerance=0.005).verify("0.33", r"\frac13").is_correct
    assert (
        SymbolicVerifier(mode="evaluation", relative_tolerance=0.02)
        .verify(r"7.1\cdot 10^{35}", r"7\times 10^{35}")
        .is_correct
    )
    assert (
        not SymbolicVerifier(mode="evaluation", relative_tolerance=0.01)
        .verify(r"7.1\cdot 10^{35}", r"7\times 10^{35}")
        .is_correct
    )


@pytest.mark.parametrize("reference", ["", "  ", "$$", r"\boxed{}", "..."])
def test_an_unusable_reference_is_the_callers_mistake(reference: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        VERIFIER.verify("42", reference)


@pytest.mark.parametrize(
    ("response", "paid"),
    [
        ("The answer is either $9 is not the answer$ or $9$.", False),  # the noun ends a formula, and begins none
        ("The answer $9$.", True),
        ("We pay $5. The answer $9$.", True),
        ("It costs $5 and the answer is $9$.", True),
    ],
)
def test_a_noun_at_the_end_of_a_formula_announces_nothing(response: str, paid: bool) -> None:
    assert SymbolicVerifier(mode="evaluation").verify(response, "9").is_correct == paid
