"""What is kept of each token: shares that add up, entropies of the exact distribution, and no effect on training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from envs.types import Problem
from policies.causal import CausalPolicy
from policies.scoring.reward_model import RewardModel
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, FinishReason, Sampling
from rl.algorithms import make
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.records.recorder import SilentRecorder
from rl.rewards.mixed import MixedReward
from rl.rewards.proxy import ProxyReward
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

PAIRS = [((1, 4), (5, 6, 2)), ((1, 4), (5, 2)), ((), (4, 4, 2)), ((1, 5, 6, 7), (2,))]


def policy(seed: int = 0) -> CausalPolicy:
    vocabulary = tuple("abcdefgh")
    return build_tiny(TinyConfig(layers=2, hidden=16, heads=2, context=32), vocabulary=vocabulary, seed=seed)


def group(pairs=PAIRS) -> Group:
    problem, verdict = Problem("p", "x"), Verdict(Outcome.CORRECT, 1.0)
    rows = [
        Trajectory(i, problem, prompt, Completion(tokens, (-0.5,) * len(tokens), "x", FinishReason.STOP), verdict)
        for i, (prompt, tokens) in enumerate(pairs)
    ]
    return Group(problem, tuple(rows))


@pytest.mark.parametrize("is_packed", [True, False])
def test_the_score_after_each_token_is_that_of_the_completion_cut_there(is_packed, monkeypatch):
    if not is_packed:
        monkeypatch.setattr("policies.scoring.packed.packing.can_pack", lambda *_: False)
    model = RewardModel.from_policy(policy(), seed=1)
    for (prompt, tokens), scores in zip(PAIRS, model.token_scores(PAIRS), strict=True):
        assert len(scores) == len(tokens) + 1
        cuts = [(prompt, tokens[:n]) for n in range(len(tokens) + 1) if prompt or n]
        expected = [score for cut in cuts for score in model.score([cut])]
        assert scores == pytest.approx(expected if prompt else [0.0, *expected], abs=1e-6)


def test_a_row_without_tokens_is_refused():
    with pytest.raises(ValueError, match="pair 1 has no tokens"):
        RewardModel.from_policy(policy(), seed=1).token_scores([PAIRS[0], ((), ())])


def test_the_shares_of_a_completion_add_up_to_its_reward_above_the_prompt_alone():
    members = [RewardModel.from_policy(policy(), seed=seed) for seed in (1, 2)]
    reward = ProxyReward(members, normalisers=((0.3, 2.0), (-0.1, 0.5)), weight=0.7)
    rows = group(PAIRS[:2] + PAIRS[3:])
    shares = reward.token_shares([rows])
    (rewarded,) = reward.compute_rewards([rows])
    for row in rewarded.trajectories:
        (prompt_alone,) = reward.scores([(row.prompt_tokens, ())])
        assert len(shares[row.uid]) == len(row.completion.tokens)
        assert sum(shares[row.uid]) == pytest.approx(row.reward - 0.7 * prompt_alone, abs=1e-5)


def test_a_mixture_tells_the_shares_of_the_sources_that_have_them():
    proxy = ProxyReward([RewardModel.from_policy(policy(), seed=1)])
    mixed = MixedReward([(VerifierReward(), 1.0), (proxy, 0.25)])
    alone, within = proxy.token_shares([group()]), mixed.token_shares([group()])
    assert within.keys() == alone.keys()
    for uid, row in alone.items():
        assert within[uid] == pytest.approx([0.25 * value for value in row])


def test_the_learner_keeps_the_entropy_of_the_distribution_each_token_was_drawn_from():
    start = policy()
    plain = policy().model.eval()
    settings = LearnerSettings(OptimizerSettings(lr=1e-2), temperature=0.7, keep_token_values=True)
    learner = Learner(Models(start), make("reinforce"), settings)
    rows = group(PAIRS[:2] + PAIRS[3:])
    rows = replace(rows, trajectories=tuple(replace(t, reward=float(t.uid)) for t in rows.trajectories))
    batch = collate([rows], pad_id=0, learner_version=0)
    learner.update(batch)
    for i, row in enumerate(rows.trajectories):
        begin, tokens = len(row.prompt_tokens), row.prompt_tokens + row.completion.tokens
        logits = plain(input_ids=torch.tensor([tokens])).logits[0, begin - 1 : -1] / 0.7
        found = learner.token_values["entropy"][i]
        exact = torch.distributions.Categorical(logits=logits.double()).entropy()
        assert found[begin : len(tokens)].tolist() == pytest.approx(exact.tolist(), abs=1e-5)
        assert not found[:begin].any()
        assert not found[len(tokens) :].any()
    advantages = learner.token_values["advantage"]
    assert torch.equal(advantages, learner.algorithm.compute_advantages(batch).advantages * batch.mask)


@pytest.mark.parametrize("algorithm", ["grpo", "ppo", "dapo"])
def test_a_run_that_keeps_them_trains_the_same_policy_and_logs_one_of_each_for_every_token(world, algorithm, tmp_path):
    rollouts = RolloutSettings(problems_per_step=4, group_size=4, sampling=Sampling(max_new_tokens=3))
    weights = []
    for keeps in (False, True):
        chosen, start = make(algorithm), world.policy()
        log = RolloutLog(tmp_path / str(keeps))
        learner = Learner(
            Models(start, value_model=make_value_model(chosen, start)),
            chosen,
            LearnerSettings(OptimizerSettings(lr=1e-2), keep_token_values=keeps),
        )
        Training(
            learner=learner,
            workers=world.Workers(world.policy()),
            problems=world.Problems(),
            reward=VerifierReward(),
            settings=TrainSettings(steps=3, rollouts=rollouts),
            recorder=SilentRecorder(),
            log=log,
        ).run()
        weights.append(torch.cat([p.detach().flatten() for p in start.model.parameters()]))
        records = [log.read(step) for step in range(3)]
        assert [bool(record.token_values) for record in records] == [keeps] * 3
    assert torch.equal(*weights)
    assert [*RolloutLog(tmp_path / "False").groups()] == [*log.groups()]
    for record in records:
        for group in record.groups:
            for row in group.trajectories:
                if row.uid in record.token_values or algorithm != "dapo":  # dapo trains on groups with signal alone
                    kept = record.token_values[row.uid]
                    assert {name: len(values) for name, values in kept.items()} == dict.fromkeys(
                        ("advantage", "entropy"), len(row.completion.tokens)
                    )
                    assert all(-1e-6 < value < 3 for value in kept["entropy"])
