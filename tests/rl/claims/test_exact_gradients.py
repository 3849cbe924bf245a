"""Expected gradients by exact enumeration, in float64, against autograd of the exact objective.

A tabular policy over three tokens, one of which ends the completion, writes at most two or three tokens. Every
completion, and every group of completions, is enumerated with its probability: no sampling, no tolerance beyond
rounding. Where theory says an estimator is biased, the documented bias is asserted instead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rl.algorithms import Algorithm, Scores, make
from rl.functional.kl import KlEstimator, kl_k1, kl_k3, kl_loss
from rl.types import Batch, Totals

VOCABULARY, END = 3, 2
EXACT = 1e-10


@dataclass(frozen=True)
class World:
    """All completions of at most `length` tokens, and the tables that score them.

    Attributes:
        tokens, mask: [S, T] of the S completions.
        states: [S, T] index of the prefix before each token.
        table: [prefixes, V] logits of the policy, the only tensor with gradient.
        reference, behaviour: logits of two other policies.
        rewards: [S].
    """

    tokens: Tensor
    mask: Tensor
    states: Tensor
    table: Tensor
    reference: Tensor
    behaviour: Tensor
    rewards: Tensor

    def logprobs(self, table: Tensor) -> Tensor:
        """[S, T] log-probability of every token of every completion."""
        return table.log_softmax(-1)[self.states, self.tokens] * self.mask

    def probabilities(self, table: Tensor) -> Tensor:
        """[S] probability of every completion; sums to 1."""
        return self.logprobs(table).sum(1).exp()


def make_world(length: int = 2, seed: int = 0, rewards: str = "real") -> World:
    rows: list[tuple[int, ...]] = []
    for candidate in itertools.product(range(VOCABULARY), repeat=length):
        end = candidate.index(END) + 1 if END in candidate else length
        if candidate[:end] not in rows:
            rows.append(candidate[:end])
    prefixes = sorted({row[:t] for row in rows for t in range(len(row))})
    tokens, mask = torch.zeros(len(rows), length, dtype=torch.long), torch.zeros(len(rows), length).double()
    states = torch.zeros_like(tokens)
    for i, row in enumerate(rows):
        for t, token in enumerate(row):
            tokens[i, t], mask[i, t], states[i, t] = token, 1, prefixes.index(row[:t])
    generator = torch.Generator().manual_seed(seed)
    tables = [torch.randn(len(prefixes), VOCABULARY, generator=generator, dtype=torch.float64) for _ in range(3)]
    reward = torch.randn(len(rows), generator=generator, dtype=torch.float64)
    if rewards == "binary":
        reward = (reward > 0).double()
    return World(tokens, mask, states, tables[0].requires_grad_(), tables[1], tables[2], reward)


def batch_of(world: World, rows: list[int], *, behaviour: Tensor, old: Tensor | None = None) -> Batch:
    """A batch of one group made of these completions."""
    index = torch.tensor(rows)
    size = len(rows)
    return Batch(
        tokens=world.tokens[index],
        attention=world.mask[index].bool(),
        mask=world.mask[index],
        sampler_logprobs=world.logprobs(behaviour).detach()[index],
        rewards=world.rewards[index],
        groups=torch.zeros(size, dtype=torch.long),
        truncated=torch.zeros(size, dtype=torch.bool),
        old_logprobs=None if old is None else world.logprobs(old).detach()[index],
        reference_logprobs=world.logprobs(world.reference)[index],
    )


def expected_gradient(
    world: World,
    algorithm: Algorithm,
    group_size: int,
    *,
    behaviour: Tensor | None = None,
    old: Tensor | None = None,
    values: Tensor | None = None,
) -> Tensor:
    """Sum over all groups of P(group) times the gradient of the algorithm's loss, [prefixes, V]."""
    sampler = world.table.detach() if behaviour is None else behaviour
    probability = world.probabilities(sampler).detach()
    logprobs = world.logprobs(world.table)
    total = torch.zeros((), dtype=torch.float64)
    for rows in itertools.product(range(len(world.rewards)), repeat=group_size):
        index = torch.tensor(rows)
        batch = batch_of(world, list(rows), behaviour=sampler, old=old)
        if values is not None:
            batch = replace(batch, values=values[world.states[index]])
        credited = algorithm.compute_advantages(batch)
        totals = Totals(float(batch.mask.sum()), float(group_size), world.mask.shape[1])
        scores = Scores(logprobs[index], values=None if values is None else values[world.states[index]])
        total = total + probability[index].prod() * algorithm.loss(credited, scores, totals).loss
    (gradient,) = torch.autograd.grad(total, world.table)
    return gradient


