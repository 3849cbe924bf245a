"""RL training against a reward. RL and RLHF are one kind of arm; they differ in the reward function that it names."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, cost_of_reward_model, cost_of_updates, write_cost
from experiments.arms.method import Method
from experiments.config.arms.kinds import RlArm
from experiments.run.errors import UserError
from experiments.run.evaluations import is_evaluated
from experiments.run.folders import RunFolder
from experiments.stages.overoptimisation import OveroptimisationMonitor, snapshots
from experiments.stages.preferences import Preferences, refit_folder
from experiments.stages.ranks import led_by_this_process
from experiments.stages.rewards import build_reward, check_reward, reads_gold
from experiments.stages.services import Services
from experiments.stages.training import (
    ArmRun,
    algorithm_of,
    check_algorithm,
    corrected,
    curriculum_of,
    make_learner,
    train_settings,
)
from rl.learning.learner import Learner
from rl.learning.led import LedLearner
from rl.preference.models.reward_model import load_reward
from rl.rewards.base import RewardFunction
from rl.rewards.proxy import ProxyReward

REFIT_STAGE = "reward_model"  # of the rows that fits of reward models write among an arm's own


class Rl(Method[RlArm]):
    """Rollouts, rewards, updates (rl/train.py)."""

    def check(self, env: Environment) -> None:
        """Builds the algorithm, the loop's settings, the curriculum and the reward."""
        super().check(env)
        algorithm = check_algorithm(self.rl, self.name)
        if self.rl.value_optimizer is not None and not algorithm.needs_values:
            raise UserError(
                f"{self.name}: rl.value_optimizer changes nothing: {self.rl.algorithm.name} has no value model"
            )
        train_settings(self.rl, self.shared.workers.shard_size)
        if self.shared.learner.sharding != "none" and (self.arm.uses_reward_model or self.shared.policy.lora_rank):
            raise UserError(
                f"{self.name}: learner.sharding {self.shared.learner.sharding} is for arms whose policy nothing else "
                "reads while it trains: not with a reward model, nor with LoRA; use none"
            )
        self._check_proxy()
        curriculum = curriculum_of(self.rl, env, 0, where=f"{self.name}: rl.curriculum")
        check_reward(self.arm.reward, env, where=f"arms.{self.name}.reward")
        if getattr(curriculum, "reads_gold", False) and reads_gold(self.arm.reward) is False:
            raise UserError(
                f"{self.name}: rl.curriculum {self.rl.curriculum.name} chooses problems by ground truth, to which an "
                f"arm rewarded by {self.arm.reward.name} has no right: use uniform for all arms, or `by: reward` here"
            )

    def _check_proxy(self) -> None:
        """Refuses refits and judgements where there is no reward model, nobody to ask, or too little of anything."""
        arm, where = self.arm, f"arms.{self.name}"
        for name in ("refits", "judgements"):
            if not getattr(arm, name):
                continue
            if not arm.uses_reward_model:
                raise UserError(f"{where}.{name} changes nothing: no reward model is among its rewards")
            if self.preference.comparisons is not None:
                raise UserError(
                    f"{where}.{name} needs somebody to ask, and preference.comparisons holds recorded labels"
                )
        if arm.judgements and not self.rl.evaluate_every:
            raise UserError(f"{where}.judgements are bought at evaluations, and rl.evaluate_every is 0: set it")
        if arm.refits >= self.rl.steps or arm.refits >= self.preference.num_pairs:
            raise UserError(
                f"{where}.refits is {arm.refits}, with {self.rl.steps} steps and {self.preference.num_pairs} "
                "judgements to split over the fits: expected fewer refits than either"
            )

    def plan(self) -> str:
        """Algorithm and reward, and the completions and tokens of the whole training."""
        section = self.rl
        rollouts = section.steps * section.problems_per_step * section.group_size
        return (
            f"{section.algorithm.name} against {self.arm.reward.name}: {section.steps} steps x "
            f"{section.problems_per_step} problems x {section.group_size} = {rollouts:,} completions, at most "
            f"{rollouts * section.sampling.max_new_tokens:,} tokens"
        )

    def run(self, run: ArmRun, services: Services) -> bool:
        """Trains from the start, watching how far proxy and gold drift apart where the reward is learned."""
        shared, server = self.shared, services.server
        config = services.folders.root.parent / "config.yaml"
        start, logs = services.folders.start_policy, run.folder.path
        with led_by_this_process(
            shared.learner, config=config, arm=self.name, seed=run.seed, policy=start, logs=logs
        ) as kind:
            algorithm = corrected(algorithm_of(run.rl.algorithm), shared.workers.backend)
            policy = server.load(start, trainable=True)
            learner = make_learner(
                policy,
                run.rl,
                algorithm,
                seed=run.seed,
                threads=shared.threads,
                kind=kind or Learner,
                sharding=shared.learner.sharding,
            )
            is_done = self._train(run, services, learner)
            if isinstance(learner, LedLearner):
                learner.close()
        return is_done

    def _train(self, run: ArmRun, services: Services, learner: Learner) -> bool:
        """The loop, and what it leaves behind; False when it was interrupted."""
        shared, server, algorithm = self.shared, services.server, learner.algorithm
        preferences = services.preferences.get(self.name)
        model = None if preferences is None else preferences.reward_model
        reward = build_reward(self.arm.reward, services.folders.start_policy, model, shared.policy.device)
        monitor = None if preferences is None else self._monitor(run, services, preferences, reward, learner)

        def evaluate(step: int, version: int) -> Mapping[str, float]:
            """Validation figures of the policy served, with what the monitor sees in its completions."""
            on_groups = monitor.look if monitor else None
            figures = services.evaluator.validate(run.folder.path, run.stage, step, version, on_groups=on_groups)
            return {**figures, **monitor.observe(step, figures)} if monitor else figures

        if self.arm.refits and not run.checkpoints().paths():
            run.recorder.rewind(REFIT_STAGE, 0)  # rows of fits that came after checkpoints which are gone
        if run.rl.evaluate_every and not is_evaluated(run.folder.path, "validation"):
            begin = evaluate(0, server.serve_weights(learner.weights())[1])  # where the arm's curves begin
            run.recorder.metrics(run.stage, 0, {f"eval/{key}": value for key, value in begin.items()})
        seconds, problems = 0.0, curriculum_of(run.rl, services.env, run.seed)
        for part in range(self.arm.refits + 1):
            if part and preferences is not None and monitor is not None:
                if not self._refit(run, preferences, learner, part):
                    return False
                model = refit_folder(run.folder.path, part) / "reward_model"
                reward = build_reward(self.arm.reward, services.folders.start_policy, model, shared.policy.device)
                monitor.proxy = _whole_proxy(reward, model, shared.policy.device)
            result = run.train(
                learner,
                problems=problems,
                reward=reward,
                workers=server.workers(),
                shard_size=shared.workers.shard_size,
                evaluate=lambda step: evaluate(step, learner.updates),
                until=self._ends()[part],
            )
            seconds += result.seconds
            if result.reason == "stopped":
                return False
        self._save(learner, run.folder.policy, services)
        cost = cost_of_updates(run.folder, run.stage, algorithm) + self._cost_of_labels(run, preferences)
        write_cost(run.folder, cost, seconds, steps=result.steps, reason=result.reason)
        return True

    def _save(self, learner: Learner, folder: Path, services: Services) -> None:
        """The trained policy as a folder; that of a sharded learner by way of one that holds its weights whole."""
        if self.shared.learner.sharding == "none":
            learner.policy.save(folder)
            return
        whole = services.server.load(services.folders.start_policy)
        whole.load_weights(learner.weights())
        whole.save(folder)

    def _ends(self) -> list[int]:
        """The last step against each reward model: the steps are split evenly over the fits."""
        fits = self.arm.refits + 1
        return [self.rl.steps * (k + 1) // fits for k in range(fits)]

    def _refit(self, run: ArmRun, preferences: Preferences, learner: Learner, part: int) -> bool:
        """Labels what the policy writes by now and fits the reward model anew; False when that was interrupted."""
        folder = refit_folder(run.folder.path, part)
        if (folder / "reward_model" / "reward.json").exists():
            return True
        policy = folder / "policy"
        if not (folder / "label_report.json").exists():
            learner.policy.save(policy)
        is_fitted = preferences.refit(run.folder.path, policy, run.rl, run.recorder, part=part, identity=run.identity)
        if is_fitted:
            shutil.rmtree(policy, ignore_errors=True)
        return is_fitted

    def _cost_of_labels(self, run: ArmRun, preferences: Preferences | None) -> TrainingCost:
        """Pairs, labels and fits of the reward models, and the judgements by which the arm chooses when to stop."""
        if preferences is None:
            return TrainingCost()
        cost = cost_of_reward_model(preferences.folder, preferences.reward_model)
        for part in range(1, self.arm.refits + 1):
            folder = refit_folder(run.folder.path, part)
            cost += cost_of_reward_model(folder, folder / "reward_model")
        asked = sum(row.get("eval/win_rate_judgements", 0.0) for row in run.folder.read_metrics())
        return cost + TrainingCost(labels=round(asked))

    def _monitor(
        self, run: ArmRun, services: Services, preferences: Preferences, reward: RewardFunction, learner: Learner
    ) -> OveroptimisationMonitor:
        folders, shared = services.folders, self.shared
        device = shared.policy.device
        proxy = _whole_proxy(reward, preferences.reward_model, device)
        recorded = self.preference.comparisons is not None
        return OveroptimisationMonitor(
            run.folder,
            learner,
            start=services.server.load(folders.start_policy),
            proxy=proxy,
            annotator=None if recorded else preferences.annotator(),
            temperature=shared.evaluation.sampling.temperature,
            target_kl=run.target_kl,
            seed=run.seed,
            judgements=self.arm.judgements,
            is_one_proxy=not self.arm.refits,
        )

    def further_policies(self, folder: RunFolder) -> Mapping[str, RunFolder]:
        """The snapshots that the monitor kept, where the reward is learned."""
        return snapshots(folder) if self.arm.uses_reward_model else {}


def _whole_proxy(reward: RewardFunction, reward_model: Path, device: str) -> ProxyReward:
    """The reward itself where it is the proxy, else the whole reward model."""
    return reward if isinstance(reward, ProxyReward) else load_reward(reward_model, device=device)
