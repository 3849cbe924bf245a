"""The training loop as arms use it: a learner from the config, checkpoints and logs in the arm's folder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from envs.environment import Environment
from experiments.config.components import build, sampling_of
from experiments.config.sections import Component, OptimizerSection, RLSection
from experiments.run.errors import TrainingFailed, UserError, in_words
from experiments.run.folders import RunFolder
from experiments.run.recording import RunRecorder
from experiments.stages.kept.beside import KeptBeside
from policies.causal import CausalPolicy
from rl.algorithms import Algorithm
from rl.algorithms import make as make_algorithm
from rl.algorithms.policy_gradient import PolicyGradient
from rl.algorithms.settings import Correction
from rl.curriculum import make_curriculum
from rl.imitation.sft import NOTHING_DONE, FitProgress
from rl.learning.checkpoint import Checkpoints
from rl.learning.collate import collate_examples
from rl.learning.learner import Learner, LearnerSettings, Models, make_value_model
from rl.learning.optimizer import Optimizer, OptimizerSettings
from rl.records.own_metrics import find_metrics
from rl.records.recorder import Recorder
from rl.rewards.base import RewardFunction
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import ProblemSource, RolloutSettings
from rl.train import Training, TrainResult, TrainSettings
from rl.workers import Workers


@dataclass(frozen=True)
class ArmRun:
    """What one arm's training writes to and is limited by.

    Attributes:
        folder: of the arm.
        recorder: of its metrics, samples and warnings; closed by the study.
        rl: the `rl` section as this arm sees it.
        stage: the arm's name, under which everything is recorded.
        identity: of the stage and run, which its checkpoints must have.
        own_metrics: names of the metrics of one's own.
        target_kl: how far the first arm of this seed that was rewarded by the verifier alone ended from the start,
            nats per completion; None where there is none before this one.
    """

    folder: RunFolder
    recorder: RunRecorder
    rl: RLSection
    stage: str
    seed: int
    identity: Mapping[str, Any] = field(default_factory=dict)
    own_metrics: Sequence[str] = ()
    target_kl: float | None = None

    def train(
        self,
        learner: Learner,
        *,
        problems: ProblemSource,
        reward: RewardFunction,
        workers: Workers,
        shard_size: int,
        evaluate: Callable[[int], Mapping[str, float]],
        part: str = "",
        until: int | None = None,
    ) -> TrainResult:
        """Runs the training loop, or goes on with it.

        Args:
            evaluate: step -> metrics of held-out problems.
            until: step at which this call ends; None: all steps.
            part: of an arm that trains more than once; names its checkpoints and rollouts.
        Raises:
            TrainingFailed: the loss was not finite.
        """
        result = Training(
            learner=learner,
            workers=workers,
            problems=problems,
            reward=reward,
            settings=replace(train_settings(self.rl, shard_size), steps=until or self.rl.steps),
            recorder=self.recorder,
            stage=self.stage,
            checkpoints=self.checkpoints(part),
            evaluate=evaluate,
            own_metrics=find_metrics(self.own_metrics),
            log=RolloutLog(self.folder.path / "rollouts" / part) if self.rl.log_rollouts else None,
        ).run()
        if result.reason == "non_finite_loss":
            raise TrainingFailed(
                f"{self.stage}: the loss was not finite after step {result.steps}; the checkpoint of that step is "
                "intact. The same settings come to the same loss: lower rl.optimizer.lr or rl.optimizer.clip_norm, or "
                "look at the rewards (metrics.jsonl), and begin a new folder"
            )
        return result

    def checkpoints(self, part: str = "") -> Checkpoints:
        """The arm's checkpoints, which know its logs and the policies that were set aside.

        Args:
            part: of an arm that trains more than once.
        """
        beside = KeptBeside(self.folder.path)
        return Checkpoints(self.folder.path / "checkpoints" / part, identity=self.identity, beside=beside)


def optimizer_of(section: OptimizerSection, total_steps: int) -> OptimizerSettings:
    """The learner's settings from the config's."""
    return OptimizerSettings(**section.model_dump(), total_steps=total_steps)


def check_optimizer(where: str, section: OptimizerSection) -> None:
    """Makes the optimizer for a model of one weight.

    Raises:
        UserError: it cannot be made.
    """
    try:
        Optimizer(torch.nn.Linear(1, 1), optimizer_of(section, 1))
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: {in_words(error)}") from error


def curriculum_of(section: RLSection, env: Environment, seed: int, where: str = "rl.curriculum") -> ProblemSource:
    """The curriculum: the same problems for every arm that asks for as many in each step.

    Raises:
        UserError: it cannot be built.
    """
    return build(where, section.curriculum, lambda name, **s: make_curriculum(name, env, seed=seed, **s))


def algorithm_of(component: Component) -> Algorithm:
    """The algorithm that a config names.

    Raises:
        UserError: it cannot be built.
    """
    return build("rl.algorithm", component, make_algorithm)


def corrected(algorithm: Algorithm, backend: str) -> Algorithm:
    """The algorithm with bounded importance ratios where another library samples, unless it has a correction already.

    The sampler's and the learner's probabilities then differ by more than rounding (`mismatch/...`).
    """
    if backend != "vllm" or not isinstance(algorithm, PolicyGradient) or algorithm.correction is not None:
        return algorithm
    return replace(algorithm, correction=Correction())


def check_algorithm(section: RLSection, arm: str) -> Algorithm:
    """The algorithm of an RL arm, after one look at groups of the config's size.

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
            algorithm.compute_advantages(replace(batch, values=nothing, reference_logprobs=nothing))
        except ValueError as error:
            raise UserError(f"{arm}: rl.algorithm {section.algorithm.name} with rl.group_size 1: {error}") from error
    return algorithm


