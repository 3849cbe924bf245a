"""The process's global generators: seeded where a stage begins, saved and restored with its checkpoints.

What this project draws is keyed by a seed of its own and needs none of them; a plug-in's component, or a library that
knows no generator, may draw from them, and must draw the same again.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def seed_global_generators(*key: object) -> None:
    """Python's, numpy's and torch's global generators, as a function of `key` alone."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    seed = int.from_bytes(digest[:4], "big")  # numpy takes no larger one
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global state is the point
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """States of the global generators."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [kind, [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def load_random_state(state: Mapping[str, Any]) -> None:
    """Restores what `random_state` gave."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
