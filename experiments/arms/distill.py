"""Distillation: a smaller policy takes over what a larger one has learned, at a price that is counted.

"Then step back to the cheapest one that will do": the student is another architecture, begins untrained, and is tested
like every other arm; what an answer of either costs stands in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.arms.base import SAMPLED, TRAINED, Arm
from experiments.config.sections import ModelSection, OptimizerSection, Positive
from experiments.run.errors import UserError

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.run.folders import RunFolder
    from experiments.study.context import SeedContext
    from rl.imitation.distill import Cost

START = "start"
OFF_POLICY, ON_POLICY = "off-policy", "on-policy"


class DistillArm(Arm):
    """A student on a teacher's verified samples (off-policy), then on its own under the teacher's eye (on-policy).

    The teacher's samples are as many as the completions of practice, and so are the student's own.
    """

    method: Literal["distill"]
    teacher: str  # an arm before this one, or start
    student: ModelSection  # its vocabulary must be the teacher's
    route: Literal["both", "off_policy", "on_policy"] = "both"  # off-policy first, then on-policy
    samples_per_problem: Positive = 1  # of the teacher
    verified_only: bool = True  # off-policy: keep only what the verifier accepts
    epochs: Positive = 2  # passes over the teacher's samples
    batch_size: Positive = 64  # samples per optimizer step
    optimizer: OptimizerSection = OptimizerSection(lr=2e-3, schedule="cosine", warmup_steps=50)  # off-policy
    clip: float = 0.2  # on-policy: ratio kept in [1 - clip, 1 + clip]

    uses_rl: ClassVar[frozenset[str]] = (
        SAMPLED
        | TRAINED
        | {"optimizer", "log_rollouts", "evaluate_every", "max_staleness", "fixed_lag", "gradient_checkpointing"}
    )

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The arm that teaches; nothing where the start does."""
        return () if self.teacher == START else (self.teacher,)

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Builds the algorithm and the loop's settings of the on-policy part."""
        super().check(experiment, name, env)
        from experiments.config.sections import Component
        from experiments.study.context import build
        from experiments.study.training import train_settings
        from rl.algorithms import make as make_algorithm

        build(f"arms.{name}", Component(name="distill", settings=self._algorithm), make_algorithm)
        train_settings(experiment.rl_of(name), experiment.workers.shard_size)

    def plan(self, experiment: Experiment, name: str) -> str:
        """Teacher, the student's shape, and what each route samples."""
        section = experiment.rl_of(name)
        tiny = self.student.tiny
        shape = f"tiny {tiny.layers} x {tiny.hidden}" if tiny is not None else self.student.path
        completions = section.steps * section.problems_per_step * section.group_size
        off = f"{completions:,} samples of {self.teacher}, verified, {self.epochs} epoch(s)"
        on = f"{section.steps} steps on its own {completions:,} completions"
        parts = {"both": f"{off}; then {on}", "off_policy": off, "on_policy": on}
        return f"{self.teacher} into a {shape} student: {parts[self.route]}"

    def run(self, context: SeedContext, name: str) -> bool:
        """Trains the student along its routes; one that is done is not gone again.

        Raises:
            UserError: teacher and student have different vocabularies, or no sample of the teacher is verified.
        """
        from experiments.study.cost import Spent, write_spent
        from rl.imitation.distill import check_vocabularies

        folder = context.folder(name)
        initial = folder.path / "initial"
        teacher = context.load(context.folder(self.teacher).policy)
        student = context.initial_policy(self.student)
        if not initial.exists():
            student.save(initial)
        try:
            check_vocabularies(teacher, student)
        except ValueError as error:
            raise UserError(f"arms.{name}: {error}") from error
        costs: dict[str, Any] = {}
        spent = Spent()
        for route, work in ((OFF_POLICY, _off_policy), (ON_POLICY, _on_policy)):
            if self.route in ("both", route.replace("-", "_")):
                found = work(self, context, name)
                if found is None:
                    return False
                costs[route] = found[0].to_json()
                spent += found[1]
        last = ON_POLICY if self.route != "off_policy" else OFF_POLICY
        context.load(folder.path / last / "policy").save(folder.policy)
        parameters = {"teacher": teacher.num_parameters, "student": student.num_parameters}
        seconds = sum(cost["seconds"] for cost in costs.values())
        write_spent(folder, spent, seconds, parameters=parameters, costs=costs)
        return True

    def further_policies(self, context: SeedContext, name: str) -> Mapping[str, RunFolder]:
        """The student as it was before its own completions, where it went both routes."""
        from experiments.run.folders import RunFolder

        return {OFF_POLICY: RunFolder(context.folder(name).path / OFF_POLICY)} if self.route == "both" else {}

    @property
    def _algorithm(self) -> dict[str, float]:
        return {"clip_low": self.clip, "clip_high": self.clip}


