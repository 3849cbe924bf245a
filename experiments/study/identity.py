"""Who a stage is: the seed, its name, a digest of the settings that decide what it writes, and
the checksums of the files of one's own that these settings name."""

from __future__ import annotations

from typing import Any

from experiments.config.arms.base import START
from experiments.config.experiment import Experiment
from experiments.config.own_code import own_code
from experiments.run.sealed import digest_of

CHANGES_NOTHING = {
    "name",
    "seeds",
    "trackers",
    "metrics",
    "report_sections",
    "arms",
}  # no artefact of a stage depends on these
KEPT_BESIDE = {"evaluation": {"support_samples": True}, "rl": {"log_token_values": True}}  # kept for whoever looks


def start_settings(experiment: Experiment) -> dict[str, Any]:
    """The settings that decide what the folders seed-S/sft hold."""
    parts = {"threads", "env", "policy", "imitation", "evaluation", "workers"}
    training = experiment.rl.model_dump(mode="json", include={"micro_tokens", "autocast", "sampling"})
    return {**experiment.model_dump(mode="json", include=parts, exclude=KEPT_BESIDE), "rl": training}


def stage_identity(experiment: Experiment, seed: int, stage: str) -> dict[str, Any]:
    """The identity of a stage: of the start, the preferences, the reward model or an arm."""
    if stage == START:
        settings = start_settings(experiment)
    else:
        arm = experiment.arms.get(stage)
        # labels and reward models are of the arms that ask for them
        labels = {name: each.preference for name, each in experiment.arms.items() if each.preference}
        own = labels if arm is None else arm.model_dump(mode="json")
        shared = experiment.model_dump(mode="json", exclude={**dict.fromkeys(CHANGES_NOTHING, True), **KEPT_BESIDE})
        settings = _without_steps({"shared": shared, "arm": own})
    code = own_code(settings)
    return {"seed": seed, "stage": stage, "config": digest_of(settings), **({"code": code} if code else {})}


def _without_steps(tree: dict[str, Any]) -> dict[str, Any]:
    """The settings without `rl.steps`: a finished run may be given more, and stays the run that it is."""
    return {
        key: {k: v for k, v in value.items() if k != "steps"}
        if key == "rl" and isinstance(value, dict)
        else _without_steps(value)
        if isinstance(value, dict)
        else value
        for key, value in tree.items()
    }
