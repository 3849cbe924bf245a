"""Verifiers that check an answer instead of comparing it: constraint, substitution, antiderivative."""

import itertools
import random
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers.algebra.derivative import NotDifferentiableError, derivative
from verifiers.algebra.high_precision import numeric
from verifiers.algebra.identity import agree
from verifiers.algebra.polynomials import num_real_roots
from verifiers.judges.antiderivative import AntiderivativeVerifier
from verifiers.judges.constraint import ConstraintVerifier, read_constraint
from verifiers.judges.substitution import SubstitutionVerifier
from verifiers.parse import parse
from verifiers.registry import make
from verifiers.types import Outcome, Reason

# --- constraint


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("8/(3-8/3)", Outcome.CORRECT),
        ("8 / (3 - 8/3) = 24", Outcome.CORRECT),
        ("24 = 8 / (3 - 8/3)", Outcome.CORRECT),
        (r"\frac{8}{3 - \frac{8}{3}}", Outcome.CORRECT),
        (r"8 \div (3 - 8 \div 3)", Outcome.CORRECT),
        ("24", Outcome.WRONG),
        ("8 * 3", Outcome.WRONG),  # two numbers are left
        ("8 * 3 + 8 - 8", Outcome.WRONG),  # 8 three times
        ("3 * 8 + 3 - 8 + 5", Outcome.WRONG),
        ("8 + 8 + 3 + 3", Outcome.WRONG),  # 22
        ("8/(3-8/3) = 25", Outcome.WRONG),
        ("33 - 8 - 8 + 7", Outcome.WRONG),
        ("88/3 - 3", Outcome.WRONG),  # joined digits
        ("8/(3-3)*8", Outcome.WRONG),
        ("3^3 - 8 + 8", Outcome.WRONG),
        ("sqrt(8*8) * 3", Outcome.WRONG),
        ("8/(3-8/3) + 0", Outcome.WRONG),
        ("41 = 24", Outcome.WRONG),
        ("x", Outcome.WRONG),
        ("9**9**9**9", Outcome.WRONG),
        ("__import__('os').system('true')", Outcome.WRONG),
        ("((((", Outcome.UNPARSEABLE),
        ("8/(3-8/3) = 24 = 24", Outcome.WRONG),
    ],
)
def test_constraint(answer: str, outcome: Outcome) -> None:
    verdict = ConstraintVerifier().verify(f"#### {answer}", "3, 3, 8, 8 -> 24")
    assert verdict.outcome is outcome, verdict.detail
    assert verdict.score == float(verdict.is_correct)


def test_the_constraint_may_be_json() -> None:
    reference = '{"numbers": [3, 3, 8, 8], "target": 24}'
    assert ConstraintVerifier().verify("#### 8/(3-8/3)", reference).is_correct
    assert read_constraint("[1 2 3] => 6").numbers == (1, 2, 3)


@pytest.mark.parametrize("reference", ["24", "1, 2", "a, b -> 3", "{}", '{"numbers": 3, "target": 1}', "1/0 -> 3"])
def test_a_reference_that_states_no_constraint_is_an_exception(reference: str) -> None:
    with pytest.raises(ValueError, match="states no constraint"):
        ConstraintVerifier().verify("#### 1", reference)


def test_numbers_may_be_left_over_and_operators_chosen() -> None:
    assert ConstraintVerifier(use_all=False).verify("#### 8 * 3", "3, 3, 8, 8 -> 24").is_correct
    assert not ConstraintVerifier(use_all=False).verify("#### 8 + 8 + 8", "3, 3, 8, 8 -> 24").is_correct
    assert ConstraintVerifier(operators=("+", "^")).verify("#### 2^3 + 1", "1, 2, 3 -> 9").is_correct
    assert ConstraintVerifier(operators=("-",)).verify("#### 3 - 1", "3, 1 -> 2").is_correct
    assert not ConstraintVerifier(operators=("+",)).verify("#### 3 - 1", "3, 1 -> 2").is_correct
    assert not ConstraintVerifier(operators=("-",)).verify("#### 3 + 1", "3, 1 -> 4").is_correct
    assert ConstraintVerifier().verify("#### -3 + 5", "-3, 5 -> 2").is_correct
    with pytest.raises(ValueError, match="unknown operators"):
        ConstraintVerifier(operators=("!",))


