"""Online DPO: the label budget spread over rounds, each on fresh completions of the policy as it is then."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from experiments.arms.base import Arm
from experiments.arms.direct import check_dpo
from experiments.config.sections import Component, DPOSection, Positive

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.study.context import SeedContext
    from rl.preference.online_dpo import OnlineRound


class OnlineDpoArm(Arm):
    """Rounds of sampling, labelling and a DPO fit (rl/preference/online_dpo.py)."""

    method: Literal["online_dpo"]
    rounds: Positive = 4  # preference.num_pairs judgements are split over them
    annotator: Component | None = None  # who judges; null: preference.annotator (`perfect` is the verifier)
    dpo: dict[str, Any] = Field(default_factory=dict)  # settings of `preference.dpo` that this arm alone changes

    uses_rl: ClassVar[frozenset[str]] = frozenset({"group_size", "sampling"})

    def section(self, experiment: Experiment) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        return DPOSection.model_validate({**experiment.preference.dpo.model_dump(), **self.dpo})

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Builds the annotator; refuses recorded labels without one, and fewer judgements than rounds."""
        super().check(experiment, name, env)
        from experiments.run.errors import UserError
        from experiments.study.context import build
        from rl.preference.annotators import make_annotator

        check_dpo(self.section(experiment), f"arms.{name}")
        if experiment.preference.comparisons is not None and self.annotator is None:
            raise UserError(
                f"arms.{name}: preference.comparisons holds recorded labels, and an online method needs somebody to "
                "ask: set annotator"
            )
        if self.annotator is not None:
            build(f"arms.{name}.annotator", self.annotator, make_annotator)
        if experiment.preference.num_pairs < self.rounds:
            raise UserError(
                f"arms.{name}: {experiment.preference.num_pairs} judgements for {self.rounds} rounds: "
                "raise preference.num_pairs or lower rounds"
            )

    def plan(self, experiment: Experiment, name: str) -> str:
        """The loss, the rounds, and the labelled pairs of each."""
        pairs = experiment.preference.num_pairs
        return (
            f"{self.section(experiment).loss} in {self.rounds} rounds of {pairs // self.rounds:,} fresh labelled pairs"
        )

    def run(self, context: SeedContext, name: str) -> bool:
        """Runs the rounds that are missing; the last one's policy is the arm's."""
        from experiments.study.context import build
        from experiments.study.cost import Spent, write_spent
        from experiments.study.preferences import annotator_of, pairs_per_problem, sample_pairs
        from rl.preference.annotators import make_annotator
        from rl.preference.comparisons import SELECTORS
        from rl.preference.dpo import DpoSettings
        from rl.preference.online_dpo import fit_online_dpo

        folder = context.folder(name)
        recorder = context.recorder(folder)
        section = context.experiment.preference
        per_problem = pairs_per_problem(context.experiment.rl_of(name))
        rounds = fit_online_dpo(
            context.start_policy,
            lambda policy, k: sample_pairs(context, policy, section.num_pairs // self.rounds, name, part=k),
            annotator_of(context) if self.annotator is None else build("annotator", self.annotator, make_annotator),
            DpoSettings(**self.section(context.experiment).model_dump(), seed=context.seed),
            folder.path,
            recorder,
            rounds=self.rounds,
            num_pairs=section.num_pairs,
            seed=context.seed,
            selector=SELECTORS[section.selector](),
            max_per_problem=per_problem,
            stage=name,
            after_round=lambda policy, found: _look(context, name, policy, found),
        )
        recorder.close()
        if len(rounds) < self.rounds:
            return False
        shutil.copytree(folder.path / f"round_{self.rounds}" / "policy", folder.policy, dirs_exist_ok=True)
        spent = Spent(
            optimizer_steps=sum(r.fit.steps for r in rounds),
            tokens_sampled=sum(r.tokens_sampled for r in rounds),
            tokens_trained=sum(r.fit.tokens_trained for r in rounds),
            labels=sum(r.labeller.num_judgements for r in rounds),
        )
        seconds = sum(r.fit.seconds for r in rounds)
        write_spent(folder, spent, seconds, rounds=[r.to_json() for r in rounds])
        return True


def _look(context: SeedContext, name: str, policy: Path, found: OnlineRound) -> None:
    """Evaluates a finished round's policy on the validation problems."""
    from experiments.study.evaluation import run_validation

    _, version = context.serve(context.load(policy))
    figures = run_validation(context, name, found.round, version)
    context.folder(name).metrics(name, found.round, {f"eval/{key}": value for key, value in figures.items()})
