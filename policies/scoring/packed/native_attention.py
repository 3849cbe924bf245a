"""Attention over a prefix tree in compiled code (kernels/tree_attention.c), differentiable; float32 on a CPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from policies.kernels import TreeStruct, ViewStruct, load_kernels
from policies.kernels.threads import parts_of, run_all
from policies.scoring.packed.prefix_tree import PrefixTree


def attend_natively(tree: PrefixTree, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """[N, heads, head_dim] float32; see `packed_attention.attend`. Key/value heads are split among torch's threads."""
    return cast(Tensor, _TreeAttention.apply(tree, query, key, value, scale))


class _TreeAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tree: PrefixTree, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        """[N, heads, head_dim]; kept are the queries' log-sums of exponentials [heads, N], and no attention weight."""
        query, key, value = (x if x.stride(-1) == 1 else x.contiguous() for x in (query, key, value))
        heads, count, dim = query.shape
        out = torch.empty(count, heads, dim)
        logsums = torch.empty(heads, count)
        shape = _describe(tree, query, key, scale)
        views = [_view(x) for x in (query, key, value, out.transpose(0, 1))]
        _run("tree_forward", len(key), lambda first, last: (shape, *views, logsums.data_ptr(), count, first, last))
        ctx.save_for_backward(query, key, value, out, logsums)
        ctx.tree, ctx.scale = tree, scale
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of query, key and value; None for the tree and the scale."""
        query, key, value, out, logsums = ctx.saved_tensors
        upstream = gradients[0].contiguous()
        shape = _describe(ctx.tree, query, key, ctx.scale)
        found = [torch.empty_like(x, memory_format=torch.contiguous_format) for x in (query, key, value)]
        before = [_view(x) for x in (query, key, value, out.transpose(0, 1), upstream.transpose(0, 1))]
        after = [_view(x) for x in found]
        _run(
            "tree_backward",
            len(key),
            lambda first, last: (shape, *before, logsums.data_ptr(), *after, out.shape[0], first, last),
        )
        return None, *found, None


def _run(name: str, num_heads: int, arguments: Callable[[int, int], tuple[Any, ...]]) -> None:
    """Calls a kernel on all key/value heads, split among torch's threads."""
    function: Any = getattr(load_kernels(), name)

    def call(first: int, last: int) -> None:
        """The kernel on key/value heads `first` to `last`; raises what a kernel can only return."""
        if function(*arguments(first, last)):
            raise MemoryError(f"{name} found no memory for its scratch space")

    run_all([(call, part.start, part.stop) for part in parts_of(num_heads, torch.get_num_threads())])


def _describe(tree: PrefixTree, query: Tensor, key: Tensor, scale: float) -> Any:
    """A pointer to the kernel's description; the arrays it points to live as long as the tree."""
    rows, width = tree.paths.shape
    return ctypes.byref(
        TreeStruct(
            heads=query.shape[0],
            kv_heads=key.shape[0],
            dim=query.shape[2],
            rows=rows,
            width=width,
            paths=tree.paths.ctypes.data,
            lengths=tree.lengths.ctypes.data,
            shared=tree.shared.ctypes.data,
            scale=scale,
        )
    )


def _view(tensor: Tensor) -> Any:
    """A pointer to [heads, N, head_dim] with its strides."""
    return ctypes.byref(ViewStruct(data=tensor.data_ptr(), head=tensor.stride(0), node=tensor.stride(1)))
