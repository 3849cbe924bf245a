"""Active choice: values by hand, one order for everybody that outlives its reward model, and what is refused."""

import math

import pytest

from envs.types import Problem
from experiments.label.pairs import Answers, pairs_of
from experiments.label.uncertain import kept_order, reward_model_folder, uncertainties
from experiments.run.errors import UserError
from policies.types import Completion, FinishReason
from rl.preference.labels.comparisons import Pair
from rl.rewards.proxy import ProxyReward
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

OTHERS = "rlhf: null, rlhf-loose: null, dpo: null"  # arms of the demo that are left out


class ByToken:
    """A reward model whose score of a completion is its first token, times a factor."""

    def __init__(self, factor):
        self.factor = factor

    def score(self, pairs):
        return [self.factor * completion[0] for _, completion in pairs]


def trajectory(uid, score, problem="p"):
    completion = Completion((score, 1), (0.0, 0.0), f"text {uid}", FinishReason.STOP)
    return Trajectory(uid, Problem(problem, "1"), (7,), completion, Verdict(Outcome.WRONG, 0.0))


def test_one_model_is_least_sure_where_its_probability_is_nearest_to_a_half():
    a, b, c = (trajectory(uid, score) for uid, score in enumerate((0, 1, 3)))
    found = uncertainties(ProxyReward([ByToken(1.0)]), [Pair(a, b), Pair(c, a), Pair(b, b)])
    assert found == pytest.approx([1 / (1 + math.e), 1 / (1 + math.e**3), 0.5])
    assert uncertainties(ProxyReward([ByToken(1.0)]), []) == []


def test_an_ensemble_is_least_sure_where_its_members_disagree_not_where_they_are_all_undecided():
    a, b, c = (trajectory(uid, score) for uid, score in enumerate((0, 0, 2)))
    undecided, disputed = uncertainties(ProxyReward([ByToken(1.0), ByToken(-1.0)]), [Pair(a, b), Pair(a, c)])
    assert undecided == 0
    assert disputed == pytest.approx(0.5 - 1 / (1 + math.e**2))  # of p and 1 - p the deviation is |p - 0.5|


def test_scores_that_no_exponential_holds_are_sure():
    far = Pair(trajectory(0, 10**6), trajectory(1, 0))
    assert uncertainties(ProxyReward([ByToken(1.0)]), [far, Pair(far.second, far.first)]) == pytest.approx([0, 0])


@pytest.fixture
def pairs(tmp_path):
    log = RolloutLog(tmp_path / "rollouts")
    scores = {"p": (0, 1, 5), "q": (0, 3, 9)}
    rows = [(name, 10 * i + k, score) for i, (name, each) in enumerate(scores.items()) for k, score in enumerate(each)]
    groups = [Group(Problem(n, "1"), tuple(trajectory(u, s, n) for m, u, s in rows if m == n)) for n in scores]
    log.write(0, groups)
    return pairs_of(log, 0, num=None, seed=0)


def value(pairs):
    return uncertainties(ProxyReward([ByToken(1.0)]), pairs)


def test_every_problem_is_asked_first_its_least_sure_pair_and_those_by_falling_uncertainty(pairs, tmp_path):
    asked = kept_order(tmp_path / "labels" / "order.json", pairs, value)
    gaps = [abs(pair.first.completion.tokens[0] - pair.second.completion.tokens[0]) for pair in asked]
    assert [pair.first.problem.text for pair in asked] == ["p", "q"] * 3
    assert gaps == [1, 3, 4, 6, 5, 9]
    assert {(p.first.uid, p.second.uid) for p in asked} == {(p.first.uid, p.second.uid) for p in pairs}


def test_the_order_is_that_of_before_for_another_annotator_and_without_its_model(pairs, tmp_path):
    file = tmp_path / "labels" / "order.json"
    first = kept_order(file, pairs, value)
    answers = Answers(file.parent, "ada", first[:4])
    answers.answer(0, "first", seconds=1)

    def gone(pairs):
        raise AssertionError("the order was kept: no model is asked")

    again = kept_order(file, pairs, gone)
    assert again == first
    assert Answers(file.parent, "ada", again).position == 1  # and more pairs than before go on with the same ones
    assert Answers(file.parent, "ben", again).position == 0


@pytest.mark.parametrize("text", ['{"pairs": [[0, 1]]}', '{"pairs": 3}', '{"pairs": [1, [], {}]}', "[]", "{"])
def test_an_order_of_other_pairs_or_a_damaged_one_is_told(text, pairs, tmp_path):
    file = tmp_path / "order.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"order\.json (keeps the order of other pairs|is damaged)"):
        kept_order(file, pairs, value)


@pytest.mark.parametrize(
    ("arms", "arm", "found"),
    [
        ("d: {method: dpo}", "rl", None),
        ("h: {method: rl, reward: proxy}", "rl", "preferences/reward_model"),
        (
            "h: {method: rl, reward: proxy}, "
            "two: {method: rl, reward: proxy, preference: {reward_model: {members: 2}}}",
            "two",
            "preferences/reward_model-two",
        ),
    ],
)
def test_the_model_is_that_of_the_arm_or_else_the_studys(arms, arm, found, tmp_path):
    (tmp_path / "config.yaml").write_text(f"base: demo\nname: some\narms: {{{OTHERS}, {arms}}}\n")
    if found is None:
        with pytest.raises(UserError, match="has none: no arm has `reward: proxy`"):
            reward_model_folder(tmp_path, arm, 3)
        return
    with pytest.raises(UserError, match="holds none that is fitted"):
        reward_model_folder(tmp_path, arm, 3)
    folder = tmp_path / "seed-3" / found
    folder.mkdir(parents=True)
    (folder / "reward.json").write_text("{}")
    assert reward_model_folder(tmp_path, arm, 3) == folder
