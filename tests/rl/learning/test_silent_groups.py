"""Rows without a gradient: they are measured like the others, and no rounding of theirs becomes a step."""

from dataclasses import replace

import pytest
import torch

from policies.scoring.value import ValueModel
from rl.algorithms import make
from rl.algorithms.base import Scores
from rl.functional.objectives import soft_gate
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.types import Totals

FAST = LearnerSettings(OptimizerSettings(lr=3e-4))


def silent(groups):
    return [
        replace(group, trajectories=tuple(row.rewarded({"correct": 1.0}) for row in group.trajectories))
        for group in groups
    ]


def weights(learner):
    return torch.cat([p.detach().flatten() for p in learner.policy.model.parameters()])


def test_an_entropy_target_survives_a_step_of_silent_groups(world):
    batch = collate(silent(world.groups()), pad_id=0, learner_version=0)
    learner = Learner(Models(world.policy()), make("grpo", entropy_coefficient=0.01, entropy_target=1e-3), FAST)
    metrics = [learner.update(batch, max_tokens=12) for _ in range(2)]
    assert all(row["learner/skipped"] == 1.0 and row["policy/entropy"] > 0.5 for row in metrics)
    assert learner.algorithm.state.entropy == pytest.approx(metrics[-1]["policy/entropy"])


def test_what_is_said_of_the_policy_is_said_of_all_sampled_tokens(world):
    """A bonus too small to matter makes every row active: skipping rows must change no metric of the first step."""
    batch = collate(world.groups(4, seed=3) + silent(world.groups(4, seed=4)), pad_id=0, learner_version=0)
    rows = {}
    for coefficient in (0.0, 1e-30):
        learner = Learner(Models(world.policy()), make("grpo", entropy_coefficient=coefficient), FAST)
        rows[coefficient] = learner.update(batch, max_tokens=12)
    skipping, whole = rows.values()
    assert skipping["learner/skipped"] >= 0.5
    assert whole["learner/skipped"] == 0
    told = [name for name in whole if name.startswith(("policy/", "mismatch/")) and "coefficient" not in name]
    assert {"policy/entropy", "policy/clip_fraction_low", "mismatch/kl", "mismatch/logprob_abs_diff"} <= set(told)
    assert {name: skipping[name] for name in told} == pytest.approx({name: whole[name] for name in told}, rel=1e-5)


@pytest.mark.parametrize("name", ["grpo", "rloo", "dr_grpo", "reinforce_pp"])
def test_a_kl_that_is_rounding_moves_no_weight(world, name):
    groups = silent(world.groups())
    learner = Learner(Models(world.policy(), reference=world.policy()), make(name, kl={"beta": 0.1}), FAST)
    before = weights(learner)
    sampled = learner.passes.score_batch(collate(groups, pad_id=0, learner_version=0), learner.passes.logprobs)
    noise = 2e-6 * (torch.rand(sampled.shape, generator=torch.Generator().manual_seed(0)) - 0.5)
    for version in range(4):
        batch = collate(groups, pad_id=0, learner_version=version)
        learner.update(replace(batch, sampler_logprobs=(sampled + noise) * batch.mask), max_tokens=12)
    assert torch.equal(weights(learner), before)


def test_a_kl_that_is_real_still_pulls_without_rewards(world):
    batch = collate(silent(world.groups()), pad_id=0, learner_version=0)
    learner = Learner(Models(world.policy(), reference=world.policy(seed=5)), make("grpo", kl={"beta": 0.1}), FAST)
    before = weights(learner)
    learner.update(batch, max_tokens=12)
    assert not torch.equal(weights(learner), before)


