"""The pure functions against values worked by hand, closed forms, brute force and slow references in plain Python."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rl.algorithms.dapo import soft_overlong_penalty
from rl.functional import advantages as adv
from rl.functional.distillation import divergence, sampled_reverse_kl
from rl.functional.entropy import adapt_entropy_coefficient, entropy
from rl.functional.estimators import maj_at_k, pass_at_k
from rl.functional.kl import adapt_beta, kl_k3
from rl.functional.masked import clean, masked_mean, whiten
from rl.functional.objectives import cispo, clipped, geometric_ratio, sequence_ratio, soft_gate
from rl.functional.value import explained_variance, value_loss

quick = settings(max_examples=25, deadline=None, derandomize=True)


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# --- advantages ---


def test_group_mean_and_leave_one_out_by_hand() -> None:
    # rewards 1,0,0,1 -> mean 1/2; siblings' means 1/3,2/3,2/3,1/3 -> 2/3,-2/3,-2/3,2/3
    rewards, groups = row(1, 0, 0, 1), torch.zeros(4, dtype=torch.long)
    assert adv.group_mean(rewards, groups).tolist() == [0.5, -0.5, -0.5, 0.5]
    assert adv.leave_one_out(rewards, groups).tolist() == pytest.approx([2 / 3, -2 / 3, -2 / 3, 2 / 3])


def test_leave_one_out_of_a_group_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="raise group_size"):
        adv.leave_one_out(row(1, 0, 1), torch.tensor([0, 0, 1]))


def test_deviations_by_hand() -> None:
    # 1,0,0,1: squares 4 x 1/4 = 1, over 3 -> 0.57735, over 4 -> 0.5; second group 2,4 -> sqrt(2)
    rewards, groups = row(1, 0, 0, 1, 2, 4), torch.tensor([0, 0, 0, 0, 1, 1])
    assert adv.group_std(rewards, groups).tolist() == pytest.approx([math.sqrt(1 / 3)] * 4 + [math.sqrt(2)] * 2)
    assert adv.group_std(rewards, groups, ddof=0).tolist() == pytest.approx([0.5] * 4 + [1.0] * 2)
    # all six: mean 4/3, squares 22 - 6 x 16/9 = 34/3, over 5
    assert float(adv.batch_std(rewards)) == pytest.approx(math.sqrt(34 / 15))
    assert float(adv.batch_std(row(3, 3, 3))) == 0


def test_mean_normalised_by_hand() -> None:
    # 1,0,0,1: mean 1/2 -> 1,-1,-1,1; an all-wrong group has nothing to learn from
    groups = torch.tensor([0, 0, 0, 0, 1, 1])
    assert adv.mean_normalised(row(1, 0, 0, 1, 0, 0), groups).tolist() == [1, -1, -1, 1, 0, 0]
    with pytest.raises(ValueError, match="rewards >= 0"):
        adv.mean_normalised(row(-1, 1), torch.zeros(2, dtype=torch.long))


def slow_gae(rewards: list[float], values: list[float], gamma: float, lam: float, last: float) -> list[float]:
    """The definition: A_t = sum_l (gamma lam)^l delta_{t+l}."""
    following = [*values[1:], last]
    deltas = [r + gamma * n - v for r, n, v in zip(rewards, following, values)]
    return [sum((gamma * lam) ** k * d for k, d in enumerate(deltas[t:])) for t in range(len(deltas))]


@quick
@given(
    st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2), st.booleans()), min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(-1, 1),
)
def test_gae_equals_its_definition_on_the_sampled_tokens(
    tokens: list[tuple[float, float, bool]], gamma: float, lam: float, last: float
) -> None:
    rewards, values, sampled = (list(column) for column in zip(*tokens))
    kept = [i for i, s in enumerate(sampled) if s]
    actual = adv.gae(
        row(*rewards).unsqueeze(0),
        row(*values).unsqueeze(0),
        row(*sampled).unsqueeze(0),
        gamma=gamma,
        lam=lam,
        bootstrap=row(last),
    )[0]
    expected = slow_gae([rewards[i] for i in kept], [values[i] for i in kept], gamma, lam, last)
    assert actual[kept].tolist() == pytest.approx(expected, abs=1e-12)
    assert all(float(actual[i]) == 0 for i in range(len(tokens)) if i not in kept)


def test_gae_with_a_lambda_per_row() -> None:
    rewards, values, mask = torch.rand(2, 5).double(), torch.rand(2, 5).double(), torch.ones(2, 5).double()
    both = adv.gae(rewards, values, mask, lam=row(0.3, 0.9))
    assert torch.equal(both[0], adv.gae(rewards, values, mask, lam=0.3)[0])
    assert torch.equal(both[1], adv.gae(rewards, values, mask, lam=0.9)[1])


def test_a_truncated_row_may_bootstrap_and_a_finished_one_does_not() -> None:
    # gamma 1, lambda 1: A_1 = r + V_end - V_1 = 0 + 0.8 - 0.5
    zeros, values, mask = torch.zeros(2, 1).double(), torch.full((2, 1), 0.5).double(), torch.ones(2, 1).double()
    actual = adv.gae(zeros, values, mask, lam=1.0, bootstrap=row(0.8, 0.0))
    assert actual.flatten().tolist() == pytest.approx([0.3, -0.5])


def test_length_adaptive_lambda_by_hand() -> None:
    # alpha 0.05: n = 100 -> 1 - 1/5; n = 20 -> 0; n = 10 -> would be -1, kept at 0
    assert adv.length_adaptive_lambda(row(100, 20, 10), 0.05).tolist() == pytest.approx([0.8, 0, 0])


def test_reward_lands_on_the_last_sampled_token() -> None:
    mask = torch.tensor([[0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 0]]).double()
    assert adv.at_last_token(row(5, 7, 9), mask).tolist() == [[0, 0, 5, 0], [0, 0, 7, 0], [0, 0, 0, 0]]


def test_position_baseline_by_hand() -> None:
    # positions count sampled tokens: row 0 has returns 1,2 at positions 0,1; row 1 has 5 at 0; row 2 has 3,4 at 0,1
    returns = torch.tensor([[9, 1, 2], [5, 9, 9], [3, 9, 4]]).double()
    mask = torch.tensor([[0, 1, 1], [1, 0, 0], [1, 0, 1]]).double()
    assert adv.position_baseline(returns, mask).tolist() == [[0, 4, 4], [2, 0, 0], [3, 0, 2]]


# --- masks ---


def test_clean_keeps_nan_out_of_values_and_gradients() -> None:
    values = torch.tensor([1.0, float("nan")], requires_grad=True)
    total = clean(values, torch.tensor([1.0, 0.0])).exp().sum()
    total.backward()
    assert float(total.detach()) == pytest.approx(math.e + 1)
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([math.e, 0])


def test_whitening_gives_mean_zero_and_variance_one_over_sampled_tokens() -> None:
    values, mask = torch.randn(5, 7).double() * 3 + 2, (torch.rand(5, 7) > 0.4).double()
    kept = whiten(values, mask)[mask.bool()]
    assert float(kept.mean()) == pytest.approx(0, abs=1e-12)
    assert float(kept.var(correction=0)) == pytest.approx(1, abs=1e-6)
    scaled = whiten(values, mask, shift_mean=False)
    assert float(masked_mean(scaled, mask)) == pytest.approx(float(masked_mean(values, mask)))


# --- objectives ---


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    [
        (1.0, 1.0, -1.0, -1.0),
        (1.5, 1.0, -1.28, 0.0),  # above 1 + high, pushed further up: held
        (1.5, -1.0, 1.5, 1.0),  # pushed back down: free
        (0.5, -1.0, 0.8, 0.0),  # below 1 - low, pushed further down: held
        (0.5, 1.0, -0.5, -1.0),
        (4.0, -1.0, 3.0, 0.0),  # dual clip at 3
    ],
)
def test_clipped_surrogate_by_hand(ratio: float, advantage: float, loss: float, slope: float) -> None:
    leaf = row(ratio).requires_grad_()
    objective = clipped(leaf, row(advantage), low=0.2, high=0.28, dual=3.0)
    assert float(objective.loss.detach()) == pytest.approx(loss)
    assert float(torch.autograd.grad(objective.loss.sum(), leaf)[0]) == pytest.approx(slope)
    assert objective.clipped_dual is not None
    flags = objective.clipped_low | objective.clipped_high | objective.clipped_dual
    assert bool(flags) is (slope == 0)


def test_ratios_of_whole_completions_by_hand() -> None:
    # log-ratios 0.1, 0.3 (and 9 on padding): mean 0.2, sum 0.4
    gap, mask = torch.tensor([[0.1, 0.3, 9.0]]).double(), torch.tensor([[1, 1, 0]]).double()
    zeros = torch.zeros_like(gap)
    assert geometric_ratio(gap, zeros, mask)[0, 0] == pytest.approx(math.exp(0.2))
    assert sequence_ratio(gap, zeros, mask)[0, 0] == pytest.approx(math.exp(0.4))


def test_cispo_keeps_the_gradient_that_ppo_drops() -> None:
    logprobs = row(math.log(1.5)).requires_grad_()
    ratio = logprobs.exp()
    (dropped,) = torch.autograd.grad(clipped(ratio, row(1), low=0.2, high=0.28).loss.sum(), logprobs, retain_graph=True)
    (kept,) = torch.autograd.grad(cispo(logprobs, ratio, row(1), cap=1.28).loss.sum(), logprobs)
    assert float(dropped) == 0
    assert float(kept) == pytest.approx(-1.28)


def test_the_soft_gate_has_the_policy_gradient_at_ratio_one_and_fades() -> None:
    ratio = row(1.0, 3.0, 8.0).requires_grad_()
    (slope,) = torch.autograd.grad(soft_gate(ratio, row(2, 2, 2), positive=1.0, negative=1.05).loss.sum(), ratio)
    assert float(slope[0]) == pytest.approx(-2)
    assert abs(float(slope[2])) < abs(float(slope[1])) < 1


# --- KL, entropy, value ---


def test_k3_keeps_its_digits_near_zero() -> None:
    # d^2/2 to first order; exp(-d) - 1 + d computed naively in float32 is all rounding
    d = torch.tensor(1e-4, dtype=torch.float32)
    assert float(kl_k3(d, torch.zeros(()))) == pytest.approx(0.5e-8, rel=1e-2)


def test_adaptive_beta_finds_its_target_on_a_synthetic_plant() -> None:
    beta = 1.0
    for _ in range(400):
        beta = adapt_beta(beta, kl=0.02 / beta, target=0.05, horizon=2000, num_samples=100)
    assert 0.02 / beta == pytest.approx(0.05, rel=0.02)


def test_entropy_of_uniform_and_certain_distributions() -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0], [0.0, -math.inf, -math.inf, -math.inf]])
    assert entropy(logits).tolist() == pytest.approx([math.log(4), 0])


def test_entropy_coefficient_moves_towards_the_target_within_bounds() -> None:
    assert adapt_entropy_coefficient(0.01, 0.2, target=0.3, step=0.005, largest=1.0) == pytest.approx(0.015)
    assert adapt_entropy_coefficient(0.01, 0.4, target=0.3, step=0.005, largest=1.0) == pytest.approx(0.005)
    assert adapt_entropy_coefficient(0.0, 0.4, target=0.3, step=0.005, largest=1.0) == 0


def test_value_clipping_by_hand() -> None:
    # V_old 0, clip 0.2, R 1: V = 0.5 -> clipped to 0.2, (1-0.2)^2/2 = 0.32 beats (1-0.5)^2/2 = 0.125, no gradient
    values = row(0.5).requires_grad_()
    loss, was_clipped = value_loss(values, row(1), row(0), clip=0.2)
    assert float(loss.detach()) == pytest.approx(0.32)
    assert bool(was_clipped)
    assert float(torch.autograd.grad(loss.sum(), values)[0]) == 0
    assert float(value_loss(row(0.5), row(1))[0]) == pytest.approx(0.125)
    with pytest.raises(ValueError, match="old_values"):
        value_loss(row(0.5), row(1), clip=0.2)


def test_explained_variance_of_perfect_constant_and_reversed_values() -> None:
    returns, mask = row(0, 1, 2, 3), row(1, 1, 1, 1)
    assert float(explained_variance(returns, returns, mask)) == 1
    assert float(explained_variance(row(5, 5, 5, 5), returns, mask)) == 0
    assert float(explained_variance(-returns, returns, mask)) == pytest.approx(-3)  # Var(2R) = 4 Var(R)


# --- distillation ---


def test_divergence_limits_are_the_two_kls() -> None:
    student, teacher = torch.randn(4, 5).double(), torch.randn(4, 5).double()
    p, q = teacher.softmax(-1), student.softmax(-1)
    torch.testing.assert_close(divergence(student, teacher, beta=0.0), (p * (p / q).log()).sum(-1))
    torch.testing.assert_close(divergence(student, teacher, beta=1.0), (q * (q / p).log()).sum(-1))
    # small beta: D / beta tends to KL(teacher || student)
    torch.testing.assert_close(
        divergence(student, teacher, beta=1e-6) / 1e-6, (p * (p / q).log()).sum(-1), rtol=1e-4, atol=1e-4
    )


@quick
@given(st.floats(0.05, 0.95), st.integers(0, 1000))
def test_divergence_is_zero_for_equals_symmetric_at_a_half_and_bounded(beta: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, 3, 6, generator=generator, dtype=torch.float64) * 4
    assert divergence(student, student, beta=beta).abs().max() < 1e-12
    torch.testing.assert_close(divergence(student, teacher, beta=0.5), divergence(teacher, student, beta=0.5))
    bound = -(beta * math.log(beta) + (1 - beta) * math.log(1 - beta))
    assert float(divergence(student, teacher, beta=beta).max()) <= bound


def test_distillation_advantages_carry_no_gradient() -> None:
    logprobs = row(-1.0).requires_grad_()
    assert not sampled_reverse_kl(logprobs, row(-0.5)).requires_grad


# --- rewards and evaluation ---


@pytest.mark.parametrize(("length", "penalty"), [(79, 0), (80, 0), (90, -0.5), (100, -1), (120, -1)])
def test_soft_overlong_penalty_by_hand(length: int, penalty: float) -> None:
    assert soft_overlong_penalty(length, limit=100, buffer=20) == pytest.approx(penalty)


@quick
@given(st.integers(1, 7), st.data())
def test_pass_at_k_equals_counting_subsets(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    samples = [True] * c + [False] * (n - c)
    subsets = list(itertools.combinations(samples, k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_pass_at_k_is_unbiased(p: float) -> None:
    n, k = 8, 3
    expected = sum(math.comb(n, c) * p**c * (1 - p) ** (n - c) * pass_at_k(n, c, k) for c in range(n + 1))
    assert expected == pytest.approx(1 - (1 - p) ** k)


@quick
@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=7), st.data())
def test_maj_at_k_equals_counting_subsets(answers: list[str | None], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    correct = [a == "a" for a in answers]
    total = Fraction(0)
    subsets = list(itertools.combinations(answers, k))
    for subset in subsets:
        votes = Counter(a for a in subset if a is not None)
        winners = [a for a, v in votes.items() if v == max(votes.values())]
        total += Fraction("a" in winners, max(1, len(winners)))
    assert maj_at_k(answers, correct, k) == pytest.approx(float(total / len(subsets)))


def test_maj_at_k_refuses_an_answer_judged_both_ways() -> None:
    with pytest.raises(ValueError, match="normalise answers"):
        maj_at_k(["1", "1"], [True, False], 1)


def test_pass_at_k_refuses_counts_out_of_range() -> None:
    with pytest.raises(ValueError, match="1 <= k <= samples"):
        pass_at_k(4, 2, 5)
    with pytest.raises(ValueError, match="num_correct"):
        pass_at_k(4, 5, 2)
