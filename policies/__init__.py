"""Messages -> completions; tokens -> log-probabilities. torch and transformers; imports none of our packages.

`import policies` loads nothing else; the first use of a name below loads what all of them need (policies/api.py).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":  # what tools look for in any module loads nothing
        raise AttributeError(f"module 'policies' has no attribute {name!r}")
    return getattr(import_module("policies.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("policies.api").__all__})
