"""The shared start of a seed: the demonstrator's solutions, the policy that imitates them, and what both can do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from envs.demonstrators.base import Demonstrator
from envs.environment import Environment
from envs.splits import keyed_rng, split_of
from envs.types import Problem
from experiments.config.arms.base import START
from experiments.config.components import build_demonstrator, sampling_of
from experiments.config.experiment import Experiment
from experiments.config.sections import ImitationSection, OptimizerSection
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder, write_json
from experiments.run.recording import RunRecorder
from experiments.stages.disk import check_disk
from experiments.stages.seed_folders import GIVEN
from experiments.stages.services import Services
from experiments.stages.training import make_imitator, resume_fit
from policies.causal import CausalPolicy
from rl.imitation.demonstrations import (
    Demonstration,
    DemonstrationSource,
    count_writers,
    encode_demonstrations,
    measure_demonstrator,
    shuffled_epochs,
)
from rl.imitation.sft import SftResult, SftSettings, fit_sft
from rl.records.evaluate import evaluate, samples_of_each
from rl.records.recorder import Recorder

PROBE_PROBLEMS = 256  # single-step problems of a probe, sampled once each
PROBE_EVERY = 250  # optimizer steps
TOLD_EVERY = 1000  # demonstrations between two words about how many there are
SAVE_EVERY = 500  # optimizer steps between checkpoints of a supervised fit


def make_start(experiment: Experiment, services: Services, recorder: RunRecorder, identity: Mapping[str, Any]) -> bool:
    """Trains (or copies) the policy that every arm starts from, into sft/policy; False when interrupted.

    Args:
        identity: of the stage: checkpoints of another one are refused.
    """
    folder, evaluator = services.folders.start, services.evaluator
    policy = services.server.untrained(experiment.policy, services.env)
    trainable = sum(p.numel() for p in policy.model.parameters() if p.requires_grad)
    check_disk(experiment, policy.num_parameters, trainable, services.folders.root)
    policy.save(services.folders.untrained_policy)
    section = experiment.imitation
    if section is not None:
        demonstrator = build_demonstrator(services.env, section.demonstrator)
        asked = experiment.evaluation
        repeats = samples_of_each(evaluator.test, asked.num_samples, asked.min_per_level)  # as often as every policy
        lines = measure_demonstrator(services.env, demonstrator, evaluator.test, repeats=repeats, seed=services.seed)
        write_json(folder.path / "demonstrator.json", [line.to_json() for line in lines])
        given = folder.path / GIVEN
        if given.exists():
            policy = services.server.load(given)
        elif not _imitate(services, section, demonstrator, policy, folder, recorder, identity):
            return False
    policy.save(folder.policy)
    shutil.rmtree(folder.path / GIVEN, ignore_errors=True)
    return True


def _imitate(
    services: Services,
    section: ImitationSection,
    demonstrator: Demonstrator,
    policy: CausalPolicy,
    folder: RunFolder,
    recorder: Recorder,
    identity: Mapping[str, Any],
) -> bool:
    settings = SftSettings(
        max_steps=section.steps,
        batch_size=section.batch_size,
        target=section.step_accuracy or None,
        min_steps=section.min_steps,
        probe_every=PROBE_EVERY,
        save_every=SAVE_EVERY,
        seed=services.seed,
    )
    written = _write(demonstrations_of(services, section, demonstrator), section.num_demonstrations, recorder)
    recorder.progress(START, 0, section.steps)
    result = fit_demonstrations(
        services,
        policy,
        written,
        settings,
        section.optimizer,
        folder,
        recorder,
        stage=START,
        identity=identity,
        probe=StepProbe(services, policy) if section.step_accuracy else None,
    )
    if result.interrupted:
        return False
    card = {
        "steps": result.steps,
        "tokens_trained": result.tokens_trained,
        "seconds": result.seconds,
        "probes": [list(p) for p in result.probes],
        "reached": result.reached_target,
        "writers": count_writers(written),
    }
    write_json(folder.path / "imitation.json", card)
    return True


def _write(source: DemonstrationSource, count: int, recorder: Recorder) -> list[Demonstration]:
    """The demonstrations; how far it is, is told."""
    written: list[Demonstration] = []
    while len(written) < count:
        recorder.doing(START, f"wrote {len(written):,} of {count:,} demonstrations")
        written += source.write(min(TOLD_EVERY, count - len(written)), first=len(written))
    return written


def demonstrations_of(services: Services, section: ImitationSection, demonstrator: Demonstrator) -> DemonstrationSource:
    """The demonstrations of this seed, by index."""
    return DemonstrationSource(
        services.env, demonstrator, single_step_share=section.single_step_share, seed=services.seed
    )


def fit_demonstrations(
    services: Services,
    policy: CausalPolicy,
    demonstrations: Sequence[Demonstration],
    settings: SftSettings,
    optimizer: OptimizerSection,
    folder: RunFolder,
    recorder: Recorder,
    *,
    stage: str,
    identity: Mapping[str, Any],
    probe: Callable[[int], float] | None = None,
) -> SftResult:
    """Fits the policy in place; stopped and called again on the same folder, it goes on where it was."""
    examples = encode_demonstrations(demonstrations, policy)
    shared = services.shared
    learner = make_imitator(
        policy, shared.rl, optimizer, settings.max_steps, seed=services.seed, threads=shared.threads
    )
    start, save = resume_fit(learner, folder.path / "checkpoints", recorder, stage, identity)
    return fit_sft(
        learner,
        shuffled_epochs(examples, services.seed),
        settings,
        recorder,
        stage,
        probe=probe,
        save=save,
        start=start,
    )


class StepProbe:
    """Share of single-step problems of the validation split that the policy solves when it samples."""

    def __init__(self, services: Services, policy: CausalPolicy) -> None:
        self.server = services.server
        self.sampling = sampling_of(services.shared.rl.sampling)
        self.policy = policy
        self.problems = validation_single_steps(services.env)

    def __call__(self, step: int) -> float:
        """Accuracy in [0, 1]; the rollout workers sample and grade."""
        workers, version = self.server.serve(self.policy)
        found = evaluate(
            workers, self.problems, num_samples=1, sampling=self.sampling, include_greedy=False, version=version
        )
        return found.mean_at_k("answer")


def validation_single_steps(env: Environment) -> list[Problem]:
    """Single-step problems that no demonstration shows."""
    problems: list[Problem] = []
    for index in range(200 * PROBE_PROBLEMS):
        problem = env.single_step_problem(keyed_rng("probe", env.name, index))
        if split_of(problem) == "validation":
            problems.append(replace(problem, env=env.name, split="validation", index=index))
        if len(problems) == PROBE_PROBLEMS:
            return problems
    if not problems:
        raise UserError(
            f"environment {env.name!r} has no single-step problem in the validation split; "
            "set imitation.single_step_share=0 and imitation.step_accuracy=0"
        )
    return problems
