"""Kinds of arms: what may be done with the shared start. One file is one kind; this is their registry.

Only settings are read here: torch and the rest are imported when an arm runs.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from experiments.arms.base import Arm
from experiments.arms.best_of_n import BestOfNArm
from experiments.arms.direct import DirectArm
from experiments.arms.distill import DistillArm
from experiments.arms.expert_iteration import ExpertIterationArm
from experiments.arms.imitation import ImitationArm
from experiments.arms.kto import KtoArm
from experiments.arms.online_dpo import OnlineDpoArm
from experiments.arms.rl import RlArm

AnyArm = Annotated[
    RlArm | ImitationArm | ExpertIterationArm | BestOfNArm | DirectArm | KtoArm | OnlineDpoArm | DistillArm,
    Field(discriminator="method"),
]


def arm_kinds() -> tuple[type[Arm], ...]:
    """The kinds, in the order of the registry."""
    kinds: tuple[type[Arm], ...] = get_args(get_args(AnyArm)[0])
    return kinds


def methods_of(kind: type[Arm]) -> tuple[str, ...]:
    """What a config may write in `method` for this kind."""
    methods: tuple[str, ...] = get_args(kind.model_fields["method"].annotation)
    return methods


__all__ = ["AnyArm", "Arm", "RlArm", "arm_kinds", "methods_of"]
