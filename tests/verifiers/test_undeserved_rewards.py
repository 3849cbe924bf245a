"""Inputs made to be rewarded without being right, and enormous ones: never rewarded, and bounded by construction."""

from __future__ import annotations

import time

import pytest

from verifiers.judges.symbolic import SymbolicVerifier

VERIFIER = SymbolicVerifier(mode="evaluation")

UNDESERVED: list[tuple[str, str]] = [
    ("|x|", r"\boxed{\begin{cases}x&x\text{ even}\\x&x\text{ odd}\end{cases}}"),
    (r"\lfloor x\rfloor", r"\boxed{\begin{cases}x&x\text{ even}\\x&x\text{ odd}\end{cases}}"),
    ("|x|", r"\boxed{\begin{cases}1&x=1\\x&x\ge2\end{cases}}"),
    ("2n-1", r"\boxed{\begin{cases}9&n=5\\2n-1&n\ge6\end{cases}}"), ("A", "Eliminating C and D leaves A, B."),
    ("10", r"\boxed{x+5=10}"), ("10", r"\boxed{2x=10}"), ("42", "The answer is minus $42$."),
    ("42", "The answer is 42 if n is even."), ("42", "The answer is close to 42."), ("42", "The answer is 42+."),
    ("42", "The answer is the 42nd prime."), ("42", "The answer is the number before 42."),
    ("42", "The answer is $42$ plus one."),
    ("C", "the answer is (C) or (D)."), ("C", "(C), (D)"), ("C", "A and B fail, leaving C or D."),
    ("125", "0,125"), ("125", r"\boxed{0{,}125}"), ("250", "Es sind 1'250"), ("1250", r"\boxed{12'50}"),
    ("42", "If the die were fair, the answer would be $42$."), ("42", "The answer would be 42 had we begun at 0."),
    (r"\text{even}", r"Is the answer $\text{even}$?"), ("D", "Is the answer $D$?"),
    ("42", r"Suppose the answer is \boxed{42}."), ("42", r"\boxed{[42, \infty) = 42}"),
    ("-0.1", r"\boxed{(-0,1) = -0.1}"), ("42", r"\boxed{42\text{ fewer} = 42}"), ("42", r"\boxed{42\text{ T} = 42}"),
    ("-4", r"\boxed{\pm 4 = -4}"), ("42", "The answer is 42 less."), ("42", "Final Answer: $42 quarters$"),
    ("42", r"The answer is $42\text{ hundreds}$"), ("42", "The answer is not $41$ but $42 root$."),
    ("42", r"The answer is $-\boxed{42}$."), ("42", r"so $x = 1-\boxed{42}$"),
    (r"5.4\text{ square units}", r"\boxed{5.4\text{ units}}"),
    ("42", r"\boxed{9^{9^{9}}}"), ("42", r"\boxed{(10^{1000})!}"), ("42", r"\boxed{2^{2^{2^{2^{2^2}}}}}"),
    ("42", r"\boxed{\prod_{n=1}^{10^9} n}"), ("42", r"\boxed{\sum_{i=1}^{2000}\sum_{j=1}^{2000} ij}"),
    ("42", r"\boxed{\binom{10^9}{5\cdot10^8}}"), ("42", r"\boxed{\gamma(10^{10})}"),
    ("42", r"\boxed{\lim_{x\to\infty} \frac{x^{x^x}}{e^{e^x}}}"),
    ("42", r"\boxed{\int_0^\infty e^{-x^2}\sin(x^3)dx}"),
    ("42", r"\boxed{x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x}"),
    ("x", r"\boxed{(((x+1)^{50}+1)^{50}+1)^{50}}"), ("x^2", r"\boxed{(x+y+z+w+1)^{1000}}"),
    ("42", r"\boxed{1e999999}"), ("42", r"\boxed{10^{10^{5}}}"), ("0", r"\boxed{10^{-10^{5}}}"),
    ("42", r"\boxed{41}\boxed{42}\boxed{43}"), ("42", r"\boxed{42} or \boxed{43}"),
    ("42", r"\boxed{42}, \boxed{41}"), ("42", r"\boxed{42, 43}"), ("42", r"\boxed{42 \text{ or } 43}"),
    ("42", r"\boxed{42/43}"), ("42", r"\boxed{\{42, 43\}}"), ("42", r"\boxed{x \in \{41,42\}}"),
    ("42", r"\boxed{[42, 43]}"), ("42", r"\boxed{42 \le x}"), ("42", r"\boxed{x > 41}"),
    ("42", r"\boxed{42 \neq 43}"), ("42", r"\boxed{42 = 43 - 2}"), ("42", r"\boxed{\text{42 or 43}}"),
    ("42", r"\boxed{\text{The answer is 42 or 43}}"), ("42", r"\boxed{\text{either 42 or 41}}"),
    ("42", r"\boxed{42 \pm 1}"), ("42", r"\boxed{42 \text{ (or } 43)}"), ("42", r"\boxed{42 (43)}"),
    ("42", r"\boxed{42; 43}"), ("42", r"\boxed{42 \quad 43}"), ("42", r"\boxed{42\\43}"),
    ("42", "The answer is 42 and the answer is 43"), ("42", "The answer is 42. No, the answer is 43."),
    ("42", "Either 42 or 43."), ("42", "It is 41, 42 or 43"), ("42", "Candidates: 40, 41, 42"),
    ("42", "between 40 and 42"), ("42", "at least 42"), ("42", "less than 42"), ("42", "more than 42"),
    ("42", "not 42"), ("42", "It isn't 42"), ("42", "The answer cannot be 42"), ("42", "42 is wrong"),
    ("42", "42 is incorrect."), ("42", "The answer is anything but 42"), ("42", "The answer is 42? No."),
    ("42", "The answer is 42 is false"), ("42", r"\boxed{\lnot 42}"), ("42", r"\boxed{\text{not }42}"),
    ("42", r"\boxed{\cancel{42} 43}"), ("42", r"\boxed{42\text{ no}}"), ("42", r"\boxed{42!}"),
    ("42", r"\boxed{42\text{ thousand}}"), ("42", r"\boxed{42 million}"), ("42", r"\boxed{42k}"),
    ("42", r"\boxed{42x}"), ("42", r"\boxed{42\%\%}"), ("42", r"\boxed{42i}"), ("42", r"\boxed{-42}"),
    ("42", r"\boxed{|{-42}|+1}"), ("42", r"\boxed{4 2}"), ("42", r"\boxed{4,2}"), ("42", r"\boxed{4.2}"),
    ("42", r"\boxed{42_5}"), ("42", r"\boxed{042_8}"), ("42", r"\boxed{0x42}"), ("42", r"\boxed{42e1}"),
    ("42", r"\boxed{42^2}"), ("42", r"\boxed{^{42}}"), ("42", r"\boxed{_{42}}"), ("42", r"\boxed{42'}"),
    ("42", r"\boxed{42:1:1}"), ("42", r"\boxed{42\text{ dozen}}"), ("42", r"\boxed{42 \text{ half}}"),
    ("42", r"\boxed{42 hundred}"), ("42", r"\boxed{42.5}"), ("42", r"\boxed{42.0001}"),
    ("42", r"\boxed{41.9999999999}"), ("42", r"\boxed{42+10^{-20}}"), ("42", r"\boxed{42+10^{-60}}"),
    ("42", r"\boxed{42\cdot 1.0000001}"), ("42", r"\boxed{6\cdot 7 + 0.0001}"), ("42", r"\boxed{42+\epsilon}"),
    ("42", r"\boxed{42+x-y}"), ("42", r"\boxed{\infty-\infty+42}"), ("42", r"\boxed{42+0/0}"),
    ("42", r"\boxed{42+\frac{1}{\infty}}"), ("0", r"\boxed{1/\infty}"), ("0", r"\boxed{e^{-10^6}}"),
    ("0", r"\boxed{10^{-50}}"), ("0", r"\boxed{2^{-10000}}"), ("1", r"\boxed{1-10^{-40}}"),
    ("1", r"\boxed{\tanh(50)}"), ("1", r"\boxed{\tanh(200)}"),
    (r"\pi", r"\boxed{3.14159265358979323846264338327950288419716939937510}"),
    (r"\sqrt2", r"\boxed{1.41421356237309504880168872420969807856967187537694807}"),
    ("e", r"\boxed{2.718281828459045235360287471352662497757}"), ("1/3", r"\boxed{0.333333333333333}"),
    ("1/3", r"\boxed{0.3333333333333333333333333333333333333333333333333}"),
    ("262537412640768744", r"\boxed{e^{\pi\sqrt{163}}}"), ("2/3", r"\boxed{0.67}"), ("0.1", r"\boxed{0.10000001}"),
    ("0.5", r"\boxed{0.49999}"), ("3.14", r"\boxed{3.141}"), ("100", r"\boxed{99.99}"),
    ("x^2", r"\boxed{x^{2.0000001}}"), ("x", r"\boxed{x+10^{-30}}"), ("x+1", r"\boxed{x}"), ("x+1", r"\boxed{y+1}"),
    ("2x", r"\boxed{x2}"), ("ab", r"\boxed{a+b}"), ("x^{2y}", r"\boxed{x^2y}"),
    (r"\frac{a}{b+c}", r"\boxed{a/b+c}"), ("(a+b)^2", r"\boxed{a+b^2}"), (r"\sqrt{a+b}", r"\boxed{\sqrt a+b}"),
    (r"\frac{1}{2}x", r"\boxed{\frac{1}{2x}}"), ("-(a+b)", r"\boxed{-a+b}"), ("x_1", r"\boxed{x1}"),
    ("f(x)", r"\boxed{f(y)}"), (r"\sin(2x)", r"\boxed{2\sin x}"), (r"\log_2 3", r"\boxed{\log 23}"),
    ("12", r"\boxed{1 \cdot 2}"), ("12", r"\boxed{1\text{ and }2}"), ("12", r"\boxed{1\ 2}"),
    ("1/2", r"\boxed{1,2}"), ("0.5", r"\boxed{0,05}"), ("3,4", r"\boxed{34}"), ("34", r"\boxed{3, 4}"),
    (r"2\sqrt3", r"\boxed{\sqrt{23}}"), ("x=3", r"\boxed{x\neq 3}"), ("x=3", r"\boxed{x>3}"), ("x=3", r"\boxed{x}"),
    ("x=3", r"\boxed{3=3}"), ("x=3", r"\boxed{x=x}"), ("x=3", r"\boxed{x=3+x-x+1}"), ("y=2x+1", r"\boxed{2x}"),
    ("y=2x+1", r"\boxed{y=y}"), ("y=2x+1", r"\boxed{0=0}"), ("y=2x+1", r"\boxed{1=1}"), ("x+y=3", r"\boxed{3}"),
    ("x^2=4", r"\boxed{4}"), ("x^2+y^2=0", r"\boxed{0}"), ("[1,2)", r"\boxed{(1,2)}"), ("[1,2)", r"\boxed{[1,2}"),
    ("[1,2)", r"\boxed{1,2}"), ("(1,2)", r"\boxed{1<x\le2}"), ("(1,2]", r"\boxed{[1,2)}"),
    (r"\{1,2\}", r"\boxed{\{1\}}"), (r"\{1,2\}", r"\boxed{\{1,2,2,3\}}"), ("(1,2)", r"\boxed{(1,2,3)}"),
    ("(1,2),(3,4)", r"\boxed{(1,2)}"), ("(1,2),(3,4)", r"\boxed{(1,2),(3,4),(5,6)}"),
    ("(1,2),(3,4)", r"\boxed{(2,1),(4,3)}"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\boxed{1,2,3,4}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\boxed{\begin{pmatrix}2\\1\end{pmatrix}}"),
    (r"5 \text{ km}", r"\boxed{5\text{ miles}}"), (r"5 \text{ km}", r"\boxed{50 m}"),
    (r"\$5", r"\boxed{5\text{ cents}}"), (r"5 \text{ cm}", r"\boxed{5\text{ cm}^2}"),
    (r"90^\circ", r"\boxed{90\text{ cm}}"), (r"10\text{ minutes}", r"\boxed{10 \text{ seconds}}"),
    (r"60^\circ", r"\boxed{60\text{ rad}}"), (r"37^\circ C", r"\boxed{37^\circ F}"),
    ("3:00 PM", r"\boxed{3:00 AM}"), ("12:00", r"\boxed{1:00}"), ("1:2", r"\boxed{2:1}"), ("Yes", r"\boxed{No}"),
    ("Yes", r"\boxed{Yes/No}"), ("Yes", r"\boxed{Yes, No}"), ("Yes", r"\boxed{Yes and No}"),
    ("Yes", r"\boxed{not yes}"), ("True", r"\boxed{False}"), ("True", r"\boxed{True or False}"),
    ("No", r"\boxed{\text{Yes}}"), ("B", r"\boxed{A or B}"), ("B", r"\boxed{A/B}"), ("B", r"\boxed{AB}"),
    ("B", r"\boxed{\text{A and B}}"), ("B", r"\boxed{(A)(B)}"), ("B", "A) B) C) D)"), ("B", "The answer is A, B"),
    ("B", "(A) 1 (B) 2 (C) 3"), ("B", "Not B but C"), ("B", "B is wrong"), ("B", "The answer is not B, it is C"),
    ("42", ""), ("42", " "), ("42", "?"), ("42", "..."), ("42", r"\boxed{...}"), ("42", r"\boxed{\text{}}"),
    ("42", r"\boxed{{}}"), ("42", r"\boxed{\ }"), ("42", r"\boxed{x}"), ("42", r"\boxed{?}"),
    ("42", r"\boxed{N/A}"), ("42", r"\boxed{none}"), ("42", r"\boxed{*}"), ("42", r"\boxed{.*}"),
    ("42", r"\boxed{42|43}"), ("42", r"\boxed{nan}"), ("42", r"\boxed{\text{42 is not the answer}}"),
    ("42", r"\boxed{\text{see above}}"), ("42", r"\boxed{\infty}"), ("42", r"\boxed{True}"),
    ("42", r"\boxed{lambda: 42}"), ("42", r"\boxed{42 if True else 43}"), ("42", "\\boxed{int(\"42\")}"),
    ("42", r"\boxed{print(42)}"), ("42", "\\boxed{\"42\"+\"1\"}"), ("42", r"\boxed{42#43}"),
    ("42", r"\boxed{42 % 43}"), ("42", r"\boxed{42//1}"), ("42", r"\boxed{42==42}"), ("42", r"\boxed{42=42}"),
    ("42", r"\boxed{eval(42)}"), ("42", r"\boxed{chr(52)+chr(50)}"), (r"\frac13", r"\boxed{\int_0^1 x^2 dx}"),
    ("6", r"\boxed{\gcd(54,24)}"), ("2x", r"\boxed{\frac{d}{dx}x^2}"), ("55", r"\boxed{\sum_{k=1}^{10}k}"),
    ("2", r"\boxed{\lim_{x\to 0}\frac{\sin 2x}{x}}"), ("42", "<think>The answer is 42</think>"),
    ("42", r"<think>\boxed{42}</think>\boxed{43}"), ("42", "<think>42"), ("42", "<thinking>42</thinking> dunno"),
    ("42", "43</think> I give up"), ("42", r"\boxed{42}</think>\boxed{41}"), ("42", "<answer>43</answer> 42"),
    ("42", "#### 43\n42"), ("42", "% 42\n43"), ("42", r"\phantom{42}"), ("42", r"\boxed{\phantom{42}}"),
    ("42", r"\boxed{\color{white}{42}43}"), ("42", r"\boxed{43}\tag{42}"), ("42", r"\text{\boxed{43}} 42"),
]  # fmt: skip

DESERVED: list[tuple[str, str]] = [
    ("42", r"\boxed{42}"), ("42", r"\boxed{\mathbf{42}}"), ("42", r"\boxed{42.}"), ("42", r"\boxed{42.0}"),
    ("42", r"\boxed{6\times7}"), ("42", r"\boxed{\frac{84}{2}}"), ("42", r"\boxed{x=42}"),
    ("42", r"\boxed{40+2=42}"), ("1000000007", r"\boxed{1{,}000{,}000{,}007}"),
    ("2^{2025}", r"\boxed{2\cdot2^{2024}}"), (r"\binom{100}{50}", r"\boxed{\binom{100}{50}}"),
    (r"\sqrt{5+2\sqrt6}", r"\boxed{\sqrt2+\sqrt3}"), (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", r"\boxed{1}"),
    (r"\tan\frac{3\pi}{11}+4\sin\frac{2\pi}{11}", r"\boxed{\sqrt{11}}"),
    (r"\cos 20^\circ\cos40^\circ\cos80^\circ", r"\boxed{1/8}"), (r"\arctan 1+\arctan 2+\arctan 3", r"\boxed{\pi}"),
    (r"\frac{1}{1+\frac{1}{1+\frac{1}{2}}}", r"\boxed{\frac35}"), ("0.1", r"\boxed{\frac{1}{10}}"),
    ("10^{100}", r"\boxed{10^{50}\cdot10^{50}}"), ("1/2004!", r"\boxed{\frac{1}{2004!}}"),
    ("2024^{4046}", r"\boxed{2024^{4046}}"), ("(a+b)^3", r"\boxed{a^3+3a^2b+3ab^2+b^3}"),
    ("7", r"I tried \boxed{5}. Then \boxed{6}. So \boxed{7}"),
    ("F_{100}=354224848179261915075", r"\boxed{354224848179261915075}"),
    (r"\frac{2^{2005}+1}{3\cdot 2^{2006}}", r"\boxed{\frac{2^{2005}+1}{3\cdot2^{2006}}}"), (r"\pi", r"\boxed{π}"),
    (r"\sinh(1)", r"\boxed{\frac{e-e^{-1}}{2}}"), ("1/4", r"<think>hmm \boxed{9}</think> The answer is 0.25."),
]  # fmt: skip

ENORMOUS: dict[str, str] = {
    "nested roots": "\\boxed{" + "\\sqrt{" * 200 + "2" + "}" * 201,
    "double series": r"\boxed{\sum_{i=1}^{2000}\sum_{j=1}^{2000} ij}",
    "long sum": "\\boxed{1" + "+1" * 3000 + "}",
    "tall tower": "\\boxed{x" + "^x" * 45 + "}",
    "large set": "\\boxed{\\{" + ",".join(str(item) for item in range(1000)) + "\\}}",
    "many intervals": "\\boxed{" + "\\cup".join(f"({2 * item},{2 * item + 1})" for item in range(400)) + "}",
    "large determinant": "\\boxed{\\begin{vmatrix}"
    + "\\\\".join("&".join(["\\sqrt2"] * 20) for _ in range(20))
    + "\\end{vmatrix}}",
    "power of a power": r"\boxed{(((x+1)^{50}+1)^{50}+1)^{50}}",
    "unclosed boxes": "\\boxed{" * 5000 + "42",
    "dollars": "$" * 100_000,
    "brackets": "(" * 100_000,
    "braces": "{" * 200_000,
    "commands": "\\frac" * 20_000,
    "answer tags": "<answer>" * 20_000,
    "think tags": "<think>" * 20_000,
    "hashes": "####" * 30_000,
    "stars": "**" * 50_000,
    "equals": "= " * 50_000,
    "alternatives": "The answer is " + "$x$ or " * 10_000,
    "announcements": "the answer is " * 20_000,
    "digits": "1" * 5000,
    "signs": "-" * 50_000 + "42",
    "letters": "a" * 100_000 + " = 43",
}


@pytest.mark.parametrize(("reference", "response"), UNDESERVED)
def test_nothing_is_paid_for_what_is_not_the_answer(reference: str, response: str) -> None:
    assert not VERIFIER.verify(response, reference).is_correct


@pytest.mark.parametrize(("reference", "response"), DESERVED)
def test_hard_but_right_answers_are_paid(reference: str, response: str) -> None:
    assert VERIFIER.verify(response, reference).is_correct


@pytest.mark.parametrize("name", ENORMOUS)
def test_enormous_inputs_end_soon_without_reward(name: str) -> None:
    started = time.thread_time()
    assert not VERIFIER.verify(ENORMOUS[name], "42").is_correct
    assert time.thread_time() - started < 2.0


def test_a_large_set_is_compared_in_time() -> None:
    items = ",".join(f"\\sqrt{{{item * item + 1}}}" for item in range(300))
    started = time.thread_time()
    assert VERIFIER.verify(f"\\boxed{{\\{{{items}\\}}}}", f"\\{{{items}\\}}").is_correct
    assert not VERIFIER.verify(f"\\boxed{{\\{{{items}, 1\\}}}}", f"\\{{{items}, 7\\}}").is_correct
    assert time.thread_time() - started < 4.0


@pytest.mark.parametrize(
    ("reference", "response"),
    [
        ("[0,1)", "[0,1/0)"),
        ("[1,2)", r"[\min(1),2)"),
        ("42", r"\boxed{2^{2^{2^{2^2}}}}"),
        ("1.5\\times10^{400}", r"\boxed{\pi}"),
    ],
)
def test_answers_without_a_value_are_wrong_and_no_exception(reference: str, response: str) -> None:
    verdict = VERIFIER.verify(response, reference)
    assert verdict.is_correct == (response == r"[\min(1),2)")
