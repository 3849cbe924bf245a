"""Direct preference optimisation: the labelled pairs of the start, no reward model, no sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, cost_of_pairs, write_cost
from experiments.arms.method import Method
from experiments.config.arms.kinds import DirectArm
from experiments.config.sections import DPOSection
from experiments.run.errors import UserError
from experiments.stages.services import Services
from experiments.stages.training import ArmRun
from rl.preference.direct.base import DirectCard, DirectSettings
from rl.preference.direct.dpo import DpoSettings, fit_dpo
from rl.preference.fit_checkpoints import FitCheckpoints


class Direct(Method[DirectArm]):
    """DPO, or IPO, on the pairs of `preference` (rl/preference/direct/dpo.py)."""

    @property
    def section(self) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        return self.arm.dpo_over(self.preference)

    def check(self, env: Environment) -> None:
        """Refuses what the fit would refuse."""
        super().check(env)
        check_dpo(self.section, f"arms.{self.name}")

    def plan(self) -> str:
        """The loss, the labelled pairs and the passes over them."""
        recorded = self.preference.comparisons is not None
        pairs = "the recorded" if recorded else f"{self.preference.num_pairs:,} labelled"
        return f"{self.section.loss} on {pairs} pairs, {self.section.epochs} epoch(s)"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Fits the start to the pairs of this seed; a stopped fit goes on from its own checkpoint."""
        settings = DpoSettings(**self.section.model_dump(), seed=run.seed, autocast=self.rl.autocast)
        preferences = services.preferences[self.name]
        cost = cost_of_pairs(preferences.folder)
        return run_fit(run, services, fit_dpo, preferences.comparisons(), settings, cost)


def run_fit(
    run: ArmRun,
    services: Services,
    fit: Callable[..., DirectCard],
    rows: Sequence[Any],
    settings: DirectSettings,
    cost_of_rows: TrainingCost,
) -> bool:
    """Fits the start to `rows` in the arm's folder and notes what that cost; False when it was interrupted.

    Args:
        fit: fit_dpo or fit_kto.
    """
    card = fit(
        services.folders.start_policy,
        rows,
        settings,
        run.folder.policy,
        run.recorder,
        stage=run.stage,
        checkpoints=FitCheckpoints(run.folder.path / "checkpoints", run.identity),
    )
    if card.interrupted:
        return False
    cost = cost_of_rows + TrainingCost(optimizer_steps=card.steps, tokens_trained=card.tokens_trained)
    write_cost(run.folder, cost, card.seconds, fit=card.to_json())
    return True


def check_dpo(section: DPOSection, where: str) -> None:
    """Refuses settings that the fit would refuse.

    Raises:
        UserError: with what is wrong.
    """
    try:
        DpoSettings(**section.model_dump())
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
