"""Which problems a step asks: parts and levels where the policy can learn most, and no problem twice."""

from __future__ import annotations

from typing import Any

from envs.environment import Environment
from rl.curriculum.adaptive import LearnabilityCurriculum, TargetSuccessCurriculum
from rl.curriculum.base import Curriculum
from verifiers.plugins import load_attribute

CURRICULA: dict[str, type[Curriculum]] = {
    "uniform": Curriculum,
    "learnability": LearnabilityCurriculum,
    "target_success": TargetSuccessCurriculum,
}


def make_curriculum(name: str, env: Environment, **settings: Any) -> Curriculum:
    """The curriculum of that name over an environment's problems.

    Args:
        name: one of CURRICULA, or a class with the methods of Curriculum as "package.module:attribute" or
            "path/to/file.py:attribute".
    Raises:
        ValueError: unknown name; the message lists the known ones.
        TypeError: a setting that it does not have.
    """
    if ":" in name:
        made: Curriculum = load_attribute(name)(env, **settings)
        return made
    if name not in CURRICULA:
        raise ValueError(f"curriculum is {name!r}, expected one of {', '.join(CURRICULA)}")
    return CURRICULA[name](env, **settings)


__all__ = ["CURRICULA", "Curriculum", "LearnabilityCurriculum", "TargetSuccessCurriculum", "make_curriculum"]
