"""Classes of notation and of hostile answers that unseen pairs brought to light, as properties: what must be paid in
every instance of a class, and the nearest thing that must not."""

from __future__ import annotations

import json
import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.types import Reason

VERIFIER = SymbolicVerifier(mode="evaluation")
HOSTILE = Path(__file__).parent / "data" / "hostile.jsonl"
digits = st.integers(2, 9)
numbers = st.integers(-60, 60)


def paid(answer: str, reference: str) -> bool:
    return VERIFIER.verify(answer, reference).is_correct


@given(st.sampled_from(["as", "by", "at", "an", "hr", "kg", "mg", "be", "is"]), digits)
def test_letters_that_spell_a_word_or_unit_are_a_product_beside_symbols(run: str, number: int) -> None:
    reference = rf"\frac{{{run}}}{{{number}q}} + w"
    turned = f"{run[1]}{run[0]}"
    assert paid(rf"w + \frac{{{turned}}}{{{number}q}}", reference)
    assert not paid(rf"w - \frac{{{turned}}}{{{number}q}}", reference)
    assert paid(f"{turned}y = -{number}x", f"{number}x + {run}y = 0")
    assert not paid(f"{turned}y = {number}x", f"{number}x + {run}y = 0")


@given(digits)
def test_units_are_no_products(number: int) -> None:
    assert not paid(f"{number} gm", f"{number} mg")
    assert not paid(f"{number} sm", f"{number} ms")


@given(st.permutations("abcdmnpq"))
def test_another_letter_is_no_arbitrary_constant(letters: list[str]) -> None:
    first, second, third, fourth = letters[:4]
    assert not paid(f"{first}+{third}", f"{first}+{second}")
    assert not paid(f"{third}+{fourth}", f"{first}+{second}")
    assert not paid(f"{first}x+{third}", f"{first}x+{second}")


@given(st.sampled_from(["C", "c", "K", "C_1"]), st.sampled_from(["C", "c", "D", "k"]), digits)
def test_the_constant_of_an_antiderivative_has_any_name(name: str, other: str, power: int) -> None:
    assert paid(rf"\frac{{x^{power}}}{{{power}}} + {other}", rf"\frac{{1}}{{{power}}}x^{power} + {name}")
    assert not paid(rf"\frac{{x^{power}}}{{{power}}}", rf"\frac{{1}}{{{power}}}x^{power} + {name}")


@given(digits, digits, numbers)
def test_an_equation_that_restates_the_question_is_not_its_solution(first: int, second: int, root: int) -> None:
    total = f"{first}x + {second} = {first * root + second}"
    verdict = VERIFIER.verify(rf"\boxed{{{total}}}", f"x = {root}")
    assert not verdict.is_correct
    assert verdict.reason is Reason.UNEVALUATED
    assert (
        SymbolicVerifier(mode="evaluation", allow_unevaluated=True)
        .verify(rf"\boxed{{{total}}}", f"x = {root}")
        .is_correct
    )
    assert not paid(f"x + y = {root + first}, x - y = {root - first}", f"x = {root}, y = {first}")
    assert paid(f"y = {first}, x = {root}", f"x = {root}, y = {first}")
    assert paid(f"x - {first} = 0", f"x = {first}")  # a line in general form


@given(
    numbers,
    st.sampled_from(
        ["The answer is not {}", "It cannot be {}.", "x isn't {}", "We get $x \\neq {}$", "{} is wrong.",
         "The wrong answer is {}.", "{}. That is not right.", "{}. This answer is wrong.",
         "Then ${}$ is not correct, so I give up."]
    ),
)  # fmt: skip
def test_a_box_that_is_denied_is_no_answer(number: int, sentence: str) -> None:
    assert not paid(sentence.format(rf"\boxed{{{number}}}"), str(number))


@given(numbers, digits)
def test_a_box_beside_a_denial_of_something_else_counts(number: int, other: int) -> None:
    assert paid(rf"It is not {number + other}, but \boxed{{{number}}}.", str(number))
    assert paid(rf"The answer is \boxed{{{number}}}. It is not {number + other}.", str(number))


