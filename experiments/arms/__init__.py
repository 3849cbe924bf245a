"""Kinds of arms: what may be done with the shared start. One file is one kind; this is their registry.

Their settings are in `experiments/config/arms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.arms.best_of_n import BestOfN
from experiments.arms.direct import Direct
from experiments.arms.distill import Distill
from experiments.arms.expert_iteration import ExpertIteration
from experiments.arms.imitation import Imitation
from experiments.arms.kto import Kto
from experiments.arms.method import Method
from experiments.arms.online_dpo import OnlineDpo
from experiments.arms.own import OwnMethod
from experiments.arms.rl import Rl
from experiments.config.arms import kinds as settings
from experiments.config.arms.base import Arm
from experiments.config.experiment import Experiment
from experiments.config.sections import Shared

METHODS: Mapping[type[Arm], type[Method[Any]]] = {
    settings.RlArm: Rl,
    settings.ImitationArm: Imitation,
    settings.ExpertIterationArm: ExpertIteration,
    settings.BestOfNArm: BestOfN,
    settings.DirectArm: Direct,
    settings.KtoArm: Kto,
    settings.OnlineDpoArm: OnlineDpo,
    settings.DistillArm: Distill,
}


def method_of(arm: Arm, shared: Shared, name: str) -> Method[Any]:
    """What a study does with an arm of these settings."""
    if isinstance(arm, settings.OwnArm):
        made: Method[Any] = arm.own_class(arm, shared, name)
        return made
    return METHODS[type(arm)](arm, shared, name)


def methods_of_study(experiment: Experiment) -> dict[str, Method[Any]]:
    """Every arm of a study, by name, in the order of the config."""
    return {name: method_of(arm, experiment, name) for name, arm in experiment.arms.items()}


__all__ = ["METHODS", "Method", "OwnMethod", "method_of", "methods_of_study"]
