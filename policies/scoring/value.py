"""Values of states: a trunk of their own under a scalar head, or the head alone on the policy's trunk.

Aligned like log-probabilities: column t is the value of the state before tokens[:, t] is chosen, so it is read off the
hidden state of token t - 1. The head starts at zero: before training every value is 0 and GAE with lambda 1 gives plain
returns.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from policies.causal import CausalPolicy
from policies.scoring.packed.packing import trunk_states


class ValueHead(nn.Linear):
    """Hidden state -> value, in float32, zero at the start.

    Alone it is a value model that shares the policy's trunk: `TokenScorer` applies it to the hidden states that the
    log-probabilities come from, and the gradients of both losses meet in the trunk.
    """

    def __init__(self, hidden_size: int, device: torch.device | None = None) -> None:
        super().__init__(hidden_size, 1, device=device)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    @classmethod
    def for_policy(cls, policy: CausalPolicy) -> ValueHead:
        """A fresh head of the policy's width, on its device."""
        return cls(policy.model.config.get_text_config().hidden_size, policy.device)

    def forward(self, hidden: Tensor) -> Tensor:
        """[..., H] hidden states -> [...] float32 values."""
        return super().forward(hidden.float()).squeeze(-1)


class ValueModel(nn.Module):
    """V(s_t) for every position of padded rows, by a trunk of its own.

    Attributes:
        trunk: the transformer without a language-model head.
        head: hidden state -> scalar, in float32.
    """

    def __init__(self, trunk: nn.Module, hidden_size: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = ValueHead(hidden_size, next(trunk.parameters()).device)

    @classmethod
    def from_policy(cls, policy: CausalPolicy) -> ValueModel:
        """A copy of the policy's trunk (adapters merged) under a zero head; shares no weights with the policy."""
        model: Any = copy.deepcopy(policy.model)
        if policy.is_lora:
            model = model.merge_and_unload()
        trunk = model.base_model.requires_grad_(True)
        return cls(trunk, model.config.get_text_config().hidden_size).eval()

    def forward(self, tokens: Tensor, attention: Tensor) -> Tensor:
        """Values before each token.

        Args:
            tokens: [B, T] int64, padded on either side.
            attention: [B, T] bool, True on real tokens.
        Returns:
            [B, T] float32; 0 in column 0, on padding and for a row's first token, before which there is no state.
        """
        if tokens.dim() != 2 or attention.shape != tokens.shape:
            raise ValueError(
                f"tokens is {tuple(tokens.shape)} and attention {tuple(attention.shape)}, expected one [B, T]"
            )
        attention = attention.bool()
        states, nodes = trunk_states(self.trunk, tokens, attention)
        after = self.head(states)[nodes]  # [B, T] value after tokens[:, t]
        before = torch.cat([torch.zeros_like(after[:, :1]), after[:, :-1]], dim=1)
        known = torch.zeros_like(attention)
        known[:, 1:] = attention[:, 1:] & attention[:, :-1]
        return before * known