def exact_gradient(world: World, objective: Callable[[World], Tensor]) -> Tensor:
    (gradient,) = torch.autograd.grad(objective(world), world.table)
    return gradient


def expected_reward(world: World) -> Tensor:
    return (world.probabilities(world.table) * world.rewards).sum()


def sequence_kl(world: World) -> Tensor:
    """KL(pi || reference) of whole completions."""
    gap = (world.logprobs(world.table) - world.logprobs(world.reference)).sum(1)
    return (world.probabilities(world.table) * gap).sum()


def state_kl(world: World, forward: bool) -> Tensor:
    """Sum over states, weighted by how often the policy visits them (a constant), of the KL of the next token."""
    policy, reference = world.table.log_softmax(-1), world.reference.log_softmax(-1)
    p, q = (reference, policy) if forward else (policy, reference)
    per_state = (p.exp() * (p - q)).sum(-1)
    weight = world.probabilities(world.table).detach().unsqueeze(1) * world.mask
    return (weight * per_state[world.states]).sum()


def exact_values(world: World) -> Tensor:
    """[prefixes] expected reward from each prefix on, under the policy."""
    probability = world.probabilities(world.table).detach()
    visits = torch.zeros(len(world.table), dtype=torch.float64)
    rewards = torch.zeros_like(visits)
    for state, p, r, m in zip(
        world.states.T, [probability] * world.mask.shape[1], [world.rewards] * world.mask.shape[1], world.mask.T
    ):
        visits.index_add_(0, state, p * m)
        rewards.index_add_(0, state, p * r * m)
    return rewards / visits


def assert_equal(actual: Tensor, expected: Tensor) -> None:
    assert expected.abs().max() > 1e-3, "the expected gradient must not be trivially 0"
    torch.testing.assert_close(actual, expected, rtol=0, atol=EXACT)


def test_the_enumeration_is_complete() -> None:
    for length in (1, 2, 3):
        assert math.isclose(float(make_world(length).probabilities(make_world(length).table).sum().detach()), 1.0)


# --- unbiased estimators ---


@pytest.mark.parametrize("length", [1, 2, 3])
def test_reinforce_without_baseline_is_unbiased(length: int) -> None:
    world = make_world(length)
    gradient = expected_gradient(world, make("reinforce", baseline="none"), 1)
    assert_equal(gradient, -exact_gradient(world, expected_reward))


@pytest.mark.parametrize("name", ["reinforce", "rloo"])
@pytest.mark.parametrize("group_size", [2, 3])
def test_leave_one_out_baselines_are_unbiased(name: str, group_size: int) -> None:
    world = make_world()
    assert_equal(expected_gradient(world, make(name), group_size), -exact_gradient(world, expected_reward))


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_ppo_with_exact_values_is_unbiased_for_every_lambda(lam: float) -> None:
    world = make_world(3)
    algorithm = make("ppo", lam=lam, whiten_advantages=False, aggregation="sequence_sum")
    gradient = expected_gradient(world, algorithm, 1, values=exact_values(world))
    assert_equal(gradient, -exact_gradient(world, expected_reward))


def test_a_lambda_of_the_sampled_length_is_biased_even_with_exact_values() -> None:
    """VAPO's own property; where every lambda is 0 (alpha below 1 / the longest completion) it is gone."""
    world = make_world(3)
    truth = -exact_gradient(world, expected_reward)

    def error(alpha: float) -> float:
        settings = {"whiten_advantages": False, "aggregation": "sequence_sum", "imitation_coefficient": 0.0}
        algorithm = make("vapo", length_alpha=alpha, **settings)
        gradient = expected_gradient(world, algorithm, 1, values=exact_values(world))
        return float((gradient - truth).norm() / truth.norm())

    assert error(0.3) < 1e-10
    assert error(1.0) > error(2.0) > 0.005


