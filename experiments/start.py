"""The shared start of a seed: the demonstrator's solutions, the policy that imitates them, and what both can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from envs.splits import keyed_rng, split_of
from envs.types import Problem
from experiments.config import ImitationSection
from experiments.context import SeedContext, optimizer_of, sampling_of
from experiments.errors import UserError
from experiments.runs import RunFolder, write_json
from policies.causal import CausalPolicy
from rl.algorithms import make as make_algorithm
from rl.checkpoint import Checkpoints
from rl.evaluate import evaluate
from rl.imitation.demonstrations import (
    DemonstrationSource,
    encode_demonstrations,
    measure_demonstrator,
    shuffled_epochs,
)
from rl.imitation.sft import SftSettings, fit_sft
from rl.learner import Learner
from rl.recorder import Recorder
from rl.workers import Workers

PROBE_PROBLEMS = 256  # one-step problems of a probe, sampled once each
PROBE_EVERY = 250  # optimizer steps


def make_start(context: SeedContext) -> bool:
    """Trains (or copies) the policy that every arm starts from, into start/policy; False when interrupted."""
    folder = context.folder("start")
    recorder = context.recorder(folder)
    policy = context.initial_policy()
    policy.save(context.initial_folder)
    section = context.experiment.imitation
    if section is not None:
        demonstrator = make_demonstrator(context, section)
        lines = measure_demonstrator(context.env, demonstrator, context.test, repeats=4, seed=context.seed)
        write_json(folder.path / "demonstrator.json", [line.to_json() for line in lines])
        if not _imitate(context, section, demonstrator, policy, folder, recorder):
            return False
    policy.save(folder.policy)
    recorder.close()
    return True


def make_demonstrator(context: SeedContext, section: ImitationSection) -> Any:
    """The environment's demonstrator with the config's settings."""
    try:
        return context.env.demonstrator(**section.demonstrator)
    except (TypeError, ValueError) as error:
        raise UserError(f"imitation.demonstrator: {error}") from error


def _imitate(
    context: SeedContext,
    section: ImitationSection,
    demonstrator: Any,
    policy: CausalPolicy,
    folder: RunFolder,
    recorder: Recorder,
) -> bool:
    context.display.progress("imitation", 0, section.steps, f"writing {section.num_demonstrations} demonstrations")
    source = DemonstrationSource(context.env, demonstrator, drill_share=section.drill_share, seed=context.seed)
    examples = encode_demonstrations(source.write(section.num_demonstrations), policy)
    learner = Learner(
        policy,
        make_algorithm("sft"),
        optimizer_of(section.optimizer, section.steps),
        micro_tokens=context.experiment.rl.micro_tokens,
        seed=context.seed,
        threads=context.experiment.threads,
    )
    checkpoints = Checkpoints(folder.path / "checkpoints")
    found = checkpoints.latest(lambda message: recorder.warn("imitation", message))
    step = 0
    if found is not None:
        learner.load_state_dict(found.state["learner"])
        step = int(found.state["step"])
    probe = StepProbe(context, policy)
    settings = SftSettings(
        max_steps=section.steps,
        batch_size=section.batch_size,
        target=section.step_accuracy,
        min_steps=section.min_steps,
        probe_every=PROBE_EVERY,
        seed=context.seed,
    )
    result = fit_sft(
        learner,
        shuffled_epochs(examples, context.seed),
        settings,
        recorder,
        "imitation",
        probe=probe,
        start_step=step,
    )
    if result.interrupted:
        checkpoints.save(result.steps, {"learner": learner.state_dict(), "step": result.steps})
        return False
    row = {"steps": result.steps, "tokens_trained": result.tokens_trained, "seconds": result.seconds}
    probes = [list(p) for p in result.probes]
    write_json(folder.path / "imitation.json", {**row, "probes": probes, "reached": result.reached_target})
    return True


class StepProbe:
    """Share of one-step problems of the validation split that the policy solves when it samples."""

    def __init__(self, context: SeedContext, policy: CausalPolicy) -> None:
        self.context = context
        self.policy = policy
        self.problems = validation_drills(context)

    def __call__(self, step: int) -> float:
        """Accuracy in [0, 1]; the rollout workers sample and grade."""
        workers: Workers = self.context.workers()
        version = self.context.publish(self.policy)
        sampling = sampling_of(self.context.experiment.rl.sampling)
        found = evaluate(
            workers, self.problems, num_samples=1, sampling=sampling, include_greedy=False, version=version
        )
        return found.mean_at_k("answer")


def validation_drills(context: SeedContext) -> list[Problem]:
    """One-step problems that no demonstration shows."""
    problems: list[Problem] = []
    for index in range(200 * PROBE_PROBLEMS):
        problem = context.env.drill(keyed_rng("probe", context.env.name, index))
        if split_of(problem) == "validation":
            problems.append(replace(problem, env=context.env.name, split="validation", index=index))
        if len(problems) == PROBE_PROBLEMS:
            return problems
    if not problems:
        raise UserError(
            f"environment {context.env.name!r} has no one-step problem in the validation split; "
            "set imitation.drill_share=0 and imitation.step_accuracy=0"
        )
    return problems
