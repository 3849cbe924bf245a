"""Rows of tokens as one packed forward pass: no padding, and every distinct prefix is computed once.

A causal model's state at a token depends on the tokens up to it and on nothing else, so the rows of a batch form a tree
of prefixes: the completions of one problem share their prompt, and whatever else they have in common. Everything that
works token by token (embeddings, projections, MLPs, norms) runs on the N nodes of that tree. Attention needs each row
whole: it gathers the row's keys and values and runs on bands of rows of similar length.

The packed pass enters a transformers model through its attention interface: the entry "sdpa" is replaced by one that
answers calls that carry a packing and leaves all others to transformers.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.modeling_utils import AttentionInterface

# What a band costs beside its cells (kernel launches), counted in cells: decides when another band saves more padding.
BAND_OVERHEAD_CELLS = {"cpu": 64, "cuda": 4096}


@dataclass(frozen=True)
class Packing:
    """The prefix tree of right-padded rows.

    Attributes:
        tokens, positions: [N] int64 token and position of every node.
        nodes: [B, T] int64 node of every real token; 0 on padding.
        bands: (rows, width) of the bands that attention runs on.
        cells: [sum of rows x width] int64 node of every cell of the bands; any node on padding.
        answers: [N] int64 the cell that computes a node's attention.
    """

    tokens: Tensor
    positions: Tensor
    nodes: Tensor
    bands: tuple[tuple[int, int], ...]
    cells: Tensor
    answers: Tensor


def prefix_order(tokens: Tensor, attention: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Rows in lexicographic order, and which of their tokens end a prefix that no earlier row has.

    Args:
        tokens: [B, T] int64, padded on the right, at least one column.
        attention: [B, T] bool, True on real tokens.
    Returns:
        order [B] int64: row indices, rows with a common prefix beside each other.
        fresh [B, T] bool: in that order; row by row, True from the first token that differs from the row before.
    """
    ids, real = tokens.cpu().numpy(), attention.cpu().numpy()
    # big-endian words compare like the numbers they spell; padding sorts first
    words = np.ascontiguousarray(np.where(real, ids + 1, 0).astype(">u4"))
    order = np.argsort(words.view(f"V{words.shape[1] * 4}").ravel(), kind="stable")
    ids, real = ids[order], real[order]
    same = (ids[1:] == ids[:-1]) & real[1:] & real[:-1]
    common = np.concatenate([[0], np.cumprod(same, axis=1).sum(1)])
    fresh = real & (np.arange(ids.shape[1])[None] >= common[:, None])
    return order, fresh


def pack(tokens: Tensor, attention: Tensor) -> Packing:
    """The packing of right-padded rows; on their device.

    Args:
        tokens: [B, T] int64.
        attention: [B, T] bool, True on real tokens; at least one is.
    """
    device = tokens.device
    order, fresh = prefix_order(tokens, attention)
    num_rows, width = fresh.shape
    real = attention.cpu().numpy()[order]
    numbered = np.cumsum(fresh).reshape(num_rows, width) - 1
    # node numbers grow with the rows, so the newest number above a shared cell is its node
    nodes = np.where(real, np.maximum.accumulate(np.where(fresh, numbered, -1), axis=0), 0)
    lengths = real.sum(1)
    cells, owners, answers, bands, begin = [], [], [], [], 0
    for rows in length_bands(lengths, overhead=BAND_OVERHEAD_CELLS.get(device.type, BAND_OVERHEAD_CELLS["cuda"])):
        band_width = int(lengths[rows].max())
        if band_width == 0:
            continue
        band, is_fresh = nodes[rows, :band_width], fresh[rows, :band_width]
        bands.append((len(rows), band_width))
        cells.append(band.ravel())
        owners.append(band[is_fresh])
        answers.append(begin + np.flatnonzero(is_fresh))
        begin += band.size
    answer = np.empty(int(fresh.sum()), dtype=np.int64)
    answer[np.concatenate(owners)] = np.concatenate(answers)
    in_row_order = np.empty_like(nodes)
    in_row_order[order] = nodes

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.int64)).to(device)

    return Packing(
        tokens=tensor(tokens.cpu().numpy()[order][fresh]),
        positions=tensor(np.nonzero(fresh)[1]),
        nodes=tensor(in_row_order),
        bands=tuple(bands),
        cells=tensor(np.concatenate(cells)),
        answers=tensor(answer),
    )


