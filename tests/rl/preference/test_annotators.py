"""Annotators: probabilities worked by hand, and what must hold whatever the numbers are."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.types import Problem
from rl.preference.labels.annotators import (
    Choice,
    GoldPerception,
    LimitedPerception,
    ModelledAnnotator,
    Panel,
    StylePreference,
    draw,
    make_annotator,
)
from rl.preference.labels.features import SolutionFeatures, features_of_response
from verifiers.judges.steps import judge_written_steps
from verifiers.types import Outcome, Verdict

SIGMOID_4 = 1 / (1 + math.exp(-4))  # perceived difference 1 at temperature .25


def features(**changes) -> SolutionFeatures:
    facts = {
        "level": 4,
        "is_correct": True,
        "faults": (),
        "step_sizes": (1, 1, 2),
        "num_steps": 3,
        "relative_length": 0.75,
        "is_confident": False,
        "is_well_formed": True,
    }
    return SolutionFeatures(**{**facts, **changes})


RIGHT = features()
WRONG_AT_SIZE_2 = features(is_correct=False, faults=(2,))


def test_noticing_falls_with_the_size_of_the_step_and_with_fatigue():
    perception = LimitedPerception()
    assert perception.notices(1, 4) == pytest.approx(0.8)
    assert perception.notices(3, 4) == pytest.approx(0.8 * 0.65**2)
    assert perception.notices(3, 6) == pytest.approx(0.8 * 0.65**2 * 0.95**2)  # two levels beyond the fourth
    assert perception.notices(1, 2) == pytest.approx(0.8)  # no bonus below it
    assert perception.notices(0, 9) == pytest.approx(0.95)  # malformed


def test_a_solution_passes_when_every_fault_escapes():
    perception = LimitedPerception()
    assert perception.perceives_right(RIGHT) == pytest.approx(0.98)  # the false alarm
    # steps of sizes 1 and 2 wrong: (1 - .8) (1 - .52), and no false alarm
    two = features(is_correct=False, faults=(1, 2))
    assert perception.perceives_right(two) == pytest.approx(0.98 * 0.2 * 0.48)
    ending = features(is_correct=False, faults=(0,))
    assert perception.perceives_right(ending) == pytest.approx(0.98 * 0.05)


def test_where_no_step_is_known_to_be_wrong_a_wrong_answer_is_one_fault_of_size_one():
    problem = Problem("What is 2 + 2?", "4", solution=("2 + 2 = 4",), level=6)
    right, wrong = Verdict(Outcome.CORRECT, 1.0, "4"), Verdict(Outcome.WRONG, 0.0, "5")
    perception = LimitedPerception()
    assert perception.perceives_right(features_of_response(problem, "5", wrong)) == pytest.approx(
        0.98 * (1 - 0.8 * 0.95**2)
    )
    assert perception.perceives_right(features_of_response(problem, "4", right)) == pytest.approx(0.98)
    silent = features_of_response(problem, "who knows", Verdict(Outcome.NO_ANSWER, 0.0))
    assert perception.perceives_right(silent) == pytest.approx(0.98 * 0.05)  # anyone sees that the answer is missing


def test_choice_sums_out_what_is_perceived():
    # P(seen right) is .98 and .98 * .48 = .4704; utilities differ by 1, 0 or -1 at temperature .25
    a, b = 0.98, 0.4704
    by_hand = a * (1 - b) * SIGMOID_4 + (1 - a) * b * (1 - SIGMOID_4) + (a * b + (1 - a) * (1 - b)) * 0.5
    choice = ModelledAnnotator().choice(RIGHT, WRONG_AT_SIZE_2)
    assert choice.first == pytest.approx(by_hand)
    flipped = ModelledAnnotator(flip=0.1).choice(RIGHT, WRONG_AT_SIZE_2)
    assert flipped.first == pytest.approx(0.9 * by_hand + 0.1 * (1 - by_hand))


def test_position_bias_helps_whatever_is_shown_first():
    biased = ModelledAnnotator(position_bias=math.log(3))
    assert biased.choice(RIGHT, RIGHT).first > 0.5 > biased.choice(RIGHT, RIGHT).second
    # a perfect eye with equal utilities leaves the bias alone: odds 3 to 1
    assert ModelledAnnotator(perception=GoldPerception(), position_bias=math.log(3)).choice(
        RIGHT, RIGHT
    ).first == pytest.approx(0.75)


def test_a_style_of_length_has_either_sign():
    long, short = features(relative_length=1.0), features(relative_length=0.25)
    blind = {"perception": LimitedPerception(false_alarm=0), "correctness": 0.0, "temperature": 1.0}
    likes_long = ModelledAnnotator(style=StylePreference(length=2.0), **blind)
    assert likes_long.choice(long, short).first == pytest.approx(1 / (1 + math.exp(-2 * 0.75)))
    likes_short = ModelledAnnotator(style=StylePreference(length=-2.0), **blind)
    assert likes_short.choice(long, short).first == pytest.approx(likes_long.choice(short, long).first)


def test_a_style_of_expertise_is_the_mean_log_probability_of_the_step_sizes():
    style = StylePreference(expertise=2.0, size_law=((4, (0.5, 0.25)), (9, (0.1, 0.9))))
    assert style.score(features(step_sizes=(1, 2))) == pytest.approx(2 * (math.log(0.5) + math.log(0.25)) / 2)
    assert style.score(features(step_sizes=(2,), level=6)) == pytest.approx(2 * math.log(0.9))
    with pytest.raises(ValueError, match="size_law"):
        StylePreference(expertise=1.0)


def test_perfect_annotator_always_agrees_with_gold_and_calls_the_rest_a_tie():
    perfect = make_annotator("perfect")
    assert perfect.choice(RIGHT, WRONG_AT_SIZE_2) == Choice(1.0, 0.0, 0.0)
    assert perfect.choice(WRONG_AT_SIZE_2, RIGHT) == Choice(0.0, 1.0, 0.0)
    assert perfect.choice(RIGHT, RIGHT).tie == 1.0


def test_majority_of_three_is_the_binomial():
    p = ModelledAnnotator().choice(RIGHT, WRONG_AT_SIZE_2).first
    panel = Panel([ModelledAnnotator()] * 3, vote="majority")
    assert panel.choice(RIGHT, WRONG_AT_SIZE_2).first == pytest.approx(p**3 + 3 * p**2 * (1 - p))
    assert panel.judgements_per_pair == 3
    assert Panel([ModelledAnnotator()] * 3).judgements_per_pair == 1


def test_an_even_split_of_the_panel_is_a_tie():
    likes_first = ModelledAnnotator(perception=GoldPerception(), temperature=0.0)
    likes_wrong = ModelledAnnotator(perception=GoldPerception(), temperature=0.0, correctness=-1.0)
    assert Panel([likes_first, likes_wrong], vote="majority").choice(RIGHT, WRONG_AT_SIZE_2).tie == 1.0


@given(
    leaps=st.lists(st.integers(0, 4), max_size=4),
    length=st.floats(-3, 3),
    temperature=st.floats(0.05, 4),
    flip=st.floats(0, 0.49),
    margin=st.floats(-1, 2),
)
def test_swapping_the_two_swaps_the_probabilities(leaps, length, temperature, flip, margin):
    annotator = ModelledAnnotator(
        style=StylePreference(length=length), temperature=temperature, flip=flip, tie_margin=margin
    )
    other = features(is_correct=False, faults=tuple(leaps), relative_length=0.3)
    there, back = annotator.choice(RIGHT, other), annotator.choice(other, RIGHT)
    assert there.first == pytest.approx(back.second)
    assert there.tie == pytest.approx(back.tie)
    assert there.first + there.second + there.tie == pytest.approx(1)
    assert min(there.first, there.second, there.tie) >= -1e-12


def test_draws_follow_the_probabilities():
    rng = random.Random(0)
    counts = {"first": 0, "second": 0, "tie": 0}
    for _ in range(20_000):
        counts[draw(Choice(0.2, 0.5, 0.3), rng)] += 1
    # standard error of a share is at most sqrt(.25 / 20000) = .0035
    assert counts["first"] / 20_000 == pytest.approx(0.2, abs=0.015)
    assert counts["tie"] / 20_000 == pytest.approx(0.3, abs=0.015)


def test_reading_of_a_leaps_solution(leaps_env):
    problem = next(p for p in leaps_env.problems() if p.level == 3 and not p.solution[0].endswith(f"= {p.answer} ;"))
    operations = [tuple(o) for o in problem.info["operations"]]
    lines = leaps_env.solve(problem.info["start"], operations, [1, 2])
    good = leaps_env.render_solution(lines, problem.answer)
    found = features_of_response(problem, good, leaps_env.grade(problem, good))
    assert (found.step_sizes, found.faults, found.is_correct) == ((1, 2), (), True)
    assert found.relative_length == pytest.approx(2 / 3)
    wrong = leaps_env.render_solution([*lines[:1], "junk ;"], problem.answer)
    assert features_of_response(problem, wrong, leaps_env.grade(problem, wrong)).faults == (0,)
    unfinished = " ".join(lines)
    assert features_of_response(problem, unfinished, leaps_env.grade(problem, unfinished)).faults == (0,)
    early = leaps_env.render_solution(lines[:1], lines[0].split()[-2])  # right so far, and announced too soon
    assert features_of_response(problem, early, leaps_env.grade(problem, early)).faults == (0,)


def test_reading_of_an_environment_without_lines():
    problem = Problem("What is 2 + 2?", "4", solution=("2 + 2 = 4",))
    found = features_of_response(problem, "It is clearly 5.\n#### 5", Verdict(Outcome.WRONG, 0.0, "5"))
    assert (found.step_sizes, found.faults, found.is_confident, found.num_steps) == ((), (1,), True, 2)
    assert found.relative_length == pytest.approx(6 / 5)  # 6 words against the reference's 5


def test_reading_of_written_steps_by_the_claims_in_them():
    problem = Problem("What is 2 + 2 + 3?", "7", solution=("2 + 2 = 4", "4 + 3 = 7"))
    verdict = judge_written_steps(Verdict(Outcome.WRONG, 0.0, "8"), "2 + 2 = 5\n5 + 3 = 8\n#### 8")
    found = features_of_response(problem, "2 + 2 = 5\n5 + 3 = 8\n#### 8", verdict)
    assert (found.step_sizes, found.faults, found.num_steps, found.relative_length) == ((1, 1), (1,), 2, 1.0)


@pytest.mark.parametrize(
    ("preset", "low", "high"), [("careful", 0.6, 0.78), ("concise", 0.55, 0.72), ("verbose", 0.65, 0.82)]
)
def test_presets_agree_with_gold_as_often_as_people_do(leaps_env, preset, low, high):
    """Published agreement on decisive pairs is 60 to 77 % (arXiv:2009.01325); a short style lies below, on purpose."""
    rng = random.Random(1)
    annotator, agreement = make_annotator(preset), []
    for _ in range(2000):
        level = rng.randint(2, 6)
        # a right solution in small steps against a wrong one with a leap that was too large
        right = features(level=level, relative_length=rng.uniform(0.5, 1))
        leap = rng.randint(1, min(level, 4))
        wrong = features(level=level, is_correct=False, faults=(leap,), relative_length=rng.uniform(0.3, 1))
        agreement.append(annotator.choice(right, wrong).first)
    assert low <= sum(agreement) / len(agreement) <= high


def test_unknown_preset_says_which_there_are():
    with pytest.raises(ValueError, match="perfect, careful, concise, verbose"):
        make_annotator("lazy")


def test_a_setting_of_before_is_told_its_name_of_today():
    with pytest.raises(ValueError, match="style: leap_law is now called size_law"):
        make_annotator("careful", style={"expertise": 1.0, "leap_law": [[9, [1.0]]]})
