"""Which box counts, where a turn ends, and what reasoning is, with the nearest wrong neighbours."""

from __future__ import annotations

import pytest

from verifiers.judges.choice import ChoiceVerifier
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.types import Outcome

LENIENT = SymbolicVerifier(mode="evaluation")
STRICT = SymbolicVerifier()
BOTH = pytest.mark.parametrize("verifier", [LENIENT, STRICT], ids=["lenient", "strict"])

BOXES = [
    r"\boxed{%s}", r"\fbox{%s}", r"\framebox{%s}", r"\framebox[2cm]{%s}", r"\framebox[2cm][c]{%s}", r"\Boxed{%s}",
    r"\bbox[5px,border:2px solid red]{%s}", r"\colorbox{yellow}{%s}", r"\fcolorbox{red}{white}{%s}", r"\boxed {%s}",
    r"\doublebox{%s}", r"\ovalbox{%s}", r"\boxed{\fbox{%s}}", r"\fbox{\boxed{%s}}", r"\boxed*{%s}", r"\boxed %s",
    r"\boxed%s", r"\enclose{box}{%s}", r"\fbox{$%s$}", r"\boxed{\text{%s}}",
]  # fmt: skip
EMPTY = [
    "", " ", "\n", r"\,", r"\;", "~", r"\quad", r"\phantom{0}", r"\hphantom{7}", "$$", r"\text{}", r"\mathrm{ }", "...",
    r"\dots", r"\ldots", "?", "__", r"\_\_\_", "{}", r"\hspace{1cm}", r"\square", r"\\",
]  # fmt: skip
TURN_ENDS = [
    "\n\nQuestion: Evaluate 9*11.\nAnswer: {w}", "\n\nQ: Evaluate 9*11.\nA: {w}",
    "\n\n### Question\nEvaluate 9*11.\n\n{w}",
    "\n\n**Question:** Evaluate 9*11.\n{w}", "\nProblem: Evaluate 9*11.\n{w}", "\n\n## Problem 2\nEvaluate 9*11.\n{w}",
    "\n\nProblem 7. Evaluate 9*11.\n{w}", "[INST] Evaluate 9*11. [/INST] {w}", "\n[INST]Evaluate 9*11.[/INST]\n{w}",
    "<start_of_turn>user\nEvaluate 9*11.<end_of_turn>\n{w}", "<end_of_turn>\n{w}",
    "<｜User｜>Evaluate 9*11.<｜Assistant｜>{w}",
    "<｜end▁of▁sentence｜>{w}", "<|endoftext|>{w}", "<|im_end|>\n{w}", "<|im_start|>user\nEvaluate 9*11.\n{w}",
    "<|eot_id|>{w}", "<|start_header_id|>user<|end_header_id|>\n\nEvaluate 9*11. {w}", "</s>{w}",
    "</s> [INST] again [/INST] {w}",
    "<eos>{w}", "<|end|>\n<|user|>\nEvaluate 9*11.\n{w}", "<|user|>Evaluate 9*11.{w}",
    "\nUser: Evaluate 9*11.\nAssistant: {w}",
    "\n\nHuman: Evaluate 9*11.\n\nAssistant: {w}", "\n### Instruction:\nEvaluate 9*11.\n{w}",
    "\nUSER: Evaluate 9*11. ASSISTANT: {w}",
    "\n\n问题：求 9*11。\n{w}", "\n\n题目: 求 9*11。\n{w}", "\n\n问：求 9*11。答：{w}", "\n\nPregunta: 9*11.\n{w}",
    "\n\nAufgabe: 9*11.\n{w}", "\n\nЗадача: 9*11.\n{w}", "\n\n問題：9*11\n{w}", "\n\nNext question: 9*11?\n{w}",
    "<|END_OF_TURN_TOKEN|>{w}", "[|endofturn|]\n[|user|]9*11 {w}", "<turn|>\n<|turn>user\n9*11 {w}", "<|role_end|>{w}",
    "\n\n---\n\nQuestion: 9*11\n{w}", "\n\nExercise 4: 9*11\n{w}", "\n\nTask: 9*11\n{w}",
    "\nuser\nEvaluate 9*11.\nassistant\n{w}", "\n[Question] 9*11\n{w}", "\n2. Question: 9*11\n{w}",
    "\nInput: 9*11\nOutput: {w}", "\n\nPrompt: 9*11\n{w}", "\n\nExample 2: 9*11\n{w}",
]  # fmt: skip
REASONING = [
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<thought>", "</thought>"), ("<Thought>", "</Thought>"),
    ("<reasoning>", "</reasoning>"), ("<scratchpad>", "</scratchpad>"), ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"), ("<mm:think>", "</mm:think>"), ("[THINK]", "[/THINK]"), ("◁think▷",
    "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"), ("<unused94>thought\n", "<unused95>"), ("<|channel>thought\n",
    "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysis", "assistantfinal"), ("<think id='1'>", "</think>"), ("## Thinking\n\n", "\n\n## Final Response\n\n"),
    ("Here is my thought process:\n", "\nHere is my response:\n"), ("<chain_of_thought>", "</chain_of_thought>"),
    ("<|reasoning_start|>", "<|reasoning_end|>"), ("<|begin_thought|>", "<|end_thought|>"),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("box", BOXES)