def test_the_policys_schedule_begins_when_it_begins_to_learn(world):
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    policy = world.policy()
    settings = LearnerSettings(OptimizerSettings(lr=1.0e-3, warmup_steps=4), value_pretraining=5)
    models = Models(policy, value_model=ValueModel.from_policy(policy))
    learner = Learner(models, make("ppo", epochs=1, minibatches=1), settings)
    rows = [learner.update(batch, max_tokens=12) for _ in range(8)]
    assert all("learner/lr" not in row for row in rows[:5])
    assert [row["learner/lr"] for row in rows[5:]] == pytest.approx([0.25e-3, 0.5e-3, 0.75e-3])
    again = Learner(Models(world.policy(), value_model=ValueModel.from_policy(policy)), learner.algorithm, settings)
    again.load_state_dict(learner.state_dict())
    assert again.update(batch, max_tokens=12)["learner/lr"] == pytest.approx(1e-3)


def test_an_unscored_row_teaches_the_critic_nothing(world):
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    rewards = batch.rewards.clone()
    rewards[3] = torch.nan
    values = torch.zeros(batch.mask.shape, requires_grad=True)
    algorithm = make("ppo")
    credited = algorithm.compute_advantages(
        replace(batch, rewards=rewards, values=torch.full(batch.mask.shape, 0.5) * batch.mask)
    )
    parts = algorithm.loss(credited, Scores(batch.sampler_logprobs, values=values + 0.5), Totals.of(batch, 12))
    (gradient,) = torch.autograd.grad(parts.loss, values)
    assert not gradient[3].any()
    assert gradient[2].any()


def test_the_soft_gate_is_exact_in_float64():
    # -A 4 / tau sigmoid(tau (r - 1)) with A = -1, tau = 1.05, r = 1.5, by hand: 4 / 1.05 / (1 + exp(-0.525))
    ratio, advantages = torch.tensor([[1.5]], dtype=torch.float64), torch.tensor([[-1.0]], dtype=torch.float64)
    (loss,) = soft_gate(ratio, advantages, positive=1.0, negative=1.05).loss.flatten().tolist()
    assert loss == pytest.approx(2.3935854792204427, rel=1e-14)


@pytest.mark.parametrize("name", ["grpo", "dapo", "dr_grpo", "rloo", "reinforce_pp", "max_rl"])
def test_masked_truncated_completions_carry_no_loss_and_keep_their_place_in_the_baseline(world, name):
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    batch = replace(batch, truncated=torch.arange(batch.num_rows) % 3 == 0)
    kept = batch.mask * (~batch.truncated).unsqueeze(1)

    def updated(algorithm, batch):
        learner = Learner(Models(world.policy()), algorithm, FAST)
        metrics = learner.update(batch, max_tokens=12)
        return weights(learner), metrics

    masked, metrics = updated(make(name, mask_truncated=True), batch)
    by_hand, _ = updated(make(name), replace(batch, mask=kept))
    plain, _ = updated(make(name), batch)
    assert torch.equal(masked, by_hand)
    assert not torch.equal(masked, plain)
    assert metrics["learner/tokens"] == float(kept.sum())
    # rewards 1, 0, 0, 1, of which the first and the last are cut: the others are measured against the mean of all, 1/2
    algorithm = make("dr_grpo", mask_truncated=True)
    group = replace(batch.rows(torch.arange(4)), rewards=torch.tensor([1.0, 0.0, 0.0, 1.0]))
    done = algorithm.compute_advantages(algorithm.select(group))
    assert [row[mask.bool()].unique().tolist() for row, mask in zip(done.advantages, done.mask)] == [
        [], [-0.5], [-0.5], [],
    ]  # fmt: skip


def test_a_batch_of_truncated_completions_alone_updates_nothing(world):
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    batch = replace(batch, truncated=torch.ones(batch.num_rows, dtype=torch.bool))
    algorithm = make("grpo", mask_truncated=True, entropy_coefficient=0.01, entropy_target=1.0)
    learner = Learner(Models(world.policy()), algorithm, FAST)
    before = weights(learner)
    assert learner.update(batch, max_tokens=12)["learner/tokens"] == 0
    assert torch.equal(weights(learner), before)
