"""Rewards of somebody's own: every kind of number is one, every mistake names the reward and the row."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.algorithms import make
from rl.records.health import Health
from rl.records.metrics import rollout_metrics
from rl.rewards.checked import RewardError, checked_rewards
from rl.rewards.reads import VerdictReads
from rl.rewards.registry import make_reward
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

WRONG = Verdict(Outcome.WRONG, 0.0)
DONE = Completion((1, 2), (0.0, 0.0), "text", FinishReason.STOP)


def groups(num=2, size=2):
    return [
        Group(problem, tuple(Trajectory(10 * p + i, problem, (9,), DONE, WRONG) for i in range(size)))
        for p, problem in enumerate(Problem(f"What is {n} + 1?", str(n + 1), env="toy") for n in range(num))
    ]


class Odd:
    """Rewards every completion with `value(trajectory)`."""

    def __init__(self, value):
        self.value = value

    def compute_rewards(self, given):
        return [
            replace(g, trajectories=tuple(t.rewarded({"mine": self.value(t)}) for t in g.trajectories)) for g in given
        ]


def rewarded(value):
    return VerdictReads().compute_rewards(Odd(value), groups())


@pytest.mark.parametrize(
    "two",
    [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), np.array([2]), torch.tensor(2.0), torch.tensor([2])],
    ids=repr,
)
def test_every_number_is_a_number(two):
    row = rewarded(lambda t: two)[1].trajectories[0]
    assert (row.reward, row.parts) == (2.0, {"mine": 2.0})
    assert {type(row.reward), type(row.parts["mine"])} == {float}
    bare = checked_rewards("bare", lambda given: [replace(g, trajectories=tuple(replace(
        t, reward=two, token_rewards=(two, 0)) for t in g.trajectories)) for g in given], groups())  # fmt: skip
    assert bare[0].trajectories[0].token_rewards == (2.0, 0.0)
    assert bare[0].trajectories[0].reward == 2.0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, r"reward part 'mine' of completion 10 of the problem 'What is 1 \+ 1\?' is None \(NoneType\)"),
        ("3", r"is '3' \(str\), expected a number"),
        ([1.0, 2.0], r"\(list\), expected a number"),
        (np.array([1.0, 2.0]), r"\(ndarray\), expected a number"),
        (1j, r"\(complex\), expected a number"),
        (float("inf"), "is inf, beyond"),
        (1e30, r"is 1e\+30, beyond 1e\+06 in size"),
        (-1e7, r"is -1e\+07, beyond"),
    ],
    ids=repr,
)
def test_what_is_no_reward_names_the_reward_and_the_row(value, said):
    with pytest.raises(RewardError, match=said) as caught:
        rewarded(lambda t: value if t.uid == 10 else 1.0)
    assert "reward Odd" in str(caught.value)
    assert "completion 10 of the problem 'What is 1 + 1?'" in str(caught.value)


def test_an_exception_names_the_reward_and_the_row():
    with pytest.raises(RewardError, match=r"reward Odd: KeyError: 'gold' \(on completion 11 of the problem") as caught:
        rewarded(lambda t: {}["gold"] if t.uid == 11 else 1.0)
    assert isinstance(caught.value.__cause__, KeyError)


def test_rows_must_come_back_as_they_went():
    for wrong in (lambda given: given[:1], lambda given: given[::-1], lambda given: []):
        with pytest.raises(RewardError, match="the same completions in the same order"):
            checked_rewards("short", wrong, groups())


def test_nan_says_that_nothing_is_known_and_is_told():
    step = rewarded(lambda t: float("nan") if t.uid == 10 else 1.0)
    metrics = rollout_metrics(step)
    assert metrics["reward/mean"] == metrics["reward/part/mine"] == 1.0
    assert (metrics["reward/std"], metrics["reward/unknown"], metrics["groups/no_signal"]) == (0.0, 0.25, 1.0)
    told = Health().check({**metrics, "advantage/zero_rows": 0.0})
    assert "the reward of 25.0% of completions is NaN: they take no part" in told
    assert not make("dapo").filter_group(step[1])


def test_single_completions_with_an_advantage_are_no_silent_groups():
    metrics = rollout_metrics(VerdictReads().compute_rewards(Odd(lambda t: float(t.uid)), groups(4, 1)))
    assert metrics["groups/no_signal"] == 1.0
    assert not [
        message for message in Health().check({**metrics, "advantage/zero_rows": 0.0}) if "advantage" in message
    ]
    assert [message for message in Health().check({**metrics, "advantage/zero_rows": 1.0}) if "advantage" in message]


def test_a_callable_that_makes_no_reward_is_refused():
    with pytest.raises(ValueError, match=r"reward 'os:getcwd' gave '.*' \(str\), expected an object with"):
        make_reward("os:getcwd")


@pytest.mark.parametrize("given_back", ["good", None, 0, [1.0, 2.0]], ids=repr)
def test_what_is_no_group_is_told(given_back):
    with pytest.raises(RewardError, match=r"reward mine: it gave back .*, expected the groups that it was given"):
        checked_rewards("mine", lambda given: [given_back for _ in given], groups())
