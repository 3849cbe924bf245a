"""Groups to tensors, and batches to micro-batches."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.learning.collate import collate, collate_examples, packed_batches, padded_batches
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def row(prompt, tokens, *, logprobs=None, finish=FinishReason.STOP, version=3, **fields):
    problem = Problem(prompt="p", answer="1")
    completion = Completion(tuple(tokens), tuple(logprobs or [-0.5] * len(tokens)), "", finish, version)
    return Trajectory(0, problem, tuple(prompt), completion, Verdict(Outcome.WRONG, 0.0), **fields)


def group(*rows):
    return Group(rows[0].problem, rows)


def test_rows_are_prompt_then_completion_padded_on_the_right():
    first = row([5, 6], [7, 2], logprobs=[-0.1, -0.2], reward=1.0)
    second = row([5, 6, 8], [9, 9, 9], logprobs=[-1, -2, -3], finish=FinishReason.LENGTH, version=2)
    batch = collate([group(first, second), group(row([4], [2]))], pad_id=0, learner_version=3)
    assert batch.tokens.tolist() == [[5, 6, 7, 2, 0, 0], [5, 6, 8, 9, 9, 9], [4, 2, 0, 0, 0, 0]]
    assert batch.attention.sum(1).tolist() == [4, 6, 2]
    assert batch.mask.tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 0]]
    assert torch.allclose(batch.sampler_logprobs[0], torch.tensor([0, 0, -0.1, -0.2, 0, 0]))
    assert batch.rewards.tolist() == [1, 0, 0]
    assert batch.groups.tolist() == [0, 0, 1]
    assert batch.truncated.tolist() == [False, True, False]
    assert batch.staleness.tolist() == [0, 1, 0]


def test_masks_come_from_lengths_so_padding_may_be_the_end_token():
    end = 2
    batch = collate([group(row([5], [7, end]), row([5], [7, 7, 7, end]))], pad_id=end, learner_version=3)
    assert batch.mask[0].tolist() == [0, 1, 1, 0, 0]  # the real end token is trained, padding of the same id is not
    assert batch.attention[0].tolist() == [True, True, True, False, False]


def test_tool_output_is_read_and_not_trained():
    batch = collate([group(row([5], [7, 8, 9], action_mask=(1, 0, 1)))], pad_id=0, learner_version=3)
    assert batch.mask.tolist() == [[0, 1, 0, 1]]
    assert batch.attention.all()
    assert batch.sampler_logprobs[0, 2] == 0


def test_dense_rewards_stand_on_their_tokens_and_rows_without_get_zeros():
    batch = collate([group(row([5], [7, 8], token_rewards=(0.5, -1.0)), row([5], [7]))], pad_id=0, learner_version=3)
    assert batch.token_rewards.tolist() == [[0, 0.5, -1.0], [0, 0, 0]]


def test_two_groups_of_the_same_problem_stay_two_groups():
    same = group(row([5], [7]), row([5], [8]))
    assert collate([same, same], pad_id=0, learner_version=3).groups.tolist() == [0, 0, 1, 1]


def test_a_logprob_too_few_is_named():
    with pytest.raises(ValueError, match="2 completion tokens but 1 logprobs"):
        collate([group(row([5], [7, 8], logprobs=[-1.0]))], pad_id=0, learner_version=0)
    with pytest.raises(ValueError, match="at least one"):
        collate([], pad_id=0, learner_version=0)


def test_pairs_are_trained_on_the_completion_alone():
    batch = collate_examples([((5, 6), (7, 2)), ((5,), (2,))], pad_id=0)
    assert batch.tokens.tolist() == [[5, 6, 7, 2], [5, 2, 0, 0]]
    assert batch.mask.tolist() == [[0, 0, 1, 1], [0, 1, 0, 0]]
    assert batch.groups.tolist() == [0, 1]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 200), st.integers(0, 100))
@settings(max_examples=100, deadline=None)
def test_micro_batches_hold_every_row_once_within_the_budget(lengths, budget, overhead):
    cuts = [cut.rows for cut in padded_batches(torch.tensor(lengths), budget, overhead=overhead)]
    assert sorted(i for cut in cuts for i in cut.tolist()) == list(range(len(lengths)))
    for cut in cuts:
        longest = max(lengths[i] for i in cut.tolist())
        assert len(cut) * longest <= budget or len(cut) == 1


def cost(parts, overhead):
    return sum(len(part) * max(part) + overhead for part in parts)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_no_cut_of_the_sorted_rows_is_cheaper(lengths, overhead):
    ordered = sorted(lengths, reverse=True)
    best = min(
        cost([ordered[a:b] for a, b in itertools.pairwise([0, *cuts, len(ordered)])], overhead)
        for size in range(len(ordered))
        for cuts in itertools.combinations(range(1, len(ordered)), size)
    )
    found = [
        [lengths[i] for i in cut.rows.tolist()]
        for cut in padded_batches(torch.tensor(lengths), 10**6, overhead=overhead)
    ]
    assert cost(found, overhead) == best


def test_padding_of_ragged_rollouts_is_under_a_tenth():
    rng = random.Random(0)
    lengths = torch.tensor([rng.randint(10, 30) + min(64, int(rng.expovariate(1 / 30)) + 1) for _ in range(256)])
    for budget in (2048, 16384):
        cuts = [cut.rows for cut in padded_batches(lengths, budget)]
        padded = sum(len(cut) * int(lengths[cut].max()) for cut in cuts)
        assert 1 - float(lengths.sum()) / padded < 0.1


def test_rows_of_a_batch_cut_to_the_longest_among_them():
    batch = collate([group(row([5], [7, 8, 9, 2]), row([5], [2]))], pad_id=0, learner_version=3)
    short = batch.rows(torch.tensor([1]))
    assert short.tokens.tolist() == [[5, 2]]
    assert replace(short, rewards=short.rewards).num_rows == 1


@given(
    st.lists(st.lists(st.integers(3, 5), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_packed_batches_hold_every_row_once_within_the_budget_of_distinct_prefixes(rows, budget):
    width = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    attention = torch.arange(width) < torch.tensor([[len(row)] for row in rows])
    cuts = packed_batches(tokens, attention, budget)
    assert sorted(torch.cat([cut.rows for cut in cuts]).tolist()) == list(range(len(rows)))
    for cut in cuts:
        prefixes = {tuple(rows[i][: t + 1]) for i in cut.rows.tolist() for t in range(len(rows[i]))}
        assert cut.num_positions == len(prefixes)
        assert len(prefixes) <= budget or len(cut.rows) == 1


def test_rows_of_one_problem_stay_in_one_micro_batch():
    prompts = [[9, 9, 9, 9], [8, 8, 8, 8]]
    rows = torch.tensor([prompts[i % 2] + [i] for i in range(8)])  # interleaved on purpose
    cuts = packed_batches(rows, torch.ones_like(rows, dtype=torch.bool), 8)  # 4 prompt tokens and 4 completions each
    assert [sorted(cut.rows.tolist()) for cut in cuts] == [[1, 3, 5, 7], [0, 2, 4, 6]]