@given(numbers, digits)
def test_an_announcement_that_is_taken_back_or_doubted_is_no_answer(number: int, other: int) -> None:
    for sentence in (
        "The answer is {}. That is wrong.", "The answer is {}. No, that's not right.", "The wrong answer is {}.",
        "The total is {} (or maybe {}).", "The total is {} (not certain).", "The answer is {} (or {}).",
    ):  # fmt: skip
        assert not paid(sentence.format(number, number + other), str(number))
    assert paid(f"The total is {number} (we took {number + other} and subtracted).", str(number))
    assert paid(f"The answer is {number + other}. That is wrong. The answer is {number}.", str(number))


@given(numbers, digits)
def test_conditions_that_exclude_each_other_are_no_union(low: int, gap: int) -> None:
    high = low + gap
    union = rf"(-\infty, {low}) \cup ({high}, \infty)"
    assert not paid(rf"x < {low} \text{{ and }} x > {high}", union)
    assert paid(rf"x < {low} \text{{ or }} x > {high}", union)
    assert paid(rf"x > {low} \text{{ and }} x < {high}", f"({low}, {high})")
    assert paid(union, rf"x < {low} \text{{ and }} x > {high}")  # a reference is not meant to be empty


@given(numbers, digits, st.sampled_from(["max", "maximum", r"\max", "Maximum", "largest"]))
def test_a_maximum_is_no_minimum(low: int, gap: int, name: str) -> None:
    high = low + gap
    reference = f"maximum = {high}, minimum = {low}"
    assert paid(f"minimum = {low}, {name} = {high}", reference)
    assert not paid(f"minimum = {high}, {name} = {low}", reference)
    assert paid(f"{high}, {low}", reference)


@given(digits, st.permutations(["cm", "meters", "hours", "kg", "liters"]))
def test_a_number_in_a_sentence_keeps_its_unit(number: int, names: list[str]) -> None:
    right, wrong = names[:2]
    for sentence in ("So it is {} {}, which is what we need.", "We see {} {} on the scale."):
        assert paid(sentence.format(number, right), f"{number} {right}")
        assert not paid(sentence.format(number, wrong), f"{number} {right}")
        assert paid(sentence.format(number, wrong), str(number))


@given(st.integers(2, 60))
def test_words_around_a_number_that_make_another_of_it(number: int) -> None:
    sentences = (
        "minus {}", "We get negative {}.", "负{}", "twice {}", "half of {}", "{} squared", "{} cubed", "{} factorial",
        "the square root of {}", "{} thousandths", "{}th root", "over {}", "{} below zero", "6 plus {}", "{}₂",
        "under {}", "{} at minimum", "{} at most", "mod {}", "43.5 ~~{}~~", "<del>{}</del>", r"~~\boxed{{{}}}~~",
    )  # fmt: skip
    for sentence in sentences:
        assert not paid(sentence.format(number), str(number)), sentence
    for sentence in (
        "minus {}",
        "The answer is negative {}.",
        "We get negative {}.",
        r"\boxed{{\text{{minus }} {}}}",
        "负{}",
    ):
        assert paid(sentence.format(number), str(-number)), sentence
    for sentence in ("It has a value of {}.", "There are {} pairs.", "We see {} of them."):
        assert paid(sentence.format(number), str(number)), sentence
    assert paid(f"There are {number} thousand people.", str(number * 1000))


@given(digits, st.permutations([("米", "m"), ("厘米", "cm"), ("千克", "kg"), ("小时", "h"), ("平方米", "m^2")]))
def test_units_in_chinese_are_units(number: int, names: list[tuple[str, str]]) -> None:
    (right, unit), (wrong, _) = names[:2]
    for sentence in ("{}{}", "答案是{}{}。", "所以一共是{}{}。"):
        assert paid(sentence.format(number, right), f"{number} {unit}")
        assert not paid(sentence.format(number, wrong), f"{number} {unit}")


