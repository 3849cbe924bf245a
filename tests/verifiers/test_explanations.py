"""What a person is told: how reference and answer were read, where the answer stood, what else was announced."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiers import make
from verifiers.equivalence import equivalent
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.parse import Expr, parse
from verifiers.parse.show import show
from verifiers.parse.tree import Call, Op, Sym, num

VERIFIER = SymbolicVerifier(mode="evaluation")


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> Expr:
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        fraction = st.fractions(-9, 9, max_denominator=9)
        return draw(st.one_of(st.builds(num, fraction), st.sampled_from([Sym("x"), Sym("y")])))
    op = draw(st.sampled_from(["add", "mul", "neg", "div", "pow", "sqrt"]))
    first = draw(trees(depth=depth - 1))
    if op == "neg":
        return Op("neg", (first,))
    if op == "sqrt":
        return Call("sqrt", (first,))
    if op == "pow":
        return Op("pow", (first, num(draw(st.integers(1, 3)))))
    return Op(op, (first, draw(trees(depth=depth - 1))))


@settings(max_examples=150, deadline=None)
@given(trees())
def test_what_is_shown_reads_back_as_the_same_value(tree: Expr) -> None:
    judged = equivalent(parse(show(tree)), tree)
    assert judged or judged.detail.startswith(("no value", "not defined", "no finite", "power", "number"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"\frac{x-1}{2}", "(x - 1)/2"), (r"[0, \infty)", "[0, inf)"), (r"x \ge 2", "x >= 2"), (r"\{1,2\}", "{1, 2}"),
        (r"\text{no solution}", 'the words "no solution"'), (r"5\text{ km}", "5 km"), ("1:2", "1 : 2"),
        (r"\pm 3", "0 ± 3"), (r"101_2", "5 (written in base 2)"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "[1, 2; 3, 4]"),
        (r"\int_0^1 x\,dx", "int over x from 0 to 1 of x"), (r"2k\pi, k \in \mathbb{Z}", "2 * k * pi, where k Z"),
        (r"\begin{cases}1&x>0\\0&x\le0\end{cases}", "cases 1 if x > 0; 0 if x <= 0"), ("0.50", "0.50"), ("5!", "5!"),
    ],
)  # fmt: skip
def test_every_kind_is_shown(text: str, shown: str) -> None:
    assert show(parse(text)) == shown


def test_an_explanation_says_where_and_how_the_answer_was_read() -> None:
    told = VERIFIER.explain(r"I got \boxed{3} first. The answer is 5, so \boxed{\frac{x-1}{2}}", r"\frac12(x-1)")
    assert told == {
        "reference read as": "(1/2) * (x - 1)", "found in": "the last box", "answer read as": "(x - 1)/2",
        "also announced": "3; 5, so \\boxed{\\frac{x-1}{2}}",
    }  # fmt: skip
    assert SymbolicVerifier(mode="evaluation", places=["boxed"]).explain("5", "5")["looked in"] == "boxed"
    assert "nothing" in VERIFIER.explain(r"\boxed{5 +}", "5")["answer read as"]


@pytest.mark.parametrize("name", ["symbolic", "numeric", "exact"])
def test_an_unknown_place_is_named_with_those_that_exist(name: str) -> None:
    with pytest.raises(ValueError, match=r"unknown places \['nowhere'\]; known: tag, boxed"):
        make(name, places=["boxed", "nowhere"])


def test_an_unknown_setting_is_named_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match=r"its settings: mode, places, strict"):
        make("symbolic", nonsense=1)
