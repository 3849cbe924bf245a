"""Reward functions: named parts that sum to the reward, and gold verdicts that nobody touches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.types import Message, Problem
from policies.types import Completion, FinishReason
from rl.rewards.controls import CoinFlipReward, MajorityReward, length_reward, well_formed_reward
from rl.rewards.mixed import MixedReward
from rl.rewards.proxy import ProxyReward, combine_scores
from rl.rewards.registry import make_reward
from rl.rewards.steps import StepReward
from rl.rewards.verifier import VerifierReward
from rl.types import Group, Trajectory
from verifiers.types import Outcome, StepVerdict, Verdict

RIGHT = Verdict(Outcome.CORRECT, 1.0, "4").judged([StepVerdict((0, 1), False, size=2)])
WRONG = Verdict(Outcome.WRONG, 0.0, "5").judged([StepVerdict((0, 1), False, size=0)])
SILENT = Verdict(Outcome.NO_ANSWER, 0.0)
FAILED = Verdict(Outcome.ERROR, 0.0)


def group(*verdicts: Verdict, tokens: int = 3, finish: FinishReason = FinishReason.STOP) -> Group:
    problem = Problem("What is 2 + 2?", "4", env="toy")
    completion = Completion(tuple(range(tokens)), (0.0,) * tokens, "text", finish)
    return Group(problem, tuple(Trajectory(i, problem, (9,), completion, v) for i, v in enumerate(verdicts)))


def test_parts_are_weighted_and_sum_to_the_reward():
    source = VerifierReward({"correct": 1.0, "solution": 0.5, "format": 0.25, "tokens": -0.01})
    (rewarded,) = source.compute_rewards([group(RIGHT, WRONG)])
    right, wrong = rewarded.trajectories
    assert right.parts == pytest.approx({"correct": 1.0, "solution": 0.0, "format": 0.25, "tokens": -0.03})
    assert right.reward == pytest.approx(1.22)
    assert wrong.parts["format"] == 0.0  # a malformed line
    assert all(t.reward == pytest.approx(sum(t.parts.values())) for t in rewarded.trajectories)


def test_verdicts_stay_as_they_are():
    before = group(RIGHT, WRONG, SILENT)
    for source in (VerifierReward(), CoinFlipReward(), MajorityReward(), well_formed_reward(), length_reward()):
        assert [t.verdict for t in source.compute_rewards([before])[0].trajectories] == [RIGHT, WRONG, SILENT]


def test_a_verifier_failure_is_neutral_among_its_siblings():
    (rewarded,) = VerifierReward().compute_rewards([group(RIGHT, WRONG, WRONG, FAILED)])
    assert rewarded.rewards == pytest.approx([1, 0, 0, 1 / 3])
    assert rewarded.trajectories[3].parts == pytest.approx({"unjudged": 1 / 3})
    (all_failed,) = VerifierReward().compute_rewards([group(FAILED, FAILED)])
    assert all_failed.rewards == [0, 0]


@pytest.mark.parametrize("weight", ["1", "nan", float("nan"), float("inf"), None, True, [1.0]])
def test_a_weight_that_is_no_finite_number_is_refused(weight):
    with pytest.raises(ValueError, match=r"weight 'correct' is .*, expected a finite number"):
        VerifierReward({"correct": weight})


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(ValueError, match="every weight is 0"):
        VerifierReward({"correct": 0.0, "tokens": 0})
    assert VerifierReward({"correct": 1.0, "tokens": 0}).weights["tokens"] == 0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: StepReward(str, right="x"), "right is 'x', expected a finite number"),
        (lambda: StepReward(str, right=float("inf")), "right is inf"),
        (lambda: StepReward(str, wrong=-1), "wrong is -1, expected 0 or more"),
        (lambda: ProxyReward([object()], weight="x"), "weight is 'x', expected a finite number other than 0"),
        (lambda: ProxyReward([object()], weight=0), "weight is 0"),
        (lambda: ProxyReward([object()], no_end_penalty=None), "no_end_penalty is None"),
        (lambda: MixedReward([(well_formed_reward(), "2")]), "the weight of a source is '2'"),
        (lambda: length_reward(float("nan")), "weight is nan"),
        (lambda: VerifierReward([1]), r"weights is \[1\], expected measures with their weights"),
    ],
)
def test_settings_that_are_no_numbers_are_refused_when_the_reward_is_made(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_an_unknown_weight_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'veriffied' measures nothing.*answer, solution"):
        VerifierReward({"veriffied": 1.0}).compute_rewards([group(RIGHT)])
    # a text that could not be judged has no parts, and that is no mistake of the config
    assert VerifierReward({"solution": 1.0}).compute_rewards([group(SILENT)])[0].rewards == [0]


def test_answer_and_solution_are_measures_in_every_environment():
    plain = Verdict(Outcome.CORRECT, 1.0, "4")  # judges answers alone
    lucky = Verdict(Outcome.CORRECT, 1.0, "4", steps=(StepVerdict((0, 9), False),))  # a false sum on the way
    (rewarded,) = VerifierReward({"answer": 1.0, "solution": 10.0}).compute_rewards(
        [group(plain, lucky, RIGHT, WRONG, SILENT)]
    )
    assert rewarded.rewards == [11, 1, 1, 0, 0]


def test_coin_flips_are_keyed_by_the_rollout_and_ignore_the_text():
    flips = [
        CoinFlipReward(seed=1).compute_rewards([group(*[verdict] * 2000)])[0].rewards for verdict in (RIGHT, WRONG)
    ]
    assert flips[0] == flips[1]
    assert sum(flips[0]) / 2000 == pytest.approx(0.5, abs=0.05)  # standard error .011
    assert CoinFlipReward(seed=2).compute_rewards([group(*[RIGHT] * 2000)])[0].rewards != flips[0]


def test_majority_pays_the_most_frequent_answer_right_or_wrong():
    assert MajorityReward().compute_rewards([group(WRONG, RIGHT, WRONG, SILENT)])[0].rewards == [1, 0, 1, 0]
    assert MajorityReward().compute_rewards([group(SILENT, SILENT)])[0].rewards == [0, 0]


class Constant:
    """A reward model that scores by the length of the completion."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def score(self, pairs):
        return [self.factor * len(completion) for _, completion in pairs]


