"""The value function's loss, and how much of the returns it explains."""

from __future__ import annotations

import torch
from torch import Tensor

from rl.functional.masked import masked_mean


def value_loss(
    values: Tensor, returns: Tensor, old_values: Tensor | None = None, clip: float | None = None
) -> tuple[Tensor, Tensor]:
    """Squared error per token, 0.5 (V - R)^2, and where it was clipped.

    With `clip` = c: 0.5 max((V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2), as in the PPO implementations. c has
    the scale of the reward, so clipping is off by default.

    Args:
        values: [B, T] with gradient. returns: [B, T], constants. old_values: [B, T], needed with `clip`.
    Returns:
        Loss [B, T]; bool [B, T], True where the clipped term won.
    """
    error = (values - returns).square()
    if clip is None:
        return 0.5 * error, torch.zeros_like(error, dtype=torch.bool)
    if old_values is None:
        raise ValueError("value clipping needs the values at the start of the update, and old_values is None")
    held = torch.clamp(values, old_values - clip, old_values + clip)
    held_error = (held - returns).square()
    return 0.5 * torch.maximum(error, held_error), held_error > error


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> Tensor:
    """1 - Var(R - V) / Var(R) over the unmasked tokens: 1 is perfect, 0 no better than the mean return.

    0 when the returns do not vary.
    """
    error = returns - values
    variance = masked_mean((returns - masked_mean(returns, mask)).square(), mask)
    residual = masked_mean((error - masked_mean(error, mask)).square(), mask)
    return torch.where(variance > 0, 1.0 - residual / variance.clamp(min=1e-30), torch.zeros_like(variance))
