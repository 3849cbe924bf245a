"""Distillation: a smaller policy takes over what a larger one has learned, at a price that is counted.

"Then step back to the cheapest one that will do": the student is another architecture, begins untrained, and is tested
like every other arm; what an answer of either costs stands in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, cost_of_updates, write_cost
from experiments.arms.method import Method
from experiments.config.arms.kinds import DistillArm
from experiments.config.components import build, sampling_of
from experiments.config.sections import Component
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder, read_json, write_json
from experiments.stages.evaluation import architecture_of
from experiments.stages.seed_folders import UNTRAINED
from experiments.stages.services import Services
from experiments.stages.training import (
    ArmRun,
    curriculum_of,
    make_imitator,
    make_learner,
    resume_fit,
    train_settings,
)
from policies.causal import CausalPolicy
from rl.algorithms import make as make_algorithm
from rl.imitation.distill import Cost, check_vocabularies, distill_samples, on_policy_cost
from rl.imitation.sft import SftSettings
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.shards import make_shards
from rl.types import Group

OFF_POLICY, ON_POLICY = "off-policy", "on-policy"

Route = Callable[[ArmRun, Services], tuple[Cost, TrainingCost] | None]


class Distill(Method[DistillArm]):
    """A student on a teacher's verified samples (off-policy), then on its own under the teacher's eye (on-policy)."""

    @property
    def _clip(self) -> dict[str, float]:
        return {"clip_low": self.arm.clip, "clip_high": self.arm.clip}

    def check(self, env: Environment) -> None:
        """Builds the algorithm and the loop's settings of the on-policy part."""
        super().check(env)
        build(f"arms.{self.name}", Component(name="distill", settings=self._clip), make_algorithm)
        train_settings(self.rl, self.shared.workers.shard_size)

    def plan(self) -> str:
        """Teacher, the student's shape, and what each route samples."""
        section, arm = self.rl, self.arm
        tiny = arm.student.tiny
        shape = f"tiny {tiny.layers} x {tiny.hidden}" if tiny is not None else arm.student.path
        completions = section.steps * section.problems_per_step * section.group_size
        off = f"{completions:,} samples of {arm.teacher}, verified, {arm.epochs} epoch(s)"
        on = f"{section.steps} steps on its own {completions:,} completions"
        parts = {"both": f"{off}; then {on}", "off_policy": off, "on_policy": on}
        return f"{arm.teacher} into a {shape} student: {parts[arm.route]}"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Trains the student along its routes; one that is done is not gone again.

        Raises:
            UserError: teacher and student have different vocabularies, or no sample of the teacher is verified.
        """
        server, folder = services.server, run.folder.path
        teacher = self._teacher(services)
        student = server.untrained(self.arm.student, services.env)
        if not (folder / UNTRAINED).exists():
            student.save(folder / UNTRAINED)
        try:
            check_vocabularies(teacher, student)
        except ValueError as error:
            raise UserError(f"arms.{self.name}: {error}") from error
        costs: dict[str, Any] = {}
        total = TrainingCost()
        routes: dict[str, Route] = {OFF_POLICY: self._off_policy, ON_POLICY: self._on_policy}
        for name, go in routes.items():
            if self.arm.route in ("both", name.replace("-", "_")):
                found = go(run, services)
                if found is None:
                    return False
                costs[name] = found[0].to_json()
                total += found[1]
        last = ON_POLICY if self.arm.route != "off_policy" else OFF_POLICY
        server.load(folder / last / "policy").save(run.folder.policy)
        parameters = {"teacher": teacher.num_parameters, "student": student.num_parameters}
        seconds = sum(cost["seconds"] for cost in costs.values())
        write_cost(run.folder, total, seconds, parameters=parameters, costs=costs)
        return True

    def further_policies(self, folder: RunFolder) -> Mapping[str, RunFolder]:
        """The student as it was before its own completions, where it went both routes."""
        return {OFF_POLICY: RunFolder(folder.path / OFF_POLICY)} if self.arm.route == "both" else {}

    def _teacher(self, services: Services) -> CausalPolicy:
        return services.server.load(services.folders.stage(self.arm.teacher).policy)

    def _off_policy(self, run: ArmRun, services: Services) -> tuple[Cost, TrainingCost] | None:
        """Fits the student to the teacher's samples; None when it was interrupted."""
        arm, folder = self.arm, run.folder.path
        card = folder / OFF_POLICY / "cost.json"
        if card.exists():
            row = read_json(card)
            return Cost(**row["cost"]), TrainingCost(**row["training"])
        groups = self._teacher_samples(run, services)
        kept = sum(t.verdict.is_correct or not arm.verified_only for g in groups for t in g.trajectories)
        steps = max(1, arm.epochs * kept // arm.batch_size)
        policy = services.server.load(folder / UNTRAINED, trainable=True)
        learner = make_imitator(policy, run.rl, arm.optimizer, steps, seed=run.seed, threads=self.shared.threads)
        start, save = resume_fit(learner, folder / "checkpoints" / OFF_POLICY, run.recorder, run.stage, run.identity)
        try:
            result = distill_samples(
                learner,
                groups,
                SftSettings(
                    max_steps=steps,
                    batch_size=arm.batch_size,
                    target=None,
                    save_every=run.rl.checkpoint_every,
                    seed=run.seed,
                ),
                run.recorder,
                f"{run.stage}-{OFF_POLICY}",
                teacher_parameters=self._teacher(services).num_parameters,
                max_per_problem=arm.samples_per_problem,
                verified_only=arm.verified_only,
                save=save,
                start=start,
            )
        except ValueError as error:
            raise UserError(f"arms.{self.name}: {error}") from error
        if result.interrupted:
            return None
        policy.save(folder / OFF_POLICY / "policy")
        cost = TrainingCost(
            optimizer_steps=result.steps,
            tokens_sampled=sum(t.num_sampled for g in groups for t in g.trajectories),
            tokens_trained=result.cost.student_tokens_trained,
            verdicts=result.sampled if arm.verified_only else 0,
        )
        write_json(card, {"cost": result.cost.to_json(), "training": cost.to_json(), "kept": result.kept})
        return result.cost, cost

    def _teacher_samples(self, run: ArmRun, services: Services) -> list[Group]:
        """The teacher's graded completions: as many as RL samples, kept in the rollout log and read back from it."""
        log = RolloutLog(run.folder.path / "rollouts" / OFF_POLICY)
        if log.steps():
            return list(log.read(0).groups)
        section, per_problem = run.rl, self.arm.samples_per_problem
        completions = section.steps * section.problems_per_step * section.group_size
        problems = curriculum_of(section, services.env, run.seed).problems(0, -(-completions // per_problem))
        teacher = services.folders.stage(self.arm.teacher)
        workers, version = services.server.serve(self._teacher(services), architecture_of(teacher))
        shards = make_shards(
            problems,
            group_size=per_problem,
            step=0,
            shard_size=self.shared.workers.shard_size,
            sampling=sampling_of(section.sampling),
            version=version,
        )
        groups = services.server.collect(workers, shards, run.stage, "the teacher writes")
        log.write(0, groups, version=version)
        return groups

    def _on_policy(self, run: ArmRun, services: Services) -> tuple[Cost, TrainingCost] | None:
        """Trains the student on its own completions against the teacher's log-probabilities; None if interrupted."""
        folder, server = run.folder.path, services.server
        begin = folder / (f"{OFF_POLICY}/policy" if self.arm.route == "both" else UNTRAINED)
        algorithm = make_algorithm("distill", **self._clip)
        policy = server.load(begin, trainable=True)
        teacher = self._teacher(services)
        learner = make_learner(policy, run.rl, algorithm, seed=run.seed, threads=self.shared.threads, reference=teacher)
        workers = server.workers(folder / UNTRAINED)

        def evaluate(step: int) -> Mapping[str, float]:
            """The student's figures on the validation problems."""
            return services.evaluator.validate(folder, run.stage, step, learner.updates, workers=workers)

        result = run.train(
            learner,
            problems=curriculum_of(run.rl, services.env, run.seed),
            reward=VerifierReward(),  # recorded, and never read by the algorithm
            workers=workers,
            shard_size=self.shared.workers.shard_size,
            evaluate=evaluate,
            part=ON_POLICY,
        )
        if result.reason == "stopped":
            return None
        policy.save(folder / ON_POLICY / "policy")
        updates = cost_of_updates(run.folder, run.stage, algorithm)
        cost = on_policy_cost(
            teacher_parameters=teacher.num_parameters,
            student_parameters=policy.num_parameters,
            sampled=updates.tokens_sampled,
            scored=updates.tokens_trained,
            seconds=result.seconds,
        )
        return cost, updates
