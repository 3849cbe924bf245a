"""Problems, prompts, demonstrations, grading. No torch, no ray: light worker processes load this package."""

from envs.environment import Environment
from envs.graders import EnvGrader
from envs.registry import environment, list_environments, make
from envs.types import EnvSpec, Message, Problem, Step, StopReason, unordered

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
