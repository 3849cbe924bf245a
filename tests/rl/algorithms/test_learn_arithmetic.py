"""Every algorithm takes a real policy past its demonstrator on small arithmetic, five seeds; broken advantages do not.

The world is that of the learning curves (experiments/bench/learning_curves.py): one-operation problems, a start that
imitates a demonstrator whose lines are wrong 30 % of the time, 100 steps of 16 problems x 8 completions, real workers,
real verifiers, the real loop. Minutes in all, so it is marked slow; test_algorithms_learn.py beside it is quick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch

from experiments.bench.learning_curves import DEMONSTRATOR, NAMES, SEEDS, World, run, train
from rl.algorithms.grpo import Grpo
from rl.algorithms.reinforce import Reinforce
from rl.rewards.controls import CoinFlipReward

pytestmark = [pytest.mark.learning, pytest.mark.slow, pytest.mark.timeout(600)]

SOLVED = 0.9
DEMONSTRATED = 1 - DEMONSTRATOR["error_rate"]


@pytest.fixture(scope="module", params=range(SEEDS))
def world(request, tmp_path_factory):
    torch.set_num_threads(1)
    made = World(request.param, tmp_path_factory.mktemp("world"))
    yield made
    made.workers.close()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sft"])
def test_every_algorithm_passes_the_demonstrator(world, name):
    curve = run(world, name)
    assert curve[0] < DEMONSTRATED + 0.1  # the start: about as good as what it imitates
    assert curve[-1] > SOLVED


def test_more_imitation_does_not(world):
    assert run(world, "sft")[-1] < SOLVED


@dataclass(frozen=True)
class Flipped(Grpo):
    """Advantages with the wrong sign."""

    name: ClassVar[str] = "flipped"

    def compute_advantages(self, batch):
        credited = super().compute_advantages(batch)
        return replace(credited, advantages=-credited.advantages)


@dataclass(frozen=True)
class Shuffled(Reinforce):
    """Advantages of other rows."""

    name: ClassVar[str] = "shuffled"

    def compute_advantages(self, batch):
        credited = super().compute_advantages(batch)
        generator = torch.Generator().manual_seed(self.state.updates)
        order = torch.randperm(batch.num_rows, generator=generator)
        each = credited.advantages.sum(1) / batch.mask.sum(1).clamp(min=1)  # one number per row in these two
        return replace(credited, advantages=each[order].unsqueeze(1) * batch.mask)


@pytest.mark.parametrize("broken", ["flipped", "shuffled", "random"])
def test_broken_credit_does_not(world, broken):
    algorithm = {"flipped": Flipped(), "shuffled": Shuffled(), "random": Grpo()}[broken]
    reward = CoinFlipReward(seed=world.seed) if broken == "random" else None
    curve, _ = train(world, algorithm, reward=reward)
    assert max(curve[len(curve) // 2 :]) < curve[0] + 0.1
    assert curve[-1] < SOLVED
    if broken == "flipped":
        assert curve[-1] < 0.1  # it unlearns what it could
