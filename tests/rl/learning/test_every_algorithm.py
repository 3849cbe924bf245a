"""Every algorithm, with a KL penalty, an importance correction and an entropy bonus where it takes them, through the
real learner: what it needs is filled in, the weights move, and every metric is finite and listed."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rl.algorithms import ALGORITHMS, make
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.records.names import is_known

EXTRAS: dict[str, dict[str, Any]] = {
    name: {"kl": {"beta": 0.1}, "correction": {}, "entropy_coefficient": 0.01}
    for name in set(ALGORITHMS) - {"sft", "distill"}
}


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
@pytest.mark.parametrize("extra", [False, True])
def test_an_update_moves_the_weights_and_reports_what_is_listed(world: Any, name: str, extra: bool) -> None:
    algorithm = make(name, **(EXTRAS.get(name, {}) if extra else {}))
    policy = world.policy()
    before = {key: value.clone() for key, value in policy.weights().items()}
    learner = Learner(
        Models(
            policy,
            value_model=make_value_model(algorithm, policy),
            reference=world.policy(layers=1, seed=5) if algorithm.needs_reference else None,
        ),
        algorithm,
        LearnerSettings(OptimizerSettings(lr=0.01)),
    )
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    metrics = learner.update(batch, max_tokens=12)
    assert any(not torch.equal(before[key], value) for key, value in policy.weights().items())
    assert all(is_known(key) and math.isfinite(value) for key, value in metrics.items())
    if extra and name in EXTRAS:
        assert metrics["policy/kl_coefficient"] == pytest.approx(0.1)
        assert metrics["importance/effective_sample_size"] > 0