def test_every_box_is_a_box(box: str, verifier: SymbolicVerifier) -> None:
    for text in ("Hence ${}$.", "We get\n\n{}\n\nas required.", "{}"):
        if box == r"\fbox{$%s$}":
            text = text.replace("$", "")
        assert verifier.verify(text.replace("{}", box % "7"), "7").is_correct, text
        assert not verifier.verify(text.replace("{}", box % "8"), "7").is_correct, text


@BOTH
@pytest.mark.parametrize("box", [r"\fbox{%s}", r"\framebox[2cm]{%s}", r"\colorbox{red}{%s}", r"\boxed{%s}"])
def test_the_last_box_counts_whatever_its_command(box: str, verifier: SymbolicVerifier) -> None:
    text = rf"\boxed{{7}} is a first guess; final: {box % '8'}"
    assert not verifier.verify(text, "7").is_correct
    assert LENIENT.verify(text, "8").is_correct


@BOTH
@pytest.mark.parametrize("filling", EMPTY)
def test_an_empty_last_box_pays_nothing(filling: str, verifier: SymbolicVerifier) -> None:
    response = f"First \\boxed{{7}}. In the end \\boxed{{{filling}}}"
    assert verifier.verify(response, "7").outcome is Outcome.NO_ANSWER


@BOTH
@pytest.mark.parametrize("end", [r"\boxed", r"\boxed ", "$\\fbox", r"\boxed{", r"\fbox{8"])
def test_a_last_box_that_was_cut_off_pays_nothing(end: str, verifier: SymbolicVerifier) -> None:
    assert verifier.verify(f"First \\boxed{{7}}. In the end {end}", "7").outcome is Outcome.NO_ANSWER


@BOTH
def test_an_empty_box_of_the_instruction_hides_no_answer(verifier: SymbolicVerifier) -> None:
    assert verifier.verify(r"I put the answer into \boxed{}. It is \boxed{7}.", "7").is_correct
    assert not verifier.verify(r"First \boxed{7}. In the end \boxed{\emptyset}", "7").is_correct
    assert LENIENT.verify(r"First \boxed{7}. In the end \boxed{\emptyset}", r"\emptyset").is_correct


@BOTH
@pytest.mark.parametrize(
    "final",
    ["Final Answer: {}", "**Final Answer**: {}", "Final answer: The final answer is ${}$. I hope it is correct.",
     "### Final Answer\n{}", "The final answer is {}.", "FINAL ANSWER: {}", "最终答案：{}", "Respuesta final: {}",
     "Réponse finale : {}", "Final Answer:\n\\[\\boxed{{{}}}\\]", "So the final answer is \\fbox{{{}}}."],
)  # fmt: skip
def test_a_final_answer_outranks_the_box_of_a_step(final: str, verifier: SymbolicVerifier) -> None:
    response = "We computed \\boxed{3} for the first case. Together: \n\n" + final.format(7)
    assert verifier.verify(response, "7").is_correct
    assert not verifier.verify(response, "3").is_correct
    assert not verifier.verify(response, "3, 7").is_correct
    assert not verifier.verify(response, "(3, 7)").is_correct


