"""Which problems a step asks: parts and levels where the policy can learn most, and no problem twice."""

from __future__ import annotations

from typing import Any

from envs.environment import Environment
from rl.curriculum.adaptive import LearnabilityCurriculum, TargetSuccessCurriculum
from rl.curriculum.base import Curriculum
from verifiers.parts import check_methods, find_part

CURRICULA: dict[str, type[Curriculum]] = {
    "uniform": Curriculum,
    "learnability": LearnabilityCurriculum,
    "target_success": TargetSuccessCurriculum,
}
CURRICULUM_METHODS = ("problems", "observe", "metrics", "state_dict", "load_state_dict")


def make_curriculum(name: str, env: Environment, **settings: Any) -> Curriculum:
    """The curriculum of that name over an environment's problems.

    Args:
        name: one of CURRICULA, or a class with the methods of Curriculum, named as in verifiers/parts.py.
    Raises:
        ValueError: unknown name; the message lists the known ones.
        TypeError: a setting that it does not have.
    """
    made: Curriculum = find_part("curriculum", name, CURRICULA)(env, **settings)
    check_methods("curriculum", name, made, CURRICULUM_METHODS)
    return made


__all__ = ["CURRICULA", "Curriculum", "LearnabilityCurriculum", "TargetSuccessCurriculum", "make_curriculum"]
