"""Sums and means over sampled tokens. What stands where the mask is 0 is never read: it may be NaN.

Multiplying by the mask is not enough, since 0 * NaN is NaN in the forward pass and in the gradient; `clean` selects
instead, and its gradient at masked positions is exactly 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

WHITEN_EPSILON = 1e-8  # added to the variance; the value of the PPO reference implementations


def clean(values: Tensor, mask: Tensor) -> Tensor:
    """`values` where mask is not 0, and exactly 0 (value and gradient) elsewhere; same shape."""
    return torch.where(mask.bool(), values, torch.zeros((), dtype=values.dtype, device=values.device))


def masked_sum(values: Tensor, mask: Tensor, dim: int | None = None) -> Tensor:
    """Sum over unmasked entries, of everything or along `dim`."""
    kept = clean(values, mask)
    return kept.sum() if dim is None else kept.sum(dim)


def masked_mean(values: Tensor, mask: Tensor, dim: int | None = None) -> Tensor:
    """Mean over unmasked entries; 0 where there are none."""
    count = mask.bool().sum() if dim is None else mask.bool().sum(dim)
    return masked_sum(values, mask, dim) / count.clamp(min=1)


def whiten(values: Tensor, mask: Tensor, *, shift_mean: bool = True) -> Tensor:
    """Values with variance 1 (and mean 0) over the unmasked entries; 0 where masked.

    (x - mean) / sqrt(var + 1e-8), population variance. Give it the whole batch: whitening a micro-batch makes the
    loss depend on how the step was split. One entry or none has no variance: it comes back as it was.

    Args:
        values, mask: any equal shapes.
        shift_mean: False keeps the mean and only scales (as for rewards in PPO).
    """
    if int(mask.bool().sum()) <= 1:
        return clean(values, mask)
    mean = masked_mean(values, mask)
    centred = clean(values - mean, mask)
    scaled = centred / (masked_mean(centred.square(), mask) + WHITEN_EPSILON).sqrt()
    return scaled if shift_mean else clean(scaled + mean, mask)
