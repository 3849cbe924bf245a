"""Packed passes: a batch runs through a transformers model without padding, every distinct prefix once.

Everything that works token by token (embeddings, projections, MLPs, norms) runs on the nodes of the batch's prefix tree
as if they were one row; attention follows each node's path through the tree (packed_attention.py).
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from policies.scoring.packed.attention import NO_MASK_SHAPE, CannotPackError, register
from policies.scoring.packed.prefix_tree import PrefixTree, build_tree

ROW_MULTIPLE = 64  # a hundredth more rows, and under 700 shapes in a fit of the demo
SMALL_HIDDEN = 128  # about 2 million weights: as much work to fill as to compile


def trunk_states(trunk: Any, tokens: Tensor, attention: Tensor) -> tuple[Tensor, Tensor]:
    """The trunk's last hidden states, packed where the model allows it.

    Args:
        trunk: a transformers model without its head.
        tokens: [B, T] int64, padded on either side.
        attention: [B, T] bool, True on real tokens.
    Returns:
        ([N, H] states, of which some may belong to no token, [B, T] int64 which is each real token's; any on padding)
    """
    if is_right_padded(attention) and bool(attention.any()) and can_pack(trunk, tokens.shape[1]):
        tree = build_tree(tokens, attention).filled(row_multiple(trunk, tokens.device))
        return _packed_states(trunk, tree), tree.nodes
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


def row_multiple(trunk: Any, device: torch.device) -> int:
    """What the number of rows of a matrix product is filled up to a multiple of.

    oneDNN compiles code for every shape of a product, about .4 ms each, and keeps that of the last 1,024 shapes. With
    few distinct shapes a small policy's step is a tenth faster; a larger one's filling costs more than it saves.
    """
    is_small = trunk.config.get_text_config().hidden_size <= SMALL_HIDDEN
    return ROW_MULTIPLE if is_small and device.type == "cpu" else 1


def _packed_states(trunk: Any, tree: PrefixTree) -> Tensor:
    """[N, H] hidden states of the nodes."""
    mask = torch.empty(NO_MASK_SHAPE, device=tree.tokens.device)
    output = trunk(
        input_ids=tree.tokens[None],
        position_ids=tree.positions[None],
        attention_mask=mask,
        use_cache=False,
        prefix_tree=tree,
    )
    return output.last_hidden_state[0]


def can_pack(trunk: Any, width: int) -> bool:
    """True when the packed pass is known to give this model's states on rows of `width` tokens."""
    register()
    window = getattr(trunk.config.get_text_config(), "sliding_window", None)
    if (window is not None and width > window) or not _is_eligible(trunk) or _has_dropout(trunk):
        return False
    if trunk not in _verified:
        _verified[trunk] = _agrees(trunk)
    return _verified[trunk]


_verified: weakref.WeakKeyDictionary[nn.Module, bool] = weakref.WeakKeyDictionary()


def _is_eligible(trunk: Any) -> bool:
    """Whether the model's only traffic between tokens is causal attention through transformers' sdpa entry."""
    config = trunk.config.get_text_config()
    return (
        getattr(trunk, "_supports_attention_backend", False)
        and not getattr(trunk, "_is_stateful", False)
        and config._attn_implementation == "sdpa"
        and getattr(config, "is_causal", True)
        # every other kind (chunks, indices, recurrence) may look the same on the few tokens of `_agrees`
        and {"full_attention", "sliding_attention"}.issuperset(getattr(config, "layer_types", None) or ())
    )


def _has_dropout(trunk: Any) -> bool:
    """True when a pass now would drop anything: the tokens of a shared prefix would be dropped for all of its rows."""
    if not trunk.training:
        return False
    rates = [m.p if isinstance(m, nn.Dropout) else getattr(m, "attention_dropout", None) for m in trunk.modules()]
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


@torch.no_grad()
def _agrees(trunk: Any) -> bool:
    """Whether packed and padded states agree on a small batch with a shared prefix: evidence for an unknown model."""
    config, weight = trunk.config.get_text_config(), next(trunk.parameters())
    rows = torch.tensor([[3, 1, 4, 1, 5, 9], [3, 1, 4, 2, 6, 0], [7, 1, 0, 0, 0, 0]], device=weight.device)
    attention = torch.arange(6, device=weight.device) < torch.tensor([[6], [5], [2]], device=weight.device)
    width = min(6, getattr(config, "sliding_window", None) or 6)
    rows, attention = rows[:, :width] % config.vocab_size, attention[:, :width]
    tree = build_tree(rows, attention)
    with torch.autocast(weight.device.type, enabled=False):
        padded = trunk(input_ids=rows, use_cache=False).last_hidden_state.float()
        try:
            packed = _packed_states(trunk, tree).float()
        except CannotPackError:
            return False
    difference = (packed[tree.nodes] - padded)[attention].norm()
    tolerance = 1e-3 if weight.dtype == torch.float32 else 3e-2
    return bool(difference <= tolerance * padded[attention].norm())
