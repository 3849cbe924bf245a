"""Problems, prompts, demonstrations, grading. No torch, no ray: light worker processes load this package."""

from envs.types import Environment, Message, Problem, Step, StopReason

__all__ = ["Environment", "Message", "Problem", "Step", "StopReason"]
