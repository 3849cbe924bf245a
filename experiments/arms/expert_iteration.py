"""Expert iteration (STaR, rejection sampling): the budget of practice, spent on imitating verified own samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.arms.base import SAMPLED, TRAINED, Arm
from experiments.config.sections import OptimizerSection, Positive
from experiments.run.errors import UserError

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.study.context import SeedContext
    from rl.imitation.expert_iteration import RoundReport


class ExpertIterationArm(Arm):
    """Rounds of sampling, keeping what is verified, and supervised training (rl/imitation/expert_iteration.py).

    The completions of all rounds together are as many as those of practice: `rl.steps` x problems x group size.
    """

    method: Literal["expert_iteration"]
    rounds: Positive = 4  # rl.steps x problems_per_step problems are split over them
    max_per_problem: Positive = 4  # verified solutions kept of one problem
    epochs: Positive = 2  # passes over the kept solutions per round
    batch_size: Positive = 64  # solutions per optimizer step
    restart: bool = True  # each round trains from the start (STaR), not from the last round's policy
    pool: bool = True  # a round also learns from the solutions of earlier rounds
    optimizer: OptimizerSection = OptimizerSection(lr=5e-4)

    uses_rl: ClassVar[frozenset[str]] = SAMPLED | TRAINED | {"log_rollouts", "evaluate_every"}

    def problems_per_round(self, experiment: Experiment, name: str) -> int:
        """The budget's problems, spread over the rounds."""
        section = experiment.rl_of(name)
        return section.steps * section.problems_per_step // self.rounds

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Refuses more rounds than problems, and a schedule, whose end nobody knows."""
        super().check(experiment, name, env)
        if not self.problems_per_round(experiment, name):
            raise UserError(f"arms.{name}: {self.rounds} rounds are more than the budget has problems")
        if self.optimizer.schedule != "constant":
            raise UserError(
                f"arms.{name}.optimizer.schedule is {self.optimizer.schedule!r}: how many steps a round has depends on "
                "what is verified, so no schedule can end with it; use constant"
            )

    def plan(self, experiment: Experiment, name: str) -> str:
        """Rounds, problems of a round, and the completions that they come to."""
        section, problems = experiment.rl_of(name), self.problems_per_round(experiment, name)
        completions = self.rounds * problems * section.group_size
        return (
            f"expert iteration: {self.rounds} rounds x {problems:,} problems x {section.group_size} = "
            f"{completions:,} completions"
        )

    def run(self, context: SeedContext, name: str) -> bool:
        """Runs the rounds that are missing, and looks at the validation problems after each if the curve is wanted."""
        from experiments.study.context import sampling_of
        from experiments.study.cost import Spent, write_spent
        from experiments.study.evaluation import run_validation
        from experiments.study.training import make_imitator
        from rl.imitation.expert_iteration import ExpertIteration, ExpertIterationSettings
        from rl.learning.checkpoint import Checkpoints
        from rl.rollouts.log import RolloutLog

        section = context.experiment.rl_of(name)
        folder = context.folder(name)
        recorder = context.recorder(folder)
        learner = make_imitator(context, section, context.load(context.start_policy, trainable=True), self.optimizer)

        def after_round(report: RoundReport) -> Mapping[str, float]:
            """The round's figures on the validation problems; none where they are not asked for."""
            return run_validation(context, name, report.round, report.round) if section.evaluate_every else {}

        reports = ExpertIteration(
            learner,
            context.workers(),
            context.problem_source(name),
            ExpertIterationSettings(
                **self.model_dump(include={"rounds", "max_per_problem", "epochs", "batch_size", "restart", "pool"}),
                problems_per_round=self.problems_per_round(context.experiment, name),
                group_size=section.group_size,
                sampling=sampling_of(section.sampling),
                shard_size=context.experiment.workers.shard_size,
                save_every=section.checkpoint_every,
                seed=context.seed,
            ),
            recorder,
            stage=name,
            checkpoints=Checkpoints(folder.path / "checkpoints"),
            log=RolloutLog(folder.path / "rollouts") if section.log_rollouts else None,
            after_round=after_round,
        ).run()
        recorder.close()
        if len(reports) < self.rounds:
            return False
        learner.policy.save(folder.policy)
        sampled = self.rounds * self.problems_per_round(context.experiment, name) * section.group_size
        spent = Spent(
            optimizer_steps=sum(r.steps for r in reports),
            tokens_sampled=sum(r.tokens_sampled for r in reports),
            tokens_trained=sum(r.tokens_passed for r in reports),
            verdicts=sampled,
        )
        write_spent(folder, spent, sum(r.seconds for r in reports), rounds=[r.to_json() for r in reports])
        return True