def test_proxy_normalises_each_member_before_combining():
    # raw scores 2 * 3 = 6 and 4 * 3 = 12; normalised (6 - 2) / 2 = 2 and (12 - 6) / 3 = 2
    both = ProxyReward([Constant(2), Constant(4)], normalisers=((2.0, 2.0), (6.0, 3.0)))
    assert both.compute_rewards([group(RIGHT)])[0].rewards == pytest.approx([2.0])
    apart = ProxyReward([Constant(1), Constant(3)], combine="mean_minus_std", penalty=2.0, weight=0.5)
    # scores 3 and 9: mean 6, population std 3 -> (6 - 2 * 3) * .5
    assert apart.compute_rewards([group(RIGHT)])[0].rewards == pytest.approx([0.0])


def test_combinations_by_hand():
    assert combine_scores([1.0, 3.0, 5.0], "mean") == 3
    assert combine_scores([1.0, 3.0, 5.0], "min") == 1
    assert combine_scores([1.0, 3.0, 5.0], "mean_minus_std", 1.0) == pytest.approx(3 - (8 / 3) ** 0.5)


def test_a_completion_without_an_end_pays_the_penalty():
    source = ProxyReward([Constant(1)], no_end_penalty=1.0)
    (cut,) = source.compute_rewards([group(RIGHT, finish=FinishReason.LENGTH)])
    assert cut.trajectories[0].parts == {"proxy": 3.0, "no_end": -1.0}
    assert source.compute_rewards([group(RIGHT)])[0].trajectories[0].parts == {"proxy": 3.0}


def test_a_mixture_adds_weighted_parts_and_refuses_a_clash():
    mixed = MixedReward([(VerifierReward(), 1.0), (ProxyReward([Constant(1)]), 0.1)])
    row = mixed.compute_rewards([group(RIGHT, WRONG)])[0].trajectories[0]
    assert row.parts == pytest.approx({"correct": 1.0, "proxy": 0.3})
    assert row.reward == pytest.approx(1.3)
    with pytest.raises(ValueError, match="'correct'"):
        MixedReward([(VerifierReward(), 1.0), (VerifierReward(), 1.0)]).compute_rewards([group(RIGHT)])


TEXT = ("a", "b", ";", "c", ";", "d", ";", "#", "4")
SPANS = ((0, 5), (6, 9), (10, 13), (14, 17))  # of "a b ; c ; d ; # 4": three lines and the conclusion


def step_trajectory(first_wrong: int | None, **changes) -> Trajectory:
    steps = tuple(StepVerdict(span, i != first_wrong, is_conclusion=i == 3) for i, span in enumerate(SPANS))
    completion = Completion(tuple(range(9)), (0.0,) * 9, " ".join(TEXT), FinishReason.STOP)
    verdict = Verdict(Outcome.WRONG, 0.0, "4", steps=steps)
    return Trajectory(0, Problem("p", "4"), (), completion, verdict, **changes)


def words(tokens) -> str:
    return " ".join(TEXT[t] for t in tokens)


def test_step_rewards_stand_on_the_last_token_of_each_step():
    steps = StepReward(words, right=0.4, wrong=1.0)
    assert steps.step_ends(step_trajectory(1)) == [2, 4, 6, 8]
    assert steps.rewards(step_trajectory(1)) == pytest.approx((0, 0, 0.1, 0, -1.0, 0, 0, 0, 0))
    assert sum(steps.rewards(step_trajectory(None))) == pytest.approx(0.4)  # shared, so padding earns nothing


