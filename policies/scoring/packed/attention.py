"""Attention of packed passes, entered through transformers' attention interface.

The interface's entry "sdpa" is replaced by one that answers calls that carry a prefix tree, and leaves all others to
transformers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn

from policies.kernels import load_kernels
from policies.scoring.packed.native_attention import attend_natively
from policies.scoring.packed.prefix_tree import PrefixTree

Attention = Callable[..., tuple[Tensor, None]]
NO_MASK_SHAPE = (1, 1, 1, 1)  # four dimensions: models hand such a mask on as it is, and make none themselves


class CannotPackError(ValueError):
    """The model's attention asks for something that packed attention does not know."""


@functools.cache
def register() -> None:
    """Puts `sdpa` below in the place of transformers' entry of that name, once."""
    interface = transformers.AttentionInterface
    interface.register("sdpa", functools.partial(sdpa, interface()["sdpa"]))


def sdpa(
    original: Attention,
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    prefix_tree: PrefixTree | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' sdpa attention, and its packed form for [1, heads, N, head_dim] when the call carries a tree.

    On CPUs the arithmetic of a bfloat16 pass is float32 here: torch's backward pass of attention in bfloat16 was
    measured five times slower there.

    Args:
        original: transformers' own function.
        prefix_tree: what the N columns are; None: an ordinary call.
    """
    device, result = query.device.type, value.dtype
    is_half = torch.is_autocast_enabled(device) or result != torch.float32
    if prefix_tree is None and not (is_half and device == "cpu" and query.requires_grad):
        return original(module, query, key, value, attention_mask, scaling=scaling, **options)
    dtype = _dtype(device, result)
    query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    with torch.autocast(device, enabled=False):
        if prefix_tree is None:
            mask = attention_mask
            if mask is not None and mask.dtype != torch.bool:
                mask = mask.to(dtype)
            attended, _ = original(module, query, key, value, mask, scaling=scaling, **options)
        else:
            _refuse_unknown(attention_mask, options, width=prefix_tree.paths.shape[1])
            attended = attend(prefix_tree, query.squeeze(0), key.squeeze(0), value.squeeze(0), scaling)[None]
    return attended.to(result), None


def _refuse_unknown(mask: Tensor | None, options: Mapping[str, Any], width: int) -> None:
    """Raises CannotPackError where more than the tree decides what tokens of rows of `width` attend to."""
    if mask is None or mask.shape != NO_MASK_SHAPE:
        raise CannotPackError("packed attention got a mask that the model made itself; use padded rows")
    if options.get("softcap") is not None or options.get("position_bias") is not None or options.get("dropout"):
        raise CannotPackError("packed attention knows no softcap, no position bias and no dropout; use padded rows")
    window = options.get("sliding_window")
    if window is not None and width > window:
        raise CannotPackError(f"packed attention got rows of {width} tokens and a window of {window}; use padded rows")


def _dtype(device: str, weights: torch.dtype) -> torch.dtype:
    """What attention is computed in: float32 on CPUs, elsewhere what autocast says, or the weights' own."""
    if device == "cpu":
        return torch.float32
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weights


def attend(tree: PrefixTree, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """[N, heads, head_dim] attention of every node over its path.

    Args:
        query, key, value: [heads, N, head_dim]; keys and values may have fewer heads, which then serve several queries.
            A value may have another size than a key (latent attention), and so has the result.
        scale: of the scores; None: 1 / sqrt(head_dim).
    """
    dim, value_dim = query.shape[-1], value.shape[-1]
    scale = dim**-0.5 if scale is None else scale
    if dim != value_dim:  # zeros add nothing to a score, and are cut off the result
        wide = max(dim, value_dim)
        query, key, value = (F.pad(x, (0, wide - x.shape[-1])) for x in (query, key, value))
    if query.device.type == "cpu" and query.dtype == torch.float32 and load_kernels() is not None:
        return attend_natively(tree, query, key, value, scale)[..., :value_dim]
    return attend_in_bands(tree, query, key, value, scale)[..., :value_dim]


def attend_in_bands(tree: PrefixTree, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """`attend` in plain torch: rows gathered whole, those of similar length together."""
    heads, count, dim = query.shape
    bands = tree.bands
    # embedding: a gather whose backward pass adds up in a fixed order, and is fast
    sides = [F.embedding(bands.cells, x.transpose(0, 1).reshape(count, -1)) for x in (query, key, value)]
    sizes = [rows * width for rows, width in bands.shapes]
    attended = []
    for (rows, width), *band in zip(bands.shapes, *(side.split(sizes) for side in sides), strict=True):
        q, k, v = (x.view(rows, width, -1, dim).transpose(1, 2) for x in band)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=heads != key.shape[0])
        attended.append(out.transpose(1, 2).reshape(rows * width, heads * dim))
    return F.embedding(bands.answers, torch.cat(attended)).view(count, heads, dim)
