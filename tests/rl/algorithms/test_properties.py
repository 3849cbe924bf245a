"""What must hold for every algorithm and any batch (Hypothesis): how a step is cut, how rows are padded and in which
order they stand never matter; what is masked is never read and gets exactly zero gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from rl.algorithms import ALGORITHMS, Algorithm, Scores, make
from rl.types import Batch, Totals

LIMIT = 6
TOLERANCE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}
RL = sorted(set(ALGORITHMS) - {"sft", "distill"})
EVERYTHING = {"kl": {"beta": 0.1}, "correction": {"cap": 1.2}, "entropy_coefficient": 0.1}
VARIANTS: list[tuple[str, dict]] = [
    *((name, {}) for name in sorted(ALGORITHMS)),
    *((name, EVERYTHING) for name in ("reinforce", "rloo", "grpo", "reinforce_pp", "vapo")),
    *((name, {"kl": {"beta": 0.1, "placement": "loss", "estimator": "k3_ratio"}}) for name in ("grpo", "gspo", "ppo")),
    ("grpo", {"scale": "batch_std", "aggregation": "constant", "dual_clip": 3.0}),
    ("grpo", {"correction": {"level": "geometric", "bound": "mask", "cap": 1.1, "floor": 0.9}}),
    ("ppo", {"value_clip": 0.1, "gamma": 0.9, "lam": 0.5, "whiten_advantages": False}),
]
quick = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
each = pytest.mark.parametrize(("name", "options"), VARIANTS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(VARIANTS)])


@st.composite
def batches(draw: st.DrawFn) -> tuple[Batch, Scores]:
    """A batch of 2 to 4 groups of 2 or 3 rows, with prompts, gaps (tool output) and right padding, and its scores."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    groups, size = draw(st.integers(2, 4)), draw(st.integers(2, 3))
    rows, width = groups * size, LIMIT + 3
    mask = torch.zeros(rows, width, dtype=torch.float64)
    attention = torch.zeros(rows, width, dtype=torch.bool)
    for row in range(rows):
        prompt, length = draw(st.integers(1, 3)), draw(st.integers(1, LIMIT))
        mask[row, prompt : prompt + length] = 1
        attention[row, : prompt + length] = True
        if length > 2 and draw(st.booleans()):
            mask[row, prompt + 1] = 0  # a token that a tool wrote

    def noise() -> Tensor:
        return torch.rand(rows, width, generator=generator, dtype=torch.float64)

    rewards = torch.randint(0, 3, (rows,), generator=generator).double() / 2
    old = -noise()
    batch = Batch(
        tokens=torch.zeros(rows, width, dtype=torch.long),
        attention=attention,
        mask=mask,
        sampler_logprobs=old + 0.2 * noise(),
        rewards=rewards,
        groups=torch.arange(groups).repeat_interleave(size),
        truncated=torch.zeros(rows, dtype=torch.bool),
        token_rewards=0.1 * noise() if draw(st.booleans()) else None,
        old_logprobs=old,
        reference_logprobs=-noise(),
        values=noise(),
    )
    return batch, Scores(old + 0.3 * noise() - 0.15, noise(), noise())


def totals_of(batch: Batch) -> Totals:
    return Totals(float(batch.mask.sum()), float((batch.mask.sum(1) > 0).sum()), LIMIT)


