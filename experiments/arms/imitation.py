"""More imitation: what the same number of updates on fresh demonstrations gives, without any practice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.arms.base import Arm
from experiments.config.sections import OptimizerSection
from experiments.run.errors import UserError

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.study.context import SeedContext


class ImitationArm(Arm):
    """Supervised training on demonstrations that the start has not seen, as many rows and updates as practice has."""

    method: Literal["imitation"]
    optimizer: OptimizerSection = OptimizerSection(lr=5e-4, schedule="cosine")

    uses_rl: ClassVar[frozenset[str]] = frozenset({"steps", "problems_per_step", "group_size"})

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Refuses a study in which nobody is imitated."""
        super().check(experiment, name, env)
        if experiment.imitation is None:
            raise UserError(f"arms.{name}: method imitation needs the section `imitation`, which says who is imitated")

    def plan(self, experiment: Experiment, name: str) -> str:
        """Steps, and fresh demonstrations of each: as many as practice has completions."""
        section = experiment.rl_of(name)
        rows = section.problems_per_step * section.group_size
        return f"imitation goes on: {section.steps} steps of {rows:,} fresh demonstrations"

    def run(self, context: SeedContext, name: str) -> bool:
        """Fits the start to demonstrations whose indices follow those that it has seen."""
        from experiments.study.context import build_demonstrator
        from experiments.study.cost import Spent, write_spent
        from experiments.study.start import SAVE_EVERY, demonstrations_of, fit_demonstrations
        from rl.imitation.sft import SftSettings

        imitation = context.experiment.imitation
        assert imitation is not None
        section = context.experiment.rl_of(name)
        folder = context.folder(name)
        recorder = context.recorder(folder)
        policy = context.load(context.start_policy, trainable=True)
        rows = section.problems_per_step * section.group_size
        source = demonstrations_of(context, imitation, build_demonstrator(context.env, imitation.demonstrator))
        result = fit_demonstrations(
            context,
            policy,
            source.write(section.steps * rows, first=imitation.num_demonstrations),
            SftSettings(
                max_steps=section.steps, batch_size=rows, target=None, save_every=SAVE_EVERY, seed=context.seed
            ),
            self.optimizer,
            folder,
            recorder,
            stage=name,
        )
        recorder.close()
        if result.interrupted:
            return False
        policy.save(folder.policy)
        spent = Spent(
            optimizer_steps=result.steps,
            tokens_trained=result.tokens_passed,
            demonstrations=section.steps * rows,
        )
        write_spent(folder, spent, result.seconds)
        return True
