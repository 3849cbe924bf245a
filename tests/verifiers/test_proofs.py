"""What equivalence of expressions rests on: a wrong answer that agrees on a part of the plane is not paid.

Each wrong answer stands beside the right one that it imitates; both are judged by hand from the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from verifiers.algebra.breakpoints import breaks, critical_parts
from verifiers.algebra.cases import with_parts_named
from verifiers.algebra.identity import agree
from verifiers.algebra.sampling import real_points, salt_points, seeded
from verifiers.judges.symbolic import SymbolicVerifier
from verifiers.parse import parse
from verifiers.parse.tree import free_symbols

VERIFIER = SymbolicVerifier(mode="evaluation")

# reference, an answer equal to it everywhere, an answer equal to it on a part only
BRANCHES = [
    (r"|x-2|", r"|2-x|", r"2-x"),
    (r"|x-2|", r"\sqrt{(x-2)^2}", r"x-2"),
    (r"|2x-9|", r"2|x-\frac92|", r"9-2x"),
    (r"|xy|", r"|x||y|", r"xy"),
    (r"|a|\sqrt{b}", r"\sqrt{a^2b}", r"a\sqrt{b}"),
    (r"\max(x,5)", r"\frac{x+5+|x-5|}{2}", r"5"),
    (r"5", r"\max(5,4)", r"\max(x,5)"),
    (r"x+|x|", r"\max(x)+|x|", r"\max(x)+x"),
    (r"5", r"5", r"\max(5, x-1000000)"),
    (r"5", r"5", r"\max(5, 5+10^{-9}-(x-3)^2)"),
    (r"\operatorname{sgn}(x+10)", r"\operatorname{sgn}(2x+20)", r"1"),
    (r"1", r"\operatorname{sgn}(7)", r"\operatorname{sgn}(x+10)"),
    (r"x", r"\sqrt[3]{x^3}", r"\sqrt{x^2}"),
    (r"x", r"\frac{x|x|}{|x|}", r"\sqrt[4]{x^4}"),
    (r"x", r"x", r"(x^2)^{1/2}"),
    (r"x^2", r"|x|^2", r"x|x|"),
    (r"(x-1)(x-2)", r"x^2-3x+2", r"|(x-1)(x-2)|"),
    (r"(x-1)(x-2)", r"x^2-3x+2", r"\sqrt{(x-1)^2(x-2)^2}"),
    (r"\max(a,b)", r"\frac{a+b+|a-b|}{2}", r"\frac{a+b+a-b}{2}"),
    (r"\max(a,b)+\min(a,b)", r"a+b", r"a+|b|"),
    (r"x+y", r"y+x", r"|x+y|"),
    (r"x+y", r"y+x", r"\sqrt{(x+y)^2}"),
    (r"x+y", r"y+x", r"x+y+\max(0, x+y-10^7)"),
    (r"\sin x", r"\cos(\frac{\pi}{2}-x)", r"\sqrt{1-\cos^2 x}"),
    (r"|\sin x|", r"\sqrt{1-\cos^2 x}", r"\sin x"),
    (r"x", r"\arctan(\tan(\arctan(\tan 0)))+x", r"\arctan(\tan x)"),
    (r"x", r"x", r"\arcsin(\sin x)"),
    (r"\arctan x+\arctan\frac1x", r"\arctan\frac1x+\arctan x", r"\frac{\pi}{2}"),
    (r"\lfloor x\rfloor", r"\lfloor x\rfloor", r"x"),
    (r"\lfloor x\rfloor+1", r"\lfloor x+1\rfloor", r"\lceil x\rceil"),
    (r"n", r"n", r"n+\lfloor \frac{n}{1000000}\rfloor"),
    (r"n", r"n", r"n+\lfloor \frac{n}{10^{30}}\rfloor"),
    (r"\lfloor\frac n2\rfloor", r"\frac{2n-1+(-1)^n}{4}", r"\frac{n}{2}"),
    (r"e^{|x|}", r"e^{\max(x,-x)}", r"e^x"),
    (r"\ln|x-3|+C", r"\ln|3-x|+C", r"\ln|x-4|+C"),
    (r"|x-20|+C", r"C+|20-x|", r"20-x+C"),
    (r"y=|x-5|", r"y=|5-x|", r"y=5-x"),
    (r"\begin{cases}x-50&x\ge50\\50-x&x<50\end{cases}", r"|x-50|", r"50-x"),
    (r"\begin{cases}x&x\ge0\\-x&x<0\end{cases}", r"|x|", r"|x|+|x-60|-\max(x-60,60-x)+\max(0,x-300)"),
    (r"\sqrt{a^2-b^2}", r"\sqrt{a+b}\sqrt{a-b}", r"a-b"),
    (r"\frac{-b+\sqrt{b^2-4c}}{2}", r"\frac{-2c}{b+\sqrt{b^2-4c}}", r"\frac{-b-\sqrt{b^2-4c}}{2}"),
    (r"\sqrt{a+b}\sqrt{a-b}", r"\sqrt{a^2-b^2}", r"\sqrt{a^2+b^2}"),
    (r"\sqrt{\frac{a}{b}}", r"\frac{\sqrt{a}}{\sqrt{b}}", r"\frac{\sqrt{ab}}{b}"),
]


@pytest.mark.parametrize(("reference", "right", "wrong"), BRANCHES)
def test_agreement_on_a_part_of_the_domain_is_no_equality(reference: str, right: str, wrong: str) -> None:
    assert VERIFIER.verify(right, reference).is_correct
    assert not VERIFIER.verify(wrong, reference).is_correct


@pytest.fixture(autouse=True)
def _no_salt() -> Iterator[None]:
    yield
    salt_points("")


def test_the_points_hang_on_the_pair_and_the_salt() -> None:
    x, y = parse("x"), parse("y")
    drawn = []
    for other, salt in ((x, ""), (y, ""), (x, "a"), (x, "")):
        salt_points(salt)
        drawn.append(list(real_points(["x"], seeded(x, other))))
    assert drawn[0] == drawn[3]
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


@pytest.mark.parametrize("salt", ["", "a", "b", "c", "d"])
def test_honest_pairs_are_judged_alike_under_every_salt(salt: str) -> None:
    salt_points(salt)
    for reference, right, wrong in BRANCHES:
        if "C" in reference or "=" in reference or "cases" in reference:
            continue  # these are no single values
        assert agree(parse(right), parse(reference)), right
        assert not agree(parse(wrong), parse(reference)), wrong


def test_breakpoints_are_found_exactly_where_they_are_roots_of_polynomials() -> None:
    # |x^2 - 5x + 6| turns at 2 and 3, sqrt((x+7)^2) at -7, max(x, 4) at 4
    found = breaks(critical_parts(parse(r"|x^2-5x+6|+\sqrt{(x+7)^2}+\max(x,4)")), "x")
    assert found.complete
    assert [round(float(place), 9) for place in found.places] == [-7, 2, 3, 4]


def test_breakpoints_of_other_functions_are_searched_for() -> None:
    # |e^x - 3| turns at ln 3 = 1.098612..., and sqrt((ln x - 2)^2), without a change of sign, at e^2 = 7.389056...
    for text, place in ((r"|e^x-3|", 1.098612289), (r"\sqrt{(\ln x-2)^2}", 7.389056099)):
        found = breaks(critical_parts(parse(text)), "x")
        assert min(abs(float(one) - place) for one in found.places) < 1e-3


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (r"\frac{R^2}{2}(\pi+\sqrt3)", r"\frac{R^2\pi+\sqrt3R^2}{2}"),
        ("2e^{-t}-e^{-4t}", "-e^{-4t}+2e^{-t}"),
        (r"(\sin x+1)^2", r"\sin^2 x+2\sin x+1"),
    ],
)
def test_parts_that_both_sides_share_prove_an_equality(answer: str, reference: str) -> None:
    assert agree(parse(answer), parse(reference)).method == "modular"
    assert not agree(parse(f"{answer}+1"), parse(reference))


def test_parts_are_named_only_where_the_reference_has_them_and_they_have_a_value() -> None:
    assert with_parts_named(parse(r"2\pi"), parse(r"\pi+\pi")) is not None
    assert with_parts_named(parse(r"x+0\ln x"), parse(r"x+0\pi")) is None
    assert with_parts_named(parse("x=2"), parse("x=2")) is None
    shared = with_parts_named(parse(r"\sin x"), parse(r"\sin x+1"))
    assert shared is not None
    assert not {name for side in shared for name in free_symbols(side)} & {"#0", "#t"}  # names of branches and lines


@pytest.mark.parametrize(
    ("wrong", "reference"),
    [
        (r"\operatorname{sgn}(\sqrt{(a+11)^{2}})", r"\operatorname{sgn}(a+11)"),
        (r"-\operatorname{sgn}(\min(-8-x, 0))", r"\operatorname{sgn}(x+8)"),
        (r"\operatorname{sgn}(\min(u, 7)-7)", r"\operatorname{sgn}(u-7)"),
    ],
)
def test_signs_that_go_together_at_moderate_points_only_prove_nothing(wrong: str, reference: str) -> None:
    assert not agree(parse(wrong), parse(reference))


def test_a_remainder_of_complex_numbers_has_no_value() -> None:
    assert not VERIFIER.verify(r"\boxed{2 \bmod \sqrt{-2}}", r"\pi").is_correct
