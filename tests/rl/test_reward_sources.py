"""Reward sources: named parts that sum to the reward, and gold verdicts that nobody touches."""

from __future__ import annotations

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.rewards.sources import (
    CoinFlipReward,
    MajorityReward,
    MixedReward,
    ProxyReward,
    StepReward,
    VerifierReward,
    combine_scores,
    length_reward,
    make_reward,
    well_formed_reward,
)
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

RIGHT = Verdict(Outcome.CORRECT, 1.0, "4", parts={"answer": 1.0, "verified": 0.0}, info={"leaps": [1, 2]})
WRONG = Verdict(Outcome.WRONG, 0.0, "5", parts={"answer": 0.0, "verified": 0.0}, info={"leaps": [1, 0]})
SILENT = Verdict(Outcome.NO_ANSWER, 0.0)
FAILED = Verdict(Outcome.ERROR, 0.0)


def group(*verdicts: Verdict, tokens: int = 3, finish: FinishReason = FinishReason.STOP) -> Group:
    problem = Problem("What is 2 + 2?", "4", env="toy")
    completion = Completion(tuple(range(tokens)), (0.0,) * tokens, "text", finish)
    return Group(problem, tuple(Trajectory(i, problem, (9,), completion, v) for i, v in enumerate(verdicts)))


def test_parts_are_weighted_and_sum_to_the_reward():
    source = VerifierReward({"correct": 1.0, "verified": 0.5, "format": 0.25, "tokens": -0.01})
    (priced,) = source.price([group(RIGHT, WRONG)])
    right, wrong = priced.trajectories
    assert right.parts == pytest.approx({"correct": 1.0, "verified": 0.0, "format": 0.25, "tokens": -0.03})
    assert right.reward == pytest.approx(1.22)
    assert wrong.parts["format"] == 0.0  # a malformed line
    assert all(t.reward == pytest.approx(sum(t.parts.values())) for t in priced.trajectories)


def test_verdicts_stay_as_they_are():
    before = group(RIGHT, WRONG, SILENT)
    for source in (VerifierReward(), CoinFlipReward(), MajorityReward(), well_formed_reward(), length_reward()):
        assert [t.verdict for t in source.price([before])[0].trajectories] == [RIGHT, WRONG, SILENT]


def test_a_verifier_failure_is_neutral_among_its_siblings():
    (priced,) = VerifierReward().price([group(RIGHT, WRONG, WRONG, FAILED)])
    assert priced.rewards == pytest.approx([1, 0, 0, 1 / 3])
    assert priced.trajectories[3].parts == pytest.approx({"unjudged": 1 / 3})
    (all_failed,) = VerifierReward().price([group(FAILED, FAILED)])
    assert all_failed.rewards == [0, 0]


def test_an_unknown_weight_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'veriffied' measures nothing.*answer, verified"):
        VerifierReward({"veriffied": 1.0}).price([group(RIGHT)])
    # a text that could not be judged has no parts, and that is no mistake of the config
    assert VerifierReward({"verified": 1.0}).price([group(SILENT)])[0].rewards == [0]


def test_answer_and_verified_are_measures_in_every_environment():
    plain = Verdict(Outcome.CORRECT, 1.0, "4")  # judges answers alone
    sound = Verdict(
        Outcome.CORRECT, 1.0, "4", parts={"answer": 1.0, "sound": 0.0}
    )  # right, with a false sum on the way
    (priced,) = VerifierReward({"answer": 1.0, "verified": 10.0}).price([group(plain, sound, RIGHT, WRONG, SILENT)])
    assert priced.rewards == [11, 1, 1, 0, 0]


def test_coin_flips_are_keyed_by_the_rollout_and_ignore_the_text():
    flips = [CoinFlipReward(seed=1).price([group(*[verdict] * 2000)])[0].rewards for verdict in (RIGHT, WRONG)]
    assert flips[0] == flips[1]
    assert sum(flips[0]) / 2000 == pytest.approx(0.5, abs=0.05)  # standard error .011
    assert CoinFlipReward(seed=2).price([group(*[RIGHT] * 2000)])[0].rewards != flips[0]


def test_majority_pays_the_most_frequent_answer_right_or_wrong():
    assert MajorityReward().price([group(WRONG, RIGHT, WRONG, SILENT)])[0].rewards == [1, 0, 1, 0]
    assert MajorityReward().price([group(SILENT, SILENT)])[0].rewards == [0, 0]


