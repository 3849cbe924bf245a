"""One test per class of silently wrong RL mathematics that other projects have shipped.

Each names the project and what went wrong there; the numbers are worked by hand.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.algorithms import Scores, make
from rl.algorithms.policy_gradient import PolicyGradient
from rl.functional.advantages import gae, leave_one_out, returns_to_go, signal_scale
from rl.functional.aggregation import Aggregation, aggregate
from rl.functional.correction import Bound, Level, importance_weights
from rl.functional.estimators import maj_at_k, pass_at_k
from rl.functional.masked import whiten
from rl.types import Batch, Group, Totals, Trajectory
from verifiers.types import Outcome, Verdict


def tensor(*rows: Sequence[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def batch_from(rewards: Sequence[float], mask: Tensor, groups: Sequence[int], **more: Tensor) -> Batch:
    zeros = torch.zeros_like(mask)
    return Batch(
        tokens=zeros.long(),
        attention=torch.ones_like(mask, dtype=torch.bool),
        mask=mask,
        sampler_logprobs=more.pop("sampler_logprobs", zeros),
        rewards=torch.tensor(rewards, dtype=torch.float64),
        groups=torch.tensor(groups),
        truncated=torch.zeros(len(rewards), dtype=torch.bool),
        **more,
    )


def group_of(rewards: Sequence[float], lengths: Sequence[int] | None = None) -> Group:
    problem = Problem(prompt="?", answer="1")
    rows = []
    for uid, (reward, length) in enumerate(zip(rewards, lengths or [1] * len(rewards))):
        completion = Completion((5,) * length, (-0.5,) * length, "x", FinishReason.STOP)
        verdict = Verdict(Outcome.CORRECT if reward > 0 else Outcome.WRONG, float(reward > 0))
        rows.append(Trajectory(uid, problem, (1,), completion, verdict).rewarded({"correct": float(reward)}))
    return Group(problem, tuple(rows))


def loss_and_gradient(algorithm, batch: Batch, logprobs: Tensor, totals: Totals) -> tuple[float, Tensor]:
    leaf = logprobs.clone().requires_grad_()
    loss = algorithm.loss(algorithm.compute_advantages(batch), Scores(leaf), totals).loss
    return float(loss.detach()), torch.autograd.grad(loss, leaf)[0]


# --- several turns ---


def test_the_first_turn_of_a_conversation_gets_its_return() -> None:
    # verl's REINFORCE++ multiplied the running return by the mask: with tool output between two turns, the first turn
    # got returns [0 0 . . 1 1] instead of [1 1 . . 1 1]
    mask, rewards = tensor([1, 1, 0, 0, 1, 1]), tensor([0, 0, 0, 0, 0, 1])
    assert returns_to_go(rewards, mask).tolist() == [[1, 1, 0, 0, 1, 1]]
    # discounted once per sampled token, not per column: 0.5^3, 0.5^2, 0.5, 1
    assert returns_to_go(rewards, mask, gamma=0.5).tolist() == [[0.125, 0.25, 0, 0, 0.5, 1]]


def test_reinforce_pp_credits_both_turns_alike() -> None:
    mask = tensor([1, 1, 0, 0, 1, 1], [1, 1, 0, 0, 1, 1])
    advantages = make("reinforce_pp").compute_advantages(batch_from([1, 0], mask, [0, 1])).advantages
    assert advantages is not None
    torch.testing.assert_close(advantages, tensor([1, 1, 0, 0, 1, 1], [-1, -1, 0, 0, -1, -1]), rtol=0, atol=1e-6)


def test_gae_carries_value_and_advantage_across_tool_output() -> None:
    # OpenRLHF multiplies values by the mask: a phantom drop to 0 and back inside the trajectory. Worked by hand with
    # gamma 1, lambda 0.5 on the sampled tokens alone, V = 3, 2 and reward 1: A_2 = 1-2 = -1, A_1 = (2-3) + 0.5(-1)
    mask, values = tensor([1, 0, 0, 1]), tensor([3, 99, 99, 2])
    assert gae(tensor([0, 0, 0, 1]), values, mask, lam=0.5).tolist() == [[-1.5, 0, 0, -1]]


def test_gae_does_not_bootstrap_from_padding() -> None:
    # ROLL read the value model's output on padding as the value after the last token
    mask, rewards = tensor([1, 1, 0, 0]), tensor([0, 1, 0, 0])
    clean = gae(rewards, tensor([0.5, 0.5, 0, 0]), mask)
    leaky = gae(rewards, tensor([0.5, 0.5, 123, float("nan")]), mask)
    assert torch.equal(clean, leaky)
    assert clean[0, 1] == 0.5  # 1 - 0.5, nothing after the end


# --- divisors ---


@pytest.mark.parametrize("how", list(Aggregation))
def test_a_duplicated_batch_has_the_same_loss(how: Aggregation) -> None:
    # verl's seq-mean-token-sum-norm was not divided by the batch: duplicating the batch doubled the loss
    values, mask = tensor([1, 2, 3], [4, 5, 0]), tensor([1, 1, 1], [1, 1, 0])
    once = aggregate(values, mask, Totals(5, 2, 8), how)
    twice = aggregate(torch.cat([values, values]), torch.cat([mask, mask]), Totals(10, 4, 8), how)
    assert float(once) == pytest.approx(float(twice))
    # worked by hand: token mean 15/5, sequence mean (2 + 4.5)/2, sequence sum (6 + 9)/2, constant (6 + 9)/(2*8)
    by_hand = {"token_mean": 3.0, "sequence_mean": 3.25, "sequence_sum": 7.5, "constant": 0.9375}
    assert float(once) == pytest.approx(by_hand[how.value])


def test_a_step_of_four_micro_batches_is_not_a_quarter_or_four_times_the_loss() -> None:
    # trl#2995, #3021, #5619, PR#6024 and ms-swift#10117: gradient accumulation counted twice or not at all
    values, mask = torch.rand(8, 5, dtype=torch.float64), torch.ones(8, 5, dtype=torch.float64)
    totals = Totals(40, 8, 5)
    for how in Aggregation:
        parts = sum(float(aggregate(values[i : i + 2], mask[i : i + 2], totals, how)) for i in range(0, 8, 2))
        assert parts == pytest.approx(float(aggregate(values, mask, totals, how)))


def test_whitening_of_a_single_token_is_the_identity() -> None:
    # verl raises; a variance of one number is 0/0
    assert whiten(tensor([3.0, 7.0]), tensor([1, 0])).tolist() == [[3.0, 0.0]]


# --- weights and clips ---


def test_truncation_bounds_every_weight() -> None:
    # OpenRLHF's seq-mask-tis passed a token weight of 7.4 with threshold 2
    zeros = tensor([0, 0])
    weights, raw = importance_weights(
        tensor([2.0, -1.0]), zeros, torch.ones_like(zeros), level=Level.TOKEN, bound=Bound.TRUNCATE, cap=2.0
    )
    assert weights[0].tolist() == pytest.approx([2.0, 0.36787944])
    assert raw[0, 0] == pytest.approx(7.3890561)


@pytest.mark.parametrize("level", list(Level))
def test_no_bounded_weight_exceeds_the_cap(level: Level) -> None:
    proximal = torch.randn(6, 9, dtype=torch.float64)
    for bound in Bound:
        weights, _ = importance_weights(
            proximal, torch.zeros_like(proximal), torch.ones_like(proximal), level=level, bound=bound, cap=1.5
        )
        assert float(weights.max()) <= 1.5


def test_a_long_completion_does_not_leave_the_geometric_filter_by_its_length() -> None:
    # trl#4772: a sequence ratio with cap 3 drops long completions whose tokens are each off by 1.2% only:
    # 1.012^100 = 3.3
    proximal = torch.full((1, 100), 0.012, dtype=torch.float64)
    zeros, ones = torch.zeros_like(proximal), torch.ones_like(proximal)
    sequence, _ = importance_weights(proximal, zeros, ones, level=Level.SEQUENCE, bound=Bound.MASK, cap=3.0)
    geometric, _ = importance_weights(proximal, zeros, ones, level=Level.GEOMETRIC, bound=Bound.MASK, cap=1.05)
    assert float(sequence.max()) == 0
    assert bool((geometric == 1).all())


def test_cispo_does_not_scale_on_policy_gradients() -> None:
    # TRL's cispo with its default epsilon clamps the weight at 0.2: one fifth of the gradient, on policy
    mask = tensor([1, 1], [1, 1])
    batch = batch_from([1, 0], mask, [0, 0])
    totals, logprobs = Totals(4, 2, 2), torch.zeros_like(mask)
    _, gradient = loss_and_gradient(make("cispo", scale="none"), batch, logprobs, totals)
    assert gradient.tolist() == [[-0.125, -0.125], [0.125, 0.125]]  # -A/N = -(+-0.5)/4
    with pytest.raises(ValueError, match=r"cap is 0\.2"):
        make("cispo", cap=0.2)


def test_the_gradient_does_not_flow_through_the_importance_weight() -> None:
    mask = tensor([1, 1], [1, 1])
    batch = batch_from([1, 0], mask, [0, 0], sampler_logprobs=tensor([0.5, 0.5], [0.5, 0.5]))
    algorithm = make("reinforce", baseline="none", correction={"cap": 10.0})
    _, gradient = loss_and_gradient(algorithm, batch, torch.zeros_like(mask), Totals(4, 2, 2))
    weight = float(torch.tensor(-0.5, dtype=torch.float64).exp())
    assert gradient[0].tolist() == pytest.approx([-weight / 2, -weight / 2])  # not -w/2 (1 + log pi)


# --- groups ---


def test_dynamic_sampling_never_splits_a_group() -> None:
    # NeMo-RL filtered single rows by their leave-one-out deviation: [1, 0, 0, 0] lost its only correct row (whose
    # siblings all have 0) and the rest became a group without signal. Here a group is kept or replaced as a whole.
    dapo = make("dapo")
    assert dapo.filter_group(group_of([1, 0, 0, 0]))
    assert not dapo.filter_group(group_of([0, 0, 0, 0]))
    assert not dapo.filter_group(group_of([1, 1, 1, 1]))
    assert dapo.max_resamples > 0


def test_a_penalty_for_length_does_not_make_a_signal_out_of_an_all_right_group() -> None:
    dapo = make("dapo")
    (shaped,) = dapo.shape_rewards([group_of([1, 1], lengths=[10, 95])], max_tokens=100)
    # buffer 20 tokens: 95 is 15 into it -> -15/20
    assert shaped.rewards == pytest.approx([1.0, 0.25])
    assert not dapo.filter_group(shaped)


def test_gpg_counts_all_right_groups_as_silent() -> None:
    # verl scales by B / (number of nonzero rewards): with one group all right and one mixed, 4/3 instead of 4/2
    rewards, groups = torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 0, 1, 1])
    assert float(signal_scale(rewards, groups)) == 2.0
    mask = torch.ones(4, 1, dtype=torch.float64)
    advantages = make("gpg").compute_advantages(batch_from([1, 1, 1, 0], mask, [0, 0, 1, 1])).advantages
    assert advantages is not None
    assert advantages.flatten().tolist() == [0, 0, 1, -1]  # 2 x (+-0.5)


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "rloo", "gspo", "dapo", "cispo", "gpg", "max_rl"])
@pytest.mark.parametrize("reward", [0.1, 1 / 3, 0.7, 1e6 + 0.1])
def test_a_group_of_equal_rewards_has_exactly_zero_advantage(name: str, reward: float) -> None:
    # a mean of equals rounds: 0.1 + 0.1 + 0.1 over 3 is not 0.1, and dividing the rest by std + 1e-4 blows it up
    mask = torch.ones(5, 2, dtype=torch.float64)
    algorithm = make(name)
    advantages = algorithm.compute_advantages(batch_from([reward] * 3 + [0.0, 1.0], mask, [0, 0, 0, 1, 1])).advantages
    assert advantages is not None
    assert bool((advantages[:3] == 0).all())


@pytest.mark.parametrize("name", ["grpo", "gspo", "cispo"])
def test_a_kl_penalty_is_not_blown_up_in_a_group_of_equal_rewards(name: str) -> None:
    # inside the group's standard deviation, differences in KL alone would become advantages of size 1
    mask = torch.ones(4, 2, dtype=torch.float64)
    reference = tensor([0.01, 0], [0, 0], [0, 0], [0, 0])
    batch = batch_from([1, 1, 1, 0], mask, [0, 0, 1, 1], reference_logprobs=reference)
    advantages = make(name, kl={"beta": 0.1}).compute_advantages(batch).advantages
    assert advantages is not None
    assert 0 < float(advantages[:2].abs().max()) <= 0.1 * 0.01 + 1e-12
    assert float(advantages[2:].abs().max()) > 0.5


def test_an_unscorable_completion_takes_no_part() -> None:
    # averaging it as 0 biases the baseline and gives it an advantage: rewards 1, 0, (nothing) -> mean 0.5
    mask = torch.ones(3, 1, dtype=torch.float64)
    nothing = float("nan")
    centred = make("grpo", scale="none").compute_advantages(batch_from([1, 0, nothing], mask, [0] * 3)).advantages
    alone = make("rloo").compute_advantages(batch_from([1, 0, nothing], mask, [0] * 3)).advantages
    assert centred is not None
    assert alone is not None
    assert centred.flatten().tolist() == [0.5, -0.5, 0]
    assert alone.flatten().tolist() == [1, -1, 0]


def test_groups_are_told_apart_by_index_not_by_neighbourhood() -> None:
    rewards = torch.tensor([1.0, 5.0, 0.0, 7.0])
    assert leave_one_out(rewards, torch.tensor([3, 8, 3, 8])).tolist() == [1, -2, -1, 2]


# --- KL ---


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "rloo", "gspo", "reinforce", "ppo", "reinforce_pp", "max_rl"])
@pytest.mark.parametrize("placement", ["reward", "loss"])
def test_a_kl_coefficient_is_never_ignored(name: str, placement: str) -> None:
    # slime accepts kl_coef for GRPO and does nothing with it
    mask = torch.ones(4, 3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    more = {
        "reference_logprobs": torch.randn(4, 3, generator=generator, dtype=torch.float64),
        "values": torch.zeros_like(mask),
    }
    batch = batch_from([1, 0, 0, 1], mask, [0, 0, 1, 1], **more)
    scores = torch.zeros_like(mask)

    def gradient(beta: float) -> Tensor:
        algorithm = make(name, kl={"beta": beta, "placement": placement})
        leaf = scores.clone().requires_grad_()
        loss = algorithm.loss(algorithm.compute_advantages(batch), Scores(leaf, None, scores), Totals(12, 4, 3)).loss
        return torch.autograd.grad(loss, leaf)[0]

    assert (gradient(0.5) - gradient(0.0)).abs().max() > 1e-3
    assert make(name, kl={"beta": 0.5, "placement": placement}).needs_reference


@pytest.mark.parametrize("estimator", ["k1+", "k3+", "low_var_kl+", "k4"])
def test_an_unknown_estimator_is_refused_when_it_is_configured(estimator: str) -> None:
    # verl documents k1+ and k3+, and raises NotImplementedError in the middle of training
    with pytest.raises(ValueError, match=r"kl\.estimator"):
        make("grpo", kl={"beta": 0.1, "placement": "loss", "estimator": estimator})


def test_the_adaptive_kl_coefficient_survives_a_checkpoint() -> None:
    algorithm = make("grpo", kl={"beta": 0.1, "target": 0.05, "horizon": 100.0})
    moved = algorithm.after_update({"policy/kl_reference_k1": 0.5}, num_sequences=50)
    again = algorithm.with_state(moved.state_dict())
    assert isinstance(moved, PolicyGradient)
    assert isinstance(again, PolicyGradient)
    assert moved.beta == pytest.approx(0.1 * (1 + 0.2 * 50 / 100))  # error clipped at 0.2
    assert again.beta == moved.beta
    with pytest.raises(ValueError, match="nan"):
        moved.after_update({"policy/kl_reference_k1": float("nan")}, num_sequences=50)


# --- evaluation ---


def test_best_of_n_is_not_biased_low_by_drawing_with_replacement() -> None:
    # verl bootstraps with replacement: from one correct of two samples best@2 is 3/4 there, and 1 in truth
    assert pass_at_k(2, 1, 2) == 1.0


def test_a_tied_majority_counts_by_its_share() -> None:
    assert maj_at_k(["1", "2"], [True, False], 2) == 0.5
