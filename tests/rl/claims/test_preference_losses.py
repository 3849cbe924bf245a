"""What trl's trainers of preferences compute is what docs/algorithms/preference.md states: losses and gradients."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid
from trl_stand_in import trainer_stand_in


def bradley_terry_loss(
    chosen: Tensor, rejected: Tensor, *, margin: Tensor | float = 0.0, centering: float = 0.0
) -> Tensor:
    """-log sigmoid(s_c - s_r - margin) + centering (s_c + s_r)^2, per comparison.

    The first part fixes scores up to a constant; `centering` pulls that constant to 0 (arXiv:2312.09244).

    Args:
        chosen, rejected: [N] scores of the reward model.
        margin: how much better the chosen one must be (arXiv:2307.09288 eq. 2).
    """
    loss = -logsigmoid(chosen - rejected - margin)
    return loss + centering * (chosen + rejected).square() if centering else loss


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log sigmoid(beta h), h = log-ratio of the chosen minus that of the rejected.    (arXiv:2305.18290 eq. 7)

    With label_smoothing = e the labels are wrong with probability e (conservative DPO):
    -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h).
    """
    h = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    if not label_smoothing:
        return -logsigmoid(h)
    return -(1 - label_smoothing) * logsigmoid(h) - label_smoothing * logsigmoid(-h)


def ipo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    tau: float = 0.1,
    chosen_lengths: Tensor | None = None,
    rejected_lengths: Tensor | None = None,
) -> Tensor:
    """(h - 1 / (2 tau))^2: a finite preference gap instead of DPO's unbounded one.       (arXiv:2310.12036 eq. 17)

    With lengths [N] each log-ratio is divided by its completion's length first, as TRL does with the authors' assent;
    without, h is a sum over tokens, as the paper writes it.

    Raises:
        ValueError: one of the two lengths without the other.
    """
    if (chosen_lengths is None) != (rejected_lengths is None):
        raise ValueError("ipo_loss needs the lengths of both completions, or of neither")
    won, lost = chosen - reference_chosen, rejected - reference_rejected
    if chosen_lengths is not None and rejected_lengths is not None:
        won, lost = won / chosen_lengths.clamp(min=1), lost / rejected_lengths.clamp(min=1)
    return (won - lost - 1 / (2 * tau)).square()