def test_ppo_with_lambda_one_is_unbiased_for_any_values() -> None:
    world = make_world(3)
    algorithm = make("ppo", lam=1.0, whiten_advantages=False, aggregation="sequence_sum")
    wrong = torch.randn(len(world.table), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    gradient = expected_gradient(world, algorithm, 1, values=wrong)
    assert_equal(gradient, -exact_gradient(world, expected_reward))


def test_ppo_with_wrong_values_and_lambda_below_one_is_biased() -> None:
    world = make_world(3)
    algorithm = make("ppo", lam=0.5, whiten_advantages=False, aggregation="sequence_sum")
    wrong = torch.randn(len(world.table), generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    gradient = expected_gradient(world, algorithm, 1, values=wrong)
    assert (gradient + exact_gradient(world, expected_reward)).abs().max() > 1e-2


# --- documented biases ---


@pytest.mark.parametrize("group_size", [2, 3])
def test_mean_baseline_shrinks_the_gradient_by_its_own_share(group_size: int) -> None:
    world = make_world()
    gradient = expected_gradient(world, make("dr_grpo"), group_size)
    share = (group_size - 1) / group_size / world.mask.shape[1]  # and dr_grpo divides by the length limit
    assert_equal(gradient, -share * exact_gradient(world, expected_reward))


def success_probability(world: World) -> float:
    return float(expected_reward(world).detach())


@pytest.mark.parametrize("group_size", [2, 3, 4])
def test_group_std_reweighs_problems_by_difficulty(group_size: int) -> None:
    # With rewards in {0, 1} a completion has c' ~ Binomial(G-1, p) correct siblings, and the expected gradient is
    # grad p times E[A(right) - A(wrong)], where A(right) = (1 - c/G)/s(c), c = c'+1, and A(wrong) = -(c'/G)/s(c').
    world = make_world(2 if group_size == 2 else 1, rewards="binary")
    p, g = success_probability(world), group_size

    def std(c: int) -> float:
        return math.sqrt(c * (g - c) / (g * (g - 1))) + 1e-4

    weight = sum(
        math.comb(g - 1, c) * p**c * (1 - p) ** (g - 1 - c) * ((1 - (c + 1) / g) / std(c + 1) + c / g / std(c))
        for c in range(g)
    )
    gradient = expected_gradient(world, make("grpo", aggregation="sequence_sum"), group_size)
    assert_equal(gradient, -weight * exact_gradient(world, expected_reward))


@pytest.mark.parametrize("group_size", [2, 3, 4])
def test_max_rl_climbs_the_expansion_of_the_log_likelihood(group_size: int) -> None:
    # d/dp sum_{k=1}^{G-1} -(1-p)^k / k = sum_{k=0}^{G-2} (1-p)^k
    world = make_world(2 if group_size == 2 else 1, rewards="binary")
    p = success_probability(world)
    weight = sum((1 - p) ** k for k in range(group_size - 1))
    gradient = expected_gradient(world, make("max_rl"), group_size)
    assert_equal(gradient, -weight * exact_gradient(world, expected_reward))


def test_sequence_mean_is_biased_by_length_and_sequence_sum_is_not() -> None:
    world = make_world(3)
    truth = -exact_gradient(world, expected_reward)

    def cosine(aggregation: str) -> float:
        gradient = expected_gradient(world, make("reinforce", baseline="none", aggregation=aggregation), 1)
        return float(torch.cosine_similarity(gradient.flatten(), truth.flatten(), dim=0))

    assert cosine("sequence_sum") == pytest.approx(1.0, abs=1e-12)
    assert cosine("sequence_mean") < 0.99


# --- another policy sampled ---


UNBOUNDED = {"cap": 1e9}
NO_CLIP = {"clip_low": 1.0, "clip_high": 1e9}


def test_sequence_correction_is_exact_under_another_behaviour() -> None:
    world = make_world()
    algorithm = make("reinforce", correction={"level": "sequence", **UNBOUNDED})
    gradient = expected_gradient(world, algorithm, 2, behaviour=world.behaviour)
    assert_equal(gradient, -exact_gradient(world, expected_reward))


def test_token_correction_is_exact_for_single_token_completions() -> None:
    world = make_world(1)
    algorithm = make("reinforce", correction={"level": "token", **UNBOUNDED})
    gradient = expected_gradient(world, algorithm, 2, behaviour=world.behaviour)
    assert_equal(gradient, -exact_gradient(world, expected_reward))


def test_decoupled_objective_is_exact_with_three_different_policies() -> None:
    # behaviour samples, `reference` plays the proximal policy, and the current policy is neither:
    # w = proximal / behaviour, ratio = current / proximal, and their product is the true importance weight
    world = make_world()
    algorithm = make("rloo", correction={"level": "sequence", **UNBOUNDED}, **NO_CLIP)
    gradient = expected_gradient(world, algorithm, 2, behaviour=world.behaviour, old=world.reference)
    assert_equal(gradient, -exact_gradient(world, expected_reward))


def test_truncated_importance_sampling_becomes_exact_as_the_cap_grows() -> None:
    world = make_world()
    truth = -exact_gradient(world, expected_reward)
    errors = []
    for cap in (1.0, 2.0, 4.0, 8.0, 1e6):
        algorithm = make("reinforce", correction={"level": "sequence", "cap": cap})
        errors.append(float((expected_gradient(world, algorithm, 2, behaviour=world.behaviour) - truth).norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2
    assert errors[-1] < EXACT


def test_without_correction_another_behaviour_biases_reinforce() -> None:
    world = make_world()
    gradient = expected_gradient(world, make("reinforce"), 2, behaviour=world.behaviour)
    assert (gradient + exact_gradient(world, expected_reward)).abs().max() > 1e-2


@pytest.mark.parametrize("name", ["grpo", "cispo", "dapo"])
def test_token_ratio_algorithms_have_the_reinforce_gradient_on_policy(name: str) -> None:
    world = make_world(rewards="binary")
    plain = expected_gradient(world, make("gpg", aggregation="sequence_sum", scale="batch_std"), 2)
    # gpg's alpha is 1 or B/(B-M); a group of two equal rewards has no gradient, and any other has alpha 1
    gradient = expected_gradient(world, make(name, aggregation="sequence_sum"), 2)
    assert_equal(gradient, plain)


def test_gspo_has_the_sequence_mean_gradient_on_policy() -> None:
    world = make_world(rewards="binary")
    gradient = expected_gradient(world, make("gspo"), 2)
    assert_equal(gradient, expected_gradient(world, make("grpo", aggregation="sequence_mean"), 2))


# --- KL ---


BETA = 0.3


def regularised(world: World) -> Tensor:
    return expected_reward(world) - BETA * sequence_kl(world)


@pytest.mark.parametrize("length", [2, 3])
def test_k1_in_the_reward_with_return_to_go_is_exact(length: int) -> None:
    world = make_world(length)
    algorithm = make("reinforce", baseline="none", kl={"beta": BETA})
    assert_equal(expected_gradient(world, algorithm, 1), -exact_gradient(world, regularised))


def test_the_position_baseline_of_the_kl_penalty_keeps_it_exact() -> None:
    world = make_world()
    assert_equal(expected_gradient(world, make("reinforce", kl={"beta": BETA}), 2), -exact_gradient(world, regularised))


def test_k1_over_the_whole_completion_is_exact_too() -> None:
    world = make_world()
    assert_equal(expected_gradient(world, make("rloo", kl={"beta": BETA}), 2), -exact_gradient(world, regularised))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("grpo", {}), ("sapo", {}), ("reinforce_pp", {})],
    ids=["sequence mean", "sequence mean, soft gate", "whitened"],
)
def test_other_aggregations_bend_the_gradient_of_the_kl(name: str, settings: dict[str, Any]) -> None:
    """The KL alone: rewards are equal, so nothing else has a gradient."""
    world = replace(make_world(3), rewards=torch.ones_like(make_world(3).rewards))
    gradient = expected_gradient(world, make(name, kl={"beta": BETA}, **settings), 2)
    truth = exact_gradient(world, sequence_kl)
    cosine = float(torch.cosine_similarity(gradient.flatten(), truth.flatten(), dim=0))
    assert 0.5 < cosine < 0.99


def test_k1_in_the_token_rewards_of_ppo_is_exact() -> None:
    world = make_world(3)
    algorithm = make("ppo", lam=1.0, whiten_advantages=False, aggregation="sequence_sum", kl={"beta": BETA})
    gradient = expected_gradient(world, algorithm, 1, values=exact_values(world))
    assert_equal(gradient, -exact_gradient(world, regularised))


@pytest.mark.parametrize("estimator", ["k2", "k3_ratio"])
def test_k2_and_ratio_k3_in_the_loss_give_the_per_state_reverse_kl(estimator: str) -> None:
    world = replace(make_world(3), rewards=torch.zeros_like(make_world(3).rewards))
    algorithm = make("reinforce", baseline="none", kl={"beta": BETA, "placement": "loss", "estimator": estimator})
    gradient = expected_gradient(world, algorithm, 1)
    assert_equal(gradient, BETA * exact_gradient(world, lambda w: state_kl(w, forward=False)))
    # ... which is not the gradient of the completion's KL: what a token does to later states is missing
    assert (gradient - BETA * exact_gradient(world, sequence_kl)).abs().max() > 1e-2


def test_plain_k3_in_the_loss_gives_the_per_state_forward_kl() -> None:
    world = replace(make_world(3), rewards=torch.zeros_like(make_world(3).rewards))
    kl = {"beta": BETA, "placement": "loss", "estimator": "grpo_k3_legacy"}
    gradient = expected_gradient(world, make("reinforce", baseline="none", kl=kl), 1)
    assert_equal(gradient, BETA * exact_gradient(world, lambda w: state_kl(w, forward=True)))


def test_k1_in_the_loss_has_expected_gradient_zero() -> None:
    world = make_world()
    logprobs = world.logprobs(world.table)
    k1 = kl_k1(logprobs, world.logprobs(world.reference)).sum(1)
    (gradient,) = torch.autograd.grad((world.probabilities(world.table).detach() * k1).sum(), world.table)
    assert gradient.abs().max() < 1e-12
    with pytest.raises(ValueError, match="expected gradient 0"):
        kl_loss(logprobs, logprobs, torch.ones_like(logprobs), KlEstimator.K1)


def test_k3_in_the_reward_subtracts_the_forward_kl() -> None:
    # E[k3 grad log pi] = grad KL(pi||ref) - grad KL(ref||pi) per state: near the reference the two cancel, so the
    # penalty does nothing, and further away it can point outwards. That is why it cannot be chosen.
    world = make_world(1)
    logprobs = world.logprobs(world.table)
    k3 = kl_k3(logprobs, world.logprobs(world.reference)).sum(1).detach()
    weight = world.probabilities(world.table).detach() * k3
    (gradient,) = torch.autograd.grad((weight * logprobs.sum(1)).sum(), world.table)
    reverse = exact_gradient(world, lambda w: state_kl(w, forward=False))
    assert_equal(gradient, reverse - exact_gradient(world, lambda w: state_kl(w, forward=True)))
    with pytest.raises(ValueError, match="cannot be placed in the reward"):
        make("reinforce", kl={"beta": 0.1, "placement": "reward", "estimator": "k3_ratio"})


@pytest.mark.parametrize(("estimator", "unbiased"), [("k1", True), ("k3", True), ("k2", False)])
def test_values_of_the_kl_estimators(estimator: str, unbiased: bool) -> None:
    from rl.functional import kl

    world = make_world(1)
    logprobs = world.logprobs(world.table).detach()
    estimate = getattr(kl, f"kl_{estimator}")(logprobs, world.logprobs(world.reference)).sum(1)
    value = float((world.probabilities(world.table).detach() * estimate).sum())
    assert (abs(value - float(sequence_kl(world).detach())) < 1e-12) is unbiased


def test_distillation_follows_the_per_state_reverse_kl_to_the_teacher() -> None:
    world = make_world(3)
    gradient = expected_gradient(world, make("distill", aggregation="sequence_sum"), 1)
    assert_equal(gradient, exact_gradient(world, lambda w: state_kl(w, forward=False)))
