"""What a seed of a study takes on disk, asked before anything is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from experiments.config.arms.kinds import RlArm
from experiments.config.experiment import Experiment
from experiments.run.errors import UserError

BYTES = 4  # of a float32 weight; policies and checkpoints are kept whole
KEPT_CHECKPOINTS = 2  # of a stage, rl/learning/checkpoint.py
ADAM = 3  # weights and two running means
KEPT_POLICIES = 3  # at most, of an arm that is stopped early in several ways
GB = 1e9


def seed_bytes(experiment: Experiment, parameters: int, trainable: int) -> int:
    """What the folder of one seed takes at most while it is written: policies, and checkpoints with optimizer state.

    Rollouts and tables are not counted; beside a large model they are small.

    Args:
        parameters: of the policy; trainable: those that are trained (LoRA: the adapters alone).
    """
    checkpoint = ADAM * trainable * BYTES
    policy = parameters * BYTES
    stages = [2 * policy + (KEPT_CHECKPOINTS * checkpoint if experiment.imitation is not None else 0)]
    for arm in experiment.arms.values():
        further = KEPT_POLICIES if isinstance(arm, RlArm) and arm.reward.name == "proxy" else 0
        stages.append((1 + further) * policy + KEPT_CHECKPOINTS * checkpoint)
    return sum(stages) + checkpoint  # one more while it is written


def check_disk(experiment: Experiment, parameters: int, trainable: int, folder: Path) -> None:
    """Compares it with what is free.

    Raises:
        UserError: a seed does not fit.
    """
    needed, free = seed_bytes(experiment, parameters, trainable), shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"a seed of this study takes up to {needed / GB:.1f} GB ({len(experiment.arms)} arms, {parameters:,} "
            f"weights, {trainable:,} of them trained), and {folder} has {free / GB:.1f} GB free: write elsewhere "
            "(--output), train adapters alone (policy.lora_rank), or leave arms out"
        )
