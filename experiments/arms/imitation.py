"""More imitation: what the same number of updates on fresh demonstrations gives, without any RL."""

from __future__ import annotations

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, write_cost
from experiments.arms.method import Method
from experiments.config.arms.kinds import ImitationArm
from experiments.config.components import build_demonstrator
from experiments.run.errors import UserError
from experiments.stages.services import Services
from experiments.stages.sft import SAVE_EVERY, demonstrations_of, fit_demonstrations
from experiments.stages.training import ArmRun
from rl.imitation.sft import SftSettings


class Imitation(Method[ImitationArm]):
    """Supervised training on demonstrations that the start has not seen."""

    def check(self, env: Environment) -> None:
        """Refuses a study in which nobody is imitated."""
        super().check(env)
        if self.shared.imitation is None:
            raise UserError(
                f"arms.{self.name}: method imitation needs the section `imitation`, which says who is imitated"
            )

    def plan(self) -> str:
        """Steps, and fresh demonstrations of each: as many as RL has completions."""
        rows = self.rl.problems_per_step * self.rl.group_size
        return f"imitation goes on: {self.rl.steps} steps of {rows:,} fresh demonstrations"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Fits the start to demonstrations whose indices follow those that it has seen."""
        imitation = self.shared.imitation
        assert imitation is not None
        policy = services.server.load(services.folders.start_policy, trainable=True)
        rows = run.rl.problems_per_step * run.rl.group_size
        source = demonstrations_of(services, imitation, build_demonstrator(services.env, imitation.demonstrator))
        result = fit_demonstrations(
            services,
            policy,
            source.write(run.rl.steps * rows, first=imitation.num_demonstrations),
            SftSettings(max_steps=run.rl.steps, batch_size=rows, target=None, save_every=SAVE_EVERY, seed=run.seed),
            self.arm.optimizer,
            run.folder,
            run.recorder,
            stage=run.stage,
            identity=run.identity,
        )
        if result.interrupted:
            return False
        policy.save(run.folder.policy)
        cost = TrainingCost(
            optimizer_steps=result.steps,
            tokens_trained=result.tokens_passed,
            demonstrations=run.rl.steps * rows,
        )
        write_cost(run.folder, cost, result.seconds)
        return True
