"""Ground truth is counted where it is read, by reward functions and curricula of one's own too."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.curriculum import LearnabilityCurriculum
from rl.curriculum.base import Curriculum
from rl.rewards.controls import CoinFlipReward, MajorityReward, length_reward, well_formed_reward
from rl.rewards.mixed import MixedReward
from rl.rewards.reads import VerdictReads
from rl.rewards.verifier import VerifierReward
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

RIGHT = Verdict(Outcome.CORRECT, 1.0, "4", parts={"answer": 1.0})
WRONG = Verdict(Outcome.WRONG, 0.0, "5", parts={"answer": 0.0})


def groups(num: int = 2, size: int = 4) -> list[Group]:
    problem = Problem("What is 2 + 2?", "4", env="toy")
    completion = Completion((1, 2), (0.0, 0.0), "text", FinishReason.STOP)
    verdicts = [RIGHT, WRONG] * (size // 2)
    return [
        Group(problem, tuple(Trajectory(size * g + i, problem, (9,), completion, v) for i, v in enumerate(verdicts)))
        for g in range(num)
    ]


class Mine:
    """A reward function of somebody's own that does not say what it reads."""

    def __init__(self, reward: Any) -> None:
        self.reward = reward

    def compute_rewards(self, given: list[Group]) -> list[Group]:
        return [
            replace(g, trajectories=tuple(t.rewarded({"mine": self.reward(t)}) for t in g.trajectories)) for g in given
        ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (VerifierReward(), 8),
        (VerifierReward({"tokens": -0.1, "format": 1.0}), 0),
        (well_formed_reward(), 0),
        (length_reward(), 0),
        (CoinFlipReward(), 0),
        (MajorityReward(), 0),
        (MixedReward([(CoinFlipReward(), 1.0), (VerifierReward(), 0.5)]), 8),
        (MixedReward([(CoinFlipReward(), 1.0), (MajorityReward(), 0.5)]), 0),
        (Mine(lambda t: float(t.num_sampled)), 0),
        (Mine(lambda t: float(t.verdict.answer == "4")), 0),  # the extracted text needs no reference
        (Mine(lambda t: float(t.verdict.is_correct)), 8),
        (Mine(lambda t: t.verdict.parts["answer"]), 8),
        (Mine(lambda t: t.verdict.score if t.uid % 4 == 0 else 0.0), 2),
        (MixedReward([(CoinFlipReward(), 1.0), (Mine(lambda t: t.verdict.score), 0.5)]), 8),
    ],
)
def test_a_reward_source_is_charged_for_what_it_reads(source: Any, expected: int) -> None:
    reads = VerdictReads()
    rewarded = reads.compute_rewards(source, groups())
    assert len(reads) == expected
    assert [t.verdict for g in rewarded for t in g.trajectories] == [RIGHT, WRONG, RIGHT, WRONG] * 2
    assert {type(t.verdict) for g in rewarded for t in g.trajectories} == {Verdict}
    assert rewarded == source.compute_rewards(groups())


def test_a_verdict_is_bought_once_however_often_it_is_read() -> None:
    reads = VerdictReads()
    reads.compute_rewards(Mine(lambda t: t.verdict.score + t.verdict.score), groups())
    reads.compute_rewards(VerifierReward(), groups())
    assert len(reads) == 8


class OwnCurriculum:
    """A curriculum of somebody's own, which looks at how often the first completion was right."""

    def observe(self, given: list[Group]) -> None:
        self.seen = statistics.fmean(g.trajectories[0].verdict.score for g in given)


def test_curricula_are_charged_too(leaps_env: Any) -> None:
    cases = [
        (Curriculum(leaps_env), 0),
        (Curriculum(leaps_env, pools={}), 8),
        (Curriculum(leaps_env, pools={}, by="reward"), 0),
        (LearnabilityCurriculum(leaps_env), 8),
        (LearnabilityCurriculum(leaps_env, by="reward"), 0),
        (OwnCurriculum(), 2),
    ]
    for curriculum, expected in cases:
        reads = VerdictReads()
        reads.by(curriculum, groups(), curriculum.observe)
        assert len(reads) == expected, curriculum
