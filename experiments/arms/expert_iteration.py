"""Expert iteration (STaR, rejection sampling): RL's budget, spent on imitating verified own samples."""

from __future__ import annotations

from collections.abc import Mapping

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, write_cost
from experiments.arms.method import Method
from experiments.config.arms.kinds import ExpertIterationArm
from experiments.config.components import sampling_of
from experiments.run.errors import UserError
from experiments.stages.services import Services
from experiments.stages.training import ArmRun, curriculum_of, make_imitator
from rl.imitation import expert_iteration
from rl.imitation.expert_iteration import ExpertIterationSettings, RoundReport
from rl.rollouts.log import RolloutLog


class ExpertIteration(Method[ExpertIterationArm]):
    """Rounds of sampling, keeping what is verified, and supervised training (rl/imitation/expert_iteration.py)."""

    @property
    def problems_per_round(self) -> int:
        """The budget's problems, spread over the rounds."""
        return self.rl.steps * self.rl.problems_per_step // self.arm.rounds

    def check(self, env: Environment) -> None:
        """Refuses more rounds than problems, and a schedule, whose end nobody knows."""
        super().check(env)
        if not self.problems_per_round:
            raise UserError(f"arms.{self.name}: {self.arm.rounds} rounds are more than the budget has problems")
        schedule = self.arm.optimizer.schedule
        if schedule != "constant":
            raise UserError(
                f"arms.{self.name}.optimizer.schedule is {schedule!r}: how many steps a round has depends on "
                "what is verified, so no schedule can end with it; use constant"
            )

    def plan(self) -> str:
        """Rounds, problems of a round, and the completions that they come to."""
        problems, group_size = self.problems_per_round, self.rl.group_size
        return (
            f"expert iteration: {self.arm.rounds} rounds x {problems:,} problems x {group_size} = "
            f"{self.arm.rounds * problems * group_size:,} completions"
        )

    def run(self, run: ArmRun, services: Services) -> bool:
        """Runs the rounds that are missing, and looks at the validation problems after each if the curve is wanted."""
        shared, arm = self.shared, self.arm
        policy = services.server.load(services.folders.start_policy, trainable=True)
        learner = make_imitator(policy, run.rl, arm.optimizer, seed=run.seed, threads=shared.threads)

        def after_round(report: RoundReport) -> Mapping[str, float]:
            """The round's figures on the validation problems; none where they are not asked for."""
            if not run.rl.evaluate_every:
                return {}
            return services.evaluator.validate(run.folder.path, run.stage, report.round, report.round)

        reports = expert_iteration.ExpertIteration(
            learner,
            services.server.workers(),
            curriculum_of(run.rl, services.env, run.seed),
            ExpertIterationSettings(
                **arm.model_dump(include={"rounds", "max_per_problem", "epochs", "batch_size", "restart", "pool"}),
                problems_per_round=self.problems_per_round,
                group_size=run.rl.group_size,
                sampling=sampling_of(run.rl.sampling),
                shard_size=shared.workers.shard_size,
                save_every=run.rl.checkpoint_every,
                seed=run.seed,
            ),
            run.recorder,
            stage=run.stage,
            checkpoints=run.checkpoints(),
            log=RolloutLog(run.folder.path / "rollouts") if run.rl.log_rollouts else None,
            after_round=after_round,
        ).run()
        if len(reports) < arm.rounds:
            return False
        policy.save(run.folder.policy)
        cost = TrainingCost(
            optimizer_steps=sum(r.steps for r in reports),
            tokens_sampled=sum(r.tokens_sampled for r in reports),
            tokens_trained=sum(r.tokens_passed for r in reports),
            verdicts=arm.rounds * self.problems_per_round * run.rl.group_size,
        )
        write_cost(run.folder, cost, sum(r.seconds for r in reports), rounds=[r.to_json() for r in reports])
        return True
