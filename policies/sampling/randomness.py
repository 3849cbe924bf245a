"""Uniform numbers keyed by (seed, uid, position), so that a token's randomness never depends on its batch.

Counter-based: splitmix64's finaliser (Steele, Lea, Flood 2014, doi:10.1145/2714064.2660195) applied to the key words
one after another. No state, so a rollout that is retried elsewhere meets the same numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = 1 << 64


def _signed(word: int) -> int:
    """The two's complement int64 with the bits of an unsigned 64-bit word."""
    word %= _WORD
    return word - _WORD if word >= _WORD >> 1 else word


GOLDEN_GAMMA = _signed(0x9E3779B97F4A7C15)
MIX_A = _signed(0xBF58476D1CE4E5B9)
MIX_B = _signed(0x94D049BB133111EB)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """Logical right shift of int64: the sign bit is not copied."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def splitmix64(x: Tensor) -> Tensor:
    """The finaliser of splitmix64 on int64 words, a bijection; arithmetic wraps modulo 2**64."""
    x = x + GOLDEN_GAMMA
    x = (x ^ _shift_right(x, 30)) * MIX_A
    x = (x ^ _shift_right(x, 27)) * MIX_B
    return x ^ _shift_right(x, 31)


def row_keys(seed: int, uids: Tensor) -> Tensor:
    """[N] int64 keys of rollouts `uids` [N] int64 under `seed`."""
    seed_word = splitmix64(torch.tensor(_signed(seed), dtype=torch.int64, device=uids.device))
    return splitmix64(uids ^ seed_word)


def uniforms(keys: Tensor, positions: Tensor) -> Tensor:
    """[...] float64 in [0, 1), 53 bits each: one per (row key, position); the arguments broadcast."""
    return _shift_right(splitmix64(keys ^ splitmix64(positions)), 11).to(torch.float64) * 2.0**-53
