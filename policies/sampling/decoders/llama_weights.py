"""The weights of Llama-shaped models, read straight from the Hugging Face module for the lean decode step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
ROPE_TYPES = ("default", "linear", "llama3", "yarn")  # angles that depend on the position alone


@dataclass(frozen=True)
class LlamaLayer:
    """One layer; matrices are [in, out], so that x @ matrix applies them."""

    input_norm: Tensor  # [H]
    qkv: Tensor  # [H, (heads + 2 kv_heads) * head_dim]
    qkv_bias: Tensor | None
    query_norm: Tensor | None  # [head_dim], Qwen3
    key_norm: Tensor | None
    output: Tensor  # [heads * head_dim, H]
    mlp_norm: Tensor  # [H]
    gate_up: Tensor  # [H, 2 * mlp]
    down: Tensor  # [mlp, H]


@dataclass(frozen=True)
class LlamaWeights:
    """A whole model, fused copies in one dtype."""

    embedding: Tensor  # [V, H]
    layers: tuple[LlamaLayer, ...]
    norm: Tensor  # [H]
    head: Tensor  # [H, V]
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    cosine: Tensor  # [positions, head_dim / 2] float32
    sine: Tensor


def why_not_lean(model: Any) -> str | None:
    """Why `read_llama` cannot serve a model, or None when it can."""
    config = model.config
    if hasattr(model, "peft_config"):
        return "the model carries adapters"
    if (kind := config.model_type) not in MODEL_TYPES:
        return f"model type {kind!r} is not one of {MODEL_TYPES}"
    if type(model).__module__ != f"transformers.models.{kind}.modeling_{kind}":
        return f"its class {type(model).__qualname__} is not transformers' own for {kind!r}"
    if config.hidden_act != "silu":
        return f"activation {config.hidden_act!r} is not silu"
    if getattr(config, "sliding_window", None) is not None:
        return "attention has a sliding window"
    rope_type = config.rope_parameters["rope_type"]
    if rope_type not in ROPE_TYPES:
        return f"rotary scaling {rope_type!r} depends on the sequence length"
    biased: list[Any] = []
    unbiased: list[Any] = [model.lm_head]
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        biased += [attention.q_proj, attention.k_proj, attention.v_proj]
        unbiased += [attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj]
    linears = [*biased, *unbiased]
    if any(type(linear) is not nn.Linear or type(linear.weight) is not nn.Parameter for linear in linears):
        return "projections are adapted or quantised"
    if any(linear.bias is not None for linear in unbiased) or len({linear.bias is None for linear in biased}) > 1:
        return "biases are elsewhere than on query, key and value, or not on all of these"
    if len(model.lm_head.weight) > len(model.model.embed_tokens.weight):
        return "the head writes tokens that the embedding cannot read"
    return None


def read_llama(model: Any, *, positions: int, dtype: torch.dtype) -> LlamaWeights:
    """Copies of the present weights; `why_not_lean(model)` must be None.

    Args:
        positions: rotary angles are tabulated for positions 0 .. positions - 1.
    """
    config, trunk = model.config, model.model
    cosine, sine = rotary_tables(model, positions)
    return LlamaWeights(
        embedding=trunk.embed_tokens.weight.to(dtype),
        layers=tuple(_read_layer(layer, dtype) for layer in trunk.layers),
        norm=trunk.norm.weight.to(dtype),
        head=_matrix([model.lm_head], dtype),
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=trunk.layers[0].self_attn.head_dim,
        norm_eps=config.rms_norm_eps,
        cosine=cosine,
        sine=sine,
    )


def rotary_tables(model: Any, positions: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [positions, head_dim / 2] float32 of the rotary angles."""
    trunk = model.model
    index = torch.arange(positions, device=trunk.embed_tokens.weight.device)
    half = trunk.layers[0].self_attn.head_dim // 2
    # the tensor only tells the dtype of the result
    cosine, sine = trunk.rotary_emb(torch.zeros(1, device=index.device), index[None])
    return cosine[0, :, :half].float().contiguous(), sine[0, :, :half].float().contiguous()


def _read_layer(layer: Any, dtype: torch.dtype) -> LlamaLayer:
    attention, mlp = layer.self_attn, layer.mlp
    projections = [attention.q_proj, attention.k_proj, attention.v_proj]
    biases = [p.bias for p in projections if p.bias is not None]
    query_norm, key_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return LlamaLayer(
        input_norm=layer.input_layernorm.weight.to(dtype),
        qkv=_matrix(projections, dtype),
        qkv_bias=torch.cat(biases).to(dtype) if biases else None,
        query_norm=None if query_norm is None else query_norm.weight.to(dtype),
        key_norm=None if key_norm is None else key_norm.weight.to(dtype),
        output=_matrix([attention.o_proj], dtype),
        mlp_norm=layer.post_attention_layernorm.weight.to(dtype),
        gate_up=_matrix([mlp.gate_proj, mlp.up_proj], dtype),
        down=_matrix([mlp.down_proj], dtype),
    )


def _matrix(linears: list[Any], dtype: torch.dtype) -> Tensor:
    """[in, sum of outs], contiguous."""
    return torch.cat([linear.weight for linear in linears]).to(dtype).t().contiguous()