@given(digits, st.integers(11, 30))
def test_a_modulus_is_written_in_many_ways(remainder: int, modulus: int) -> None:
    reference = rf"x \equiv {remainder} \pmod{{{modulus}}}"
    for form in (
        r"(\text{mod } %d)",
        r"(\bmod %d)",
        "(mod %d)",
        r"\ (\operatorname{mod} %d)",
        r"\left(\mathrm{mod}\ %d\right)",
    ):
        assert paid(rf"x \equiv {remainder} {form % modulus}", reference)
        assert not paid(rf"x \equiv {remainder} {form % (modulus + 1)}", reference)


@given(numbers, numbers, st.sampled_from(["array}{l", "aligned", "matrix", "array}{ll", "align*"]))
def test_equations_behind_a_brace_are_one_solution(first: int, second: int, name: str) -> None:
    def system(x: int, y: int) -> str:
        return rf"\left\{{\begin{{{name}}} x={x}, \\ y={y}. \end{{{name.split('}')[0]}}}\right."

    assert paid(system(first, second), f"({first}, {second})")
    assert not paid(system(first, second), f"({first}, {second + 1})")


def test_cases_by_parity_are_compared_at_integers() -> None:
    reference = r"\frac{n^2}{4} \text{ if } n \text{ is even}, \frac{n^2-1}{4} \text{ if } n \text{ is odd}"
    cases = r"\begin{cases} \frac{n^2}{4} & %s \\ \frac{n^2-1}{4} & %s \end{cases}"
    even = (
        r"n \text{ even}",
        r"\text{if $n$ is even}",
        r"\text{for even } n",
        r"\text{when } n \text{ is an even integer}",
    )
    for said in even:
        assert paid(cases % (said, said.replace("even", "odd")), reference)
        assert not paid(cases % (said.replace("even", "odd"), said), reference)
    assert paid(r"\lfloor n^2/4 \rfloor", reference)
    assert not paid(r"\lceil n^2/4 \rceil", reference)
    assert not paid(r"\frac{n^2}{4}", reference)