def length_bands(lengths: np.ndarray, *, overhead: int, max_cells: int | None = None) -> list[np.ndarray]:
    """Row indices of each band: sorted by length, longest first, cut where padding plus overhead is least.

    Minimises sum over bands of (rows x longest row + overhead) subject to rows x longest <= max_cells, by dynamic
    programming over the distinct lengths. A row longer than `max_cells` gets a band of its own.

    Args:
        lengths: [B] tokens of each row.
    """
    order = np.argsort(-lengths, kind="stable")
    limit = np.inf if max_cells is None else max_cells
    pieces = _pieces(lengths[order].tolist(), limit)
    starts = np.array([start for start, _ in pieces] + [len(order)])
    longest = np.array([length for _, length in pieces])
    best = np.zeros(len(pieces) + 1)  # best[i]: least cost of the rows before piece i
    cut = np.zeros(len(pieces) + 1, dtype=np.int64)
    for end in range(1, len(pieces) + 1):
        cost = (starts[end] - starts[:end]) * longest[:end]
        single = np.arange(end) == end - 1  # one piece alone is always allowed
        total = np.where((cost <= limit) | single, best[:end] + cost + overhead, np.inf)
        cut[end] = int(np.argmin(total))
        best[end] = total[cut[end]]
    found = []
    end = len(pieces)
    while end > 0:
        found.append(order[starts[cut[end]] : starts[end]])
        end = int(cut[end])
    return found[::-1]


def _pieces(lengths: list[int], max_cells: float) -> list[tuple[int, int]]:
    """(first row, length) of runs of rows of one length, none of more than `max_cells` cells."""
    pieces: list[tuple[int, int]] = []
    for row, length in enumerate(lengths):
        start, current = pieces[-1] if pieces else (0, -1)
        if length != current or (row - start + 1) * length > max_cells:
            pieces.append((row, length))
    return pieces


# ---------------------------------------------------------------------- the forward pass


def trunk_states(trunk: Any, tokens: Tensor, attention: Tensor) -> tuple[Tensor, Tensor]:
    """The trunk's last hidden states, packed where the model allows it.

    Args:
        trunk: a transformers model without its head.
        tokens: [B, T] int64, padded on either side.
        attention: [B, T] bool, True on real tokens.
    Returns:
        ([N, H] states, [B, T] int64 which of them belongs to each real token; any on padding)
    """
    if is_right_padded(attention) and bool(attention.any()) and can_pack(trunk, tokens.shape[1]):
        packing = pack(tokens, attention)
        return _packed_states(trunk, packing), packing.nodes
    hidden = trunk(**padded_inputs(tokens, attention)).last_hidden_state.flatten(0, 1)
    return hidden, torch.arange(tokens.numel(), device=tokens.device).view(tokens.shape)


def padded_inputs(tokens: Tensor, attention: Tensor) -> dict[str, Any]:
    """Keyword arguments of a forward pass over padded rows, with positions that count real tokens only.

    With all padding on the right the causal mask already hides it from every real token, so no mask is given and
    attention runs on its fast path.
    """
    inputs: dict[str, Any] = {"input_ids": tokens, "use_cache": False}
    if not is_right_padded(attention):
        positions = (attention.long().cumsum(1) - 1).clamp_(min=0)
        inputs |= {"attention_mask": attention.long(), "position_ids": positions}
    return inputs


def is_right_padded(attention: Tensor) -> bool:
    """True when no real token follows padding; attention is [B, T] bool."""
    return bool((attention[:, 1:] <= attention[:, :-1]).all())


def _packed_states(trunk: Any, packing: Packing) -> Tensor:
    """[N, H] hidden states of the nodes."""
    mask = torch.empty(1, 1, 1, 1, device=packing.tokens.device)  # four dimensions: handed on as it is, made by nobody
    output = trunk(
        input_ids=packing.tokens[None],
        position_ids=packing.positions[None],
        attention_mask=mask,
        use_cache=False,
        packing=packing,
    )
    return output.last_hidden_state[0]


