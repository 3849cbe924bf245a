"""Log-probabilities of whole completions, against what the sampler said of its own tokens."""

import math

import pytest
import torch

from policies.types import Sampling
from rl.records.distance import completion_logprobs, kl_from
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.workers.inline import InlineWorkers


@pytest.fixture(scope="module")
def groups(worker_spec, leaps_problems):
    workers = InlineWorkers(worker_spec)
    try:
        shards = make_shards(
            leaps_problems[:3], group_size=4, step=0, shard_size=8, sampling=Sampling(max_new_tokens=12), version=None
        )
        return run_shards(workers, shards, timeout_seconds=60)
    finally:
        workers.close()


def test_the_policy_that_sampled_gives_its_completions_what_the_sampler_said(tiny_policy, groups):
    said = [sum(t.completion.logprobs) for group in groups for t in group.trajectories]
    assert completion_logprobs(tiny_policy, groups) == pytest.approx(said, abs=1e-3)


def test_kl_is_the_mean_difference_of_the_two(tiny_policy, groups):
    # at another temperature the reference is another distribution
    said = [sum(t.completion.logprobs) for group in groups for t in group.trajectories]
    other = completion_logprobs(tiny_policy, groups, temperature=2.0)
    expected = sum(a - b for a, b in zip(said, other, strict=True)) / len(said)
    assert kl_from(tiny_policy, groups, temperature=2.0) == pytest.approx(expected, abs=1e-4)


def test_a_policy_that_knows_nothing_gives_each_token_its_share_of_the_vocabulary(tiny_policy, groups):
    blank = tiny_policy.model.__class__(tiny_policy.model.config)
    with torch.no_grad():
        for parameter in blank.parameters():
            parameter.zero_()
    known, size = tiny_policy.model, blank.get_output_embeddings().weight.shape[0]
    tiny_policy.model = blank.eval()
    try:
        found = completion_logprobs(tiny_policy, groups)
    finally:
        tiny_policy.model = known
    tokens = [t.num_sampled for group in groups for t in group.trajectories]
    assert found == pytest.approx([-n * math.log(size) for n in tokens], rel=1e-5)
