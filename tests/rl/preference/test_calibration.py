"""Reliability of pairwise probabilities, by hand and in the limit; and a reward model on a policy's fresh pairs."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.preference.labels.annotators import make_annotator
from rl.preference.models.calibration import calibration
from rl.preference.models.fidelity import fidelity
from rl.rewards.proxy import ProxyReward
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def test_figures_by_hand():
    # confidences .9, .9, .6: the first two in bin [.9, .95), right once; the third in [.6, .65), right
    found = calibration([0.9, 0.1, 0.6], [1, 1, 1], [1, 1, 2])
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.log_loss == pytest.approx(-(math.log(0.9) + math.log(0.1) + math.log(0.6)) / 3)
    assert found.ece == pytest.approx(2 / 3 * abs(0.5 - 0.9) + 1 / 3 * abs(1 - 0.6))
    assert [(b.num_pairs, b.accuracy) for b in found.bins] == [(1, 1.0), (2, 0.5)]
    assert {level: part.accuracy for level, part in found.by_level.items()} == {1: 0.5, 2: 1.0}


def test_a_coin_is_calibrated_and_knows_nothing():
    found = calibration([0.5] * 4, [1, 0, 1, 1])
    assert (found.accuracy, found.ece) == (0.5, 0.0)
    assert found.log_loss == pytest.approx(math.log(2))


def test_an_annotators_own_probability_is_the_best_prediction_of_it():
    truth = [0.95, 0.2, 0.6, 0.45]
    own = calibration(truth, truth)
    # entropy of the annotator: no prediction has a smaller expected log-loss
    assert own.log_loss == pytest.approx(sum(-(p * math.log(p) + (1 - p) * math.log(1 - p)) for p in truth) / 4)
    assert own.ece == pytest.approx(0.0)
    assert own.accuracy == pytest.approx((0.95 + 0.8 + 0.6 + 0.55) / 4)
    assert calibration([0.99, 0.01, 0.99, 0.01], truth).log_loss > own.log_loss


def test_a_model_that_says_what_it_knows_is_calibrated_in_the_limit():
    rng = random.Random(0)
    probabilities = [rng.random() for _ in range(20_000)]
    labels = [float(rng.random() < p) for p in probabilities]
    assert calibration(probabilities, labels).ece < 0.02
    overconfident = [p**3 / (p**3 + (1 - p) ** 3) for p in probabilities]
    assert calibration(overconfident, labels).ece > 0.1


pairs_of_numbers = st.lists(
    st.tuples(st.floats(0, 1).filter(lambda p: p != 0.5), st.sampled_from([0.0, 1.0])), min_size=1, max_size=30
)


@given(pairs_of_numbers)
def test_swapping_the_sides_of_pairs_changes_nothing(rows):
    one = calibration([p for p, _ in rows], [y for _, y in rows])
    other = calibration([1 - p for p, _ in rows], [1 - y for _, y in rows])
    assert other.accuracy == pytest.approx(one.accuracy)
    assert other.log_loss == pytest.approx(one.log_loss, rel=1e-6, abs=1e-9)
    assert sum(b.num_pairs for b in one.bins) == len(rows)


def test_no_pairs_have_no_calibration_and_broken_input_is_refused():
    assert calibration([], []) is None
    with pytest.raises(ValueError, match="expected as many"):
        calibration([0.5], [])
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        calibration([1.5], [1])


class LikesToken:
    """Scores a completion by its first token."""

    def __init__(self, temperature: float = 1.0) -> None:
        self.temperature = temperature

    def score(self, pairs):
        return [completion[0] / self.temperature for _, completion in pairs]


def test_probabilities_are_those_of_the_raw_scores_whatever_the_normalisers():
    pairs = [(((1,), (5,)), ((1,), (3,)))]
    plain, scaled = ProxyReward([LikesToken()]), ProxyReward([LikesToken()], normalisers=((7.0, 10.0),))
    assert (
        plain.pair_probabilities(pairs) == scaled.pair_probabilities(pairs) == [pytest.approx(1 / (1 + math.exp(-2)))]
    )
    # an ensemble predicts the mean of its members' probabilities
    both = ProxyReward([LikesToken(), LikesToken(0.5)]).pair_probabilities(pairs)
    assert both == [pytest.approx((1 / (1 + math.exp(-2)) + 1 / (1 + math.exp(-4))) / 2)]
    assert plain.pair_probabilities([]) == []


def group_of(right_token: int, wrong_token: int, level: int = 1) -> Group:
    problem = replace(Problem("?", "1"), level=level)
    rows = []
    for uid, (token, right) in enumerate(((right_token, True), (wrong_token, False))):
        verdict = Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), answer="1")
        completion = Completion((token,), (0.0,), f"text {token}", FinishReason.STOP)
        rows.append(Trajectory(uid, problem, (1,), completion, verdict))
    return Group(problem, tuple(rows))


def test_fidelity_on_fresh_pairs_tells_a_model_that_knows_from_one_that_was_fooled():
    reward, perfect = ProxyReward([LikesToken()]), make_annotator("perfect")
    knows = fidelity(reward, [group_of(9, 1, level=n) for n in (1, 2)], perfect, random.Random(0))
    fooled = fidelity(reward, [group_of(1, 9)], perfect, random.Random(0))
    assert (knows.gold.accuracy, knows.labels.accuracy) == (1.0, 1.0)
    assert (fooled.gold.accuracy, fooled.labels.accuracy) == (0.0, 0.0)
    assert set(knows.gold.by_level) == {1, 2}
    figures = fooled.metrics()
    assert figures["reward_model_accuracy_gold"] == 0.0
    assert figures["reward_model_log_loss_labels"] == pytest.approx(8, abs=0.01)  # sure of the wrong side by 8 nats
    assert figures["annotator_false_positive_rate"] == 0.0
    assert "reward_model_spread" not in figures  # one member disagrees with nobody


def test_an_ensembles_spread_is_the_members_deviation():
    # tokens 5 and 3: members say 5, 3 and 10, 6; deviations 2.5 and 1.5
    pairs = [((1,), (5,)), ((1,), (3,))]
    assert ProxyReward([LikesToken(), LikesToken(0.5)]).spread(pairs) == pytest.approx(2.0)
    assert ProxyReward([LikesToken()]).spread(pairs) is None


def test_without_an_annotator_only_gold_is_asked_and_equal_verdicts_say_nothing():
    problem = Problem("?", "1")
    same = Group(problem, tuple(group_of(9, 1).trajectories[:1]) * 2)
    assert fidelity(ProxyReward([LikesToken()]), [same], None, random.Random(0)).metrics() == {}
