"""What a study does with an arm: checks it, tells its plan, trains it and tests it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from envs.environment import Environment
from experiments.config.arms.base import Arm
from experiments.config.components import build
from experiments.config.sections import PreferenceSection, RLSection, Shared
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder
from experiments.stages.preferences import read_recorded
from experiments.stages.services import Services
from experiments.stages.training import ArmRun, check_optimizer
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import make_selector

A = TypeVar("A", bound=Arm)


@dataclass(frozen=True)
class Method(Generic[A]):
    """The behaviour of one kind of arm; a subclass is a kind.

    It trains from the start's policy into the arm's folder, on the prompts and the budget of `rl`.

    Attributes:
        arm: its settings.
        shared: the config, its arms apart.
        name: of the arm.
    """

    arm: A
    shared: Shared
    name: str

    @property
    def rl(self) -> RLSection:
        """The `rl` section as this arm sees it."""
        return self.arm.rl_over(self.shared)

    @property
    def preference(self) -> PreferenceSection:
        """The `preference` section as this arm sees it."""
        return self.arm.preference_over(self.shared)

    @property
    def reads_rl(self) -> frozenset[str]:
        """The fields of `rl` that this kind reads."""
        return self.arm.uses_rl

    def check(self, env: Environment) -> None:
        """Builds the components that the settings name; trains and samples nothing.

        Raises:
            UserError: one of them cannot be built, or a setting would change nothing.
        """
        for section, given, read in (
            ("rl", self.arm.rl, self.reads_rl),
            ("preference", self.arm.preference, self.arm.reads_preference),
        ):
            unread = sorted(set(given) - read)
            if unread:
                known = ", ".join(sorted(read)) or "nothing"
                raise UserError(
                    f"arms.{self.name}.{section}.{unread[0]} changes nothing: this arm, of method "
                    f"{self.arm.method!r}, reads {known} of {section}"
                )
        self._check_labels()
        self._check_optimizers()

    def _check_optimizers(self) -> None:
        """Makes the optimizers that the arm's own settings name."""
        own = {"optimizer": getattr(self.arm, "optimizer", None)}
        if "optimizer" in self.reads_rl:
            own |= {"rl.optimizer": self.rl.optimizer, "rl.value_optimizer": self.rl.value_optimizer}
        for name, section in own.items():
            if section is not None:
                check_optimizer(f"arms.{self.name}: {name}", section)

    def _check_labels(self) -> None:
        """Builds the annotator of its own that the arm names, or reads the labels that it points to."""
        if "annotator" in self.arm.preference:
            build(f"arms.{self.name}.preference.annotator", self.preference.annotator, make_annotator)
        if "selector" in self.arm.preference:
            build(f"arms.{self.name}.preference.selector", self.preference.selector, make_selector)
        if "comparisons" in self.arm.preference and self.preference.comparisons is not None:
            read_recorded(Path(self.preference.comparisons), f"arms.{self.name}.preference.comparisons")

    def plan(self) -> str:
        """What it will do and sample, in one line."""
        raise NotImplementedError(f"{type(self).__name__} defines no plan")

    def run(self, run: ArmRun, services: Services) -> bool:
        """Trains the arm into its folder; False when it was interrupted and can be resumed."""
        raise NotImplementedError(f"{type(self).__name__} defines no run")

    def test(self, folder: RunFolder, services: Services) -> None:
        """Answers the frozen test problems and records the evaluation in the arm's folder."""
        services.evaluator.run_test(self.name, folder)

    def further_policies(self, folder: RunFolder) -> Mapping[str, RunFolder]:
        """Other policies of the training worth testing, such as an earlier one; by name, each in its folder."""
        return {}
