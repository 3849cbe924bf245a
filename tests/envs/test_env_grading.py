"""Verdicts of environments: announced answers, worked sums, checks that read untrusted text."""

import pytest

from envs import Problem, make
from envs.grading import make_verifier, states_false_sum
from verifiers.types import Outcome, Reason


@pytest.mark.parametrize(
    ("line", "is_false"),
    [
        ("12 + 5 = 17", False),
        ("12 + 5 = 18", True),
        ("x = 24 / 3 = 9", True),
        ("tens: 3 + 4 + 1 = 8", False),
        ("1/2 + 1/3 = 5/6", False),
        ("1/2 + 1/3 = 2/5", True),
        ("17 mod 5 = 2", False),
        ("so x = 3", False),  # no sum
        ("2 + = 3", False),  # cannot be read
        ("1 + 1 = 2/0", True),
        ("9^9^9 = 1", False),  # over the limits: not judged
        ("=" * 1000, False),
    ],
)
def test_false_sums_are_seen(line, is_false):
    assert states_false_sum(line) is is_false


def test_a_right_answer_after_a_false_sum_is_not_sound():
    env = make("arithmetic_chain")
    problem = Problem("Compute 12 + 5 * 2.", "22")
    sound = env.grade(problem, "5 * 2 = 10\n12 + 10 = 22\n#### 22")
    lucky = env.grade(problem, "5 * 2 = 10\n12 + 10 = 21\n#### 22")
    wrong = env.grade(problem, "5 * 2 = 11\n12 + 11 = 23\n#### 23")
    assert (sound.parts, sound.first_wrong_step) == ({"answer": 1.0, "sound": 1.0}, None)
    assert (lucky.parts, lucky.first_wrong_step) == ({"answer": 1.0, "sound": 0.0}, 1)
    assert (wrong.parts, wrong.first_wrong_step) == ({"answer": 0.0, "sound": 0.0}, 0)
    assert lucky.is_correct  # the answer decides; `sound` is reported beside it


@pytest.mark.parametrize(
    ("name", "problem", "right", "wrong"),
    [
        (
            "countdown",
            Problem("", "", info={"numbers": [3, 5, 7], "target": 26, "use_all": True}),
            ["3 * 7 + 5", "5 + 7 * 3 = 26", r"$7 \times 3 + 5$"],
            ["26", "7 * 3 + 5 + 0", "3 * 7 + 3 + 2", "5 * 5 + 1", "3 * 7 + 5 = 27", "7 * 3"],
        ),
        (
            "gcd_bezout",
            Problem("", "", info={"numbers": [240, 46]}),
            ["-9, 47", "x = -9, y = 47", "14, -73"],  # 240 * -9 + 46 * 47 = 2; and x + 23, y - 120
            ["47, -9", "0, 0", "-9", "-9, 47, 0"],
        ),
        (
            "factorisation",
            Problem("", "", info={"number": 360}),
            ["2^3 * 3^2 * 5", "5 * 3 * 3 * 2 * 2 * 2"],
            ["360", "2 * 180", "4 * 90", "1 * 2^3 * 3^2 * 5", "2^3 * 3^2", "2^3 + 352"],
        ),
        (
            "polynomial_factoring",
            Problem("", "", info={"product": "x^2 - x - 6", "num_factors": 2}),
            ["(x - 3)(x + 2)", "(x+2)(x-3)", "-(3 - x)(x + 2)"],
            ["x^2 - x - 6", "(x - 3)(x - 2)", "(x^2 - x - 6)", "x(x - 1) - 6"],
        ),
        (
            "inequalities",
            Problem("", "(-inf, 2] U (5, inf)"),
            ["(5, inf) U (-inf, 2]", r"(-\infty, 2] \cup (5, \infty)"],
            ["(-inf, 2) U (5, inf)", "(-inf, 2]", "[5, 2]", "all"],
        ),
        (
            "antiderivatives",
            Problem("", "", info={"integrand": "2x"}),
            ["x^2", "x^2 + C", "x^2 - 7"],
            ["2x", "x^2 + x", "C"],
        ),
        ("quadratics", Problem("", "x = 3 or x = -1/2"), ["-1/2, 3", "x = 3 or x = -1/2"], ["3", "3, 1/2", "3, 3"]),
        ("division", Problem("", "3 remainder 4"), ["3 remainder 4", "3, 4"], ["3", "4 remainder 3"]),
        ("unit_conversion", Problem("", "5/2 metres"), ["5/2 metres", "5/2 meters"], ["5/2", "5/2 feet", "2 metres"]),
        ("lengths", Problem("", "5*sqrt(3)"), ["sqrt(75)", r"5\sqrt{3}"], ["8.66", "sqrt(5)", "5*3"]),
    ],
)
def test_certificates_accept_every_right_form_and_no_wrong_one(name, problem, right, wrong):
    env = make(name)
    for answer in right:
        assert env.grade(problem, f"#### {answer}").is_correct, answer
    for answer in wrong:
        assert not env.grade(problem, f"#### {answer}").is_correct, answer


def test_answers_count_where_they_are_announced_and_once():
    env, problem = make("sums"), Problem("", "12")
    assert env.grade(problem, r"so \boxed{12}").is_correct
    assert env.grade(problem, "12").outcome is Outcome.NO_ANSWER
    assert (
        env.grade(problem, "#### 12\n#### 13").reason is Reason.SEVERAL_ANSWERS
        or not env.grade(problem, "#### 12\n#### 13").is_correct
    )
    assert env.grade(problem, "#### 13\n#### 12").reason is Reason.SEVERAL_ANSWERS


def test_a_check_has_no_verifier_of_its_own():
    with pytest.raises(TypeError, match="together with its problem"):
        make_verifier(lambda problem, answer: True)
