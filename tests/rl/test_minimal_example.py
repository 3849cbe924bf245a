"""The smallest RL loop of the examples: it learns, and its gradient is the learner's."""

import random
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from envs.types import Problem
from policies.sampling.engine import SamplingEngine
from policies.types import Request, Sampling
from rl.algorithms import make
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.types import Group, Trajectory
from verifiers import verify

PATH = Path(__file__).parent.parent.parent / "examples" / "minimal_rl.py"


@pytest.fixture(scope="module")
def example():
    spec = spec_from_file_location("minimal_rl", PATH)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_short():
    assert len(PATH.read_text().splitlines()) <= 120


def test_five_steps_repeat_and_move_the_policy(example, capsys):
    once, again, other = (example.train(5, num_problems=8, seed=seed) for seed in (3, 3, 4))
    assert once == again
    assert len(once) == 5
    assert once != other
    assert "step    0  right" in capsys.readouterr().out


def test_its_gradient_is_the_learners(example):
    """The learner with Dr. GRPO's advantages (the group's mean and nothing else), summed over a completion's tokens."""
    policy = example.make_policy(0)
    questions = example.make_problems(6, random.Random(1))
    prompts = [policy.encode(question) for question, _ in questions]
    requests = [Request(prompt, tuple(range(8 * i, 8 * i + 8))) for i, prompt in enumerate(prompts)]
    groups = SamplingEngine(policy).generate(requests, Sampling(max_new_tokens=2), seed=0)
    rewards = torch.tensor([[float(sum(c.tokens) % 3 == 0) for c in group] for group in groups])
    assert (rewards.std(1) > 0).any()

    example.policy_loss(policy, prompts, groups, example.centre(rewards)).backward()
    expected = torch.cat([p.grad.flatten() for p in policy.model.parameters()])

    learner = Learner(
        Models(example.make_policy(0)),
        make("dr_grpo", aggregation="sequence_sum"),
        LearnerSettings(OptimizerSettings(lr=1.0)),
    )
    learner._apply = lambda sums: None  # keeps the gradient, moves nothing
    rows = [
        Group(Problem(question, answer), tuple(
            Trajectory(uid, Problem(question, answer), prompt, c, verify(c.text, answer, "numeric"), reward=float(r))
            for uid, c, r in zip(request.uids, group, row)
        ))
        for (question, answer), prompt, request, group, row in zip(questions, prompts, requests, groups, rewards)
    ]  # fmt: skip
    learner.update(collate(rows, pad_id=policy.pad_id, learner_version=0), max_tokens=2)
    found = torch.cat([p.grad.flatten() for p in learner.policy.model.parameters()])
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