@BOTH
def test_words_about_the_final_answer_are_none(verifier: SymbolicVerifier) -> None:
    assert verifier.verify(r"\boxed{3}. The final answer is the number of red apples.", "3").is_correct
    assert verifier.verify(r"To get the final answer: add up. 1 + 2 = 3, so \boxed{3}.", "3").is_correct


def test_two_final_answers_are_two_announcements() -> None:
    text = "Final answer: 3. Final answer: 7."
    assert not STRICT.verify(text, "3").is_correct
    assert not STRICT.verify(text, "7").is_correct


@BOTH
@pytest.mark.parametrize(
    "text",
    ["Suppose the answer is {}; then 5^2=30, a contradiction. So there is no such number.",
     "Assume the answer is {}. This fails.", "If the answer were {}, the sum would be odd.",
     "Many students say {}, which is the usual mistake.", "One might think {}, but there is more to it.",
     "It is tempting to answer {}.", "A common mistake is to write {}.", "It is not {}.", "The answer cannot be {}.",
     "{} is wrong.", "{}, which is incorrect.", "{}? No.", "{} is too large.", "{}. That is not right.",
     "{}. I take that back.", "{}. Scratch that.", "{}. Correction: I do not know.", "{}. This answer is impossible.",
     "{}. Ignore the above.", "The naive answer {} overlooks a case.", "instead of {} there are more."],
)  # fmt: skip
def test_a_box_that_is_only_thought_of_or_taken_back_is_no_answer(text: str, verifier: SymbolicVerifier) -> None:
    assert not verifier.verify(text.format(r"\boxed{5}"), "5").is_correct
    assert not verifier.verify(text.format(r"$\boxed{5}$"), "5").is_correct


@BOTH
@pytest.mark.parametrize(
    "text",
    ["If x = 2, the answer is {}.", "Assuming unit speed, we get {}.", "For most students the mean is {}.",
     "Some students walk and {} ride.", "{}. Note that x = -5 is rejected since lengths are positive.",
     "{}. Wait, let me check: 2 + 3 = 5. Yes.", "{}. It is impossible to have more.", "I think it is {}.",
     "Suppose n is odd. Then n = {}.", "No other value works, so {}."],
)  # fmt: skip
def test_a_box_beside_such_words_is_an_answer(text: str, verifier: SymbolicVerifier) -> None:
    assert verifier.verify(text.format(r"\boxed{5}"), "5").is_correct
    assert not verifier.verify(text.format(r"\boxed{6}"), "5").is_correct


def test_boxes_are_parts_of_one_answer_only_where_they_are_marked() -> None:
    for parts in (r"(a) The sum is \boxed{3}. (b) The product is \boxed{7}.", r"$x=\boxed{3}$. Hence $y=\boxed{7}$.",
                  r"Part (i): \boxed{3}" + "\n" + r"Part (ii): \boxed{7}"):  # fmt: skip
        assert LENIENT.verify(parts, "(3, 7)").is_correct
        assert not LENIENT.verify(parts, "(7, 3)").is_correct
    for steps in (
        r"First we find \boxed{3}. With it the answer is \boxed{7}.",
        r"Step 1 gives \boxed{3}. Step 2 gives \boxed{7}.",
    ):
        assert not LENIENT.verify(steps, "(3, 7)").is_correct
        assert not LENIENT.verify(steps, "3, 7").is_correct
        assert LENIENT.verify(steps, "7").is_correct


@BOTH
@pytest.mark.parametrize("announced", ["6*7={}\n#### {}", "so it is \\boxed{{{}}}", "The answer is {}."])
@pytest.mark.parametrize("end", TURN_ENDS)
def test_what_follows_the_end_of_the_turn_does_not_count(end: str, announced: str, verifier: SymbolicVerifier) -> None:
    response = announced.format(42, 42) + end.replace("{w}", announced.format(99, 99))
    assert verifier.verify(response, "42").is_correct, response
    assert not verifier.verify(response, "99").is_correct, response


@pytest.mark.parametrize(
    "end", ["\n\nQuestion: 9*11?\nAnswer: 99", "\nQ: 9*11?\nA: 99", "<|endoftext|>The answer is 99."]
)
def test_a_bare_answer_ends_its_turn_as_well(end: str) -> None:
    for bare in ("42", " 42", "6*7 = 42", "42 apples."):
        assert LENIENT.verify(bare + end, "42").is_correct
        assert not LENIENT.verify(bare + end, "99").is_correct


