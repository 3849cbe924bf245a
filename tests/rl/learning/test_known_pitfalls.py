"""The classic pitfalls of the field that are about a whole learner or loop, one test each.

Those about a formula are in tests/rl/claims/test_known_defects.py; killed and resumed runs in test_resume.py; the
sampler's (end tokens, padding, stale caches, several stop ids) in tests/policies/sampling/test_engine.py.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from policies.scoring.logprobs import _from_logits
from policies.types import Sampling
from rl.algorithms import make
from rl.functional.aggregation import Aggregation, aggregate
from rl.learning.collate import collate, collate_examples
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.health import Health, HealthLimits
from rl.records.metrics import rollout_metrics
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.types import Totals

pytestmark = pytest.mark.learning

SETTINGS = TrainSettings(
    steps=4, rollouts=RolloutSettings(problems_per_step=4, group_size=4, sampling=Sampling(max_new_tokens=2))
)


def run(world, *, workers=None, settings=SETTINGS, **others):
    policy, recorder = world.policy(), SilentRecorder()
    learner = Learner(Models(policy), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-2)))
    Training(
        learner=learner,
        workers=workers or world.Workers(world.policy()),
        problems=world.Problems(),
        reward=VerifierReward(),
        settings=settings,
        recorder=recorder,
        **others,
    ).run()
    return learner, recorder


def weights(learner):
    return torch.cat([p.detach().flatten() for p in learner.policy.model.parameters()])


def test_the_old_policy_is_that_of_before_the_first_minibatch(world):
    # recomputed after each step, the ratio would be 1 for ever and nothing would hold the policy near its samples
    policy = world.policy()
    algorithm = make("grpo", correction={}, epochs=2, minibatches=2)
    learner = Learner(Models(policy), algorithm, LearnerSettings(OptimizerSettings(lr=0.05)))
    batch = collate(world.groups(), pad_id=0, learner_version=0)
    before = learner.fill_logprobs(batch).old_logprobs
    metrics = learner.update(batch)
    assert metrics["policy/ratio_max"] > 1.01
    assert metrics["policy/kl_old"] > 1e-4
    after = learner.fill_logprobs(batch).old_logprobs  # the next update compares with a newer one
    assert not torch.equal(after, before)


def test_held_out_evaluation_disturbs_neither_samples_nor_weights(world):
    calls = []

    def evaluate(step):
        torch.rand(7)  # an evaluation that draws from the global state
        calls.append(step)
        return {}

    plain, first = run(world)
    watched, second = run(world, settings=replace(SETTINGS, evaluate_every=1), evaluate=evaluate)
    assert calls == [1, 2, 3, 4]
    assert torch.equal(weights(plain), weights(watched))
    gold = [[v["gold/correct"] for _, _, v in r.rows if "gold/correct" in v] for r in (first, second)]
    assert gold[0] == gold[1]


def test_a_sampler_that_keeps_its_old_weights_is_found_out(world):
    # trl#5312 (sleep mode: weights not synced), SkyRL#2246 (stale prefix cache): only the mismatch metric sees it
    class Deaf(world.Workers):
        first = None

        def publish(self, weights, version):
            self.first = self.first or dict(weights)
            super().publish(self.first, version)  # says that it serves the new ones, and does not

    _, recorder = run(world, workers=Deaf(world.policy()))
    rows = [v for _, _, v in recorder.rows if "mismatch/logprob_abs_diff" in v]
    assert rows[0]["mismatch/logprob_abs_diff_max"] < 1e-4  # the first update is on policy
    assert rows[-1]["mismatch/logprob_abs_diff"] > 0.05
    health = Health(HealthLimits())
    told = [message for row in rows for message in health.check(row)]
    assert any("sampler" in message for message in told)


def test_clip_fractions_count_sampled_tokens_only(world):
    batch = collate(world.groups(longest=3), pad_id=0, learner_version=0)
    wide = replace(
        batch,
        **{
            name: torch.cat([value, torch.zeros(value.shape[0], 40, dtype=value.dtype)], 1)
            for name, value in vars(batch).items()
            if value is not None and value.dim() == 2
        },
    )
    far = replace(batch, sampler_logprobs=batch.sampler_logprobs - 1.0)
    far_wide = replace(wide, sampler_logprobs=wide.sampler_logprobs - 1.0)
    fractions = []
    for part in (far, far_wide):
        learner = Learner(Models(world.policy()), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-9)))
        fractions.append(learner.update(part)["policy/clip_fraction_high"])
    assert fractions[0] == pytest.approx(fractions[1])
    assert fractions[0] > 0.2


def test_one_problem_asked_twice_in_a_step_is_two_groups(world):
    # GRPO-Zero groups by the text of the prompt: two groups of one problem become one, with one baseline
    groups = world.groups(num=1, rewards="alternate")
    twice = [
        groups[0],
        replace(groups[0], trajectories=tuple(t.rewarded({"correct": 1.0}) for t in groups[0].trajectories)),
    ]
    batch = collate(twice, pad_id=0, learner_version=0)
    assert batch.groups.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    advantages = make("dr_grpo").compute_advantages(batch).advantages
    assert (advantages[4:] == 0).all()  # all right: nothing to learn
    assert advantages[:4].abs().max() == pytest.approx(0.5)


def test_a_long_wrong_answer_is_not_punished_less_per_token():
    # the mean over a completion's own tokens does exactly that: -1/8 per token at length 8, -1/2 at length 2
    mask = torch.tensor([[1.0] * 2 + [0.0] * 6, [1.0] * 8])
    loss = torch.ones(2, 8, requires_grad=True)

    def per_token(how):
        (gradient,) = torch.autograd.grad(aggregate(loss, mask, Totals(10, 2, 8), how), loss)
        return [float(gradient[row, 0]) for row in (0, 1)]

    assert per_token(Aggregation.SEQUENCE_MEAN) == [pytest.approx(1 / 4), pytest.approx(1 / 16)]
    for how in (Aggregation.TOKEN_MEAN, Aggregation.CONSTANT, Aggregation.SEQUENCE_SUM):
        short, long = per_token(how)
        assert short == long


@pytest.mark.parametrize("algorithm", ["sft", "grpo"])
def test_the_end_token_is_trained(world, algorithm):
    # reasoning-from-scratch#185: masked out with the padding of the same id, a policy never learns to stop
    policy = world.policy()
    end = policy.stop_ids[0]
    learner = Learner(Models(policy), make(algorithm), LearnerSettings(OptimizerSettings(lr=1e-2)))
    if algorithm == "sft":
        batch = collate_examples([(policy.encode("a"), policy.encode_completion("a"))], pad_id=end)
        learner.step(batch)
    else:
        groups = world.groups(num=2, rewards="alternate")
        rows = [
            replace(t, completion=replace(t.completion, tokens=(*t.completion.tokens[:-1], end)))
            for group in groups
            for t in group.trajectories
        ]
        batch = collate([replace(groups[0], trajectories=tuple(rows))], pad_id=end, learner_version=0)
        learner.update(batch)
    last = batch.attention.sum(1) - 1
    assert (batch.tokens[torch.arange(batch.num_rows), last] == end).all()
    assert (batch.mask[torch.arange(batch.num_rows), last] == 1).all()
    assert batch.mask.sum() == batch.attention.sum() - (batch.attention & (batch.mask == 0)).sum()


def test_weights_of_half_precision_are_refused(world):
    # Adam's update of 1e-6 is below the last bit of a bfloat16 weight of size 1: every one would be lost
    policy = world.policy()
    policy.model.to(torch.bfloat16)
    with pytest.raises(ValueError, match="small updates vanish"):
        Learner(Models(policy), make("grpo"), LearnerSettings(OptimizerSettings(lr=1e-6)))


def test_entropy_over_a_large_vocabulary_is_summed_in_float32():
    # 50,000 terms of 2e-5 x 10.8 in bfloat16 stop adding up after a few hundred (TRL's kernels say so too)
    logits = torch.zeros(1, 50_000, dtype=torch.bfloat16)
    logprob, entropy = _from_logits(logits, torch.tensor([7]), 1.0, True)
    assert float(entropy) == pytest.approx(math.log(50_000), abs=1e-4)
    assert float(logprob) == pytest.approx(-math.log(50_000), abs=1e-4)


def test_the_learning_rate_does_not_depend_on_micro_batches(world):
    settings = OptimizerSettings(lr=1e-2, schedule="linear", total_steps=4)
    rates = []
    for micro_tokens in (16, 4096):
        learner = Learner(
            Models(world.policy()), make("grpo", minibatches=2), LearnerSettings(settings, micro_tokens=micro_tokens)
        )
        batch = collate(world.groups(), pad_id=0, learner_version=0)
        rates.append([learner.update(batch)["learner/lr"] for _ in range(2)])
    assert rates[0] == rates[1] == [pytest.approx((1.0 + 0.75) / 2 * 1e-2), pytest.approx((0.5 + 0.25) / 2 * 1e-2)]


def test_tool_output_counts_neither_as_length_nor_as_sampled_tokens(world):
    group = world.groups(num=1, size=2)[0]
    rows = tuple(
        replace(
            t,
            completion=replace(t.completion, tokens=(4, 5, 6, 7), logprobs=(-1.0, 0.0, 0.0, -1.0)),
            action_mask=(1, 0, 0, 1),
        )
        for t in group.trajectories
    )
    metrics = rollout_metrics([replace(group, trajectories=rows)])
    assert metrics["completion/tokens_mean"] == metrics["completion/tokens_max"] == 2.0
    batch = collate([replace(group, trajectories=rows)], pad_id=0, learner_version=0)
    assert batch.mask.sum() == 4
    assert VerifierReward({"tokens": 1.0}).compute_rewards([replace(group, trajectories=rows)])[0].rewards == [2.0, 2.0]
