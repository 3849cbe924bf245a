"""A Llama-shaped model as the kernels read it: weights packed for their products, and the pools of keys and values."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from policies.kernels import PAGE, AttentionStruct, LayerStruct, ModelStruct
from policies.kernels.memory import large_block
from policies.sampling.decoders.llama_weights import rotary_tables


class NativeModel:
    """Copies of a module's present weights.

    Args:
        model: a Hugging Face causal LM that `why_not_lean` accepts.
        positions: rotary angles are tabulated for positions 0 .. positions - 1.
        table_width: pages that a row may use.
        num_pages: pages in each layer's pool.
        is_half: products of bfloat16 factors with float32 sums; everything else is float32 either way.
    """

    def __init__(
        self, kernels: ctypes.CDLL, model: Any, *, positions: int, table_width: int, num_pages: int, is_half: bool
    ) -> None:
        self._kernels, self._is_half = kernels, is_half
        self._kept: list[Any] = []  # tensors that the structures point to
        config, trunk = model.config, model.model
        products = [*(group for layer in trunk.layers for group in _products(layer)), [model.lm_head.weight]]
        self._room = large_block(sum(map(self._packed_floats, products)))  # what is packed lies in one block, in order
        attention = trunk.layers[0].self_attn
        self.hidden, self.vocabulary = config.hidden_size, model.lm_head.weight.shape[0]
        cosine, sine = rotary_tables(model, positions)
        page_floats = config.num_key_value_heads * attention.head_dim * PAGE * 2
        layers = (LayerStruct * len(trunk.layers))(
            *(self._layer(layer, num_pages * page_floats) for layer in trunk.layers)
        )
        self._kept.append(layers)
        self.struct = ModelStruct(
            layers=len(trunk.layers),
            hidden=self.hidden,
            mlp=config.intermediate_size,
            vocabulary=self.vocabulary,
            half=int(is_half),
            attention=AttentionStruct(
                heads=config.num_attention_heads,
                kv_heads=config.num_key_value_heads,
                dim=attention.head_dim,
                table_width=table_width,
                cosine=self._keep(cosine),
                sine=self._keep(sine),
                norm_eps=config.rms_norm_eps,
                scale=attention.head_dim**-0.5,
            ),
            embedding=self._keep(trunk.embed_tokens.weight),
            norm=self._keep(trunk.norm.weight),
            head=self._pack([model.lm_head.weight]),
            layer=ctypes.addressof(layers),
        )
        self.address = ctypes.byref(self.struct)

    def _layer(self, layer: Any, pool_floats: int) -> LayerStruct:
        attention = layer.self_attn
        biases = [p.bias for p in (attention.q_proj, attention.k_proj, attention.v_proj) if p.bias is not None]
        qkv, output, gate_up, down = map(self._pack, _products(layer))
        return LayerStruct(
            input_norm=self._keep(layer.input_layernorm.weight),
            qkv=qkv,
            qkv_bias=self._keep(torch.cat(biases)) if biases else None,
            query_norm=self._keep(attention.q_norm.weight) if hasattr(attention, "q_norm") else None,
            key_norm=self._keep(attention.k_norm.weight) if hasattr(attention, "k_norm") else None,
            output=output,
            mlp_norm=self._keep(layer.post_attention_layernorm.weight),
            gate_up=gate_up,
            down=down,
            pool=self._keep(torch.empty(pool_floats)),  # memory that is not touched is never committed by the system
        )

    def _keep(self, tensor: Tensor) -> int:
        """Address of a float32 copy (or of the tensor itself, if it is contiguous float32)."""
        tensor = tensor.detach().float().contiguous()
        self._kept.append(tensor)
        return tensor.data_ptr()

    def _pack(self, matrices: Sequence[Tensor]) -> int:
        """Address of linear layers' weights [out, in], packed side by side as one product."""
        floats = self._packed_floats(matrices)
        packed, self._room = self._room[:floats], self._room[floats:]
        depth, first = matrices[0].shape[1], 0
        packed[-self._packed_floats([matrices[0][:1]]) :].zero_()  # the last panel may have columns to spare
        into = self._kernels.half_pack if self._is_half else self._kernels.pack
        for matrix in matrices:
            matrix = matrix.detach().float().contiguous()
            into(matrix.data_ptr(), len(matrix), depth, first, packed.data_ptr())
            first += len(matrix)
        self._kept.append(packed)
        return packed.data_ptr()

    def _packed_floats(self, matrices: Sequence[Tensor]) -> int:
        """Floats that linear layers' weights [out, in] take, packed side by side."""
        depth, columns = matrices[0].shape[1], sum(len(m) for m in matrices)
        if self._is_half:
            return self._kernels.packed_floats(depth + depth % 2, columns) // 2
        return self._kernels.packed_floats(depth, columns)


def _products(layer: Any) -> list[list[Tensor]]:
    """The weights of a layer's four products: queries, keys and values; output; gate and up; down."""
    attention, mlp = layer.self_attn, layer.mlp
    return [
        [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight],
        [attention.o_proj.weight],
        [mlp.gate_proj.weight, mlp.up_proj.weight],
        [mlp.down_proj.weight],
    ]
