"""Prompts that ask the same in another order are one problem, so that no split holds the twin of another's problem."""

import re

import pytest

from envs import Problem, make, unordered
from envs.leaps.environment import identity
from envs.procedural.polynomial_writing import read


def numbers(text):
    return [int(n) for n in re.findall(r"-?\d+", text)]


def pairs(values):
    return sorted(zip(values[::2], values[1::2]))


def renamed(text):
    """The text with its one-letter names numbered in the order in which they appear."""
    names = {}
    return re.sub(r"\b[a-z]\b", lambda match: names.setdefault(match[0], f"v{len(names)}"), text)


def chain_key(text):
    """Start and signed operations of a LEAPS chain; additions and subtractions in a row, or products, in any order."""
    start = re.match(r"[a-z] = (\d+) ;", text)[1]
    key = [start]
    for op, operand in re.findall(r"([-+*]) (\d+) ;", text):
        kind = "product" if op == "*" else "sum"
        if len(key) == 1 or key[-1][0] != kind:
            key.append((kind, []))
        key[-1][1].append(op + operand)
    return start, [(kind, sorted(run)) for kind, run in key[1:]]


def terms_key(text):
    """All terms of an equation on one side: a set of coefficients of x and one of constants, up to one sign."""
    left, right = text.removeprefix("Solve ").removesuffix(" for x.").split(" = ")
    terms = []
    for side, sign in ((left, 1), (right, -1)):
        for term in side.replace("- ", "-").replace("+ ", "").split():
            size, x, _ = term.partition("x")
            terms.append((sign * int({"": "1", "-": "-1"}.get(size, size)), x))
    return min(sorted(terms), sorted((-n, x) for n, x in terms))


def distance_key(text):
    x, y, u, v = numbers(text)[:4]
    return min(sorted([(x, y), (u, v)]), sorted([(y, x), (v, u)]))


def words_key(text):
    first, word = re.search(r"begin with (.) can be written with all letters of (\w+)", text).groups()
    return sorted(map(word.count, set(word))), word.count(first)


def countdown_key(text):
    target, *given = numbers(text)
    return target, sorted(given)


def factors_key(text):
    """The factors with leading coefficients above 0, in any order, and the sign of the whole."""
    factors = [read(factor) for factor in re.findall(r"\(([^()]*)\)", text)]
    is_negative = [factor[-1] < 0 for factor in factors]
    positive = [tuple(-c if turned else c for c in factor) for factor, turned in zip(factors, is_negative)]
    return sum(is_negative) % 2, sorted(map(str, positive))


def sentences_key(text):
    *facts, question = re.findall(r"[^.?]+[.?]", text)
    return sorted(fact.strip().lower() for fact in facts), question.strip()


# environment, level -> what a prompt asks, read from its text alone
ASKED = [
    ("addition", 2, lambda text: sorted(numbers(text))),
    ("angles", 1, lambda text: sorted(numbers(text))),
    ("angles", 2, lambda text: sorted(numbers(text))),
    ("angles", 3, lambda text: (sorted(numbers(text)[:4:2]), sorted(numbers(text)[1:4:2]), numbers(text)[4])),
    ("angles", 4, lambda text: sorted(re.findall(r"\d+", text))),
    ("chinese_remainder", 2, lambda text: pairs(numbers(text))),
    ("combinatorics", 1, lambda text: numbers(text)),  # books or players
    ("combinatorics", 2, lambda text: pairs(numbers(text))),
    ("combinatorics", 3, words_key),
    ("countdown", 2, countdown_key),
    ("countdown", 3, countdown_key),
    ("derivatives", 3, factors_key),
    ("antiderivatives", 3, factors_key),
    ("dice", 2, lambda text: (sorted(numbers(text)[:-1]), numbers(text)[-1])),
    ("lengths", 1, lambda text: sorted(numbers(text))),
    ("lengths", 2, distance_key),
    ("leaps", 1, renamed),
    ("leaps", 2, chain_key),
    ("leaps", 4, chain_key),
    ("lengths", 3, lambda text: sorted(numbers(text))),
    ("linear_equations", 1, terms_key),
    ("linear_equations", 2, terms_key),
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


TOKEN = re.compile(r"\d+|[A-Za-z]+|\S")
TWINLESS = [
    *((name, level) for name in ("leaps", "fractions", "linear_equations", "linear_systems") for level in (1, 2, 3)),
    *(("polynomial_expansion", 1), ("derivatives", 1), ("derivatives", 3), ("inequalities", 1), ("angles", 4)),
    *(("determinants", 2), ("recurrences", 3), ("combinatorics", 3), ("combinatorics", 4), ("probability", 1)),
]


@pytest.mark.parametrize(("name", "level"), TWINLESS, ids=[f"{name}-{level}" for name, level in TWINLESS])
def test_training_holds_no_twins_of_test_problems(name, level):
    """Nor is a test problem one of training with other names, other words' order, or with the same worked steps."""

    def looks(problem):
        tokens = TOKEN.findall(problem.text)
        yield renamed(problem.text)
        yield problem.answer, *sorted(tokens)
        yield problem.answer, *sorted(problem.solution)

    env = make(name)
    seen = {look for problem in env.problems(1500, level=level) for look in looks(problem)}
    test = {p.id: p for p in env.problems(150, level=level, split="test", seed=1)}.values()
    twins = [p.text for p in test if not seen.isdisjoint(looks(p))]
    # by chance a few prompts share their words and the answer; before identities went by meaning, up to all did
    assert len(twins) <= 0.03 * len(test), twins[:3]


def test_one_chain_is_one_problem_in_every_rendering_and_under_any_names():
    # 7 + 3 - 2, times 5: (7 + 3 - 2) * 5 = 40 = 9 modulo 31, and so is (7 - 2 + 3) * 5
    same = [("k", "+", 3), ("q", "-", 2), ("a", "*", 5)], [("x", "-", 2), ("y", "+", 3), ("z", "*", 5)]
    other = [("k", "*", 3), ("q", "-", 2), ("a", "+", 5)]
    assert identity(7, same[0], 31) == identity(7, same[1], 31) == "7 | + 3 - 2 | * 5 modulo 31"
    assert (
        len({identity(7, same[0], 31), identity(8, same[0], 31), identity(7, same[0], 29), identity(7, other, 31)}) == 4
    )
    renderings = [make("leaps", rendering=rendering) for rendering in ("symbols", "characters", "words")]
    for index in range(20):
        problems = [env.problem(index, split="test") for env in renderings]
        assert len({p.id for p in problems}) == 1
        assert len({p.text for p in problems}) == 3


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
