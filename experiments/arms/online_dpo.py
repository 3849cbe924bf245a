"""Online DPO: the label budget spread over rounds, each on fresh completions of the policy as it is then."""

from __future__ import annotations

import shutil
from pathlib import Path

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, write_cost
from experiments.arms.direct import check_dpo
from experiments.arms.method import Method
from experiments.config.arms.kinds import OnlineDpoArm
from experiments.config.components import build
from experiments.config.sections import DPOSection
from experiments.run.errors import UserError
from experiments.stages.preferences import pairs_per_problem
from experiments.stages.services import Services
from experiments.stages.training import ArmRun
from rl.preference.direct.dpo import DpoSettings
from rl.preference.direct.online_dpo import OnlineRound, fit_online_dpo
from rl.preference.labels.comparisons import make_selector
from rl.types import Group


class OnlineDpo(Method[OnlineDpoArm]):
    """Rounds of sampling, labelling and a DPO fit (rl/preference/direct/online_dpo.py)."""

    @property
    def section(self) -> DPOSection:
        """`preference.dpo` as this arm sees it."""
        return self.arm.dpo_over(self.preference)

    def check(self, env: Environment) -> None:
        """Builds the annotator; refuses recorded labels without one, and fewer judgements than rounds."""
        super().check(env)
        where, preference = f"arms.{self.name}", self.preference
        check_dpo(self.section, where)
        if preference.comparisons is not None and "annotator" not in self.arm.preference:
            raise UserError(
                f"{where}: preference.comparisons holds recorded labels, and an online method needs somebody to "
                "ask: set preference: {annotator: ...} of the arm"
            )
        if preference.num_pairs < self.arm.rounds:
            raise UserError(
                f"{where}: {preference.num_pairs} judgements for {self.arm.rounds} rounds: "
                "raise preference.num_pairs or lower rounds"
            )

    def plan(self) -> str:
        """The loss, the rounds, and the labelled pairs of each."""
        pairs, rounds = self.preference.num_pairs, self.arm.rounds
        return f"{self.section.loss} in {rounds} rounds of {pairs // rounds:,} fresh labelled pairs"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Runs the rounds that are missing; the last one's policy is the arm's."""
        preference, rounds = self.preference, self.arm.rounds
        preferences = services.preferences[self.name]

        def sample(policy: Path, k: int) -> list[Group]:
            """The completions of round k, of the policy saved there."""
            budget = preference.num_pairs // rounds
            return preferences.sample_pairs(policy, budget, run.rl, run.stage, part=k)

        reports = fit_online_dpo(
            services.folders.start_policy,
            sample,
            preferences.annotator(),
            DpoSettings(**self.section.model_dump(), seed=run.seed, autocast=self.rl.autocast),
            run.folder.path,
            run.recorder,
            rounds=rounds,
            num_pairs=preference.num_pairs,
            seed=run.seed,
            selector=build("preference.selector", preference.selector, make_selector),
            max_per_problem=pairs_per_problem(run.rl),
            stage=run.stage,
            after_round=lambda policy, found: _validate(run, services, policy, found),
            identity=run.identity,
        )
        if len(reports) < rounds:
            return False
        shutil.copytree(run.folder.path / f"round_{rounds}" / "policy", run.folder.policy, dirs_exist_ok=True)
        cost = TrainingCost(
            optimizer_steps=sum(r.fit.steps for r in reports),
            tokens_sampled=sum(r.tokens_sampled for r in reports),
            tokens_trained=sum(r.fit.tokens_trained for r in reports),
            labels=sum(r.label_report.num_judgements for r in reports),
        )
        seconds = sum(r.fit.seconds for r in reports)
        write_cost(run.folder, cost, seconds, rounds=[r.to_json() for r in reports])
        return True


def _validate(run: ArmRun, services: Services, policy: Path, found: OnlineRound) -> None:
    """Evaluates a finished round's policy on the validation problems."""
    _, version = services.server.serve(services.server.load(policy))
    figures = services.evaluator.validate(run.folder.path, run.stage, found.round, version)
    run.folder.metrics(run.stage, found.round, {f"eval/{key}": value for key, value in figures.items()})
