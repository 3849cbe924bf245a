"""What is done with the shared start: RL against a reward source, or a direct method on the same preference pairs.

RL and RLHF are one function here; they differ in the reward source that the arm names.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from experiments.config import ArmSection, Component, RLSection
from experiments.context import SeedContext, build, optimizer_of, sampling_of
from experiments.errors import UserError
from experiments.evaluation import record_evaluation
from experiments.preferences import comparisons_of
from experiments.runs import RunFolder, write_json
from rl.algorithms import make as make_algorithm
from rl.checkpoint import Checkpoints
from rl.curriculum import make_curriculum
from rl.evaluate import evaluate
from rl.learner import Learner, make_value_model
from rl.rewards import MixedReward, RewardSource, make_reward
from rl.rollout_log import RolloutLog
from rl.train import TrainSettings, train

PROXY = "proxy"  # the arm's reward is the reward model of this seed
PROCESS = "process"  # the reward reads the start policy's tokens
MIXED = "mixed"  # the sum of several; YAML: {name: mixed, sources: [verifier, {name: proxy, weight: 0.1}]}


def needs_preferences(arm: ArmSection) -> bool:
    """True when the arm learns from labelled comparisons."""
    return arm.method == "dpo" or needs_reward_model(arm)


def needs_reward_model(arm: ArmSection) -> bool:
    """True when the arm's reward is the learned proxy."""
    return arm.method == "rl" and any(source.name == PROXY for source in reward_sources(arm.reward))


def reward_sources(reward: Component) -> list[Component]:
    """The reward itself, or those that a mixture adds up.

    Raises:
        UserError: a mixture without sources.
    """
    if reward.name != MIXED:
        return [reward]
    sources = reward.settings.get("sources")
    if not isinstance(sources, list) or not sources or set(reward.settings) != {"sources"}:
        raise UserError("reward mixed takes one setting, sources: [verifier, {name: proxy, weight: 0.1}]")
    return [Component.model_validate(source) for source in sources]


def run_arm(context: SeedContext, name: str) -> bool:
    """Trains an arm into its folder; False when it was interrupted and can be resumed."""
    arm = context.experiment.arms[name]
    return _practise(context, name, arm) if arm.method == "rl" else _fit_dpo(context, name)


def _practise(context: SeedContext, name: str, arm: ArmSection) -> bool:
    section = context.experiment.rl_of(name)
    folder = context.folder(name)
    recorder = context.recorder(folder)
    learner = make_learner(context, section)
    workers = context.workers()

    def held_out(step: int) -> Mapping[str, float]:
        found = evaluate(
            workers,
            context.validation,
            num_samples=context.experiment.evaluation.validation_samples,
            sampling=sampling_of(context.experiment.evaluation.sampling),
            include_greedy=False,
            version=learner.updates,
        )
        record_evaluation(folder.path, found, policy=name, split="validation", step=step)
        return found.summary()

    result = train(
        learner=learner,
        workers=workers,
        problems=build(
            "rl.curriculum", section.curriculum, lambda n, **s: make_curriculum(n, context.env, seed=context.seed, **s)
        ),
        reward=build(f"arms.{name}.reward", arm.reward, lambda n, **s: _reward(context, n, s)),
        settings=TrainSettings(
            steps=section.steps,
            problems_per_step=section.problems_per_step,
            group_size=section.group_size,
            sampling=sampling_of(section.sampling),
            shard_size=context.experiment.workers.shard_size,
            max_staleness=section.max_staleness,
            fixed_lag=section.fixed_lag,
            evaluate_every=section.evaluate_every,
            checkpoint_every=section.checkpoint_every,
        ),
        recorder=recorder,
        stage=name,
        checkpoints=Checkpoints(folder.path / "checkpoints"),
        evaluate=held_out,
        log=RolloutLog(folder.path / "rollouts") if section.log_rollouts else None,
    )
    recorder.close()
    if result.reason == "stopped":
        return False
    learner.policy.save(folder.policy)
    row: dict[str, Any] = {"steps": result.steps, "tokens_sampled": result.sampled_tokens}
    write_json(folder.path / "training.json", {**row, "seconds": result.seconds, "reason": result.reason})
    return True


def make_learner(context: SeedContext, section: RLSection) -> Learner:
    """The learner of an arm, on a copy of the start, with what its algorithm needs beside it."""
    algorithm = build("rl.algorithm", section.algorithm, make_algorithm)
    policy = context.load(context.start_policy, trainable=True)
    return Learner(
        policy,
        algorithm,
        optimizer_of(section.optimizer, section.steps * algorithm.epochs * algorithm.minibatches),
        micro_tokens=section.micro_tokens,
        temperature=section.sampling.temperature,
        autocast=section.autocast,
        value_model=make_value_model(algorithm, policy),
        value_pretraining=section.value_pretraining if algorithm.needs_values else 0,
        reference=None if policy.is_lora else _frozen(policy),
        seed=context.seed,
        threads=context.experiment.threads,
    )


def _frozen(policy: Any) -> Any:
    frozen = copy.copy(policy)
    frozen.model = copy.deepcopy(policy.model).eval().requires_grad_(False)
    return frozen


def _reward(context: SeedContext, name: str, settings: dict[str, Any]) -> RewardSource:
    if name == PROXY:
        from rl.preference.reward_model import load_reward

        folder = context.root / "preferences" / "reward_model"
        return load_reward(folder, device=context.experiment.policy.device, **settings)
    if name == PROCESS:
        settings = {"tokenizer": str(context.start_policy), **settings}
    if name == MIXED:
        sources = reward_sources(Component(name=name, settings=settings))
        return MixedReward([(_reward(context, source.name, source.settings), 1.0) for source in sources])
    return make_reward(name, **settings)


def check_reward(component: Component) -> None:
    """Builds a reward source where that needs no model; raises UserError for one that cannot be built."""
    for source in reward_sources(component):
        if source.name not in (PROXY, PROCESS):
            build("reward", source, make_reward)


def _fit_dpo(context: SeedContext, name: str) -> bool:
    from rl.preference.dpo import DpoSettings, fit_dpo

    folder: RunFolder = context.folder(name)
    recorder = context.recorder(folder)
    section = context.experiment.preference.dpo
    card = fit_dpo(
        context.start_policy,
        comparisons_of(context),
        DpoSettings(**section.model_dump(), seed=context.seed),
        folder.policy,
        recorder,
        stage=name,
    )
    recorder.close()
    if card.interrupted:
        return False
    write_json(folder.path / "training.json", card.to_json())
    return True
