"""Muon: momentum whose update of a matrix is made orthogonal, so that every direction is learned at one rate.

Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon). `torch.optim.Muon` does the same in bfloat16 and matrix
by matrix; here it is float32, for the same weights on every processor, and matrices of one shape go together, which
small models need: 28 matrices of a width of 64 take half of its time, and a fourteenth on a processor without bfloat16
units. What lies outside the network's inner matrices (embeddings, output head, norms, biases) is AdamW's, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from policies.kernels.products import fast_products
from rl.learning.modules import is_sharded

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan's quintic: singular values come to between .7 and 1.2
ITERATIONS = 5
MOMENTUM = 0.95  # of the running mean of gradients, Nesterov's form
ADAMW_SHARE = 0.1  # AdamW's learning rate in that of Muon, whose updates have singular values of 1


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with singular values of about 1: U V^T of each U S V^T, by Newton-Schulz iterations.

    Args:
        matrices: (count, rows, columns), none of them 0.
    """
    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


class Muon(torch.optim.Optimizer):
    """Muon for the matrices within a network, AdamW for all other parameters.

    Args:
        groups: parameters with `weight_decay`; those of a group with `is_inner` are updated by Muon.
        lr: of Muon; AdamW's is ADAMW_SHARE of it.
        betas, eps: of AdamW.
    Raises:
        ValueError: an inner parameter that is no whole matrix.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], *, lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__([dict(group) for group in groups], {"lr": lr, "weight_decay": 0.0, "is_inner": False})
        inner = [group for group in self.param_groups if group["is_inner"]]
        others = [group for group in self.param_groups if not group["is_inner"]]
        for group in inner:
            for parameter in group["params"]:
                if parameter.dim() != 2 or is_sharded(parameter):
                    kind = "share of a sharded parameter" if is_sharded(parameter) else "parameter"
                    raise ValueError(
                        f"muon updates whole matrices, got a {kind} of shape {tuple(parameter.shape)}: use kind adamw"
                    )
        self.inner = inner
        self.others = others
        self.adam: torch.optim.AdamW | None = None
        if others:
            self.adam = torch.optim.AdamW([dict(group) for group in others], lr=lr, betas=betas, eps=eps, fused=True)
            self.adam.state = self.state  # one state by parameter for both

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.adam is not None:
            for own, theirs in zip(self.others, self.adam.param_groups):
                theirs["lr"] = ADAMW_SHARE * own["lr"]
            self.adam.step()
        with fast_products():
            for group in self.inner:
                for parameters in _by_shape(group["params"]):
                    self._update(parameters, group["lr"], group["weight_decay"])
        return loss

    def _update(self, parameters: list[Tensor], lr: float, weight_decay: float) -> None:
        """Moves matrices of one shape."""
        means = []
        for parameter in parameters:
            state = self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            means.append(state["momentum"])
        gradients = [cast(Tensor, parameter.grad) for parameter in parameters]
        torch._foreach_lerp_(means, gradients, 1 - MOMENTUM)
        ahead = torch.stack(gradients).lerp(torch.stack(means), MOMENTUM)
        rows, columns = parameters[0].shape
        size = max(1.0, rows / columns) ** 0.5
        updates = list(orthogonal(ahead).unbind())
        torch._foreach_mul_(parameters, 1 - lr * weight_decay)
        torch._foreach_add_(parameters, updates, alpha=-lr * size)


def _by_shape(parameters: Sequence[Tensor]) -> list[list[Tensor]]:
    found: dict[tuple[int, ...], list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            found.setdefault(tuple(parameter.shape), []).append(parameter)
    return list(found.values())
