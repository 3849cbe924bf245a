"""The mutation search: its arithmetic, its reader, and some hundred texts that must be judged as they were made."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
import sympy

from experiments.bench.attack import search, trees
from experiments.bench.attack.intervals import Interval

# neither even nor odd, without a text command; lenient judgement pays exact answers that round to a decimal reference
OPEN = {("words", "notation"), ("number", "rounding")}


def as_sympy(tree: trees.Tree) -> sympy.Expr:
    """The same expression in another library."""
    args = [as_sympy(arg) for arg in tree.args]
    if tree.op == "num":
        return sympy.Rational(tree.value.numerator, tree.value.denominator)
    if tree.op == "sym":
        return sympy.Symbol(tree.name, real=True)
    makers = {
        "+": sympy.Add, "*": sympy.Mul, "/": lambda top, bottom: top / bottom, "^": sympy.Pow, "abs": sympy.Abs,
        "max": sympy.Max, "min": sympy.Min, "sgn": sympy.sign, "floor": sympy.floor, "ceil": sympy.ceiling,
        "sqrt": sympy.sqrt,
    }  # fmt: skip
    return makers[tree.op](*args)


@pytest.mark.parametrize("seed", range(40))
def test_values_are_those_of_another_library(seed: int) -> None:
    rng = random.Random(seed)
    tree = trees.rewritten(trees.mutated(trees.draw(rng), rng)[1], rng)
    expr = as_sympy(tree)
    for _ in range(5):
        point = {name: Fraction(rng.randrange(-12, 13), 2) for name in sorted(trees.names_of(tree))}
        mine = trees.value_at(tree, point)
        if mine is None:
            continue
        at = {sympy.Symbol(name, real=True): sympy.Rational(v.numerator, v.denominator) for name, v in point.items()}
        assert expr.subs(at) == sympy.Rational(mine.numerator, mine.denominator)


@pytest.mark.parametrize("seed", range(60))
def test_a_rewriting_is_an_identity(seed: int) -> None:
    rng = random.Random(seed)
    tree = trees.draw(rng)
    assert not trees.differ(tree, trees.rewritten(tree, rng), rng)


def test_a_difference_is_more_than_a_point() -> None:
    x, rng = trees.sym("x"), random.Random(0)
    assert trees.differ(x, trees.node("abs", x), rng)
    assert trees.differ(trees.num(5), trees.node("max", x, trees.num(5)), rng)
    assert not trees.differ(x, trees.node("*", trees.num(1), x), rng)
    once = trees.node("*", trees.node("abs", x), trees.node("sgn", trees.node("abs", trees.node("+", x, trees.num(3)))))
    assert not trees.differ(trees.node("abs", x), once, rng)  # they differ at -3 alone


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("12", ("number", Fraction(12))), ("-\\frac{3}{4}", ("number", Fraction(-3, 4))), ("2.50", ("number",
        Fraction(5, 2))),
        ("(1, 2)", ("collection", ("tuple", (Fraction(1), Fraction(2))))), ("1, -2", ("collection", ("list",
        (Fraction(1), Fraction(-2))))),
        ("[1, 2)", ("interval", (Interval(Fraction(1), Fraction(2), True, False),))), ("3\\sqrt{2}", ("surd", (0, 3,
        2))),
        ("1,234", None), ("x+1", None), ("\\frac{1}{0}", None), ("[2, 1)", None), ("(1, 2]", ("interval",
        (Interval(Fraction(1), Fraction(2), False, True),))),
        ("5 cm", None), ("\\{1, 1\\}", None), ("about 5", None),
    ],
)  # fmt: skip
def test_only_plain_references_are_read(text: str, read: object) -> None:
    assert search.read_reference(text) == read


def test_the_search_is_seeded() -> None:
    assert list(search.trials(200, 3)) == list(search.trials(200, 3))
    assert list(search.trials(200, 3)) != list(search.trials(200, 4))


def test_some_hundred_mutations_are_judged_as_they_were_made() -> None:
    report = search.run(800, 1, search.environment_references(0))
    assert report["references"]["environments"] > 100
    for manner in search.MANNERS:
        assert report[manner]["wrong_payments"]["trials"] > 400
        assert report[manner]["wrong_refusals"]["trials"] > 200
    wrong = [fault for fault in report["faults"] if (fault["family"], fault["kind"]) not in OPEN]
    assert wrong == []
