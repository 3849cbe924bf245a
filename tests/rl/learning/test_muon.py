"""Muon against its definition (a singular value decomposition), torch's own, and AdamW."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from policies.tiny import TinyConfig, build_tiny
from rl.learning.muon import Muon, orthogonal
from rl.learning.optimizer import Optimizer, OptimizerSettings

SETTINGS = OptimizerSettings(lr=0.02, kind="muon", weight_decay=0.1)


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 2**31 - 1), st.floats(1e-6, 1e6))
def test_singular_vectors_stay_and_singular_values_come_to_about_one(
    rows: int, columns: int, seed: int, scale: float
) -> None:
    rank = min(rows, columns)
    generator = torch.Generator().manual_seed(seed)
    u, _ = torch.linalg.qr(torch.randn(rows, rank, generator=generator))
    v, _ = torch.linalg.qr(torch.randn(columns, rank, generator=generator))
    values = scale * (0.2 + torch.rand(rank, generator=generator))
    found = u.mT @ orthogonal((u * values) @ v.mT[None])[0] @ v
    assert torch.allclose(found, torch.diag(found.diag()), atol=2e-4)
    assert float(found.diag().min()) > 0.6
    assert float(found.diag().max()) < 1.3


def test_no_gradient_moves_nothing() -> None:
    assert torch.equal(orthogonal(torch.zeros(2, 3, 4)), torch.zeros(2, 3, 4))


def test_matrices_move_as_under_torchs_muon() -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(shape)) for shape in ((6, 6), (9, 4), (6, 6), (4, 9))]
    theirs = [nn.Parameter(p.detach().clone()) for p in ours]
    mine = Muon([{"params": ours, "is_inner": True, "weight_decay": 0.1}], lr=0.02, betas=(0.9, 0.95), eps=1e-8)
    peer = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, adjust_lr_fn="original")
    before = [p.detach().clone() for p in ours]
    for _ in range(5):
        for a, b in zip(ours, theirs):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        mine.step()
        peer.step()
    for a, b, old in zip(ours, theirs, before):
        assert (a - b).norm() < 0.03 * (a - old).norm()  # torch's arithmetic is bfloat16


def test_all_but_the_matrices_within_move_as_under_adamw() -> None:
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=32), vocabulary=["a", "b"], seed=0)
    twin = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=32), vocabulary=["a", "b"], seed=0)
    muon, adamw = (
        Optimizer(policy.model, SETTINGS),
        Optimizer(twin.model, OptimizerSettings(lr=0.002, weight_decay=0.1)),
    )
    torch.manual_seed(0)
    for step in range(3):
        for a, b in zip(policy.model.parameters(), twin.model.parameters()):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        muon.step(step)
        adamw.step(step)
    pairs = zip(policy.model.named_parameters(), twin.model.parameters())
    same = {name for (name, a), b in pairs if torch.equal(a, b)}
    inner = {name for name, p in policy.model.named_parameters() if name.endswith("proj.weight")}
    assert same == {name for name, _ in policy.model.named_parameters()} - inner


def test_a_fit_goes_on_from_its_state() -> None:
    def steps(optimizer: Optimizer, model: nn.Module, first: int, last: int) -> None:
        for step in range(first, last):
            torch.manual_seed(step)
            (model(torch.randn(8, 5)) - 1).square().mean().backward()
            optimizer.step(step)

    def fresh() -> nn.Module:
        torch.manual_seed(7)
        return nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 1))

    whole, parts = fresh(), fresh()
    steps(Optimizer(whole, SETTINGS), whole, 0, 6)
    first = Optimizer(parts, SETTINGS)
    steps(first, parts, 0, 3)
    second = Optimizer(parts, SETTINGS)
    second.load_state_dict(first.state_dict())
    steps(second, parts, 3, 6)
    for a, b in zip(whole.parameters(), parts.parameters()):
        assert torch.equal(a, b)


def test_only_matrices() -> None:
    with pytest.raises(ValueError, match=r"whole matrices, got a parameter of shape \(3,\): use kind adamw"):
        Muon([{"params": [nn.Parameter(torch.zeros(3))], "is_inner": True}], lr=0.1, betas=(0.9, 0.95), eps=1e-8)
