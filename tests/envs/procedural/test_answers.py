"""Readers of untrusted answers: exact where they agree with other libraries, bounded where the text is hostile."""

# ruff: noqa: S307  (eval is the reference here, of expressions that this file writes)
import random
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.check.probes import HOSTILE
from envs.grading import announced_answer, plain_text
from envs.procedural import polynomial_writing as poly
from envs.procedural.answers import read_fraction, read_tuple
from envs.procedural.equations import read_intervals
from envs.procedural.geometry import read_surd, write_surd
from envs.procedural.matrices import read_matrix
from verifiers.algebra import polynomials as algebra
from verifiers.algebra.arithmetic import evaluate, integers_of

settings.register_profile("loaded", deadline=None)  # other work may share the machine
settings.load_profile("loaded")

numbers = st.integers(0, 99).map(str)
expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=8,
)
coefficients = st.lists(st.fractions(-9, 9, max_denominator=4), max_size=5).map(lambda c: algebra.polynomial(*c))


@given(expressions)
def test_values_agree_with_python(text):
    assert evaluate(text) == eval(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-2^2", -4),  # the sign is weaker than the power
        ("2^3^2", 512),  # powers bind to the right
        ("7 - 2 - 1", 4),
        ("1/2 + 1/3", Fraction(5, 6)),
        ("17 - 40 mod 7", 5),  # -23 = -4 * 7 + 5
        ("3 × 4 ÷ 6", 2),
        ("5 - -3", 8),
    ],
)
def test_values_by_hand(text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text", ["", "2 +", "(1", "1)", "x", "2 3", "__import__('os')", "9^9^9", "1e9", "٣", "9" * 100]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        evaluate(text)


def test_division_by_zero_is_its_own_error():
    with pytest.raises(ZeroDivisionError):
        evaluate("1/(2 - 2)")


def test_the_numbers_of_an_expression_keep_their_multiplicity():
    assert integers_of("(3 + 3) * 12") == [3, 3, 12]


@given(coefficients, coefficients)
@settings(max_examples=60, deadline=None)
def test_polynomial_arithmetic_agrees_with_sympy(a, b):
    x = sympy.Symbol("x")

    def other(p):
        return sum((sympy.Rational(str(c)) * x**i for i, c in enumerate(p)), sympy.Integer(0))

    assert sympy.expand(other(a) * other(b) - other(algebra.multiply(a, b))) == 0
    assert sympy.expand(other(a) + other(b) - other(algebra.add(a, b))) == 0
    assert sympy.expand(sympy.diff(other(a), x) - other(algebra.derivative(a))) == 0
    if b:
        quotient, rest = algebra.divide(a, b)
        assert algebra.add(algebra.multiply(quotient, b), rest) == a
        assert len(rest) < len(b)


@given(coefficients)
def test_polynomials_are_read_as_they_are_written(a):
    assert poly.read(poly.write(a)) == a


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(x - 1)(x + 3)", (-3, 2, 1)),
        ("2x(x+1)^2", (0, 2, 4, 2)),
        ("-(x^2 - 4)/2", (2, 0, Fraction(-1, 2))),
        ("3*x**2 + x*x", (0, 0, 4)),
        ("x - x", ()),
    ],
)
def test_polynomials_in_other_forms(text, expected):
    assert poly.read(text) == algebra.polynomial(*expected)


@pytest.mark.parametrize(
    "text", ["", "y", "x^-1", "1/x", "1/0", "sin(x)", "x^99", "((x+1)^50)^50", "x +", "(x", "x = 1"]
)
def test_what_is_no_polynomial_is_refused(text):
    with pytest.raises((ValueError, ZeroDivisionError), match=r"\w"):
        poly.read(text)


def test_factors_at_the_top_level():
    assert [len(f) for f in poly.read_factors("2(x - 1)(x^2 + 1)")] == [1, 2, 3]
    assert len(poly.read_factors("(x - 1) + (x + 1)")) == 1


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), (" x = -3/4", Fraction(-3, 4)), ("$7$", 7), ("6/8", Fraction(3, 4)), ("+2.", 2)]
)
def test_fractions(text, value):
    assert read_fraction(text) == value


def test_tuples_take_several_separators():
    assert read_tuple("x = 3, y = -1/2") == [3, Fraction(-1, 2)]
    assert read_tuple("(3; 4)") == read_tuple("3 and 4") == read_tuple("3 or 4") == [3, 4]


def test_intervals():
    assert read_intervals("(5, inf) U (-inf, 2]") == [(None, False, 2, True), (5, False, None, False)]
    assert read_intervals("{}") == []
    for text in ("(3, 2)", "(1, 2", "x > 2", "", "(inf, 2)", "(2, 2)"):
        with pytest.raises(ValueError, match=r"\w"):
            read_intervals(text)


def test_surds():
    assert write_surd(75) == "5*sqrt(3)"
    assert write_surd(49) == "7"
    assert write_surd(2) == "sqrt(2)"
    assert read_surd("5*sqrt(3)") == read_surd("sqrt(75)") == read_surd("5√3") == 75
    assert read_surd("-sqrt(2)".replace("-", "-1*")) == -2
    for n in range(1, 200):
        assert read_surd(write_surd(n)) == n


def test_matrices():
    assert read_matrix("[[1, 2], [3/4, 4]]") == [[1, 2], [Fraction(3, 4), 4]]
    for text in ("[1, 2]", "[[1, 2], [3]", "[[1, 2]] x"):
        with pytest.raises(ValueError, match=r"\w"):
            read_matrix(text)


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"\frac{3}{4}", "3/4"),
        (r"$x^{2} \cdot \left(x - 1\right)$", "x^2 * (x - 1)"),
        (r"(-\infty, 2] \cup (5, \infty)", "(-inf, 2] U (5, inf)"),
        (r"5\sqrt{3}", "5sqrt(3)"),
        ("x + 1", "x + 1"),
    ],
)
def test_latex_answers_become_plain(latex, plain):
    assert plain_text(latex) == plain


def test_one_answer_must_be_announced():
    assert announced_answer("so 4\n#### 4")[0] == "4"
    assert announced_answer(r"thus \boxed{4}")[0] == "4"
    assert announced_answer("4")[1].outcome == "no_answer"
    assert announced_answer("#### 4\n#### 5")[1].reason == "several_answers"
    assert announced_answer("#### 4\n#### 4")[0] == "4"


@pytest.mark.timeout(60)  # of a second or so: a reader that explodes takes for ever
def test_hostile_texts_end_in_a_value_or_a_refusal():
    rng = random.Random(0)
    texts = [
        *HOSTILE.values(),
        *("".join(rng.choice("x()^*/+-0123456789[],. ") for _ in range(500)) for _ in range(100)),
    ]
    for text in texts:
        for reader in (
            evaluate,
            poly.read,
            read_fraction,
            read_tuple,
            read_intervals,
            read_surd,
            read_matrix,
            plain_text,
        ):
            try:
                reader(text.removeprefix("#### "))
            except (ValueError, ZeroDivisionError):
                continue