def _off_policy(arm: DistillArm, context: SeedContext, name: str) -> tuple[Cost, Any] | None:
    """Fits the student to the teacher's samples; None when it was interrupted."""
    from experiments.run.folders import read_json, write_json
    from experiments.study.cost import Spent
    from experiments.study.training import make_imitator, resume_fit
    from rl.imitation.distill import Cost, distill_samples
    from rl.imitation.sft import SftSettings

    folder, section = context.folder(name), context.experiment.rl_of(name)
    card = folder.path / OFF_POLICY / "cost.json"
    if card.exists():
        row = read_json(card)
        return Cost(**row["cost"]), Spent(**row["spent"])
    recorder = context.recorder(folder)
    groups = _teacher_samples(arm, context, name)
    kept = sum(t.verdict.is_correct or not arm.verified_only for g in groups for t in g.trajectories)
    steps = max(1, arm.epochs * kept // arm.batch_size)
    policy = context.load(folder.path / "initial", trainable=True)
    learner = make_imitator(context, section, policy, arm.optimizer, steps)
    start, save = resume_fit(learner, folder.path / "checkpoints" / OFF_POLICY, recorder, name)
    try:
        result = distill_samples(
            learner,
            groups,
            SftSettings(
                max_steps=steps,
                batch_size=arm.batch_size,
                target=None,
                save_every=section.checkpoint_every,
                seed=context.seed,
            ),
            recorder,
            f"{name}-{OFF_POLICY}",
            teacher_parameters=context.load(context.folder(arm.teacher).policy).num_parameters,
            max_per_problem=arm.samples_per_problem,
            verified_only=arm.verified_only,
            save=save,
            start=start,
        )
    except ValueError as error:
        raise UserError(f"arms.{name}: {error}") from error
    recorder.close()
    if result.interrupted:
        return None
    policy.save(folder.path / OFF_POLICY / "policy")
    spent = Spent(
        optimizer_steps=result.steps,
        tokens_sampled=sum(t.num_sampled for g in groups for t in g.trajectories),
        tokens_trained=result.cost.student_tokens_trained,
        verdicts=result.sampled if arm.verified_only else 0,
    )
    write_json(card, {"cost": result.cost.to_json(), "spent": spent.to_json(), "kept": result.kept})
    return result.cost, spent


def _teacher_samples(arm: DistillArm, context: SeedContext, name: str) -> list[Any]:
    """The teacher's graded completions: as many as practice samples, kept in the rollout log and read back from it."""
    from experiments.study.context import sampling_of
    from experiments.study.evaluation import architecture_of
    from rl.rollouts.log import RolloutLog
    from rl.rollouts.shards import make_shards

    folder, section = context.folder(name), context.experiment.rl_of(name)
    log = RolloutLog(folder.path / "rollouts" / OFF_POLICY)
    if log.steps():
        return list(log.read(0).groups)
    completions = section.steps * section.problems_per_step * section.group_size
    problems = context.problem_source(name).problems(0, -(-completions // arm.samples_per_problem))
    teacher = context.folder(arm.teacher)
    workers, version = context.serve(context.load(teacher.policy), architecture_of(teacher))
    shards = make_shards(
        problems,
        group_size=arm.samples_per_problem,
        step=0,
        shard_size=context.experiment.workers.shard_size,
        sampling=sampling_of(section.sampling),
        version=version,
    )
    groups = context.collect(workers, shards, name, "the teacher writes")
    log.write(0, groups, version=version)
    return groups


def _on_policy(arm: DistillArm, context: SeedContext, name: str) -> tuple[Cost, Any] | None:
    """Trains the student on its own completions against the teacher's log-probabilities; None when interrupted."""
    from experiments.study.cost import on_updates
    from experiments.study.evaluation import run_validation
    from experiments.study.training import make_learner, practise
    from rl.algorithms import make as make_algorithm
    from rl.imitation.distill import on_policy_cost
    from rl.rewards.sources import VerifierReward

    folder, section = context.folder(name), context.experiment.rl_of(name)
    recorder = context.recorder(folder)
    begin = folder.path / (f"{OFF_POLICY}/policy" if arm.route == "both" else "initial")
    algorithm = make_algorithm("distill", **arm._algorithm)
    policy = context.load(begin, trainable=True)
    teacher = context.load(context.folder(arm.teacher).policy)
    learner = make_learner(context, section, algorithm, policy=policy, reference=teacher)
    workers = context.workers(folder.path / "initial")
    result = practise(
        context,
        name,
        section=section,
        learner=learner,
        reward=VerifierReward(),  # recorded, and never read by the algorithm
        workers=workers,
        recorder=recorder,
        held_out=lambda step: run_validation(context, name, step, learner.updates, workers=workers),
        part=ON_POLICY,
    )
    recorder.close()
    if result.reason == "stopped":
        return None
    policy.save(folder.path / ON_POLICY / "policy")
    spent = on_updates(folder, name, algorithm)
    cost = on_policy_cost(
        teacher_parameters=teacher.num_parameters,
        student_parameters=policy.num_parameters,
        sampled=spent.tokens_sampled,
        scored=spent.tokens_trained,
        seconds=result.seconds,
    )
    return cost, spent
