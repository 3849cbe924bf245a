"""Demonstrators are limited as their settings say; corrupted solutions are wrong."""

import random
import re
from fractions import Fraction

import pytest

from envs import Problem, make
from envs.demonstrators.base import Demonstrator, StepDemonstrator, slipped
from envs.demonstrators.mistakes import drop_carry, left_to_right, lose_sign, smaller_from_larger, wrong_times_table
from envs.demonstrators.worksteps import perturb, perturb_text, redo, split_step


def accuracy(env, writer, level, num=300):
    rng = random.Random(0)
    problems = list(env.problems(num, level=level))
    return sum(env.grade(p, writer.write(p, rng)).is_correct for p in problems) / num


def test_a_step_is_read_as_head_expression_and_value():
    assert split_step("x = 24 / 3 = 8") == ("x = ", "24 / 3", "8")
    assert split_step("tens: 3 + 4 + 1 = 8") == ("tens: ", "3 + 4 + 1", "8")
    assert split_step("so x = 8") is None
    assert split_step("quotient 3, remainder 4") is None


def test_a_changed_value_is_carried_to_the_answer():
    # 12 + 5 = 17 written as 18; then 18 * 2 = 36, 36 mod 5 = 1
    steps, answer = redo(["12 + 5 = 17", "17 * 2 = 34", "34 mod 5 = 4"], "4", lambda i, _, v: v + (i == 0))
    assert steps == ["12 + 5 = 18", "18 * 2 = 36", "36 mod 5 = 1"]
    assert answer == "1"


def test_without_slips_the_writer_is_always_right():
    for name in ("arithmetic_chain", "fractions", "linear_systems", "word_problems"):
        env = make(name)
        assert accuracy(env, env.demonstrator(), env.levels[-1], 40) == 1


@pytest.mark.parametrize(("error_rate", "level"), [(0.1, 1), (0.1, 4), (0.3, 3)])
def test_accuracy_falls_as_one_minus_the_error_rate_to_the_number_of_steps(error_rate, level):
    env = make("arithmetic_chain")
    expected = (1 - error_rate) ** level
    error = 3 * (expected * (1 - expected) / 300) ** 0.5
    assert abs(accuracy(env, env.demonstrator(error_rate=error_rate), level) - expected) < error + 0.02


def test_a_slip_always_reaches_the_answer():
    rng = random.Random(1)
    for problem in make("multiplication").problems(100):
        _, answer = slipped(problem.solution, problem.answer, 0.999999, rng)
        assert answer != problem.answer


def test_a_slip_in_any_line_is_carried_on():
    steps, answer = ["XL = 40", "XCV = 95", "40 + 95 = 135"], "135"
    for seed in range(200):
        written, said = slipped(steps, answer, 0.3, random.Random(seed))
        left, right = (line.rpartition(" = ")[2] for line in written[:2])
        total = written[2].rpartition(" = ")[2]
        assert written[2].startswith(f"{left} + {right} = ")
        assert said == total
        if written != steps:
            assert said != answer


PAIRS = ["3 * 4 + 5 * 1 = 17", "so x = 4, y = 1"]
SETS = ["of 12 the divisors up to 3 are 1, 2, 3", "their partners are 12, 6, 4"]


@pytest.mark.parametrize(
    ("steps", "answer"),
    [(PAIRS, "(4, 1)"), (SETS, "{1, 2, 3, 4, 6, 12}"), (["13 mod 5 leaves 3", "the rest is 3"], "3")],
)
def test_no_slip_contradicts_the_last_line(steps, answer):
    def numbers(text):
        return re.findall(r"\d+", text)

    same = [
        (i, j)
        for i, stated in enumerate(numbers(steps[-1]))
        for j, given in enumerate(numbers(answer))
        if stated == given
    ]
    for seed in range(300):
        written, said = slipped(steps, answer, 0.4, random.Random(seed))
        assert (written == steps) == (said == answer)
        assert all(numbers(written[-1])[i] == numbers(said)[j] for i, j in same)


