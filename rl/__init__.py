"""Rollouts, advantages, updates. Ray appears in rl/workers only, accelerate in rl/learning/processes.py only, and trl
in rl/preference only.

`import rl` loads nothing else; the first use of a name below loads what all of them need (rl/api.py).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":  # what tools look for in any module loads nothing
        raise AttributeError(f"module 'rl' has no attribute {name!r}")
    return getattr(import_module("rl.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("rl.api").__all__})
