"""Problems, prompts, demonstrations, grading. No torch, no ray: light worker processes load this package."""

from envs.grading import EnvGrader
from envs.registry import EnvSpec, environment, list_environments, make
from envs.types import Environment, Message, Problem, Step, StopReason, unordered

__all__ = [
    "EnvGrader",
    "EnvSpec",
    "Environment",
    "Message",
    "Problem",
    "Step",
    "StopReason",
    "environment",
    "list_environments",
    "make",
    "unordered",
]
