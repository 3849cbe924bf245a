"""The training loop as arms use it: a learner from the config, checkpoints and logs in the arm's folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from experiments.config.sections import Component, OptimizerSection, RLSection
from experiments.run.errors import UserError
from experiments.run.recording import RunRecorder
from experiments.study.context import SeedContext, build, optimizer_of, sampling_of
from policies.causal import CausalPolicy
from rl.algorithms import Algorithm
from rl.algorithms import make as make_algorithm
from rl.imitation.sft import NOTHING_DONE, FitProgress
from rl.learning.checkpoint import Checkpoints
from rl.learning.collate import collate_examples
from rl.learning.learner import Learner, LearnerSettings, Models, make_value_model
from rl.records.recorder import Recorder
from rl.rewards.sources import RewardSource
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainResult, TrainSettings

if TYPE_CHECKING:
    from rl.workers import Workers


def algorithm_of(component: Component) -> Algorithm:
    """The algorithm that a config names.

    Raises:
        UserError: it cannot be built.
    """
    return build("rl.algorithm", component, make_algorithm)


def check_algorithm(section: RLSection, arm: str) -> Algorithm:
    """The algorithm of an arm that practises, after one look at groups of the config's size.

    Raises:
        UserError: it cannot be built, reads no rewards, or compares siblings that there are not.
    """
    algorithm = algorithm_of(section.algorithm)
    instead = {"sft": "imitation or expert_iteration", "distill": "distill"}.get(algorithm.name)
    if instead:
        raise UserError(f"{arm}: rl.algorithm {algorithm.name!r} reads no rewards: use method {instead}")
    if section.group_size == 1:
        batch = collate_examples([((0,), (0,)), ((0,), (1,))], 0)  # two problems, a completion each
        nothing = torch.zeros_like(batch.mask)
        try:
            algorithm.credit(replace(batch, values=nothing, reference_logprobs=nothing))
        except ValueError as error:
            raise UserError(f"{arm}: rl.algorithm {section.algorithm.name} with rl.group_size 1: {error}") from error
    return algorithm


def train_settings(section: RLSection, shard_size: int) -> TrainSettings:
    """The loop's settings from the config's.

    Raises:
        UserError: settings that no policy gradient can be taken with.
    """
    if section.sampling.temperature == 0:
        raise UserError("rl.sampling.temperature is 0: practice needs completions that differ; use 1.0")
    try:
        return TrainSettings(
            steps=section.steps,
            rollouts=RolloutSettings(
                problems_per_step=section.problems_per_step,
                group_size=section.group_size,
                sampling=sampling_of(section.sampling),
                shard_size=shard_size,
                max_staleness=section.max_staleness,
                fixed_lag=section.fixed_lag,
            ),
            evaluate_every=section.evaluate_every,
            checkpoint_every=section.checkpoint_every,
        )
    except ValueError as error:
        raise UserError(f"rl: {error}") from error


def make_learner(
    context: SeedContext,
    section: RLSection,
    algorithm: Algorithm,
    *,
    policy: CausalPolicy | None = None,
    reference: CausalPolicy | None = None,
) -> Learner:
    """A learner with what its algorithm needs beside it.

    Args:
        policy: trained in place; None: a copy of the start.
        reference: None: the policy as it is now.
    """
    policy = policy or context.load(context.start_policy, trainable=True)
    total_steps = section.steps * algorithm.epochs * algorithm.minibatches
    if reference is None and not policy.is_lora:  # a LoRA policy is its own reference without its adapters
        reference = _frozen(policy)
    return Learner(
        Models(policy, value_model=make_value_model(algorithm, policy), reference=reference),
        algorithm,
        LearnerSettings(
            optimizer_of(section.optimizer, total_steps),
            micro_tokens=section.micro_tokens,
            temperature=section.sampling.temperature,
            autocast=section.autocast,
            value_optimizer=optimizer_of(section.value_optimizer, total_steps) if section.value_optimizer else None,
            value_pretraining=section.value_pretraining if algorithm.needs_values else 0,
            gradient_checkpointing=section.gradient_checkpointing,
            seed=context.seed,
            threads=context.experiment.threads,
        ),
    )


def make_imitator(
    context: SeedContext, section: RLSection, policy: CausalPolicy, optimizer: OptimizerSection, total_steps: int = 0
) -> Learner:
    """A learner that trains `policy` in place on written solutions, by whomever.

    Args:
        total_steps: at which the optimizer's schedule ends; 0 serves a constant one.
    """
    return Learner(
        Models(policy),
        make_algorithm("sft"),
        LearnerSettings(
            optimizer_of(optimizer, total_steps),
            micro_tokens=section.micro_tokens,
            autocast=section.autocast,
            seed=context.seed,
            threads=context.experiment.threads,
        ),
    )


def resume_fit(
    learner: Learner, folder: Path, recorder: Recorder, stage: str
) -> tuple[FitProgress, Callable[[FitProgress], None]]:
    """Puts the learner back to the last checkpoint in `folder`: how far the fit was there, and what saves the next."""
    checkpoints = Checkpoints(folder)
    found = checkpoints.latest(lambda message: recorder.warn(stage, message))
    start = NOTHING_DONE
    if found is not None:
        learner.load_state_dict(found.state["learner"])
        start = FitProgress.from_json(found.state["progress"])

    def save(progress: FitProgress) -> None:
        """Writes a checkpoint of the learner, and how far the fit is."""
        checkpoints.save(progress.steps, {"learner": learner.state_dict(), "progress": progress.to_json()})

    return start, save


def practise(
    context: SeedContext,
    name: str,
    *,
    section: RLSection,
    learner: Learner,
    reward: RewardSource,
    workers: Workers,
    recorder: RunRecorder,
    held_out: Callable[[int], Mapping[str, float]],
    part: str = "",
) -> TrainResult:
    """Runs the loop of an arm, or goes on with it.

    Args:
        held_out: step -> metrics of held-out problems.
        part: of an arm that trains more than once; names its checkpoints and rollouts.
    """
    folder = context.folder(name).path
    return Training(
        learner=learner,
        workers=workers,
        problems=context.problem_source(name),
        reward=reward,
        settings=train_settings(section, context.experiment.workers.shard_size),
        recorder=recorder,
        stage=name,
        checkpoints=Checkpoints(folder / "checkpoints" / part),
        evaluate=held_out,
        log=RolloutLog(folder / "rollouts" / part) if section.log_rollouts else None,
    ).run()


def _frozen(policy: Any) -> Any:
    frozen = copy.copy(policy)
    frozen.model = copy.deepcopy(policy.model).eval().requires_grad_(False)
    return frozen