@BOTH
@pytest.mark.parametrize(
    "text",
    ["Question: What is 6*7?\nAnswer: {}",
    "Let me restate it.\n\n**Problem:** What is 6*7?\n\n**Solution:** \\boxed{{{}}}",
     "Problem 1: the sum\n\nWe add.\n\nProblem 2: the product\n\n\\boxed{{{}}}",
     "<|im_start|>assistant\nThe answer is {}.",
     "Example: 2*3 = 6.\nExample 1: 6*7 = 42.\nExample 2: the same.\n#### {}",
     "The user asks for a product.\nQuick check: 6*7.\n#### {}", "<s> \\boxed{{{}}}</s>", "The answer is {}.</s>",
     "<|endoftext|>The answer is {}.", "In the worst case, the question is whether it fits.\n#### {}"],
)  # fmt: skip
def test_a_problem_restated_before_its_answer_ends_nothing(text: str, verifier: SymbolicVerifier) -> None:
    assert verifier.verify(text.format(42), "42").is_correct
    assert not verifier.verify(text.format(41), "42").is_correct


@BOTH
@pytest.mark.parametrize(("opening", "closing"), REASONING)
def test_reasoning_of_every_family_is_never_judged(opening: str, closing: str, verifier: SymbolicVerifier) -> None:
    for inner in (r"first guess \boxed{9}", "The answer is 9.\n#### 9", "<answer>9</answer>"):
        inner = inner[0].upper() + inner[1:]
        assert verifier.verify(f"{opening}{inner}", "9").outcome is Outcome.NO_ANSWER  # unfinished
        finished = f"{opening}{inner}{closing}It is \\boxed{{5}}."
        assert verifier.verify(finished, "5").is_correct
        assert not verifier.verify(finished, "9").is_correct
        opened_by_the_prompt = f"{inner}{closing}It is \\boxed{{5}}."
        if not closing.startswith("\n"):
            assert verifier.verify(opened_by_the_prompt, "5").is_correct
            assert not verifier.verify(opened_by_the_prompt, "9").is_correct


@BOTH
@pytest.mark.parametrize(
    "text",
    ["Analysis: we add. \\boxed{5}", "analysis of the cases gives \\boxed{5}", "I think \\boxed{5}",
    "Thinking about it, \\boxed{5}",
     "The assistant finally says \\boxed{5}", "[think] is a word; \\boxed{5}[/think] \\boxed{5}", "a <b> c \\boxed{5}"],
)  # fmt: skip
def test_words_like_marks_hide_nothing(text: str, verifier: SymbolicVerifier) -> None:
    assert verifier.verify(text, "5").is_correct


def test_options_are_cut_off_alike() -> None:
    choice = ChoiceVerifier()
    assert choice.verify("The answer is B.\n\nQuestion: next?\nAnswer: C", "B").is_correct
    assert not choice.verify("<think>The answer is B.", "B").is_correct


BEHIND = [  # what stands behind the box, the number that it makes of it, and the one in the box
    (r"\boxed{64} hundred dollars.", "6400", "64"),
    (r"$\boxed{5}$ million people", "5000000", "5"),
    (r"\boxed{12} dozen", "144", "12"),
    (r"$\boxed{5}\times 10^3$", "5000", "5"),
    (r"$\boxed{3}^2$", "9", "3"),
    (r"$\boxed{5}!$", "120", "5"),
    (r"$\boxed{123}_5$", "123_5", "123"),
    (r"答案是\boxed{5}万。", "50000", "5"),
    (r"\boxed{5} hundredths", "", "5"),
]


@pytest.mark.parametrize(("response", "right", "wrong"), BEHIND)
def test_what_stands_behind_a_box_is_part_of_the_number(response: str, right: str, wrong: str) -> None:
    assert not right or LENIENT.verify(response, right).is_correct
    assert not LENIENT.verify(response, wrong).is_correct


@pytest.mark.parametrize("response", [r"\boxed{5}!", r"\boxed{5}-year-old", r"\boxed{5} is 2 + 3", r"\boxed{5}. 10^3"])
def test_what_only_follows_a_box_is_not(response: str) -> None:
    assert LENIENT.verify(response, "5").is_correct