def kto_loss(
    logprobs: Tensor,
    reference: Tensor,
    desirable: Tensor,
    mismatched: Tensor,
    mismatched_reference: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """Kahneman-Tversky loss from single completions labelled good or bad.           (arXiv:2402.01306 eq. 8)

    lambda_D (1 - sigmoid(beta (h - z))) for a desirable completion, lambda_U (1 - sigmoid(beta (z - h))) for an
    undesirable one; h the log-ratio, z = max(0, mean log-ratio of *mismatched* prompt-completion pairs), an estimate
    of KL(pi || reference) through which no gradient flows.

    Args:
        logprobs, reference: [N]. desirable: [N] bool.
        mismatched, mismatched_reference: [M] of completions paired with another problem's prompt.
    """
    zero_point = (mismatched.detach() - mismatched_reference).mean().clamp(min=0)
    gap = beta * (logprobs - reference - zero_point)
    good = desirable_weight * (1 - gap.sigmoid())
    bad = undesirable_weight * (1 - (-gap).sigmoid())
    return good.where(desirable.bool(), bad)


def assert_same(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> None:
    assert first[1].abs().max() > 1e-4, "a gradient of 0 compares nothing"
    torch.testing.assert_close(first[0], second[0], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(first[1], second[1], rtol=1e-6, atol=1e-9)


class FakeModel:
    """Returns fixed per-token log-probabilities in the layout that TRL's fused head has: [N, T-1]."""

    training = True

    def __init__(self, log_probs: Tensor) -> None:
        self.log_probs = log_probs

    def __call__(self, **inputs: Any) -> SimpleNamespace:
        zeros = torch.zeros_like(self.log_probs)
        return SimpleNamespace(log_probs=self.log_probs, entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def pairs(seed: int = 3, rows: int = 8, width: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    """(completion mask [N, T], policy [N, T-1], reference [N, T-1]): one prompt token, then completions."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, width + 1, (rows,), generator=generator)
    mask = (torch.arange(width) < lengths.unsqueeze(1)).long()
    mask[:, 0] = 0
    policy = -torch.rand(rows, width - 1, generator=generator, dtype=torch.float64) * mask[:, 1:]
    reference = -torch.rand(rows, width - 1, generator=generator, dtype=torch.float64) * mask[:, 1:]
    return mask, policy, reference


def preference_stub(model: FakeModel, reference: FakeModel, **settings: Any) -> Any:
    return trainer_stand_in(
        **{
            "args": SimpleNamespace(gradient_checkpointing_kwargs=None),
            "aux_loss_enabled": False,
            "beta": 0.3,
            "f_divergence_type": "reverse_kl",
            "label_smoothing": 0.0,
            "ld_alpha": None,
            "loss_weights": [1.0],
            "model": model,
            "precompute_ref_logps": False,
            "ref_model": reference,
            "use_weighting": False,
            "_total_train_tokens": 0,
            "_tp_size": 1,
            **settings,
        }
    )


def trl_dpo(loss_type: str, **settings: Any) -> tuple[Tensor, Tensor]:
    from trl.trainer import dpo_trainer

    mask, policy, reference = pairs()
    policy.requires_grad_()
    model = FakeModel(policy)
    stub = preference_stub(model, FakeModel(reference), loss_types=[loss_type], **settings)
    inputs = {"input_ids": torch.ones_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}
    with pytest.MonkeyPatch.context() as patch:  # the stand-in is no torch module
        patch.setattr(dpo_trainer, "disable_gradient_checkpointing", _nothing)
        patch.setattr(dpo_trainer, "is_peft_model", lambda _: False)
        loss = dpo_trainer.DPOTrainer._compute_loss(stub, model, inputs, False)
    return loss.detach(), torch.autograd.grad(loss, policy)[0]


class _nothing:
    def __init__(self, *_: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def our_pairs() -> tuple[Tensor, list[Tensor], tuple[Tensor, Tensor]]:
    """(leaf, the four sums that our losses take, the lengths of chosen and rejected)."""
    mask, policy, reference = pairs()
    policy.requires_grad_()
    chosen, rejected = policy.sum(1).chunk(2)
    reference_chosen, reference_rejected = reference.sum(1).chunk(2)
    lengths = mask.sum(1).chunk(2)
    return policy, [chosen, rejected, reference_chosen, reference_rejected], (lengths[0], lengths[1])


def with_gradient(loss: Tensor, leaf: Tensor) -> tuple[Tensor, Tensor]:
    return loss.mean().detach(), torch.autograd.grad(loss.mean(), leaf)[0]


def test_dpo() -> None:
    leaf, sums, _ = our_pairs()
    assert_same(with_gradient(dpo_loss(*sums, beta=0.3), leaf), trl_dpo("sigmoid"))


def test_ipo_with_lengths() -> None:
    leaf, sums, (chosen, rejected) = our_pairs()
    loss = ipo_loss(*sums, tau=0.3, chosen_lengths=chosen, rejected_lengths=rejected)
    assert_same(with_gradient(loss, leaf), trl_dpo("ipo"))


def test_ipo_without_lengths_sums_as_the_paper_writes_it() -> None:
    # log-ratios 1.0 (2 tokens) and -0.5 (5 tokens), tau 0.5: h = 1.5 -> 0.25; per token h = 0.5 + 0.1 = 0.6 -> 0.16
    sums = torch.tensor([1.0]), torch.tensor([-0.5]), torch.zeros(1), torch.zeros(1)
    assert float(ipo_loss(*sums, tau=0.5)) == pytest.approx(0.25)
    lengths = {"chosen_lengths": torch.tensor([2.0]), "rejected_lengths": torch.tensor([5.0])}
    assert float(ipo_loss(*sums, tau=0.5, **lengths)) == pytest.approx(0.16)


@pytest.mark.parametrize("shift", [0.0, 1.5])  # without and with a positive KL estimate
def test_kto(shift: float) -> None:
    from trl.trainer import kto_trainer

    mask, policy, reference = pairs()
    labels = torch.tensor([True, False, True, True, False, False, True, False])
    policy.requires_grad_()
    mismatched = reference.sum(1).flip(0) + shift
    kl_logps = {True: mismatched, False: reference.sum(1).flip(0)}
    model, reference_model = FakeModel(policy), FakeModel(reference)
    stub = preference_stub(
        model,
        reference_model,
        loss_type="kto",
        calculate_KL=True,
        desirable_weight=1.2,
        undesirable_weight=0.7,
        _compute_kl_logps=lambda which, _: kl_logps[which is model],
    )
    inputs = {
        "input_ids": torch.ones_like(mask),
        "attention_mask": torch.ones_like(mask),
        "completion_mask": mask,
        "label": labels,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kto_trainer, "disable_gradient_checkpointing", _nothing)
        patch.setattr(kto_trainer, "is_peft_model", lambda _: False)
        loss = kto_trainer.KTOTrainer._compute_loss(stub, model, inputs, False)
    expected = loss.detach(), torch.autograd.grad(loss, policy)[0]
    actual = kto_loss(
        policy.sum(1),
        reference.sum(1),
        labels,
        kl_logps[True],
        kl_logps[False],
        beta=0.3,
        desirable_weight=1.2,
        undesirable_weight=0.7,
    )
    assert_same(with_gradient(actual, policy), expected)


@pytest.mark.parametrize("margin", [None, 0.4])
@pytest.mark.parametrize("centering", [0.0, 0.05])
def test_reward_model(margin: float | None, centering: float) -> None:
    from trl.trainer.reward_trainer import RewardTrainer

    scores = torch.randn(8, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    stub = trainer_stand_in(
        args=SimpleNamespace(center_rewards_coefficient=centering or None),
        model=SimpleNamespace(training=True),
        _total_train_tokens=0,
        _tp_size=1,
    )
    inputs: dict[str, Any] = {"attention_mask": torch.ones(8, 3)}
    if margin is not None:
        inputs["margin"] = torch.full((4,), margin, dtype=torch.float64)

    def model(margin: Tensor | None = None, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=scores)

    loss = RewardTrainer.compute_loss(stub, model, inputs)
    expected = loss.detach(), torch.autograd.grad(loss, scores)[0]
    chosen, rejected = scores.squeeze(1).chunk(2)
    actual = bradley_terry_loss(chosen, rejected, margin=margin or 0.0, centering=centering)
    assert_same(with_gradient(actual, scores), expected)
