r"""For every kind of reading: an answer that is right, and the nearest wrong one. Judged in both modes.

Written from how answers are written in the field (textbooks, solutions, under-escaped JSON), not from the parser.
"""

from __future__ import annotations

import pytest

from verifiers.judges.symbolic import SymbolicVerifier

EVALUATION, TRAINING = SymbolicVerifier(mode="evaluation"), SymbolicVerifier()

# reference, right answers, wrong answers
ROWS = {
    "a decimal comma stands alone, never in brackets": (
        "2.5", ["2,5", r"\frac52"], ["(2,5)", "[2,5]", r"\{2,5\}", r"x\in(2,5)", "25"]),
    "an interval is no list of its ends": (r"x\in[1,2]", ["[1,2]", r"1\le x\le 2"], ["1, 2", r"\{1,2\}", "(1,2)"]),
    "what is counted follows a number, remarks do not": (
        "5", ["5 apples", r"5\text{ stuffed goats}", "5 people", "5 days left", "5 Äpfel"],
        [r"5\text{ sixths}", r"5\text{ tens}", r"5\text{ bn}", r"5\text{ fewer}", r"5\text{ remainder }3",
         r"5\text{ too small}", r"5\text{ short}", r"5\text{ after rounding}", r"5\text{ mod }7"]),
    "so many of something unknown are no plain fraction": (
        r"\frac{3}{2}", [r"\frac12 ab = \frac32", "ab/2 = 3/2", r"ab = \frac32", r"a + b = \frac32"],
        [r"\frac32 bn = \frac32", r"\frac{3bn}{2} = \frac32", r"\frac32 xyz = 1.5", r"-\frac32 bn = -\frac32"]),
    "a product may be 1": ("1", ["xy = 1", r"\frac{x}{y} = 1"], ["xy = 2"]),
    "so many of something unknown are no plain number": (
        "70", ["70 apples = 70", "xy = 70", "10a + b = 70", r"\frac{a+b}{2} = 70", r"\frac12 ab = 70", "7 * 10 = 70"],
        ["70 bn = 70", "-70 bn = 70", "70 xyz = 70", "70 b/n = 70", "35 ab = 70", "70 sixths = 70"]),
    "intervals that repeat may begin at any of them": (
        r"\left[k\pi-\frac{\pi}{4},k\pi+\frac{\pi}{4}\right],k\in\mathbb{Z}",
        [r"\left[\frac{3\pi}{4}+n\pi,\frac{5\pi}{4}+n\pi\right],n\in\mathbb{Z}",
         r"k\pi-\frac{\pi}{4}\le x\le k\pi+\frac{\pi}{4},\ k\in\mathbb{Z}"],
        [r"\left[\frac{\pi}{4}+n\pi,\frac{3\pi}{4}+n\pi\right],n\in\mathbb{Z}",
         r"\left(\frac{3\pi}{4}+n\pi,\frac{5\pi}{4}+n\pi\right),n\in\mathbb{Z}",
         r"\left[\frac{3\pi}{4}+2n\pi,\frac{5\pi}{4}+2n\pi\right],n\in\mathbb{Z}"]),
    "a parameter with listed values": (
        r"1,\ \frac{-1+i\sqrt3}{2},\ \frac{-1-i\sqrt3}{2}",
        [r"z=e^{2\pi ik/3},\ k=0,1,2", r"e^{\frac{2\pi ik}{3}},\ k=0,1,\dots,2", r"e^{2\pi ik/3}, k=1,2,3"],
        [r"z=e^{2\pi ik/3},\ k=0,1", r"e^{2\pi ik/3}, k=0,1,4"]),
    "signs that are said to be free": (
        "(2,3),(-2,-3),(2,-3),(-2,3)",
        [r"(x,y)=(\pm2,\pm3)\text{ with all four sign choices}", r"(\pm2,\pm3)\text{ for any combination of signs}"],
        [r"(2,3),(-2,-3)"]),
    "signs that are said to be free are no pair": (
        "(2,3),(-2,-3)", [r"(x,y)=(\pm2,\pm3)", r"\pm(2,3)"],
        [r"(x,y)=(\pm2,\pm3)\text{ with all four sign choices}"]),
    "odd and even integers": (
        r"\{x\mid x=2k+1,\ k\in\mathbb{Z}\}", [r"\text{all odd integers}"], [r"\text{all even integers}"]),
    "or and and in other languages": (
        "x=4 or x=-1",
        [r"x=4\text{ oder }x=-1", "x=4 y x=-1", r"x = 4\text{ ou }x=-1", r"x=4\text{ или }x=-1", "x=4 und x=-1"],
        [r"x=4\text{ oder }x=1", "x=4 y z=-1", r"x=4\text{ y }"]),
    "one thing is counted in the singular": ("1", ["1 apple"], ["1 short", "1 sixth"]),
    "a letter is true or false only beside the word": ("T", ["True"], [r"\text{yes}", r"\text{correct}", "False"]),
    "t is a variable": ("t", ["t"], [r"\text{yes}", r"\text{correct}", "f"]),
    "a sequence is no series": (
        r"\text{the sequence converges}", ["converges", "the sequence converges", "it converges"],
        ["the series converges", "the sequence diverges"]),
    "a kind of object may be left unsaid": (
        r"\text{geometric sequence}", ["geometric"], ["geometric series", "arithmetic sequence"]),
    "an even function is no even number": (r"\text{even function}", ["even", "an even function"], ["even number"]),
    "a time of day is no ratio": ("3:30", ["3:30"], ["1:10", "6:60", "3:31"]),
    "a ratio may be reduced": ("6:8", ["3:4"], ["4:3", "3:5"]),
    "a base behind brackets": ("431_5", ["(431)_5", r"\overline{431}_5", "431_{5}", r"\left(431\right)_5",
    r"431_{\text{five}}",
                  r"(431)_{\text{five}}"],
        ["(432)_5", "(431)_6", "431", r"\left(432\right)_5", r"431_{\text{six}}"]),
    "a hexadecimal number": ("1F_{16}", ["(1F)_{16}"], ["(1E)_{16}", "(1F)_{17}"]),
    "a letter in braces": ("x_1", ["{x}_{1}", "x_{1}"], ["{x}_{2}", "x^1"]),
    "braces around letters of a fraction": (
        r"\frac{m_1}{m_2}", [r"\frac{{m}_1}{{m}_2}"], [r"\frac{{m}_2}{{m}_1}"]),
    "a number of combinations": ("10", ["{C}_{5}^{2}", "C_5^2"], ["{C}_{5}^{1}", "{C}_{2}^{5}"]),
    "a form feed before rac": (r"\frac12", ["\x0crac{1}{2}", "\x0crac12"], ["\x0crac{1}{3}"]),
    "a carriage return before ho": (r"2\rho", ["2\rho"], ["3\rho", "2h"]),
    "a mixed number": ("2.5", ["2½", r"2\frac12"], ["2⅓", "½"]),
    "digit groups": ("12345", [r"12,\! 345", r"12\!345", r"12\! 345", "12,345"], [r"12,\! 346", r"1,\! 234,\! 5"]),
    "a parameter has any name": (
        r"(s,2s),\ s\in\mathbb{R}", [r"(t,2t), t\in\mathbb{R}", r"\{(a,2a): a\in\mathbb{R}\}"],
        [r"(t,3t), t\in\mathbb{R}", r"\{(2a,a): a\in\mathbb{R}\}"]),
    "a derivative has two names": (
        r"\frac{dy}{dx}=2x", ["f'(x)=2x", "y'=2x", "2x"], ["f(x)=2x", "f''(x)=2x", "y'=3x", "g=2x"]),
    "a second derivative": (r"f''(x)=2", [r"\frac{d^2y}{dx^2}=2", "y''=2"], ["y'=2", r"\frac{dy}{dx}=2"]),
    "a line in the plane": (
        "(x,y)=(1,2)+t(2,3)", [r"\frac{x-1}{2}=\frac{y-2}{3}"],
        [r"\frac{x-1}{3}=\frac{y-2}{2}", r"\frac{x}{2}=\frac{y}{3}"]),
    "a line in space": (
        r"\frac{x-1}{2}=\frac{y-2}{3}=\frac{z}{4}", ["(x,y,z)=(1,2,0)+t(2,3,4)", "x=1+2t, y=2+3t, z=4t"],
        ["(x,y,z)=(1,2,0)+t(2,3,5)", "x=1+2t, y=3+3t, z=4t"]),
    "a decimal is exact": ("0.75", [r"\frac34"], [r"\frac{187}{250}", "0.748"]),
    "a multiple of the identity": (
        r"\begin{pmatrix}2&0\\0&2\end{pmatrix}", ["2I_2"], ["3I_2", "2I_3", "2"]),
    "a letter of a formula is no unit": ("12 L - 3", ["3(4L-1)"], ["3(4L+1)", "9"]),
    "brackets around brackets": (
        "5", ["(" * 30 + "5" + ")" * 30, "{" * 60 + "5" + "}" * 60], ["(" * 30 + "6" + ")" * 30]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_right_answer_is_accepted_and_its_nearest_wrong_neighbour_is_not(name: str) -> None:
    reference, right, wrong = ROWS[name]
    for answers, expected in ((right, True), (wrong, False)):
        for answer in answers:
            assert EVALUATION.verify(answer, reference).is_correct is expected, answer
            assert TRAINING.verify(rf"\boxed{{{answer}}}", reference).is_correct is expected, answer


def test_rounding_to_a_decimal_reference_is_for_evaluation_only() -> None:
    assert EVALUATION.verify(r"\frac13", "0.333").is_correct
    assert not TRAINING.verify(r"\boxed{\frac13}", "0.333").is_correct
    assert SymbolicVerifier(round_to_reference=True).verify(r"\boxed{\frac13}", "0.333").is_correct
    for verifier in (EVALUATION, TRAINING):  # 0.246... has two digits of 0.25, and 0.3335 is another decimal
        assert not verifier.verify(r"\boxed{\frac{20}{81}}", "0.25").is_correct
        assert not verifier.verify(r"\boxed{\frac{667}{2000}}", "0.333").is_correct


@pytest.mark.parametrize("verifier", [EVALUATION, TRAINING])
def test_a_box_with_words_of_another_language_names_a_value_and_counts_no_unknown_unit(
    verifier: SymbolicVerifier,
) -> None:
    for named in ("aire = 70", "面积 = 70", "Länge = 70", "2 Längen = 70"):
        assert verifier.verify(rf"\boxed{{{named}}}", "70").is_correct, named
    for counted in ("70 décimas = 70", "-70 décimas = -70", "70 Stück = 70", "7 décimas = 0.7 = 7"):
        number = counted.rpartition("= ")[2]
        assert not verifier.verify(rf"\boxed{{{counted}}}", number).is_correct, counted


def test_what_a_solution_is_of_is_not_its_value() -> None:
    for response in (
        r"General solution of $2x=4$: $\boxed{x = 2}$",
        r"Answer to $x^2=4$ with $x>0$: $$\boxed{2}$$",
        "The answer for part a: 2",
        "giving an answer of $2$ cm",
    ):
        assert TRAINING.verify(response, "2").is_correct, response
    assert not TRAINING.verify(r"The solution of $2x=4$ is $3$", "2").is_correct


def test_a_power_in_words_is_not_its_exponent_and_a_framed_answer_is_announced_once() -> None:
    assert not EVALUATION.verify("2 to the power 2", "2").is_correct
    assert not EVALUATION.verify("so it is 3 raised to the 2", "2").is_correct
    assert not EVALUATION.verify("10 percent of 10", "10").is_correct
    assert TRAINING.verify(
        r"The answer is $\fbox{\text{not differentiable}}$.", r"\text{not differentiable}"
    ).is_correct
    assert not TRAINING.verify(
        r"The answer is $\fbox{\text{differentiable}}$.", r"\text{not differentiable}"
    ).is_correct


def test_a_product_over_nothing_names_no_number() -> None:
    assert not TRAINING.verify(r"\boxed{\frac{ab}{0c} = 5}", "5").is_correct
