"""The process's global generators, saved and restored."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import torch


def random_state() -> dict[str, Any]:
    """States of the global generators: ours are keyed and need none, a plug-in's component may use them."""
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {"python": [version, list(words), gauss], "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def load_random_state(state: Mapping[str, Any]) -> None:
    """Restores what `random_state` gave."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