def test_it_agrees_with_enumeration() -> None:
    # every ((a o b) o c) and (a o (b o c)) over the orders of 2, 5, 7, worked out here in fractions
    work = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}
    verifier = ConstraintVerifier()
    for (a, b, c), o, p in itertools.product(itertools.permutations((2, 5, 7)), work, work):
        left = work[p](work[o](Fraction(a), Fraction(b)), Fraction(c))
        right = work[o](Fraction(a), work[p](Fraction(b), Fraction(c)))
        for text, value in ((f"({a} {o} {b}) {p} {c}", left), (f"{a} {o} ({b} {p} {c})", right)):
            assert verifier.verify(f"#### {text}", f"7, 2, 5 -> {value}").is_correct
            assert not verifier.verify(f"#### {text}", f"7, 2, 5 -> {value + 1}").is_correct
            assert not verifier.verify(f"#### {text}", f"7, 2, 6 -> {value}").is_correct


# --- substitution


@pytest.mark.parametrize(
    ("reference", "answer", "is_right"),
    [
        ("x^2 - 5x + 6 = 0", "2", True),
        ("x^2 - 5x + 6 = 0", "x = 3", True),
        ("x^2 - 5x + 6 = 0", "x = 2 or x = 3", True),
        ("x^2 - 5x + 6 = 0", "2, 3", True),
        ("x^2 - 5x + 6 = 0", r"\{2, 3\}", True),
        ("x^2 - 5x + 6 = 0", "2, 4", False),
        ("x^2 - 5x + 6 = 0", "x", False),
        ("x^2 - 5x + 6 = 0", "x = x", False),
        ("x^2 - 5x + 6 = 0", "x^2 - 5x + 6 = 0", False),
        ("x^2 - 5x + 6 = 0", "y = 2", False),
        ("x^2 = 2", r"\sqrt{2}", True),
        ("x^2 = 2", r"\pm\sqrt{2}", True),
        ("x^2 = 2", "1.41421356237", False),
        ("x^2 = 2", r"\sqrt{2.00000000000001}", False),
        (r"\sin x = \frac{1}{2}", r"\frac{\pi}{6}", True),
        (r"\sin x = \frac{1}{2}", r"\frac{\pi}{7}", False),
        (r"\sin x = \frac{1}{2}", "0.523598775598298873077107230546583814032861566562517636829157", False),
        ("1/x = 1/(x-1)", "1", False),  # no value there
        ("x + y = 3, x - y = 1", "(2, 1)", True),
        ("x + y = 3; x - y = 1", "x = 2, y = 1", True),
        ("x + y = 3\nx - y = 1", "(x, y) = (2, 1)", True),
        (r"\begin{cases} x + y = 3 \\ x - y = 1 \end{cases}", "y = 1, x = 2", True),
        ("x + y = 3, x - y = 1", "(1, 2)", False),
        ("x + y = 3, x - y = 1", "x = 2", False),
        ("x + y = 3, x - y = 1", "x = 2, x = 5, y = 1", False),
        ("x^2 + y^2 = 25, x + y = 7", "(3, 4) or (4, 3)", True),
        ("x^2 + y^2 = 25, x + y = 7", "(3, 4), (4, 3)", True),
        ("x^2 + y^2 = 25, x + y = 7", "(3, 4), (3, 5)", False),
        ("2x + 1 > 5", "3", True),
        ("2x + 1 > 5", "2", False),
        ("2x + 1 >= 5", "2", True),
        (r"x < \sqrt{2}", "1.4142", True),
        (r"x < \sqrt{2}", "1.4143", False),
    ],
)
def test_substitution(reference: str, answer: str, is_right: bool) -> None:
    verdict = SubstitutionVerifier().verify(f"#### {answer}", reference)
    assert verdict.is_correct is is_right, verdict.detail
    assert is_right or verdict.outcome is Outcome.WRONG


@pytest.mark.parametrize(
    ("answer", "domains", "is_right"),
    [  # 3x + 5y = 23 has the non-negative integer solutions (1, 4) and (6, 1), and (23/3, 0), (-4, 7) in wider domains
        ("(1, 4)", "positive integer", True),
        ("(6, 1)", "nonnegative integer", True),
        ("(23/3, 0)", None, True),
        ("(23/3, 0)", "rational", True),
        ("(23/3, 0)", "integer", False),
        ("(-4, 7)", "integer", True),
        ("(-4, 7)", "nonnegative integer", False),
        ("(-4, 7)", {"y": "positive"}, True),
        ("(-4, 7)", {"x": "positive"}, False),
        (r"(\sqrt{36}, 1)", "integer", True),  # an integer however it is written
        (r"(\sqrt{2}, \frac{23 - 3\sqrt{2}}{5})", "integer", False),
        (r"(\sqrt{2}, \frac{23 - 3\sqrt{2}}{5})", "positive", True),
        ("(1 + 5t, 4 - 3t)", "integer", False),  # a family: whether t is an integer is not said
        ("(1.0, 4.0)", "integer", True),
    ],
)
def test_substitution_in_a_domain(answer: str, domains: object, is_right: bool) -> None:
    verdict = make("substitution", unknowns=["x", "y"], domains=domains).verify(f"#### {answer}", "3x + 5y = 23")
    assert verdict.is_correct is is_right, verdict.detail


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 9), st.integers(1, 9))
def test_integer_solutions_are_the_integers(x: int, y: int, a: int, b: int) -> None:
    judge, reference = make("substitution", unknowns=["x", "y"], domains="integer"), f"{a}x + {b}y = {a * x + b * y}"
    assert judge.verify(f"#### ({x}, {y})", reference).is_correct
    half = f"({2 * b * x + b}/{2 * b}, {2 * y * b - a}/{2 * b})"  # x + 1/2 and y - a/(2b): on the line, x no integer
    assert make("substitution", unknowns=["x", "y"]).verify(f"#### {half}", reference).is_correct
    assert not judge.verify(f"#### {half}", reference).is_correct