def train_settings(section: RLSection, shard_size: int) -> TrainSettings:
    """The loop's settings from the config's.

    Raises:
        UserError: settings that no policy gradient can be taken with.
    """
    if section.sampling.temperature == 0:
        raise UserError("rl.sampling.temperature is 0: RL needs completions that differ; use 1.0")
    try:
        return TrainSettings(
            steps=section.steps,
            rollouts=RolloutSettings(
                problems_per_step=section.problems_per_step,
                group_size=section.group_size,
                sampling=sampling_of(section.sampling),
                shard_size=shard_size,
                max_staleness=section.max_staleness,
                fixed_staleness=section.fixed_staleness,
            ),
            evaluate_every=section.evaluate_every,
            checkpoint_every=section.checkpoint_every,
        )
    except ValueError as error:
        raise UserError(f"rl: {error}") from error


def make_learner(
    policy: CausalPolicy,
    section: RLSection,
    algorithm: Algorithm,
    *,
    seed: int,
    threads: int,
    reference: CausalPolicy | None = None,
    kind: type[Learner] = Learner,
    sharding: str = "none",
) -> Learner:
    """A learner that trains `policy` in place, with what its algorithm needs beside it.

    Args:
        reference: None: the policy as it is now.
        kind: of the learner: one that leads others where it is one of several processes.
        sharding: "none", or "fsdp" over those.
    """
    pretraining = section.value_pretraining if algorithm.needs_values else 0
    steps_per_update = algorithm.epochs * algorithm.minibatches
    policy_steps = max(section.steps - pretraining, 1) * steps_per_update  # without the critic's start
    if reference is None and not policy.is_lora:  # a LoRA policy is its own reference without its adapters
        reference = _frozen(policy)
    return kind(
        Models(policy, value_model=make_value_model(algorithm, policy), reference=reference),
        algorithm,
        LearnerSettings(
            optimizer_of(section.optimizer, policy_steps),
            micro_tokens=section.micro_tokens,
            temperature=section.sampling.temperature,
            autocast=section.autocast,
            value_optimizer=optimizer_of(
                section.value_optimizer or section.optimizer, section.steps * steps_per_update
            ),
            value_pretraining=pretraining,
            gradient_checkpointing=section.gradient_checkpointing,
            sharding=None if sharding == "none" else sharding,
            measure_every=section.measure_every,
            keep_token_values=section.log_rollouts and section.log_token_values,
            seed=seed,
            threads=threads,
        ),
    )


def make_imitator(
    policy: CausalPolicy,
    section: RLSection,
    optimizer: OptimizerSection,
    total_steps: int = 0,
    *,
    seed: int,
    threads: int,
) -> Learner:
    """A learner that trains `policy` in place on written solutions, by whomever.

    Args:
        section: its arithmetic and micro-batches.
        total_steps: at which the optimizer's schedule ends; 0 serves a constant one.
    """
    return Learner(
        Models(policy),
        make_algorithm("sft"),
        LearnerSettings(
            optimizer_of(optimizer, total_steps),
            micro_tokens=section.micro_tokens,
            autocast=section.autocast,
            seed=seed,
            threads=threads,
        ),
    )


def resume_fit(
    learner: Learner, folder: Path, recorder: Recorder, stage: str, identity: Mapping[str, Any]
) -> tuple[FitProgress, Callable[[FitProgress], None]]:
    """Puts the learner back to the last checkpoint in `folder`: how far the fit was there, and what saves the next.

    Args:
        identity: which the checkpoint must have.
    """
    checkpoints = Checkpoints(folder, identity=identity)
    found = checkpoints.latest(lambda message: recorder.warn(stage, message))
    start = NOTHING_DONE
    if found is not None:
        learner.load_state_dict(found.state["learner"])
        start = FitProgress.from_json(found.state["progress"])

    def save(progress: FitProgress) -> None:
        """Writes a checkpoint of the learner, and how far the fit is."""
        checkpoints.save(progress.steps, {"learner": learner.state_dict(), "progress": progress.to_json()})

    return start, save


def _frozen(policy: Any) -> Any:
    frozen = copy.copy(policy)
    frozen.model = copy.deepcopy(policy.model).eval().requires_grad_(False)
    return frozen
