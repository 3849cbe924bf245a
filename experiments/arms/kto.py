"""KTO: single completions called good or bad, by a thumb each or as the two sides of labelled pairs."""

from __future__ import annotations

import random

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, cost_of_pairs
from experiments.arms.direct import run_fit
from experiments.arms.method import Method
from experiments.config.arms.kinds import KtoArm
from experiments.run.errors import UserError
from experiments.run.folders import read_json, write_json
from experiments.stages.services import Services
from experiments.stages.training import ArmRun
from rl.preference.direct.kto import KtoSettings, fit_kto
from rl.preference.labels.feedback import Feedback, collect_feedback, from_comparisons, load_feedback, save_feedback


class Kto(Method[KtoArm]):
    """KTO on the start's completions (rl/preference/direct/kto.py)."""

    def check(self, env: Environment) -> None:
        """Refuses thumbs where labels were recorded and nobody is left to ask."""
        super().check(env)
        if self.arm.feedback == "thumbs" and self.preference.comparisons is not None:
            raise UserError(
                f"arms.{self.name}: preference.comparisons holds recorded labels of pairs, and nobody is there to give "
                "thumbs: set feedback: pairs"
            )

    def plan(self) -> str:
        """What it learns from, pairs or thumbs, and the passes over them."""
        budget = f"{self.preference.num_pairs:,}"
        is_pairs = self.arm.feedback == "pairs"
        pairs = "the recorded pairs" if self.preference.comparisons is not None else f"{budget} labelled pairs"
        source = pairs if is_pairs else f"{budget} thumbs for single completions"
        return f"kto on {source}, {self.arm.epochs} epoch(s)"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Fits the start to the thumbs of this seed, bought here unless they come from pairs."""
        rows, cost = self._feedback(run, services)
        settings = KtoSettings(
            **self.arm.model_dump(exclude={"method", "rl", "preference", "feedback"}),
            seed=run.seed,
            autocast=self.rl.autocast,
        )
        return run_fit(run, services, fit_kto, rows, settings, cost)

    def _feedback(self, run: ArmRun, services: Services) -> tuple[list[Feedback], TrainingCost]:
        """The thumbs, and what they cost; those that were bought before an interruption are not bought again."""
        preferences = services.preferences[self.name]
        if self.arm.feedback == "pairs":
            return from_comparisons(preferences.comparisons()), cost_of_pairs(preferences.folder)
        card_file, rows_file = run.folder.path / "label_report.json", run.folder.path / "feedback.jsonl"
        if not card_file.exists():
            budget = self.preference.num_pairs
            groups = preferences.sample_start(budget, run.rl, run.stage)
            rng = random.Random(f"thumbs {run.seed}")
            rows, card = collect_feedback(groups, preferences.annotator(), budget, rng)
            save_feedback(rows, rows_file)
            tokens = sum(t.num_sampled for group in groups for t in group.trajectories)
            write_json(card_file, {**card.to_json(), "tokens_sampled": tokens})
        bought = read_json(card_file)
        cost = TrainingCost(tokens_sampled=bought["tokens_sampled"], labels=bought["num_judgements"])
        return load_feedback(rows_file), cost
