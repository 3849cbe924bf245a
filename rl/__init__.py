"""Rollouts, advantages, updates. Ray appears in rl/workers only, accelerate in rl/learning/processes.py only, and trl
in rl/preference only.

`import rl` loads nothing else; the first use of a name below loads what all of them need (rl/api.py).
"""

# ruff: noqa: F405 - the names are those of rl/api.py
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rl.api import *  # noqa: F403

__all__ = (
    "Algorithm",
    "Checkpoints",
    "Curriculum",
    "DemonstrationSource",
    "Evaluation",
    "Group",
    "Learner",
    "LearnerSettings",
    "Models",
    "OptimizerSettings",
    "PolicySpec",
    "Recorder",
    "RewardFunction",
    "RolloutLog",
    "RolloutSettings",
    "SftSettings",
    "SilentRecorder",
    "TrainResult",
    "TrainSettings",
    "Training",
    "Trajectory",
    "VerifierReward",
    "WorkerSpec",
    "Workers",
    "encode_demonstrations",
    "evaluate",
    "fit_sft",
    "make_algorithm",
    "make_curriculum",
    "make_reward",
    "make_workers",
    "shuffled_epochs",
)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'rl' has no attribute {name!r}")
    from rl import api  # torch: when a name is used

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