def gradients(algorithm: Algorithm, batch: Batch, scores: Scores, totals: Totals) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and its gradient by log-probabilities, entropies and values, [B, T] each."""
    leaves = {k: v.clone().requires_grad_() for k, v in vars(scores).items()}
    loss = algorithm.loss(batch, Scores(**leaves), totals).loss
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return loss.detach(), {k: torch.zeros_like(leaf) if g is None else g for (k, leaf), g in zip(leaves.items(), found)}


def take(batch: Batch, index: Tensor) -> Batch:
    """The rows at `index`, columns as they are."""
    rows: dict[str, Any] = {k: None if v is None else v[index] for k, v in vars(batch).items()}
    return Batch(**rows)


def pick(scores: Scores, index: Tensor) -> Scores:
    return Scores(*(v[index] for v in (scores.logprobs, scores.entropy, scores.values) if v is not None))


def map_columns(batch: Batch, scores: Scores, change) -> tuple[Batch, Scores]:
    """Every [B, T] tensor through `change`."""
    new = {k: change(v) if isinstance(v, Tensor) and v.dim() == 2 else v for k, v in vars(batch).items()}
    return Batch(**new), Scores(*(change(v) for v in (scores.logprobs, scores.entropy, scores.values)))


@each
@quick
@given(case=batches(), data=st.data())
def test_how_a_step_is_cut_into_micro_batches_never_matters(name: str, options: dict, case, data) -> None:
    batch, scores = case
    algorithm = make(name, **options)
    batch = algorithm.compute_advantages(batch)
    totals = totals_of(batch)
    whole, whole_gradients = gradients(algorithm, batch, scores, totals)
    order = torch.tensor(data.draw(st.permutations(range(batch.num_rows))))
    cut = data.draw(st.integers(1, batch.num_rows - 1))
    partial = torch.zeros((), dtype=torch.float64)
    for part in (order[:cut], order[cut:]):
        loss, found = gradients(algorithm, take(batch, part), pick(scores, part), totals)
        partial = partial + loss
        for key, gradient in found.items():
            torch.testing.assert_close(gradient, whole_gradients[key][part], **TOLERANCE)
    torch.testing.assert_close(partial, whole, **TOLERANCE)


@each
@quick
@given(case=batches(), left=st.integers(0, 3), right=st.integers(0, 3))
def test_padding_side_and_width_never_matter(name: str, options: dict, case, left: int, right: int) -> None:
    batch, scores = case
    algorithm = make(name, **options)
    expected = gradients(algorithm, algorithm.compute_advantages(batch), scores, totals_of(batch))[0]

    def pad(x: Tensor) -> Tensor:
        return torch.nn.functional.pad(x, (left, right))

    padded, padded_scores = map_columns(batch, scores, pad)
    actual = gradients(algorithm, algorithm.compute_advantages(padded), padded_scores, totals_of(batch))[0]
    torch.testing.assert_close(actual, expected, **TOLERANCE)


@each
@quick
@given(case=batches(), data=st.data())
def test_the_order_of_rows_and_the_names_of_groups_never_matter(name: str, options: dict, case, data) -> None:
    batch, scores = case
    algorithm = make(name, **options)
    credited = algorithm.compute_advantages(batch)
    order = torch.tensor(data.draw(st.permutations(range(batch.num_rows))))
    shuffled = take(batch, order)
    shuffled = algorithm.compute_advantages(replace(shuffled, groups=7 * shuffled.groups + 100))
    if credited.advantages is not None:
        torch.testing.assert_close(shuffled.advantages, credited.advantages[order], **TOLERANCE)
    totals = totals_of(batch)
    torch.testing.assert_close(
        gradients(algorithm, shuffled, pick(scores, order), totals)[0],
        gradients(algorithm, credited, scores, totals)[0],
        **TOLERANCE,
    )


@each
@quick
@given(case=batches())
def test_masked_positions_are_never_read_and_get_zero_gradient(name: str, options: dict, case) -> None:
    batch, scores = case
    algorithm = make(name, **options)
    totals = totals_of(batch)
    expected, expected_gradients = gradients(algorithm, algorithm.compute_advantages(batch), scores, totals)
    masked = batch.mask == 0

    def poison(x: Tensor) -> Tensor:
        return x.masked_fill(masked, torch.nan) if x.is_floating_point() else x

    poisoned, poisoned_scores = map_columns(replace(batch, mask=torch.zeros(0)), scores, poison)
    poisoned = algorithm.compute_advantages(replace(poisoned, mask=batch.mask))
    if poisoned.advantages is not None:
        clean = algorithm.compute_advantages(batch).advantages
        assert clean is not None
        assert torch.equal(poisoned.advantages, clean)
        poisoned = replace(poisoned, advantages=poison(poisoned.advantages))
    actual, actual_gradients = gradients(algorithm, poisoned, poisoned_scores, totals)
    assert torch.equal(actual, expected)
    for key, gradient in actual_gradients.items():
        assert torch.equal(gradient, expected_gradients[key])
        assert bool((gradient[masked] == 0).all())


@each
@quick
@given(case=batches())
def test_metrics_are_finite_and_in_the_list(name: str, options: dict, case) -> None:
    from rl.algorithms.base import advantage_metrics, derived_metrics
    from rl.records.names import METRICS

    batch, scores = case
    algorithm = make(name, **options)
    credited = algorithm.compute_advantages(batch)
    parts = algorithm.loss(credited, scores, totals_of(batch))
    means = {key: float(n) / float(d) for key, (n, d) in parts.sums.items() if float(d)}
    reported = {
        **means,
        **{key: float(value) for key, value in parts.maxima.items()},
        **derived_metrics(means),
        **advantage_metrics(credited),
    }
    assert set(reported) <= set(METRICS)
    assert all(abs(value) < float("inf") for value in reported.values())


@pytest.mark.parametrize("name", sorted(set(RL) - {"reinforce", "reinforce_pp", "ppo", "vapo", "max_rl"}))
@quick
@given(case=batches(), shift=st.floats(-5, 5))
def test_a_constant_added_to_a_problems_rewards_changes_nothing(name: str, case, shift: float) -> None:
    batch, _ = case
    algorithm = make(name, **({"scale": "none"} if name not in ("rloo", "dr_grpo") else {}))
    moved = replace(batch, rewards=batch.rewards + shift * (batch.groups == 0))
    before, after = algorithm.compute_advantages(batch), algorithm.compute_advantages(moved)
    torch.testing.assert_close(after.advantages, before.advantages, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", sorted(set(RL) - {"ppo", "vapo"}))
@quick
@given(case=batches())
def test_rows_called_inactive_have_exactly_zero_gradient(name: str, case) -> None:
    batch, scores = case
    algorithm = make(name)
    credited = algorithm.compute_advantages(replace(batch, token_rewards=None))
    active = algorithm.active_rows(credited)
    found = gradients(algorithm, credited, scores, totals_of(batch))[1]["logprobs"]
    assert bool((found[~active] == 0).all())
    assert bool((found[active] != 0).any(1).sum() <= active.sum())


@quick
@given(case=batches())
def test_a_step_without_its_inactive_rows_has_the_same_loss(case) -> None:
    batch, scores = case
    algorithm = make("dr_grpo")
    credited = algorithm.compute_advantages(replace(batch, token_rewards=None))
    index = algorithm.active_rows(credited).nonzero().squeeze(1)
    totals = totals_of(batch)
    torch.testing.assert_close(
        gradients(algorithm, take(credited, index), pick(scores, index), totals)[0],
        gradients(algorithm, credited, scores, totals)[0],
        **TOLERANCE,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"kl": {"beta": 0.1, "placement": "loss"}},
        {"kl": {"beta": 0.1}},
        {"entropy_coefficient": 0.1},
    ],
)
def test_a_row_without_reward_signal_still_has_its_kl_and_entropy_gradient(options: dict) -> None:
    mask = torch.ones(4, 2, dtype=torch.float64)
    batch = Batch(
        tokens=mask.long(),
        attention=mask.bool(),
        mask=mask,
        sampler_logprobs=torch.zeros_like(mask),
        rewards=torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64),
        groups=torch.tensor([0, 0, 1, 1]),
        truncated=torch.zeros(4, dtype=torch.bool),
        reference_logprobs=-torch.rand(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64),
    )
    plain, algorithm = make("grpo"), make("grpo", **options)
    assert plain.active_rows(plain.compute_advantages(batch)).tolist() == [False, False, True, True]
    assert bool(algorithm.active_rows(algorithm.compute_advantages(batch)).all())
