"""The learner against an independent computation, and the invariances that its normaliser promises."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch

from policies.scoring.value import ValueModel
from rl.algorithms import make
from rl.algorithms.grpo import Grpo
from rl.learning.collate import collate, collate_examples, minibatches
from rl.learning.learner import Learner, LearnerSettings, Models, NonFiniteLossError, OptimizerSettings
from rl.records.names import is_known

pytestmark = pytest.mark.learning

# With eps = 1 Adam's step is smooth in the gradient, so that a rounding error of the gradient stays one.
SMOOTH = OptimizerSettings(lr=1.0, eps=1.0)


def weights(learner):
    return torch.cat([p.detach().flatten() for p in learner.policy.model.parameters()])


def moved(world, batch, *, algorithm="grpo", optimizer=SMOOTH, updates=1, **settings):
    """Weights after updates on `batch`, from the same start each time."""
    policy = world.policy(layers=2)
    chosen = make(algorithm) if isinstance(algorithm, str) else algorithm
    value_model = ValueModel.from_policy(policy) if chosen.needs_values else None
    learner = Learner(Models(policy, value_model=value_model), chosen, LearnerSettings(optimizer, **settings))
    for _ in range(updates):
        learner.update(batch, max_tokens=12)
    return weights(learner)


@pytest.fixture
def batch(world):
    return collate(world.groups(), pad_id=0, learner_version=0)


def test_a_supervised_step_equals_plain_torch(world):
    pairs = [((1, 4), (5, 6, 2)), ((1, 5, 6), (7, 2)), ((1,), (4, 4, 4, 4, 2))]
    policy, plain = world.policy(), world.policy().model
    optimizer = OptimizerSettings(lr=0.01, clip_norm=0.5, warmup_steps=2)
    learner = Learner(Models(policy), make("sft"), LearnerSettings(optimizer, micro_tokens=8))
    adam = torch.optim.AdamW(plain.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    for step in range(3):
        metrics = learner.step(collate_examples(pairs, pad_id=0))
        losses = []
        for prompt, completion in pairs:
            logits = plain(input_ids=torch.tensor([prompt + completion])).logits[0]
            start = len(prompt)
            losses += [-logits[start + i - 1].log_softmax(-1)[token] for i, token in enumerate(completion)]
        loss = torch.stack(losses).mean()  # 10 completion tokens, each counting the same
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        adam.param_groups[0]["lr"] = [0.005, 0.01, 0.01][step]
        adam.step()
        assert metrics["learner/loss"] == pytest.approx(loss.item(), rel=1e-5)
        assert metrics["learner/grad_norm"] == pytest.approx(float(norm), rel=1e-4)
        assert metrics["learner/lr"] == [0.005, 0.01, 0.01][step]
        assert metrics["learner/tokens"] == 10
    expected = torch.cat([p.detach().flatten() for p in plain.parameters()])
    assert torch.allclose(weights(learner), expected, atol=2e-5)


@pytest.mark.parametrize("algorithm", ["grpo", "dr_grpo", "rloo", "ppo"])
def test_the_cut_into_micro_batches_changes_nothing(world, batch, algorithm):
    whole = moved(world, batch, algorithm=algorithm, micro_tokens=10**6)
    assert torch.allclose(moved(world, batch, algorithm=algorithm, micro_tokens=20), whole, atol=1e-5)
    one_row_each = moved(world, batch, algorithm=algorithm, micro_tokens=1)
    assert torch.allclose(one_row_each, whole, atol=1e-5)
    assert not torch.allclose(moved(world, batch, algorithm=algorithm, updates=2), whole, atol=1e-3)


def test_padding_changes_nothing_whatever_stands_there(world, batch):
    extra = 7
    wide = {}
    for name, value in vars(batch).items():
        if value is None or value.dim() < 2:
            wide[name] = value
        else:
            fill = {torch.int64: 3, torch.bool: False}.get(value.dtype, 0.0 if name == "mask" else math.nan)
            wide[name] = torch.cat([value, torch.full((value.shape[0], extra), fill, dtype=value.dtype)], 1)
    assert torch.allclose(moved(world, replace(batch, **wide)), moved(world, batch), atol=1e-6)


def test_the_order_of_rows_changes_nothing(world, batch):
    shuffled = batch.rows(torch.randperm(batch.num_rows, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(moved(world, shuffled), moved(world, batch), atol=1e-5)


@dataclass(frozen=True)
class NeverSkips(Grpo):
    """GRPO that passes every row through the model."""

    def active_rows(self, batch):
        return torch.ones(batch.num_rows, dtype=torch.bool)


def test_skipping_rows_without_advantage_is_exact_and_told(world):
    groups = world.groups(4) + [
        replace(group, trajectories=tuple(row.rewarded({"correct": 1.0}) for row in group.trajectories))
        for group in world.groups(4, seed=9)
    ]
    batch = collate(groups, pad_id=0, learner_version=0)
    assert torch.allclose(moved(world, batch), moved(world, batch, algorithm=NeverSkips()), atol=1e-6)
    learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(SMOOTH))
    metrics = learner.update(batch, max_tokens=12)
    silent = sum(not group.has_signal for group in groups)
    assert silent >= 4
    assert metrics["learner/skipped"] == pytest.approx(silent / 8)


def test_an_update_without_any_advantage_leaves_fresh_weights_alone(world):
    groups = world.groups(3, rewards="ones")
    batch = collate(groups, pad_id=0, learner_version=0)
    learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(SMOOTH))
    before = weights(learner)
    metrics = learner.update(batch)
    assert torch.equal(weights(learner), before)
    assert metrics["learner/skipped"] == 1.0
    assert metrics["learner/grad_norm"] == 0.0


def test_sharded_passes_over_no_rows_are_none(world, batch):
    learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(SMOOTH))
    learner.passes._is_sharded = True  # every rank runs as many passes as the others: here none
    assert learner.passes.share(batch, torch.zeros(0, dtype=torch.int64)) == []


def test_epochs_and_minibatches_make_that_many_steps_on_every_row(world, batch):
    named = replace(batch, rewards=torch.arange(24.0))
    first, second = minibatches(named, 3, 0), minibatches(named, 3, 1)
    for parts in (first, second):
        assert sorted(i for part in parts for i in part.rewards.tolist()) == list(range(24))
        assert [part.num_rows for part in parts] == [8, 8, 8]
    assert [p.rewards.tolist() for p in first] != [p.rewards.tolist() for p in second]
    learner = Learner(
        Models(world.policy()), make("grpo", epochs=2, minibatches=3), LearnerSettings(OptimizerSettings(lr=1e-3))
    )
    assert learner.update(batch)["learner/steps"] == 6


def test_metrics_are_weighted_by_tokens_whatever_the_micro_batches(world, batch):
    def measured(micro_tokens):
        learner = Learner(
            Models(world.policy(layers=2)), make("grpo"), LearnerSettings(SMOOTH, micro_tokens=micro_tokens)
        )
        return learner.update(batch, max_tokens=12)

    whole, split = measured(10**6), measured(15)
    assert whole.keys() == split.keys()
    # a cut through a group computes its prompt again: the one number that tells how the step was cut
    assert whole.pop("learner/positions_per_token") < split["learner/positions_per_token"] <= 1
    for name, value in whole.items():
        assert split[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert [name for name in split if not is_known(name)] == []


def test_the_schedule_counts_optimizer_steps():
    cosine = OptimizerSettings(lr=2.0, schedule="cosine", warmup_steps=4, total_steps=12, final_fraction=0.1)
    assert [cosine.lr_at(step) for step in range(4)] == [0.5, 1.0, 1.5, 2.0]
    assert cosine.lr_at(8) == pytest.approx(2.0 * (0.1 + 0.9 * 0.5))  # half way: cos(pi/2) = 0
    assert cosine.lr_at(12) == cosine.lr_at(99) == pytest.approx(0.2)
    linear = OptimizerSettings(lr=1.0, schedule="linear", total_steps=4)
    assert [linear.lr_at(step) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]
    with pytest.raises(ValueError, match="total_steps"):
        OptimizerSettings(lr=1.0, schedule="cosine")


def test_weight_decay_spares_norms(world):
    learner = Learner(Models(world.policy()), make("sft"), LearnerSettings(OptimizerSettings(lr=0.1, weight_decay=0.5)))
    groups = learner._optimizer.inner.param_groups
    *matrices, vectors = groups
    assert all(p.dim() >= 2 for group in matrices for p in group["params"])
    assert [group["weight_decay"] for group in matrices] == [0.5, 0.5]  # inner ones, and those at the ends
    assert all(p.dim() == 1 for p in vectors["params"])
    assert vectors["weight_decay"] == 0


def test_a_loss_that_is_not_finite_is_not_applied(world, batch):
    bad = replace(batch, sampler_logprobs=batch.sampler_logprobs - 1e30 * batch.mask)
    learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(SMOOTH))
    before = weights(learner)
    with pytest.raises(NonFiniteLossError, match="not applied"):
        learner.update(bad)
    assert torch.equal(weights(learner), before)
    assert learner.updates == learner.steps == 0


def test_half_precision_weights_are_refused(world):
    policy = world.policy()
    policy.model.to(torch.bfloat16)
    with pytest.raises(ValueError, match="autocast='bf16'"):
        Learner(Models(policy), make("sft"), LearnerSettings(SMOOTH))


def test_what_the_algorithm_needs_must_be_given(world):
    with pytest.raises(ValueError, match="needs a value model"):
        Learner(Models(world.policy()), make("ppo"), LearnerSettings(SMOOTH))
    with pytest.raises(ValueError, match="has no use for"):
        Learner(
            Models(world.policy(), value_model=ValueModel.from_policy(world.policy())),
            make("grpo"),
            LearnerSettings(SMOOTH),
        )
    with pytest.raises(ValueError, match="needs a reference"):
        Learner(Models(world.policy()), make("grpo", kl={"beta": 0.1}), LearnerSettings(SMOOTH))


def test_dropout_is_off(world, batch):
    policy = world.policy()
    for layer in policy.model.model.layers:
        layer.self_attn.attention_dropout = 0.5
    learner = Learner(Models(policy), make("grpo"), LearnerSettings(SMOOTH, gradient_checkpointing=True))
    policy.model.train()
    scores = [learner.passes.logprobs(batch) for _ in range(2)]
    assert torch.equal(scores[0], scores[1])


def test_gradient_checkpointing_and_bf16_change_the_cost_not_the_step(world, batch):
    plain = moved(world, batch)
    assert torch.allclose(moved(world, batch, gradient_checkpointing=True), plain, atol=1e-6)
    start = weights(Learner(Models(world.policy(layers=2)), make("grpo"), LearnerSettings(SMOOTH)))
    half = moved(world, batch, autocast="bf16")
    cosine = torch.nn.functional.cosine_similarity(half - start, plain - start, dim=0)
    assert cosine > 0.98
    assert half.dtype is torch.float32


def test_value_pretraining_leaves_the_policy_alone(world, batch):
    policy = world.policy()
    value_model = ValueModel.from_policy(policy)
    learner = Learner(
        Models(policy, value_model=value_model),
        make("ppo"),
        LearnerSettings(OptimizerSettings(lr=1e-3), value_pretraining=2),
    )
    start, values = weights(learner), value_model.head.weight.detach().clone()
    for _ in range(2):
        metrics = learner.update(batch)
    assert torch.equal(weights(learner), start)
    assert not torch.equal(value_model.head.weight, values)
    assert metrics["learner/value_grad_norm"] > 0
    learner.update(batch)
    assert not torch.equal(weights(learner), start)


def test_values_learn_the_returns(world, batch):
    policy = world.policy()
    settings = OptimizerSettings(lr=1e-2)
    learner = Learner(
        Models(policy, value_model=ValueModel.from_policy(policy)),
        make("ppo"),
        LearnerSettings(OptimizerSettings(lr=1e-5), value_optimizer=settings),
    )
    losses = [learner.update(batch)["value/loss"] for _ in range(15)]
    assert losses[-1] < 0.5 * losses[0]


def test_kl_is_measured_against_the_reference(world, batch):
    learner = Learner(
        Models(world.policy(), reference=world.policy()), make("grpo"), LearnerSettings(OptimizerSettings(lr=0.01))
    )
    filled = learner.fill_logprobs(batch)
    # the same weights: log reference = log pi, so KL of "behaviour" to it is the mean of their difference
    own = learner.passes.score_batch(batch, learner.passes.logprobs)
    assert torch.equal(filled.reference_logprobs, own)
    metrics = learner.update(batch)
    by_hand = ((batch.sampler_logprobs - own) * batch.mask).sum() / batch.num_rows
    assert metrics["policy/kl"] == pytest.approx(float(by_hand), rel=1e-5)
    assert torch.equal(learner.fill_logprobs(batch).reference_logprobs, own)  # the reference did not move


def test_lora_trains_adapters_and_takes_its_base_as_reference(world, batch, tmp_path):
    from policies.causal import load_policy

    world.policy().save(tmp_path)
    policy = load_policy(tmp_path, lora={"r": 4, "target_modules": ["q_proj", "v_proj"]})
    learner = Learner(Models(policy), make("grpo", kl={"beta": 0.1}), LearnerSettings(OptimizerSettings(lr=0.05)))
    base = {n: p.detach().clone() for n, p in policy.model.named_parameters() if not p.requires_grad}
    start = learner.fill_logprobs(batch).reference_logprobs
    learner.update(batch)
    learner.update(batch)
    assert torch.allclose(learner.fill_logprobs(batch).reference_logprobs, start, atol=1e-6)
    assert all(torch.equal(p, base[n]) for n, p in policy.model.named_parameters() if n in base)
    assert all("lora" in name for name in learner.state_dict()["policy"])
    merged, plain = learner.weights(), world.policy().weights()
    assert merged.keys() == plain.keys()
    assert not torch.equal(
        merged["model.layers.0.self_attn.q_proj.weight"], plain["model.layers.0.self_attn.q_proj.weight"]
    )


def test_state_goes_round(world, batch):
    def build():
        policy = world.policy()
        algorithm = make("ppo", epochs=2, minibatches=2)
        return Learner(
            Models(policy, value_model=ValueModel.from_policy(policy)),
            algorithm,
            LearnerSettings(OptimizerSettings(lr=1e-2)),
        )

    one, other = build(), build()
    one.update(batch)
    other.load_state_dict(one.state_dict())
    assert one.update(batch) == other.update(batch)
    assert torch.equal(weights(one), weights(other))


def test_state_of_another_model_is_refused(world):
    state = Learner(Models(world.policy()), make("sft"), LearnerSettings(SMOOTH)).state_dict()
    with pytest.raises(ValueError, match="another model"):
        Learner(Models(world.policy(layers=2)), make("sft"), LearnerSettings(SMOOTH)).load_state_dict(state)
    with pytest.raises(ValueError, match="shape"):
        Learner(Models(world.policy(hidden=16)), make("sft"), LearnerSettings(SMOOTH)).load_state_dict(state)


def test_supervised_steps_learn_to_copy(world):
    policy = world.policy()
    learner = Learner(Models(policy), make("sft"), LearnerSettings(OptimizerSettings(lr=1e-2)))
    pairs = [(policy.encode(letter), policy.encode_completion(letter)) for letter in world.letters]
    losses = [learner.step(collate_examples(pairs, policy.pad_id))["learner/loss"] for _ in range(40)]
    assert losses[0] > 1.5  # about log 8: nothing is known
    assert losses[-1] < 0.05


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_updates_between_measurements_learn_the_same_and_say_less(world, batch, beta):
    """The passes that metrics alone read: without them the weights are the same to the last bit."""
    algorithm = make("grpo", kl={"beta": beta})
    every, seldom = (
        Learner(
            Models(world.policy(layers=2), reference=world.policy(layers=2, seed=1)),
            algorithm,
            LearnerSettings(SMOOTH, measure_every=n),
        )
        for n in (1, 2)
    )
    for update in range(4):
        full, less = every.update(batch, max_tokens=12), seldom.update(batch, max_tokens=12)
        assert torch.equal(weights(every), weights(seldom))
        assert less["learner/grad_norm"] == full["learner/grad_norm"]
        if update % 2 == 0:
            assert less == full
        else:
            assert {"policy/kl", "policy/entropy", "policy/ratio_mean"} <= full.keys() - less.keys()
            assert {name: full[name] for name in less} == less
    assert (every.num_fills, seldom.num_fills) == (1, int(beta > 0))


def test_an_algorithm_that_follows_its_measurements_has_every_one(world, batch):
    """A target for the entropy moves the bonus by what each update measured."""
    algorithm = make("grpo", entropy_target=0.5, entropy_coefficient=0.1)
    learner = Learner(Models(world.policy(layers=2)), algorithm, LearnerSettings(SMOOTH, measure_every=3))
    assert all("policy/entropy" in learner.update(batch, max_tokens=12) for _ in range(3))
