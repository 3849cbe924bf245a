"""Prompts that ask the same in another order are one problem, so that no split holds the twin of another's problem."""

import re

import pytest

from envs import Problem, make, unordered
from envs.procedural.polynomial_writing import read


def numbers(text):
    return [int(n) for n in re.findall(r"-?\d+", text)]


def pairs(values):
    return sorted(zip(values[::2], values[1::2]))


def countdown_key(text):
    target, *given = numbers(text)
    return target, sorted(given)


def factors_key(text):
    return sorted(str(read(factor)) for factor in re.findall(r"\(([^()]*)\)", text))


def sentences_key(text):
    *facts, question = re.findall(r"[^.?]+[.?]", text)
    return sorted(fact.strip().lower() for fact in facts), question.strip()


# environment, level -> what a prompt asks, read from its text alone
ASKED = [
    ("addition", 2, lambda text: sorted(numbers(text))),
    ("angles", 1, lambda text: sorted(numbers(text))),
    ("angles", 2, lambda text: sorted(numbers(text))),
    ("angles", 3, lambda text: (pairs(numbers(text)[:4]), numbers(text)[4])),
    ("chinese_remainder", 2, lambda text: pairs(numbers(text))),
    ("combinatorics", 1, lambda text: numbers(text)),  # books or players
    ("combinatorics", 2, lambda text: pairs(numbers(text))),
    ("combinatorics", 3, lambda text: sorted(text.split()[-1])),
    ("countdown", 2, countdown_key),
    ("countdown", 3, countdown_key),
    ("derivatives", 3, factors_key),
    ("antiderivatives", 3, factors_key),
    ("dice", 2, lambda text: (sorted(numbers(text)[:-1]), numbers(text)[-1])),
    ("lengths", 1, lambda text: sorted(numbers(text))),
    ("lengths", 2, lambda text: pairs(numbers(text))),
    ("lengths", 3, lambda text: sorted(numbers(text))),
    ("linear_equations", 2, lambda text: sorted(text.removeprefix("Solve ").removesuffix(" for x.").split(" = "))),
    ("linear_systems", 1, lambda text: sorted(text.removeprefix("Solve ").rstrip(".").split("; "))),
    ("polynomial_expansion", 1, factors_key),
    ("unit_conversion", 3, lambda text: (sorted(re.split(" and | to ", text)[:-1]), text.split()[-1])),
    ("word_problems", 2, sentences_key),
]


@pytest.mark.parametrize(("name", "level", "key"), ASKED, ids=[f"{name}-{level}" for name, level, _ in ASKED])
def test_prompts_that_ask_the_same_are_one_problem(name, level, key):
    env = make(name)
    problems = [*env.problems(300, level=level), *env.problems(100, split="test", seed=1, level=level)]
    asked: dict[str, set[str]] = {}
    for problem in problems:
        asked.setdefault(str(key(problem.text)), set()).add(problem.id)
    assert max(map(len, asked.values())) == 1  # equal question, equal identity
    ids = [problem.id for problem in problems]
    assert len(asked) == len(set(ids))  # and other questions have others


def test_twins_are_drawn_so_that_the_test_above_means_something():
    """Without the canonical text, sums would have twins in the other split."""
    env = make("addition")
    train = {tuple(sorted(numbers(p.text))) for p in env.problems(4000, level=2)}
    swapped = [p for p in env.problems(100, split="test", level=2) if numbers(p.text) != sorted(numbers(p.text))]
    assert len(swapped) > 20
    assert not [p for p in swapped if tuple(sorted(numbers(p.text))) in train]
    by_prompt = {Problem(p.text, p.answer).id for p in swapped}
    assert by_prompt.isdisjoint(p.id for p in swapped)


def test_chains_are_sums_of_terms_in_any_order():
    env = make("arithmetic_chain")
    problems = [p for split in ("train", "test") for p in env.problems(400, level=1, split=split)]
    asked: dict[tuple, set[str]] = {}
    for problem in problems:
        a, op, b = problem.text.removeprefix("Compute ").rstrip(".").split()
        asked.setdefault((op, *(sorted((a, b)) if op in "+*" else (a, b))), set()).add(problem.id)
    assert max(map(len, asked.values())) == 1


def test_unordered_is_blind_to_order_only():
    assert unordered(3, 1, 2) == unordered(2, 3, 1)
    assert unordered(1, 1) != unordered(1)
    assert unordered(12) != unordered(1, 2)


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        ("35x^2 - 55x + 20", True),
        ("20 + 35*x**2 - 55*x", True),
        ("(35)x^2 - 55x + 20", True),
        ("35x^2 - 20x - 35x + 20", True),
        ("(-5x + 5)*(-7x + 4)", False),  # the question, with an asterisk
        ("(-5x + 5) (-7x + 4)", False),
        ("-5x*(-7x + 4) + 5*(-7x + 4)", False),
        ("5*7x^2 - 55x + 20", False),  # products that were not carried out
        ("x*35x - 55x + 20", False),
        ("35(x^2) - 55x + 20", False),
    ],
)
def test_an_expansion_has_no_products_left(answer, is_right):
    problem = Problem("Expand (-5x + 5)(-7x + 4).", "35x^2 - 55x + 20")
    assert make("polynomial_expansion").grade(problem, f"#### {answer}").is_correct is is_right