@pytest.mark.parametrize(
    ("rule", "expression", "right", "written"),
    [
        (drop_carry, "27 + 15", 42, 32),  # 7 + 5 = 12 -> 2, 2 + 1 = 3
        (drop_carry, "64 + 71", 135, 135),  # no carry into another column
        (smaller_from_larger, "3 - 8", -5, 5),
        (lose_sign, "3 - 8", -5, 5),
        (wrong_times_table, "8 * 7", 56, 54),
        (wrong_times_table, "8 * 6", 48, 48),
        (left_to_right, "2 + 3 * 4", 14, 20),
    ],
)
def test_wrong_rules_of_arithmetic(rule, expression, right, written):
    assert rule(expression, Fraction(right)) == written


def test_a_systematic_mistake_is_the_same_every_time():
    env = make("addition")
    writer = env.demonstrator(mistakes=["forget_carries"])
    problem = Problem("Add 27 + 15.", "42", info={"terms": [27, 15]}, level=2)
    texts = {writer.write(problem, random.Random(seed)) for seed in range(20)}
    assert len(texts) == 1
    assert "#### 32" in texts.pop()


def test_mistakes_of_an_environment_are_wrong_where_they_apply():
    for name, mistake in (("linear_equations", "keep_sign_when_moving"), ("derivatives", "keep_exponent")):
        env = make(name)
        assert accuracy(env, env.demonstrator(mistakes={mistake: 1.0}), 1, 60) < 0.2


def test_leaps_leave_out_steps_and_keep_the_answer():
    env = make("arithmetic_chain")
    writer = env.demonstrator(size_law=[(99, (0.0, 0.0, 1.0))])
    problem = env.problem(0, level=6)
    assert writer.write(problem, random.Random(0)) == env.render_solution(
        (problem.solution[2], problem.solution[5]), problem.answer
    )


def test_a_horizon_ends_the_work_early():
    env = make("arithmetic_chain")
    writer = env.demonstrator(horizon=2)
    assert accuracy(env, writer, 2, 50) == 1
    assert accuracy(env, writer, 5, 50) < 0.2


def test_coverage_is_a_prefix_of_the_levels():
    env = make("arithmetic_chain")
    writer = env.demonstrator(max_level=3)
    assert isinstance(writer, Demonstrator)
    assert writer.levels == (1, 2, 3)
    assert not writer.covers(env.problem(0, level=4))


def test_styles_mix_in_their_shares():
    env = make("arithmetic_chain")
    writer = env.demonstrator(styles={"terse": 0.25, "numbered": 0.75})
    rng, problem = random.Random(0), env.problem(0, level=3)
    written = [writer.write(problem, rng) for _ in range(1000)]
    terse = sum(text.startswith("####") for text in written) / 1000
    assert abs(terse - 0.25) < 0.045  # 3 standard errors
    assert all(text.startswith(("####", "1. ")) for text in written)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"error_rate": 1.0}, "error_rate"),
        ({"horizon": 0}, "horizon"),
        ({"size_law": [(9, (0.5, 0.4))]}, "sums to"),
        ({"max_level": 0}, "max_level"),
        ({"mistakes": ["no_such"]}, "no mistake is called"),
        ({"styles": {"loud": 1}}, "no style is called"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        StepDemonstrator(make("arithmetic_chain"), **settings)


def test_perturbed_values_and_texts_differ():
    rng = random.Random(0)
    for n in range(-50, 50):
        assert perturb(Fraction(n, 3), rng) != Fraction(n, 3)
    for text in ("x + 3", "7", "no numbers here", "word", "5/6"):
        assert all(perturb_text(text, rng) != text for _ in range(50))


def test_composition_holds_out_a_part_of_the_pairs():
    env = make("composition", demonstrated_pairs=0.5, functions=6)
    assert len(env.demonstrated) == 15  # half of 6 * 5 ordered pairs
    writer = env.demonstrator()
    pairs = {tuple(p.info["chain"]) for p in env.problems(400, level=2) if writer.covers(p)}
    assert pairs == env.demonstrated
    assert all(writer.covers(p) for p in env.problems(20, level=1))


def test_a_stream_of_demonstrations_never_shows_a_held_out_pair():
    from rl.imitation.demonstrations import DemonstrationSource

    env = make("composition")
    source = DemonstrationSource(env=env, demonstrator=env.demonstrator(), seed=0)
    assert not any(source.at(i).problem.info["is_held_out"] for i in range(200))