def test_a_domain_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="the domain of x is 'whole', expected one of real, positive"):
        make("substitution", domains={"x": "whole"})
    with pytest.raises(ValueError, match="domains names"):
        make("substitution", unknowns=["x"], domains={"z": "integer"}).verify("#### 1", "x = 1")
    with pytest.raises(ValueError, match="use num_solutions"):
        make("substitution", complete=True, domains="integer")


def test_parameters_are_replaced_at_random_not_by_luck() -> None:
    verifier = SubstitutionVerifier(unknowns=("x",))
    assert verifier.verify(r"#### x = -\frac{b}{a}", "a x + b = 0").is_correct
    assert not verifier.verify(r"#### x = \frac{b}{a}", "a x + b = 0").is_correct
    quadratic = r"#### x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}"
    assert verifier.verify(quadratic, "a x^2 + b x + c = 0").is_correct
    assert not verifier.verify(quadratic.replace("4ac", "4a"), "a x^2 + b x + c = 0").is_correct


@pytest.mark.parametrize(
    ("answer", "is_right"), [("2, 3", True), ("3, 2", True), ("2", False), ("2, 2", False), ("2, 4/2", False)]
)
def test_all_solutions_can_be_asked_for(answer: str, is_right: bool) -> None:
    assert SubstitutionVerifier(complete=True).verify(f"#### {answer}", "x^2 - 5x + 6 = 0").is_correct is is_right
    assert SubstitutionVerifier(num_solutions=2).verify(f"#### {answer}", "x^2 - 5x + 6 = 0").is_correct is is_right


@pytest.mark.parametrize(
    ("setup", "reference", "says"),
    [
        ({}, "5", "no equation"),
        ({}, "a x + b = 0", "say which are the unknowns"),
        ({"unknowns": ["z"]}, "x = 2", "do not occur"),
        ({"complete": True}, "\\sin x = 0", "polynomial equation"),
        ({"complete": True}, "x + y = 3, x - y = 1", "polynomial equation"),
    ],
)
def test_a_reference_that_cannot_be_checked_is_an_exception(
    setup: dict[str, object], reference: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        SubstitutionVerifier(**setup).verify("#### 2", reference)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=4))
def test_the_roots_of_a_product_of_factors_are_its_solutions(roots: list[int]) -> None:
    reference = "".join(f"(x - ({root}))" for root in roots) + " = 0"
    answer = ", ".join(map(str, sorted(set(roots))))
    assert SubstitutionVerifier(complete=True).verify(f"\\boxed{{{answer}}}", reference).is_correct
    wrong = ", ".join(map(str, [*sorted(set(roots))[1:], 10]))
    assert not SubstitutionVerifier().verify(f"\\boxed{{{wrong}}}", reference).is_correct


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=6).filter(lambda p: p[-1] != 0))
def test_real_roots_are_counted_as_sympy_counts_them(coefficients: list[int]) -> None:
    expected = len(set(sympy.real_roots(sympy.Poly(coefficients[::-1], sympy.Symbol("x")))))
    assert num_real_roots(tuple(map(Fraction, coefficients))) == expected


# --- derivative and antiderivative

