"""Properties that must hold for every answer: rewriting keeps it right, one change makes it wrong, nothing crashes."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from verifiers.algebra.exact import PRIME, InexactError, UndefinedError, exact, modular
from verifiers.algebra.high_precision import numeric
from verifiers.equivalence import Settings, equivalent
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.parse import Expr, OverBudgetError, ParseError, parse
from verifiers.parse.tree import Num, Op, Sym, num
from verifiers.text.plain_numbers import read_number
from verifiers.types import Outcome

VERIFIER = SymbolicVerifier(mode="evaluation")
small = st.integers(-99, 99)
positive = st.integers(1, 99)
common = settings(max_examples=120, deadline=None)


def right(answer: str, reference: str) -> bool:
    return VERIFIER.verify(f"\\boxed{{{answer}}}", reference).is_correct


@st.composite
def polynomials(draw: st.DrawFn) -> list[int]:
    coefficients = draw(st.lists(st.integers(-9, 9), min_size=2, max_size=5))
    assume(sum(1 for coefficient in coefficients if coefficient) >= 2)
    return coefficients


def written(coefficients: list[int], order: list[int] | None = None, variable: str = "x") -> str:
    """The polynomial in text, its terms in the given order."""
    places = order if order is not None else list(range(len(coefficients)))
    terms = [f"({coefficients[place]}){variable}^{{{place}}}" for place in places if coefficients[place]]
    return "+".join(terms)


@common
@given(polynomials(), st.randoms(use_true_random=False))
def test_reordered_terms_stay_right(coefficients: list[int], rng: object) -> None:
    order = list(range(len(coefficients)))
    rng.shuffle(order)  # type: ignore[attr-defined]
    assert right(written(coefficients, order), written(coefficients))


@common
@given(polynomials(), st.integers(0, 4), st.integers(1, 9))
def test_one_changed_coefficient_is_wrong(coefficients: list[int], place: int, change: int) -> None:
    assume(place < len(coefficients))
    changed = [*coefficients]
    changed[place] += change
    assume(sum(1 for coefficient in changed if coefficient) >= 1)
    assert not right(written(changed), written(coefficients))


@common
@given(small, positive, st.integers(1, 12))
def test_equivalent_fractions_stay_right(top: int, bottom: int, factor: int) -> None:
    reference = f"\\frac{{{top}}}{{{bottom}}}"
    assert right(f"\\dfrac{{{top * factor}}}{{{bottom * factor}}}", reference)
    assert right(f"{top * factor}/{bottom * factor}", reference)
    assert right(f"{top}/{bottom} + 0", reference)


@common
@given(small, positive, st.sampled_from([-1, 1]))
def test_a_changed_numerator_or_sign_is_wrong(top: int, bottom: int, change: int) -> None:
    reference = f"\\frac{{{top}}}{{{bottom}}}"
    assert not right(f"\\frac{{{top + change}}}{{{bottom}}}", reference)
    if top:
        assert not right(f"\\frac{{{-top}}}{{{bottom}}}", reference)


@common
@given(small, small, st.booleans(), st.booleans())
def test_ends_of_intervals_matter(low: int, width: int, closed_low: bool, closed_high: bool) -> None:
    assume(width > 0)
    high = low + width
    opener, closer = "[" if closed_low else "(", "]" if closed_high else ")"
    reference = f"{opener}{low}, {high}{closer}"
    less = "\\le" if closed_low else "<", "\\le" if closed_high else "<"
    assert right(f"{low} {less[0]} x {less[1]} {high}", f"x \\in {reference}")
    assert not right(f"{'(' if closed_low else '['}{low}, {high}{closer}", f"x \\in {reference}")
    assert not right(f"{opener}{low}, {high + 1}{closer}", reference)
    assert not right(f"{opener}{low - 1}, {high}{closer}", reference)


@common
@given(st.lists(small, min_size=2, max_size=5, unique=True), st.randoms(use_true_random=False))
def test_order_matters_in_tuples_and_not_in_sets(values: list[int], rng: object) -> None:
    shuffled = [*values]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    text, other = (", ".join(str(value) for value in row) for row in (values, shuffled))
    assert right(f"\\{{{other}\\}}", f"\\{{{text}\\}}")
    assert right(f"({other})", f"({text})") == (shuffled == values)


@common
@given(st.lists(small, min_size=3, max_size=5, unique=True))
def test_a_missing_or_an_additional_value_is_wrong(values: list[int]) -> None:
    reference = ", ".join(str(value) for value in values)
    assert not right(", ".join(str(value) for value in values[:-1]), reference)
    assert not right(reference + ", 1000", reference)


@common
@given(st.integers(0, 10**9))
def test_thousands_separators_are_notation(value: int) -> None:
    assert right(f"{value:,}", str(value))
    assert right(f"{value:,}".replace(",", "{,}"), str(value))
    assert not right(f"{value + 1:,}", str(value))


@common
@given(st.decimals(min_value=-1000, max_value=1000, places=3, allow_nan=False))
def test_decimals_are_compared_exactly(value: object) -> None:
    text = f"{value:f}"  # type: ignore[str-bytes-safe]
    assert right(text + "00", text)
    assert not right(text + "001", text)


@common
@given(st.integers(2, 60), st.integers(1, 9), st.integers(-9, 9))
def test_radicals_are_proved_and_not_approximated(inside: int, factor: int, shift: int) -> None:
    reference = f"{shift}+{factor}\\sqrt{{{inside}}}"
    assert right(f"\\sqrt{{{factor * factor * inside}}} + {shift}", reference)
    value = shift + factor * inside**0.5
    if abs(value - round(value)) > 1e-9:
        assert not right(f"{value:.12f}", reference)


def same(first: str, second: str) -> bool:
    return equivalent(parse(first), parse(second), Settings(allow_unevaluated=True)).equal


forms = st.sampled_from(
    ["x+1", "1+x", "2", "x=2", "\\{1,2\\}", "2,1", "(1,2)", "[1,2)", "1 \\le x < 2", "\\sqrt{2}", "2^{1/2}", "x^2=4",
    "x^2-4=0", "5\\%",
     "0.05", "3:4", "\\frac34", "\\pm 1", "1,-1", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\text{yes}", "90^\\circ",
     "x>2", "(2,\\infty)"]
)  # fmt: skip


@given(forms, forms)
@settings(max_examples=200, deadline=None)
def test_equivalence_is_symmetric_between_exact_forms(first: str, second: str) -> None:
    assert same(first, second) == same(second, first)


@given(forms)
def test_equivalence_is_reflexive(form: str) -> None:
    assert same(form, form)


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=80), st.sampled_from(["42", "x+1", "(1,2)", "[0,1)", "\\text{yes}", "B", "x=2 \\text{ or } x=3"])
)
def test_any_text_gets_a_verdict(response: str, reference: str) -> None:
    assert VERIFIER.verify(response, reference).outcome in Outcome


PIECES = st.lists(
    st.sampled_from(
        ["\\frac", "{", "}", "(", ")", "[", "]", "1", "23", "x", "^", "_", "+", "-", "=", "<", "\\sqrt",
        "\\text{and}", ",", "\\boxed{", "|",
         "\\int", "dx", "\\sum", "\\lim", "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "%", "$", "\\pm", "!",
         "\\circ", "cm", " ", ":", "'",
         "\\{", "\\}", "\\cup", "\\in", "\\mathbb{R}", "\\infty", "0.\\overline{3}", "\\sin", "f(", "d", "/", "*",
         ".", "not", "is", "\\%"]
    ),
    max_size=24,
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(PIECES)
def test_any_arrangement_of_mathematics_gets_a_verdict(pieces: list[str]) -> None:
    text = "".join(pieces)
    for response in (text, f"\\boxed{{{text}}}"):
        assert VERIFIER.verify(response, "x^2+1").outcome in Outcome


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_parsing_ends_in_a_tree_or_a_parse_error(pieces: list[str]) -> None:
    with suppress(ParseError):
        assert isinstance(parse("".join(pieces)), Expr)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Expr:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(st.builds(num, st.integers(-9, 9)), st.just(Sym("x"))))
    op = draw(st.sampled_from(["add", "mul", "neg", "div", "pow"]))
    if op == "neg":
        return Op("neg", (draw(trees(depth=depth - 1)),))
    if op == "pow":
        return Op("pow", (draw(trees(depth=depth - 1)), num(draw(st.integers(0, 3)))))
    return Op(op, (draw(trees(depth=depth - 1)), draw(trees(depth=depth - 1))))


@settings(max_examples=200, deadline=None)
@given(trees(), st.integers(2, 50))
def test_the_three_evaluators_agree(tree: Expr, point: int) -> None:
    try:
        value = exact(tree, {"x": Fraction(point)})
    except (UndefinedError, OverBudgetError):
        return
    assert abs(numeric(tree, {"x": point}) - value.numerator / numeric(num(value.denominator))) <= 1e-20 * (
        1 + abs(value)
    )
    try:
        assert modular(tree, {"x": point}) == value.numerator * pow(value.denominator, -1, PRIME) % PRIME
    except (UndefinedError, InexactError, ValueError):
        return


@given(st.integers(-(10**12), 10**12))
def test_plain_numbers_read_back(value: int) -> None:
    number = read_number(str(value))
    assert number is not None
    assert number.value == value
    tree = parse(str(value))
    assert isinstance(tree, Num)
    assert tree.value == value


@pytest.mark.parametrize("text", ["9^{9^{9^9}}", "10^{10^{10}}", "1000000000!", "\\sum_{n=1}^{10^9} n", "1e999999999"])
def test_numbers_out_of_reach_are_over_budget_and_never_built(text: str) -> None:
    verdict = VERIFIER.verify(f"\\boxed{{{text}}}", "42")
    assert not verdict.is_correct
