"""AdamW, Muon, or an optimizer of one's own.

The schedule is a pure function of the number of optimizer steps: nothing of it needs saving.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from rl.learning.modules import share_of, whole
from rl.learning.muon import Muon
from verifiers.parts import find_part

SCHEDULES = ("constant", "cosine", "linear")


class NonFiniteLossError(RuntimeError):
    """The loss or its gradient is NaN or infinite; the optimizer step was not applied and the weights are intact."""


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer, gradient clipping and the learning-rate schedule, counted in optimizer steps."""

    lr: float  # peak learning rate; of muon a tenfold of AdamW's
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.0  # on matrices only: biases and norms are not decayed
    clip_norm: float = 1.0  # largest gradient norm; 0: no clipping
    warmup_steps: int = 0  # optimizer steps of linear rise from lr/warmup_steps to lr
    schedule: str = "constant"  # constant, cosine or linear
    total_steps: int | None = None  # optimizer steps until the end of a cosine or linear schedule
    final_fraction: float = 0.0  # share of lr at the end of the schedule, in [0, 1]
    kind: str = "adamw"  # or "muon", or one of your own, named as in verifiers/parts.py

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"lr is {self.lr}, expected a positive number")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule is {self.schedule!r}, expected one of {', '.join(SCHEDULES)}")
        if self.schedule != "constant" and not self.total_steps:
            raise ValueError(f"schedule {self.schedule!r} needs total_steps: the optimizer steps until its end")
        if self.clip_norm < 0:
            raise ValueError(f"clip_norm is {self.clip_norm}, expected 0 (no clipping) or more")

    def lr_at(self, step: int) -> float:
        """The learning rate of optimizer step `step`, counted from 0."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        if self.schedule == "constant" or not self.total_steps:
            return self.lr
        done = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        done = min(1.0, done)
        left = 1 - done if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.lr * (self.final_fraction + (1 - self.final_fraction) * left)


ParameterGroups = list[dict[str, Any]]  # {"params": [...], "weight_decay": ..., "is_inner": matrix within the network}
OptimizerFunction = Callable[[ParameterGroups, OptimizerSettings], torch.optim.Optimizer]


def adamw(groups: ParameterGroups, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), fused."""
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps, fused=True)


def muon(groups: ParameterGroups, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """Muon for the matrices within the network, AdamW for the rest (rl/learning/muon.py)."""
    return Muon(groups, lr=settings.lr, betas=settings.betas, eps=settings.eps)


OPTIMIZERS: Mapping[str, OptimizerFunction] = {"adamw": adamw, "muon": muon}


def find_optimizer(kind: str) -> OptimizerFunction:
    """What makes an optimizer of this kind.

    Raises:
        ValueError: there is none, or it cannot be called.
    """
    found: OptimizerFunction = find_part("optimizer", kind, OPTIMIZERS)
    if not callable(found):
        raise ValueError(f"optimizer {kind!r} is {found!r:.60}, expected a function (groups, settings)")
    return found


class Optimizer:
    """AdamW, or another torch optimizer, over the trainable parameters of a module."""

    def __init__(self, module: nn.Module, settings: OptimizerSettings) -> None:
        self.settings = settings
        self.names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise ValueError(f"{type(module).__name__} has no trainable parameter")
        self.inner = find_optimizer(settings.kind)(_groups(module, self.parameters, settings), settings)
        if not isinstance(self.inner, torch.optim.Optimizer):
            raise ValueError(f"optimizer {settings.kind!r} gave {self.inner!r:.60}, expected a torch.optim.Optimizer")

    def clip(self) -> Tensor:
        """The norm of the gradient before clipping; the gradient is clipped in place."""
        self.gradients()
        limit = self.settings.clip_norm or math.inf
        return whole(nn.utils.clip_grad_norm_(self.parameters, limit, foreach=True))

    def gradients(self) -> list[Tensor]:
        """The gradients in order; zeros where no row reached a parameter, on which Adam still moves by its momentum."""
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def step(self, count: int) -> float:
        """Applies the gradient and forgets it; returns the learning rate, that of optimizer step `count` from 0."""
        lr = self.settings.lr_at(count)
        for group in self.inner.param_groups:
            group["lr"] = lr
        self.inner.step()
        self.forget()
        return lr

    def forget(self) -> None:
        """Drops the gradient."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Parameter name -> copies of its state (for AdamW exp_avg, exp_avg_sq, step); numbers as tensors."""
        return {
            name: {key: _saved(value) for key, value in self.inner.state[parameter].items() if value is not None}
            for name, parameter in zip(self.names, self.parameters)
            if parameter in self.inner.state
        }

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            ValueError: state of a parameter that this module does not have.
        """
        unknown = sorted(set(state) - set(self.names))
        if unknown:
            raise ValueError(
                f"optimizer state for {unknown[0]!r} ({len(unknown)} such), which this model lacks: "
                "resume with the model that the checkpoint was written with"
            )
        self.inner.state.clear()
        for name, parameter in zip(self.names, self.parameters):
            if name in state:
                self.inner.state[parameter] = {key: share_of(value, parameter) for key, value in state[name].items()}


def _groups(module: nn.Module, parameters: Sequence[Tensor], settings: OptimizerSettings) -> ParameterGroups:
    """Inner matrices, those at the model's ends (embeddings, output), and vectors, which are not decayed."""
    ends = {p for child in module.modules() if isinstance(child, nn.Embedding) for p in child.parameters()}
    output = cast(Any, module).get_output_embeddings() if hasattr(module, "get_output_embeddings") else None
    ends.update(output.parameters() if output is not None else ())
    matrices = [p for p in parameters if p.dim() >= 2]
    inner = [p for p in matrices if p.dim() == 2 and min(p.shape) > 1 and p not in ends]
    kept = set(inner)
    groups = [
        {"params": inner, "weight_decay": settings.weight_decay, "is_inner": True},
        {"params": [p for p in matrices if p not in kept], "weight_decay": settings.weight_decay, "is_inner": False},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0, "is_inner": False},
    ]
    return [group for group in groups if group["params"]]


def _saved(value: Any) -> Tensor:
    return whole(value).detach().cpu().clone() if isinstance(value, Tensor) else torch.as_tensor(value)