FUNCTIONS = [
    "x^3 - 2x + 7", r"\frac{x^2+1}{x-3}", r"x^2 e^{3x}", r"\sin(x^2)", r"\cos^3 x", r"\tan x", r"\cot x", r"\sec x",
    r"\csc x", r"\ln(x^2+1)", r"\log_2 x", r"\sqrt{x+1}", r"\sqrt[3]{x}", r"\arcsin\frac{x}{5}", r"\arccos\frac{x}{5}",
    r"\arctan x", r"\sinh x", r"\cosh x", r"\tanh x", "x^x", "2^x", r"|x|", r"\frac{\sin x}{x}", r"e^{\sin x}",
    r"\exp(-x^2)", r"\coth x", "50%x", r"-x^{-2}", r"x^{5/2}",
]  # fmt: skip


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_derivative_is_the_limit_of_the_difference_quotient(text: str) -> None:
    expr = parse(text)
    slope = derivative(expr, "x")
    rng = random.Random(1)
    step = numeric(parse("10^{-15}"))
    for _ in range(3):
        x = numeric(parse(str(1 + rng.random() * 2)))
        ahead, behind = numeric(expr, {"x": x + step}), numeric(expr, {"x": x - step})
        # central difference: error about f''' h^2 / 6 = 10^-30
        assert abs((ahead - behind) / (2 * step) - numeric(slope, {"x": x})) < 1e-20 * max(1, abs(ahead))


def test_what_has_no_rule_is_refused_and_constants_vanish() -> None:
    for text in (r"\int x dx", "x!", r"\lfloor x \rfloor", "x = 2"):
        with pytest.raises(NotDifferentiableError):
            derivative(parse(text), "x")
    assert agree(derivative(parse(r"a! + \lfloor b \rfloor"), "x"), parse("0"))


@pytest.mark.parametrize(
    ("integrand", "answer", "is_right"),
    [
        ("x^2", r"\frac{x^3}{3} + C", True),
        ("x^2", r"\frac{x^3}{3}", True),
        ("x^2", r"\frac{x^3 + 7}{3}", True),
        (r"\int x^2 dx", r"F(x) = \frac{x^3}{3} + C", True),
        ("x^2", r"\int x^2 dx = \frac{x^3}{3} + C", True),
        ("x^2", r"\frac{x^3}{2} + C", False),
        ("x^2", r"\frac{x^3}{3} + x", False),
        ("x^2", r"\frac{x^3}{3} \cdot C", False),
        ("x^2", r"\int x^2 dx", False),
        ("x^2", r"\int_0^x t^2 dt", False),
        (r"\frac{1}{x}", r"\ln|x| + C", True),
        (r"\frac{1}{x}", r"\ln x", True),
        (r"\frac{1}{x}", r"\ln(2x)", True),
        (r"\frac{1}{x}", r"\ln(x+2)", False),
        (r"\sin x \cos x", r"\frac{\sin^2 x}{2}", True),
        (r"\sin x \cos x", r"-\frac{\cos^2 x}{2}", True),
        (r"\sin x \cos x", r"-\frac{\cos 2x}{4} + C", True),
        (r"\sin x \cos x", r"-\frac{\cos 2x}{2} + C", False),
        (r"x e^x", r"(x-1)e^x + C", True),
        (r"\frac{1}{\sqrt{1-x^2}}", r"\arcsin x", True),
        (r"\frac{1}{\sqrt{1-x^2}}", r"-\arccos x", True),
        (r"\frac{1}{\sqrt{x^2-1}}", r"\ln|x + \sqrt{x^2-1}|", True),
        (r"\sec x", r"\ln|\sec x + \tan x| + C", True),
        ("a x", r"\frac{a x^2}{2} + C", True),
        ("0", "C", True),
    ],
)
def test_antiderivative(integrand: str, answer: str, is_right: bool) -> None:
    verdict = AntiderivativeVerifier().verify(f"\\boxed{{{answer}}}", integrand)
    assert verdict.is_correct is is_right, verdict.detail


def test_an_integral_handed_back_is_named_so() -> None:
    assert AntiderivativeVerifier().verify(r"\boxed{\int x dx}", "x").reason is Reason.UNEVALUATED


def test_the_constant_can_be_required() -> None:
    verifier = AntiderivativeVerifier(require_constant=True)
    assert verifier.verify(r"\boxed{x^2 + C}", "2x").is_correct
    assert verifier.verify(r"\boxed{x^2 + k}", "2x").is_correct
    assert not verifier.verify(r"\boxed{x^2}", "2x").is_correct
    assert not verifier.verify(r"\boxed{x^2 + 5}", "2x").is_correct


def test_another_variable_can_be_meant() -> None:
    assert AntiderivativeVerifier(variable="t").verify(r"\boxed{x t + C}", "x").is_correct


@pytest.mark.parametrize("integrand", ["1/0", "x = 2", "twofold", "1." + "4" * 60])
def test_a_reference_that_is_no_integrand_is_an_exception(integrand: str) -> None:
    with pytest.raises(ValueError, match="no integrand"):
        AntiderivativeVerifier().verify("#### x", integrand)
