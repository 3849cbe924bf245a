"""KTO: single completions called good or bad, by a thumb each or as the two sides of labelled pairs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from experiments.arms.base import Arm
from experiments.arms.direct import run_fit
from experiments.config.sections import Positive, Probability, Rate

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.run.folders import RunFolder
    from experiments.study.context import SeedContext
    from rl.preference.feedback import Feedback

Weight = Annotated[float, Field(gt=0)]


class KtoArm(Arm):
    """KTO on the start's completions (rl/preference/kto.py)."""

    method: Literal["kto"]
    feedback: Literal["thumbs", "pairs"] = "thumbs"  # thumbs: preference.num_pairs judgements of single completions
    beta: Rate = 0.1  # how strongly it is held to the start
    desirable_weight: Weight | None = None  # null: balances good and bad completions
    undesirable_weight: Weight | None = None  # null: 1
    epochs: Positive = 1  # passes over the completions
    lr: Rate = 1e-4  # peak, cosine to 0
    batch_size: Positive = 128  # completions
    held_out: Probability = 0.1  # share of the problems whose completions only measure accuracy

    @property
    def uses_comparisons(self) -> bool:
        """True when the thumbs are the two sides of labelled pairs."""
        return self.feedback == "pairs"

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Refuses thumbs where labels were recorded and nobody is left to ask."""
        super().check(experiment, name, env)
        if self.feedback == "thumbs" and experiment.preference.comparisons is not None:
            from experiments.run.errors import UserError

            raise UserError(
                f"arms.{name}: preference.comparisons holds recorded labels of pairs, and nobody is there to give "
                "thumbs: set feedback: pairs"
            )

    def plan(self, experiment: Experiment, name: str) -> str:
        """What it is paid with, pairs or thumbs, and the passes over them."""
        budget = f"{experiment.preference.num_pairs:,}"
        source = f"{budget} labelled pairs" if self.feedback == "pairs" else f"{budget} thumbs for single completions"
        return f"kto on {source}, {self.epochs} epoch(s)"

    def run(self, context: SeedContext, name: str) -> bool:
        """Fits the start to the thumbs of this seed, bought here unless they come from pairs."""
        from rl.preference.kto import KtoSettings, fit_kto

        rows, bought = self._feedback(context, context.folder(name))
        settings = KtoSettings(**self.model_dump(exclude={"method", "rl", "feedback"}), seed=context.seed)
        return run_fit(context, name, fit_kto, rows, settings, bought)

    def _feedback(self, context: SeedContext, folder: RunFolder) -> tuple[list[Feedback], Any]:
        """The thumbs, and what they cost; those that were bought before an interruption are not bought again."""
        from experiments.run.folders import read_json, write_json
        from experiments.study.cost import Spent, on_pairs
        from experiments.study.preferences import annotator_of, comparisons_of, sample_start
        from rl.preference.feedback import collect_feedback, from_comparisons, load_feedback, save_feedback

        if self.feedback == "pairs":
            return from_comparisons(comparisons_of(context)), on_pairs(context)
        card_file, rows_file = folder.path / "labeller.json", folder.path / "feedback.jsonl"
        if not card_file.exists():
            budget = context.experiment.preference.num_pairs
            groups = sample_start(context, budget, folder.path.name)
            rng = random.Random(f"thumbs {context.seed}")
            rows, card = collect_feedback(groups, annotator_of(context), budget, rng)
            save_feedback(rows, rows_file)
            tokens = sum(t.num_sampled for group in groups for t in group.trajectories)
            write_json(card_file, {**card.to_json(), "tokens_sampled": tokens})
        bought = read_json(card_file)
        return load_feedback(rows_file), Spent(tokens_sampled=bought["tokens_sampled"], labels=bought["num_judgements"])
