"""Values by a head on the policy's trunk: what they are, whose gradient goes where, that it learns, that it resumes."""

from __future__ import annotations

import pytest
import torch

from policies.scoring.logprobs import score_tokens
from policies.scoring.value import ValueHead, ValueModel
from policies.types import Sampling
from rl.algorithms import make
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.types import Totals

pytestmark = pytest.mark.learning

SLOW = OptimizerSettings(lr=1e-3)


@pytest.fixture
def batch(world):
    return collate(world.groups(), pad_id=0, learner_version=0)


def build(world, algorithm, **settings):
    policy = world.policy()
    return Learner(
        Models(policy, value_model=make_value_model(algorithm, policy)), algorithm, LearnerSettings(SLOW, **settings)
    )


def disturb(head, seed=0):
    """A head that is not at zero, through which a gradient reaches the trunk."""
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(seed)))


def trunk_gradient(learner, batch, coefficient):
    """Gradient of the loss with this weight of the value loss, over the policy's weights."""
    object.__setattr__(learner.algorithm, "value_coefficient", coefficient)  # 0 too, which a config may not say
    credited = learner.algorithm.compute_advantages(learner.fill_logprobs(batch))
    totals = Totals(float(batch.mask.sum()), float(batch.num_rows), 12)
    loss = learner.algorithm.loss(credited, learner.passes.scores(credited, with_entropy=False), totals).loss
    found = torch.autograd.grad(loss, list(learner.policy.model.parameters()), allow_unused=True)
    return torch.cat([g.flatten() for g in found if g is not None])


def test_a_head_reads_the_values_that_a_copy_of_the_trunk_gives(world, batch):
    policy = world.policy()
    model, head = ValueModel.from_policy(policy), ValueHead.for_policy(policy)
    disturb(head)
    model.head.load_state_dict(head.state_dict())
    shared = score_tokens(policy.model, batch.tokens, batch.attention, where=batch.mask > 0, value_head=head).values
    separate = model(batch.tokens, batch.attention)
    torch.testing.assert_close(shared, separate * batch.mask, atol=1e-6, rtol=1e-5)


def test_without_the_value_loss_the_policy_gradient_is_that_of_a_separate_value_model(world, batch):
    shared, separate = (build(world, make("ppo", trunk=trunk)) for trunk in ("shared", "separate"))
    disturb(shared.value_model)
    separate.value_model.head.load_state_dict(shared.value_model.state_dict())
    assert torch.equal(trunk_gradient(shared, batch, 0.0), trunk_gradient(separate, batch, 0.0))
    # a model of its own keeps its gradient to itself, whatever the coefficient
    assert torch.equal(trunk_gradient(separate, batch, 0.7), trunk_gradient(separate, batch, 0.0))


def test_the_gradients_of_both_losses_add_up_in_the_trunk(world, batch):
    learner = build(world, make("ppo", trunk="shared"))
    disturb(learner.value_model)
    policy, once, thrice = (trunk_gradient(learner, batch, c) for c in (0.0, 0.1, 0.3))
    value = once - policy
    assert value.norm() > 0.01 * policy.norm()
    torch.testing.assert_close(thrice - policy, 3 * value, atol=1e-5, rtol=1e-3)


def test_the_value_loss_weighs_a_fifth_as_much_in_a_shared_trunk():
    assert (make("ppo").value_weight, make("ppo", trunk="shared").value_weight) == (0.5, 0.1)
    assert make("vapo", trunk="shared", value_coefficient=0.3).value_weight == 0.3


def test_pretraining_moves_the_head_alone(world, batch):
    learner = build(world, make("ppo", trunk="shared"), value_pretraining=2)
    before = {name: value.clone() for name, value in learner.policy.model.named_parameters()}
    for _ in range(2):
        learner.update(batch)
    assert all(torch.equal(value, before[name]) for name, value in learner.policy.model.named_parameters())
    assert learner.value_model.weight.abs().sum() > 0
    learner.update(batch)
    assert any(not torch.equal(value, before[name]) for name, value in learner.policy.model.named_parameters())


def test_micro_batches_change_nothing(world, batch):
    whole, cut = (build(world, make("ppo", trunk="shared"), micro_tokens=size) for size in (4096, 40))
    figures = [learner.update(batch) for learner in (whole, cut)]
    for name in ("value/loss", "policy/loss", "learner/grad_norm", "learner/value_grad_norm"):
        assert figures[0][name] == pytest.approx(figures[1][name], rel=1e-3, abs=1e-6)


def test_the_state_goes_round(world, batch):
    one, other = (build(world, make("ppo", trunk="shared")) for _ in range(2))
    one.update(batch)
    other.load_state_dict(one.state_dict())
    assert one.update(batch) == other.update(batch)
    assert torch.equal(one.value_model.weight, other.value_model.weight)


def test_the_wrong_kind_of_critic_is_refused(world):
    policy = world.policy()
    with pytest.raises(ValueError, match="needs a ValueHead, and got a ValueModel"):
        Learner(
            Models(policy, value_model=ValueModel.from_policy(policy)),
            make("ppo", trunk="shared"),
            LearnerSettings(SLOW),
        )
    with pytest.raises(ValueError, match="needs a ValueModel, and got a ValueHead"):
        Learner(Models(policy, value_model=ValueHead.for_policy(policy)), make("ppo"), LearnerSettings(SLOW))


@pytest.mark.parametrize("name", ["ppo", "vapo"])
def test_it_learns_to_repeat_a_letter(world, name):
    policy, algorithm, recorder = world.policy(), make(name, trunk="shared"), SilentRecorder()
    Training(
        learner=Learner(
            Models(policy, value_model=make_value_model(algorithm, policy)),
            algorithm,
            LearnerSettings(OptimizerSettings(lr=3e-3)),
        ),
        workers=world.Workers(world.policy()),
        problems=world.Problems(),
        reward=VerifierReward(),
        settings=TrainSettings(
            steps=25, rollouts=RolloutSettings(problems_per_step=8, group_size=8, sampling=Sampling(max_new_tokens=1))
        ),
        recorder=recorder,
    ).run()
    curve = [values["gold/correct"] for _, _, values in recorder.rows]
    assert sum(curve[:3]) / 3 < 0.35
    assert sum(curve[-5:]) / 5 > 0.9
    assert recorder.rows[-1][2]["value/explained_variance"] <= 1
