"""Ways to name an option of a multiple-choice question, and letters that name none."""

from __future__ import annotations

import pytest

from verifiers.judges.choice import ChoiceVerifier
from verifiers.judges.symbolic import SymbolicVerifier

CHOICE = ChoiceVerifier()
LENIENT = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()
OPTIONS = ChoiceVerifier(options={"A": "a circle", "B": "a square", "C": "an ellipse", "D": "a line"})

IN_A_BOX = [
    "D", "(D)", "D.", "D)", "[D]", r"\text{D}", r"\mathrm{D}", r"\mathbf{D}", r"\textbf{(D)}", r"\text{Option D}",
    r"\text{option (D)}", "Option D", "Choice D", "Answer D", r"\text{Answer: D}", r"\textbf{(D) }12",
    r"\textbf{(D)}\ 12",
    r"\textbf{(D)}~12", "D) 12", "D. 12", "D: 12", "(D) 12", r"D\;(12)", r"D \text{ (12)}", r"\left(D\right)",
]  # fmt: skip
ONLY_AMONG_OPTIONS = [
    "d",
    r"\text{d}",
    "[d]",
    "D - 12",
    "D, 12",
    "D = 12",
    r"D\to 12",
    r"D \Rightarrow 12",
    "d) 12",
    "(d) 12",
]
SAID = [
    "The answer is D.", "The answer is (D).", "The answer is option D.", "The answer is option (D).",
    "Correct option: D",
    "The correct option is D.", "The correct choice is (D).", "The right answer is D", "Option D is correct.",
    "(D) is correct.", "D is the correct answer.", "D is the right choice.", "So D is the answer.", "I choose D.",
    "I would choose option D.", "I'd go with D.", "My answer: D", "Answer: D", "**Answer:** D", "**D** is correct.",
    "Final answer: D", "The answer is D because B fails.", "The answer is D, because A is too small.",
    "The answer is D since the others fail.", "The answer is D, not A.", "The answer is not A but D.",
    "The answer is D (not A).", "<answer>D</answer>", "#### D", "#### D) 12", "It must be D.", "We pick (D).",
    "Hence the correct answer is choice D.", "答案是D。", "正确选项是D", "故选D。", "所以选D", "选项D正确",
    "La opción correcta es D.", "La respuesta correcta es la D.", "La bonne réponse est D.",
    "Die richtige Antwort ist D.",
    "Ответ: D", "Only D is correct.", "The best answer is D.", "The answer is **D**.", r"The answer is $\mathbf{D}$.",
    "Therefore, option (D) is the correct answer.", "The correct answer is D because A and B violate the inequality.",
    "Option A is wrong. Option D is correct.", "A is tempting, but the answer is D.",
    "The answer is D. A is too large.", "Therefore, D.", "A fails. So (D).",
]  # fmt: skip
NO_OPTION = [
    "C*D", "D^2", "D*4", "2D", "A:D=1", "D:A=1", "D=A", "D+1", "D!", "D'", r"\overline{D}", "-D", "D/2", r"D\cdot 4",
    r"D\cap A", "AD", "D or A", "A, D", "D_1", "|D|", r"\frac{D}{2}", "D < A", r"D\times 2", "D ** 2",
]  # fmt: skip
NOT_SAID = [
    "The answer is A or D.", "It could be D.", "D is wrong.", "The answer is not D.", "Option D is incorrect.",
    "The answer is D or maybe A.", "I would not choose D.", "If D is correct, then A is too.", "D cannot be right.",
    "D fails, so A.", "Neither D nor A.", "Not D.", "The answer is A because D fails.", "The answer is A, not D.",
    "The answer is not D but A.", r"\boxed{D} \boxed{A}", "Option D is wrong. Option A is correct.",
    "D is tempting, but the answer is A.", "The answer is A. D is too large.", "I choose A over D.",
    "Any of A, B, C, D.", "Suppose D is correct.", "D is correct if x is even, but it is not. The answer is A.",
    "I would exclude D", "We can rule out D.", "I reject option D.", "So D or A.", "Therefore, D is not possible.",
    "The answer is D.\nThe answer is A.", "Option A is correct. Option D is incorrect.",
]  # fmt: skip


@pytest.mark.parametrize("text", [*(f"\\boxed{{{inner}}}" for inner in (*IN_A_BOX, *ONLY_AMONG_OPTIONS)), *SAID])
def test_d_is_d(text: str) -> None:
    for reference, other in (("D", "B"), ("(D) 12", "(B) 7"), ("(D)", "A" if " A" not in text else "C")):
        assert CHOICE.verify(text, reference).is_correct or "because" in text
        assert not CHOICE.verify(text, other).is_correct


@pytest.mark.parametrize("text", [*(f"\\boxed{{{inner}}}" for inner in NO_OPTION), *NOT_SAID])
def test_what_names_another_option_or_none_is_not_paid(text: str) -> None:
    assert not CHOICE.verify(text, "D").is_correct
    assert not CHOICE.verify(text, "(D) 12").is_correct
    if text != "\\boxed{D!}":
        assert not LENIENT.verify(text, "D").is_correct
    assert not STRICT.verify(text, "D").is_correct


@pytest.mark.parametrize("text", [*(f"\\boxed{{{inner}}}" for inner in IN_A_BOX), *SAID])
def test_an_option_is_read_where_any_answer_may_stand(text: str) -> None:
    for verifier in (LENIENT, STRICT):
        assert verifier.verify(text, "D").is_correct
        assert not verifier.verify(text, "B").is_correct


def test_a_letter_with_the_words_of_another_option_contradicts_itself() -> None:
    assert CHOICE.verify(r"\boxed{(D) 12}", "(D) 12").is_correct
    assert CHOICE.verify("The answer is D: 12 cm.", "(D) 12").is_correct
    assert not CHOICE.verify(r"\boxed{(D) 13}", "(D) 12").is_correct
    assert not CHOICE.verify(r"\boxed{D - 13}", "(D) 12").is_correct
    assert not OPTIONS.verify(r"\boxed{D - a circle}", "D").is_correct
    assert OPTIONS.verify(r"\boxed{D - a line}", "D").is_correct
    assert OPTIONS.verify(r"\boxed{\text{A line}}", "D").is_correct
    assert not OPTIONS.verify(r"\boxed{\text{circle}}", "D").is_correct
