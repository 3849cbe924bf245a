"""Loss and gradient equal those of TRL 1.16 on the same frozen batch.

TRL's own loss methods run on a stand-in for the trainer that hands them fixed log-probabilities, so what is compared
is the mathematics: no model, no sampling. Differences in convention are stated where they are bridged.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from trl_stand_in import trainer_stand_in

from rl.algorithms import Algorithm, Scores, make
from rl.types import Batch, Totals

LIMIT = 9  # length limit of the completions
GROUP = 3


def frozen_batch(seed: int = 0) -> tuple[Batch, Tensor]:
    """Four groups of three completions, one of them without signal, and current log-probabilities."""
    generator = torch.Generator().manual_seed(seed)
    rows, width = 4 * GROUP, LIMIT
    lengths = torch.randint(1, width + 1, (rows,), generator=generator)
    mask = (torch.arange(width) < lengths.unsqueeze(1)).double()
    old = -torch.rand(rows, width, generator=generator, dtype=torch.float64) * 3
    current = old + 0.3 * torch.randn(rows, width, generator=generator, dtype=torch.float64)
    rewards = torch.randn(rows, generator=generator, dtype=torch.float64)
    rewards[:GROUP] = 1.0
    batch = Batch(
        tokens=torch.zeros(rows, width, dtype=torch.long),
        attention=mask.bool(),
        mask=mask,
        sampler_logprobs=old,
        rewards=rewards,
        groups=torch.arange(4).repeat_interleave(GROUP),
        truncated=torch.zeros(rows, dtype=torch.bool),
        reference_logprobs=old + 0.2 * torch.randn(rows, width, generator=generator, dtype=torch.float64),
    )
    return batch, current


def ours(algorithm: Algorithm, batch: Batch, current: Tensor, entropy: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Loss and its gradient with respect to the log-probabilities."""
    logprobs = current.clone().requires_grad_()
    totals = Totals(float(batch.mask.sum()), float(batch.num_rows), LIMIT)
    loss = algorithm.loss(algorithm.compute_advantages(batch), Scores(logprobs, entropy), totals).loss
    return loss.detach(), torch.autograd.grad(loss, logprobs)[0]


def trl_stub(logprobs: Tensor, **settings: Any) -> Any:
    """What GRPOTrainer._compute_loss and RLOOTrainer._compute_loss read from the trainer."""
    defaults = {
        "aux_loss_enabled": False,
        "beta": 0.0,
        "current_gradient_accumulation_steps": 1,
        "epsilon_low": 0.2,
        "epsilon_high": 0.2,
        "importance_sampling_level": "token",
        "max_completion_length": LIMIT,
        "model": SimpleNamespace(training=True),
        "off_policy_mask_threshold": None,
        "top_entropy_quantile": 1.0,
        "use_adaptive_entropy": False,
        "use_vllm": False,
        "vllm_importance_sampling_correction": False,
        "entropy_coef": 0.0,
        "_entropy_bonus_enabled": False,
        "args": SimpleNamespace(
            delta=None,
            use_bias_correction_kl=False,
            steps_per_generation=1,
            sapo_temperature_pos=1.0,
            sapo_temperature_neg=1.05,
        ),
    }
    stub = trainer_stand_in(**{**defaults, **settings})
    stub._get_per_token_logps_and_entropies = lambda *_, **__: (logprobs, torch.ones_like(logprobs), None)
    return stub


def trl_inputs(batch: Batch, advantages: Tensor, **more: Any) -> dict[str, Any]:
    ones = torch.ones(batch.num_rows, 1, dtype=torch.long)
    return {
        "prompt_ids": ones,
        "prompt_mask": ones,
        "completion_ids": batch.tokens,
        "completion_mask": batch.mask,
        "advantages": advantages,
        "old_per_token_logps": batch.sampler_logprobs,
        "ref_per_token_logps": batch.reference_logprobs,
        "num_items_in_batch": batch.mask.sum(),
        **more,
    }


def trl_grpo(
    batch: Batch, current: Tensor, scale: str = "group", args: Any = None, **settings: Any
) -> tuple[Tensor, Tensor]:
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.utils import nanstd

    # the advantages are made inside _generate_and_score_completions; these are its lines
    grouped = batch.rewards.view(-1, GROUP)
    advantages = batch.rewards - torch.nanmean(grouped, dim=1).repeat_interleave(GROUP)
    if scale == "group":
        advantages = advantages / (nanstd(grouped, dim=1).repeat_interleave(GROUP) + 1e-4)
    elif scale == "batch":
        advantages = advantages / (nanstd(batch.rewards) + 1e-4)
    logprobs = current.clone().requires_grad_()
    stub = trl_stub(logprobs, **settings)
    for name, value in (args or {}).items():
        setattr(stub.args, name, value)
    loss = GRPOTrainer._compute_loss(stub, None, trl_inputs(batch, advantages))
    return loss.detach(), torch.autograd.grad(loss, logprobs)[0]