class Constant:
    """A reward model that scores by the length of the completion."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def score(self, pairs):
        return [self.factor * len(completion) for _, completion in pairs]


def test_proxy_normalises_each_member_before_combining():
    # raw scores 2 * 3 = 6 and 4 * 3 = 12; normalised (6 - 2) / 2 = 2 and (12 - 6) / 3 = 2
    both = ProxyReward([Constant(2), Constant(4)], normalisers=((2.0, 2.0), (6.0, 3.0)))
    assert both.price([group(RIGHT)])[0].rewards == pytest.approx([2.0])
    apart = ProxyReward([Constant(1), Constant(3)], combine="mean_minus_std", penalty=2.0, weight=0.5)
    # scores 3 and 9: mean 6, population std 3 -> (6 - 2 * 3) * .5
    assert apart.price([group(RIGHT)])[0].rewards == pytest.approx([0.0])


def test_combinations_by_hand():
    assert combine_scores([1.0, 3.0, 5.0], "mean") == 3
    assert combine_scores([1.0, 3.0, 5.0], "min") == 1
    assert combine_scores([1.0, 3.0, 5.0], "mean_minus_std", 1.0) == pytest.approx(3 - (8 / 3) ** 0.5)


def test_a_completion_without_an_end_pays_the_penalty():
    source = ProxyReward([Constant(1)], no_end_penalty=1.0)
    (cut,) = source.price([group(RIGHT, finish=FinishReason.LENGTH)])
    assert cut.trajectories[0].parts == {"proxy": 3.0, "no_end": -1.0}
    assert source.price([group(RIGHT)])[0].trajectories[0].parts == {"proxy": 3.0}


def test_a_mixture_adds_weighted_parts_and_refuses_a_clash():
    mixed = MixedReward([(VerifierReward(), 1.0), (ProxyReward([Constant(1)]), 0.1)])
    row = mixed.price([group(RIGHT, WRONG)])[0].trajectories[0]
    assert row.parts == pytest.approx({"correct": 1.0, "proxy": 0.3})
    assert row.reward == pytest.approx(1.3)
    with pytest.raises(ValueError, match="'correct'"):
        MixedReward([(VerifierReward(), 1.0), (VerifierReward(), 1.0)]).price([group(RIGHT)])


TEXT = ("a", "b", ";", "c", ";", "d", ";", "#", "4")


def step_trajectory(first_wrong: int | None) -> Trajectory:
    verdict = Verdict(Outcome.WRONG, 0.0, "4", first_wrong_step=first_wrong)
    completion = Completion(tuple(range(9)), (0.0,) * 9, " ".join(TEXT), FinishReason.STOP)
    return Trajectory(0, Problem("p", "4"), (), completion, verdict)


def test_step_rewards_stand_on_the_last_token_of_each_step():
    steps = StepReward(lambda tokens: " ".join(TEXT[t] for t in tokens), right=0.4, wrong=1.0)
    # steps end at tokens 2, 4, 6 and, without a separator, at the last token 8
    assert steps.step_ends(range(9)) == [2, 4, 6, 8]
    assert steps.rewards(step_trajectory(1)) == pytest.approx((0, 0, 0.1, 0, -1.0, 0, 0, 0, 0))
    assert sum(steps.rewards(step_trajectory(None))) == pytest.approx(0.4)  # shared, so padding earns nothing


def test_step_rewards_ride_beside_the_outcome_reward():
    steps = StepReward(lambda tokens: " ".join(TEXT[t] for t in tokens))
    row = step_trajectory(0)
    (priced,) = VerifierReward(steps=steps).price([Group(row.problem, (row,))])
    assert priced.trajectories[0].reward == 0.0
    assert priced.trajectories[0].token_rewards == pytest.approx((0, 0, -1.0, 0, 0, 0, 0, 0, 0))


def test_rewards_are_made_by_name():
    assert make_reward("verifier", weights={"verified": 1.0}) == VerifierReward({"verified": 1.0})
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
    priced = source.price([Group(problem, (row,))])[0].trajectories[0]
    # two lines of six words each, then "# answer <eos>": three steps share .5, the second line is the first wrong one
    assert len(tokens) == 15
    expected = {5: 0.5 / 3, 11: -0.25}
    assert priced.token_rewards == pytest.approx([expected.get(i, 0.0) for i in range(15)])
    assert priced.parts == {"correct": 1.0}