def test_right_steps_earn_their_share_of_the_work():
    row = step_trajectory(2)
    # one operation, two, and a wrong step; a reference of six steps and its conclusion make seven
    first, second, *rest = row.verdict.steps
    verdict = replace(row.verdict, steps=(first, replace(second, size=2), *rest))
    row = replace(row, verdict=verdict, problem=Problem("p", "4", solution=("s",) * 6))
    assert StepReward(words, right=0.7).rewards(row) == pytest.approx((0, 0, 0.1, 0, 0.2, 0, -1.0, 0, 0))
    # of a reference of two steps, what was written counts: 1 + 2 + 1 + 1 operations
    row = replace(row, problem=Problem("p", "4", solution=("s",) * 2))
    assert StepReward(words, right=0.5).rewards(row) == pytest.approx((0, 0, 0.1, 0, 0.2, 0, -1.0, 0, 0))


def test_a_wrong_conclusion_costs_where_it_is_announced():
    rewards = StepReward(words, right=0.4).rewards(step_trajectory(3))
    assert rewards == pytest.approx((0, 0, 0.1, 0, 0.1, 0, 0.1, 0, -1.0))


def test_steps_of_a_conversation_are_paid_on_the_policys_own_tokens():
    # the policy writes "a b ; c ;", reads two words, and goes on: spans count its own turns alone
    turns = (Message("assistant", "a b ; c ;"), Message("tool", "x y"), Message("assistant", "d ; # 4"))
    row = step_trajectory(2)
    row = replace(
        row,
        completion=Completion((0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8), (0.0,) * 11, "", FinishReason.STOP),
        action_mask=(1,) * 5 + (0,) * 2 + (1,) * 4,
        transcript=turns,
    )
    assert StepReward(words).step_ends(row) == [2, 4, 8, 10]


def test_letters_cut_into_tokens_do_not_lose_the_place():
    text = "3 + 4 = 7 \N{SNOWMAN} ok\n#### 7"
    pieces = [
        "3",
        " + 4",
        " = 7",
        " \N{REPLACEMENT CHARACTER}",
        "\N{REPLACEMENT CHARACTER}",
        " ok",
        "\n",
        "####",
        " 7",
        "",
    ]
    steps = (StepVerdict((0, 14), True), StepVerdict((15, 21), False, is_conclusion=True))
    completion = Completion(tuple(range(10)), (0.0,) * 10, text, FinishReason.STOP)
    row = Trajectory(0, Problem("p", "4"), (), completion, Verdict(Outcome.WRONG, 0.0, "7", steps=steps))
    assert StepReward(lambda tokens: pieces[tokens[0]]).step_ends(row) == [5, 8]


def test_prices_of_steps_are_not_negative():
    with pytest.raises(ValueError, match="wrong is -1, expected 0 or more"):
        StepReward(words, wrong=-1)


def test_step_rewards_ride_beside_the_outcome_reward():
    row = step_trajectory(0)
    (rewarded,) = VerifierReward(steps=StepReward(words)).compute_rewards([Group(row.problem, (row,))])
    assert rewarded.trajectories[0].reward == 0.0
    assert rewarded.trajectories[0].token_rewards == pytest.approx((0, 0, -1.0, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("former", ["verified", "sound"])
def test_a_measure_of_before_is_told_its_name_of_today(former):
    with pytest.raises(ValueError, match=f"weight '{former}' is now called 'solution'"):
        VerifierReward({former: 1.0})


def test_rewards_are_made_by_name():
    assert make_reward("verifier", weights={"solution": 1.0}) == VerifierReward({"solution": 1.0})
    with pytest.raises(ValueError, match="coin_flip"):
        make_reward("coin")


def test_process_rewards_find_the_lines_of_a_real_tokenizer(leaps_env, tiny_policy, tmp_path):
    tiny_policy.save(tmp_path)
    problem = next(p for p in leaps_env.problems() if p.level == 2)
    lines = [*problem.solution]
    name, op, operand = problem.info["operations"][1]
    lines[1] = leaps_env.write_line([(name, op, operand)], (int(problem.answer) + 1) % 31)
    text = leaps_env.render_solution(lines, problem.answer)
    tokens = tiny_policy.encode_completion(text)
    verdict = leaps_env.grade(problem, text)
    row = Trajectory(0, problem, (), Completion(tokens, (0.0,) * len(tokens), text, FinishReason.STOP), verdict)
    source = make_reward("process", tokenizer=str(tmp_path), right=0.5, wrong=0.25)
    rewarded = source.compute_rewards([Group(problem, (row,))])[0].trajectories[0]
    # two lines of six words each, then "# answer <eos>": three steps share .5, the second line is the first wrong one
    assert len(tokens) == 15
    expected = {5: 0.5 / 3, 11: -0.25}
    assert rewarded.token_rewards == pytest.approx([expected.get(i, 0.0) for i in range(15)])
    assert rewarded.parts == {"correct": 1.0}
