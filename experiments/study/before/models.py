"""The models that a config names, without their weights: they encode, and their configs say how long a context is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from envs.environment import Environment
from experiments.arms import methods_of_study
from experiments.config.arms.base import START
from experiments.config.arms.kinds import DistillArm
from experiments.config.experiment import Experiment
from experiments.config.sections import ModelSection
from experiments.run.errors import UserError
from policies.causal import CausalPolicy, load_reader
from policies.pretrained.prompting import with_template_settings
from policies.tiny import TinyConfig, build_tiny
from rl.imitation.distill import check_vocabularies


class NotAtHandError(UserError):
    """The tokenizer of a model of a hub, which is not here: a run would fetch it, and a check goes on without."""


@dataclass(frozen=True)
class NamedModel:
    """A model and where the config names it.

    Attributes:
        reader: it without its weights.
        setting: `policy`, or `arms.NAME.student`.
        arm: NAME; empty for the policy that every arm starts from.
        is_tiny: from scratch, so that its context is a setting.
    """

    reader: CausalPolicy
    setting: str
    arm: str
    is_tiny: bool

    @property
    def context_in_words(self) -> str:
        """Its context, for a message."""
        whose = "the model's context" if not self.arm else f"the context of {self.setting}"
        return f"{whose} is {self.reader.context}"

    @property
    def remedy(self) -> str:
        """What makes its context longer, for a message."""
        other = "model" if not self.arm else "student"
        return f"raise {self.setting}.tiny.context" if self.is_tiny else f"choose a {other} with a longer context"


def reader_of(experiment: Experiment, env: Environment) -> CausalPolicy:
    """What encodes for the policy of the config; it has no weights worth anything.

    Raises:
        UserError: its tokenizer or its config cannot be loaded.
    """
    return _read(experiment, experiment.policy, env, "policy")


def models_of(experiment: Experiment, env: Environment) -> list[NamedModel]:
    """The policy, then the student of every distilling arm.

    Raises:
        UserError: one cannot be loaded, or a student has another vocabulary than its teacher.
    """
    policy = NamedModel(reader_of(experiment, env), "policy", "", experiment.policy.tiny is not None)
    students: dict[str, NamedModel] = {}
    for name, method in methods_of_study(experiment).items():
        arm = method.arm
        if not isinstance(arm, DistillArm):
            continue
        setting = f"arms.{name}.student"
        students[name] = NamedModel(
            _read(experiment, arm.student, env, setting), setting, name, arm.student.tiny is not None
        )
        teacher = _teacher(experiment, arm.teacher, students, policy)
        try:
            check_vocabularies(teacher.reader, students[name].reader)
        except ValueError as error:
            raise UserError(
                f"arms.{name}: {error}: give it a student with the vocabulary of {teacher.setting}"
            ) from error
    return [policy, *students.values()]


def _teacher(experiment: Experiment, name: str, students: Mapping[str, NamedModel], policy: NamedModel) -> NamedModel:
    """The model that an arm's policy is: a student where the arm, or one that it goes on from, distils."""
    if name in students:
        return students[name]
    before = () if name == START else experiment.arms[name].builds_on
    return _teacher(experiment, before[0], students, policy) if before else policy


def _read(experiment: Experiment, section: ModelSection, env: Environment, setting: str) -> CausalPolicy:
    if section.tiny is not None:
        return build_tiny(TinyConfig(**section.tiny.model_dump()), vocabulary=env.vocabulary(), seed=0)
    assert section.path is not None
    shared = experiment.policy
    try:
        reader = load_reader(section.path, trust_remote_code=shared.trust_remote_code)
        with_template_settings(reader.tokenizer, shared.chat_template_kwargs)
        return reader
    except (OSError, ValueError) as error:
        kind = NotAtHandError if _is_of_a_hub(section.path) else UserError
        raise kind(f"{setting}.path: {' '.join(str(error).split())[:300]}") from error


def _is_of_a_hub(path: str) -> bool:
    """Whether a path reads as the id of a model on a hub, `owner/name`, and is no folder here."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", path) is not None and not Path(path).exists()