@given(st.integers(100_000, 99_999_999))
def test_digits_may_be_grouped_as_in_india(number: int) -> None:
    head, tail = divmod(number, 1000)
    pairs: list[str] = []
    while head >= 100:
        head, pair = divmod(head, 100)
        pairs.insert(0, f"{pair:02}")
    grouped = ",".join([str(head), *pairs, f"{tail:03}"])
    assert paid(grouped, str(number))
    assert paid(str(number), grouped)
    assert not paid(grouped, str(number + 1))


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 9))
def test_equations_on_lines_of_their_own_end_in_the_value(first: int, second: int, third: int) -> None:
    value = first * second + third
    assert paid(f"x = {first} * {second} + {third}\nx = {first * second} + {third}\nx = {value}", str(value))
    assert paid(f"2x = {2 * value}\nx = {value}", str(value))
    assert not paid(f"2x = {2 * value + 2}\nx = {value}", str(value))  # a false step
    assert not paid(f"x = {value}\nx = {value + 1}", str(value))
    assert not paid(f"x = {value + 1} \\text{{ or }} x = {value}", str(value))


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        (r"R", r"\mathbb{R}", True),
        (r"\mathbf{Z}", r"\mathbb{R}", False),
        (r"33 1/3 %", r"\frac{1}{3}", True),
        (r"33 1/3 ‰", r"\frac{1}{3}", False),
        (r"2A_{\text{16}}", r"2A_{16}", True),
        (r"27^{\circ} 13^{\prime}", "27°13′", True),
        (r"27^{\circ} 13^{\prime}", "27°31′", False),
        (r"\{2, 4\}", r"A \cap B = \{2, 4\}", True),
        (r"A", r"A \cap B = A", False),
        (r"_{10}C_3", "120", True),
        (r"C_{2n}^n - C_{2n}^{n-1}", r"\frac{1}{n+1}\binom{2n}{n}", True),
        (r"60 {}^\circ", "60°", True),
        (r"\mathbb{R} \setminus \{-1, 1\}", r"x \neq \pm 1", True),
        (r"\mathbb{R} \setminus \{1\}", r"x \neq \pm 1", False),
        (r"\frac{12}{7}}", r"\frac{12}{7}", True),
        (r"\frac{12}{7", r"\frac{12}{7}", True),
        (r"百分之二十五", "25%", True),
        (r"三分之一", "1/3", True),
        (r"三分之二", "1/3", False),
        (r"٣٫٥", "3.5", True),
        (r"\Large{6}", "6", True),
        (r"P(3,2)", "(2,3)", False),
        ("90'", r"90^\circ", False),
        ("The ratio is 5 to 3.", "3", False),
        ("The ratio is 5 to 3.", "5:3", True),
        ("The triangle is scalene.", "scalene", True),
        ("The triangle is not scalene.", "scalene", False),
        ("Bob is taller", "Alice is taller", False),
        (r"0.5", r"(B) $\frac{1}{2}$", True),
        (r"(B) \frac13", r"(B) $\frac{1}{2}$", False),
        (r"\operatorname{diag}(2,3)", r"\begin{pmatrix}2&0\\0&3\end{pmatrix}", True),
        (r"\operatorname{diag}(3,2)", r"\begin{pmatrix}2&0\\0&3\end{pmatrix}", False),
        (r"\sin 2(x + 1)", r"\sin(2x + 2)", True),
        (r"\sin 2(x + 1)", r"\sin(2x + 1)", False),
        (r"e^{-t}(C_1\cos t + C_2\sin t)", r"e^{-t}(A\cos t + B\sin t)", True),
        (r"e^{-t}(C_1\cos t + C_2\sin 2t)", r"e^{-t}(A\cos t + B\sin t)", False),
        (r"Bx + A", "Ax + B", False),
        (r"x \not\ge 5", "x < 5", True),
        (r"x \ngtr 5", "x < 5", False),
        (r"\begin{bmatrix} 1 & 2 \\[2pt] 3 & 4 \end{bmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", True),
        (r"\pmatrix{1&2\cr3&4}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", True),
        (r"\pmatrix{1&2\cr4&3}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", False),
        (r"diverges to infinity", r"\infty", True),
        (r"Yes, the series converges.", "yes", True),
        (r"No, because 5 is odd.", "no", True),
        (r"x = 1 \text{ or } y = 2", "(1, 2)", False),
        (r"\frac{1}{3}\\", r"\frac{1}{3}", True),
        (r"\{2k-1 \mid k \in \mathbb{N}\}", r"\{2n+1 : n \in \mathbb{N}\}", False),
        (r"Yes, no, maybe", "yes", False),
        (r"No, it diverges.", "yes", False),
        (r"The correct answer is 63, not 36.", "36", False),
        (r"It is 5,000 euros.", "$5,000", False),
    ],
)
def test_other_readings_and_their_near_misses(answer: str, reference: str, expected: bool) -> None:
    assert paid(answer, reference) is expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Câu trả lời đúng là {}.",
        "Jibu sahihi ni {}.",
        "Doğru cevap {}'dir.",
        "الإجابة الصحيحة هي {}",
        "{} is the correct answer.",
    ],
)
def test_the_letter_of_an_option_is_found_in_any_language(sentence: str) -> None:
    for letter, other in permutations("ABCD", 2):
        assert paid(sentence.format(letter), letter)
        assert not paid(sentence.format(other), letter)


def test_hostile_answers_written_by_another_are_neither_paid_nor_slow() -> None:
    paid_count = 0
    for line in HOSTILE.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = row["answer"] if "answer" in row else "".join(piece * count for piece, count in row["answer_parts"])
        started = time.thread_time()
        correct = paid(text, row["gold"])
        assert time.thread_time() - started < 1.0, text[:80]
        if row["must"] != "any":
            assert correct is (row["must"] == "correct"), text[:80]
        paid_count += correct
    assert paid_count >= 10  # the controls