def assert_same(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> None:
    assert first[1].abs().max() > 1e-4, "a gradient of 0 compares nothing"
    torch.testing.assert_close(first[0], second[0], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(first[1], second[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scale", ["none", "group", "batch"])
def test_grpo(scale: str) -> None:
    batch, current = frozen_batch()
    name = {"none": "none", "group": "group_std", "batch": "batch_std"}[scale]
    assert_same(ours(make("grpo", scale=name), batch, current), trl_grpo(batch, current, scale, loss_type="grpo"))


def test_bnpo_is_grpo_with_the_token_mean() -> None:
    batch, current = frozen_batch()
    assert_same(
        ours(make("grpo", aggregation="token_mean"), batch, current), trl_grpo(batch, current, loss_type="bnpo")
    )


def test_dr_grpo() -> None:
    batch, current = frozen_batch()
    assert_same(ours(make("dr_grpo"), batch, current), trl_grpo(batch, current, "none", loss_type="dr_grpo"))


def test_dapo() -> None:
    batch, current = frozen_batch()
    assert_same(ours(make("dapo"), batch, current), trl_grpo(batch, current, loss_type="dapo", epsilon_high=0.28))


def test_gspo() -> None:
    batch, current = frozen_batch()
    expected = trl_grpo(
        batch,
        current,
        loss_type="grpo",
        importance_sampling_level="sequence",
        epsilon_low=0.05,
        epsilon_high=0.08,
    )
    assert_same(ours(make("gspo", clip_low=0.05, clip_high=0.08), batch, current), expected)


def test_cispo_with_an_absolute_cap() -> None:
    # TRL clamps at `epsilon_high` itself, so the same number is the absolute cap in both
    batch, current = frozen_batch()
    expected = trl_grpo(batch, current, loss_type="cispo", epsilon_high=1.2)
    assert_same(ours(make("cispo", cap=1.2), batch, current), expected)


def test_sapo() -> None:
    batch, current = frozen_batch()
    assert_same(ours(make("sapo"), batch, current), trl_grpo(batch, current, loss_type="sapo"))


@pytest.mark.parametrize(("estimator", "corrected"), [("grpo_k3_legacy", False), ("k3_ratio", True)])
def test_kl_in_the_loss(estimator: str, corrected: bool) -> None:
    batch, current = frozen_batch()
    kl = {"beta": 0.1, "placement": "loss", "estimator": estimator}
    expected = trl_grpo(batch, current, loss_type="grpo", beta=0.1, args={"use_bias_correction_kl": corrected})
    assert_same(ours(make("grpo", kl=kl), batch, current), expected)


def test_entropy_bonus() -> None:
    batch, current = frozen_batch()
    expected = trl_grpo(batch, current, loss_type="grpo", _entropy_bonus_enabled=True, entropy_coef=0.05)
    actual = ours(make("grpo", entropy_coefficient=0.05), batch, current, entropy=torch.ones_like(current))
    assert_same(actual, expected)


@pytest.mark.parametrize("beta", [0.0, 0.2])
def test_rloo(beta: float) -> None:
    from trl.trainer.rloo_trainer import RLOOTrainer

    batch, current = frozen_batch()
    assert batch.reference_logprobs is not None
    kl = ((batch.sampler_logprobs - batch.reference_logprobs) * batch.mask).sum(1)
    rewards = (batch.rewards - beta * kl).view(-1, GROUP)  # the lines of _generate_and_score_completions
    advantages = rewards - (rewards.sum(1, keepdim=True) - rewards) / (GROUP - 1)
    logprobs = current.clone().requires_grad_()
    old = (batch.sampler_logprobs * batch.mask).sum(1)
    inputs = trl_inputs(batch, advantages.flatten(), old_logps=old)
    loss = RLOOTrainer._compute_loss(trl_stub(logprobs), None, inputs)
    expected = loss.detach(), torch.autograd.grad(loss, logprobs)[0]
    assert_same(ours(make("rloo", kl={"beta": beta}), batch, current), expected)