def can_pack(trunk: Any, width: int) -> bool:
    """True when the packed pass is known to give this model's states on rows of `width` tokens."""
    window = getattr(trunk.config, "sliding_window", None)
    if window is not None and width > window:
        return False
    if trunk not in _verified:
        _verified[trunk] = _is_eligible(trunk) and _agrees(trunk)
    return _verified[trunk]


_verified: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


def _is_eligible(trunk: Any) -> bool:
    """Whether the model's only traffic between tokens is causal attention through transformers' sdpa entry."""
    config = trunk.config
    return (
        getattr(trunk, "_supports_attention_backend", False)
        and not getattr(trunk, "_is_stateful", False)
        and config._attn_implementation == "sdpa"
        and getattr(config, "is_causal", True)
        and all("attention" in kind and "linear" not in kind for kind in getattr(config, "layer_types", None) or ())
    )


@torch.no_grad()
def _agrees(trunk: Any) -> bool:
    """Whether packed and padded states agree on a small batch with a shared prefix: evidence for an unknown model."""
    device, vocabulary = next(trunk.parameters()).device, trunk.config.vocab_size
    rows = torch.tensor([[3, 1, 4, 1, 5, 9], [3, 1, 4, 2, 6, 0], [7, 1, 0, 0, 0, 0]], device=device) % vocabulary
    attention = torch.arange(6, device=device) < torch.tensor([[6], [5], [2]], device=device)
    width = min(6, getattr(trunk.config, "sliding_window", None) or 6)
    rows, attention = rows[:, :width], attention[:, :width]
    padded = trunk(input_ids=rows, use_cache=False).last_hidden_state.float()
    packing = pack(rows, attention)
    difference = (_packed_states(trunk, packing).float()[packing.nodes] - padded)[attention].norm()
    tolerance = 1e-3 if next(trunk.parameters()).dtype == torch.float32 else 3e-2
    return bool(difference <= tolerance * padded[attention].norm())


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    packing: Packing | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' sdpa attention, and its packed form for [1, heads, N, head_dim] when the call carries a packing.

    On CPUs the arithmetic of a bfloat16 pass is float32 here: torch's backward pass of attention in bfloat16 was
    measured five times slower there.
    """
    device, result = query.device.type, value.dtype
    is_half = torch.is_autocast_enabled(device) or result != torch.float32
    if packing is None and not (is_half and device == "cpu" and query.requires_grad):
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    dtype = _dtype(device, result)
    query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    with torch.autocast(device, enabled=False):
        if packing is None:
            mask = attention_mask
            if mask is not None and mask.dtype != torch.bool:
                mask = mask.to(dtype)
            attended, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=scaling, **options)
        else:
            if options.get("softcap") is not None or options.get("position_bias") is not None:
                raise ValueError("packed attention knows no softcap and no position bias; use padded rows")
            attended = _attend(packing, query[0], key[0], value[0], scaling)
    return attended.to(result), None


def _dtype(device: str, weights: torch.dtype) -> torch.dtype:
    """What attention is computed in: float32 on CPUs, elsewhere what autocast says, or the weights' own."""
    if device == "cpu":
        return torch.float32
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weights


def _attend(packing: Packing, query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """[1, N, heads, head_dim] attention of every node over its prefix; the inputs are [heads, N, head_dim]."""
    heads, count, dim = query.shape
    # embedding: a gather whose backward pass adds up in a fixed order, and is fast
    sides = [F.embedding(packing.cells, x.transpose(0, 1).reshape(count, -1)) for x in (query, key, value)]
    sizes = [rows * width for rows, width in packing.bands]
    attended = []
    for (rows, width), *band in zip(packing.bands, *(side.split(sizes) for side in sides), strict=True):
        q, k, v = (x.view(rows, width, -1, dim).transpose(1, 2) for x in band)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=heads != key.shape[0])
        attended.append(out.transpose(1, 2).reshape(rows * width, heads * dim))
    return F.embedding(packing.answers, torch.cat(attended)).view(1, count, heads, dim)


AttentionInterface.register("sdpa", _attention)
