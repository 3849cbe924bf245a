"""Direct preference optimisation: the labelled pairs of the start, no reward model, no sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from experiments.arms.base import Arm
from experiments.config.sections import DPOSection

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.study.context import SeedContext
    from experiments.study.cost import Spent
    from rl.preference.direct import DirectCard, DirectSettings


class DirectArm(Arm):
    """DPO, or IPO, on the pairs of `preference` (rl/preference/dpo.py)."""

    method: Literal["dpo", "ipo"]
    dpo: dict[str, Any] = Field(default_factory=dict)  # settings of `preference.dpo` that this arm alone changes

    @model_validator(mode="after")
    def _one_loss(self) -> DirectArm:
        if self.method == "ipo" and self.dpo.get("loss", "ipo") != "ipo":
            raise ValueError(f"method ipo has the loss ipo, and dpo.loss is {self.dpo['loss']!r}: use method dpo")
        return self

    @property
    def uses_comparisons(self) -> bool:
        """Always: they are all that it learns from."""
        return True

    def section(self, experiment: Experiment) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        loss = {"loss": "ipo", "label_smoothing": 0.0} if self.method == "ipo" else {}
        return DPOSection.model_validate({**experiment.preference.dpo.model_dump(), **loss, **self.dpo})

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Refuses what the fit would refuse."""
        super().check(experiment, name, env)
        check_dpo(self.section(experiment), f"arms.{name}")

    def plan(self, experiment: Experiment, name: str) -> str:
        """The loss, the labelled pairs and the passes over them."""
        section = self.section(experiment)
        return f"{section.loss} on {experiment.preference.num_pairs:,} labelled pairs, {section.epochs} epoch(s)"

    def run(self, context: SeedContext, name: str) -> bool:
        """Fits the start to the pairs of this seed; a stopped fit goes on from its own checkpoint."""
        from experiments.study.cost import on_pairs
        from experiments.study.preferences import comparisons_of
        from rl.preference.dpo import DpoSettings, fit_dpo

        settings = DpoSettings(**self.section(context.experiment).model_dump(), seed=context.seed)
        return run_fit(context, name, fit_dpo, comparisons_of(context), settings, on_pairs(context))


def run_fit(
    context: SeedContext,
    name: str,
    fit: Callable[..., DirectCard],
    rows: Sequence[Any],
    settings: DirectSettings,
    bought: Spent,
) -> bool:
    """Fits the start to `rows` in the arm's folder and notes what that cost; False when it was interrupted.

    Args:
        fit: fit_dpo or fit_kto.
        bought: what the rows cost.
    """
    from experiments.study.cost import Spent, write_spent

    folder = context.folder(name)
    recorder = context.recorder(folder)
    checkpoints = folder.path / "checkpoints"
    card = fit(context.start_policy, rows, settings, folder.policy, recorder, stage=name, checkpoints=checkpoints)
    recorder.close()
    if card.interrupted:
        return False
    spent = bought + Spent(optimizer_steps=card.steps, tokens_trained=card.tokens_trained)
    write_spent(folder, spent, card.seconds, fit=card.to_json())
    return True


def check_dpo(section: DPOSection, where: str) -> None:
    """Refuses settings that the fit would refuse.

    Raises:
        UserError: with what is wrong.
    """
    from experiments.run.errors import UserError
    from rl.preference.dpo import DpoSettings

    try:
        DpoSettings(**section.model_dump())
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
