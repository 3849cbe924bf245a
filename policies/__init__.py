"""Messages -> completions; tokens -> log-probabilities. torch and transformers; imports none of our packages.

`import policies` loads nothing else; the first use of a name below loads what all of them need (policies/api.py).
"""

# ruff: noqa: F405 - the names are those of policies/api.py
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from policies.api import *  # noqa: F403

__all__ = (
    "CausalPolicy",
    "Completion",
    "FinishReason",
    "Request",
    "RewardModel",
    "Sampling",
    "SamplingEngine",
    "TinyConfig",
    "build_tiny",
    "load_policy",
    "score_tokens",
)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'policies' has no attribute {name!r}")
    from policies import api  # torch: when a name is used

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
