"""Practice against a reward. RL and RLHF are one kind of arm; they differ in the reward source that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from experiments.arms.base import Arm
from experiments.config.sections import Component, RLSection
from experiments.run.errors import UserError
from experiments.study.rewards import needs_reward_model, reward_sources

if TYPE_CHECKING:
    from envs.types import Environment
    from experiments.config.experiment import Experiment
    from experiments.run.folders import RunFolder
    from experiments.study.context import SeedContext


VERIFIED = ("verifier", "process")  # rewards that read the gold verdict


class RlArm(Arm):
    """Rollouts, rewards, updates (rl/train.py)."""

    method: Literal["rl"] = "rl"
    reward: Component = Component(name="verifier")  # verifier, proxy (the reward model), mixed, or a control

    uses_rl: ClassVar[frozenset[str]] = frozenset(RLSection.model_fields)

    @property
    def uses_reward_model(self) -> bool:
        """True when the proxy is among the rewards."""
        return needs_reward_model(self.reward)

    def check(self, experiment: Experiment, name: str, env: Environment) -> None:
        """Builds the algorithm, the loop's settings, the curriculum and the reward."""
        super().check(experiment, name, env)
        from experiments.study.context import build
        from experiments.study.rewards import check_reward
        from experiments.study.training import check_algorithm, train_settings
        from rl.curriculum import make_curriculum

        section = experiment.rl_of(name)
        algorithm = check_algorithm(section, name)
        if section.value_optimizer is not None and not algorithm.needs_values:
            raise UserError(f"{name}: rl.value_optimizer changes nothing: {section.algorithm.name} has no value model")
        train_settings(section, experiment.workers.shard_size)
        build(f"{name}: rl.curriculum", section.curriculum, lambda n, **s: make_curriculum(n, env, seed=0, **s))
        check_reward(self.reward, env)

    def plan(self, experiment: Experiment, name: str) -> str:
        """Algorithm and reward, and the completions and tokens of the whole training."""
        section = experiment.rl_of(name)
        rollouts = section.steps * section.problems_per_step * section.group_size
        return (
            f"{section.algorithm.name} against {self.reward.name}: {section.steps} steps x "
            f"{section.problems_per_step} problems x {section.group_size} = {rollouts:,} completions, at most "
            f"{rollouts * section.sampling.max_new_tokens:,} tokens"
        )

    def run(self, context: SeedContext, name: str) -> bool:
        """Practises from the start, watching how far proxy and gold drift apart where the reward is learned."""
        from experiments.study.cost import on_reward_model, on_updates, write_spent
        from experiments.study.evaluation import is_evaluated, run_validation
        from experiments.study.overoptimisation import ProxyWatch
        from experiments.study.rewards import build_reward
        from experiments.study.training import algorithm_of, make_learner, practise

        section = context.experiment.rl_of(name)
        folder = context.folder(name)
        recorder = context.recorder(folder)
        algorithm = algorithm_of(section.algorithm)
        learner = make_learner(context, section, algorithm)
        reward = build_reward(context, self.reward)
        watch = ProxyWatch(context, name, reward, learner) if self.uses_reward_model else None

        def evaluate(step: int, version: int) -> Mapping[str, float]:
            """Validation figures of the policy served, with what the watch sees in its completions."""
            figures = run_validation(context, name, step, version, on_groups=watch.look if watch else None)
            return {**figures, **watch.observe(step, figures)} if watch else figures

        if section.evaluate_every and not is_evaluated(folder.path, "validation"):
            begin = evaluate(0, context.serve(learner.policy)[1])  # where the arm's curves begin
            recorder.metrics(name, 0, {f"eval/{key}": value for key, value in begin.items()})
        result = practise(
            context,
            name,
            section=section,
            learner=learner,
            reward=reward,
            workers=context.workers(),
            recorder=recorder,
            held_out=lambda step: evaluate(step, learner.updates),
        )
        recorder.close()
        if result.reason == "stopped":
            return False
        learner.policy.save(folder.policy)
        reads_verdicts = any(source.name in VERIFIED for source in reward_sources(self.reward))
        spent = on_updates(folder, name, algorithm, group_size=section.group_size if reads_verdicts else 0)
        if self.uses_reward_model:
            spent += on_reward_model(context)
        write_spent(folder, spent, result.seconds, steps=result.steps, reason=result.reason)
        return True

    def further_policies(self, context: SeedContext, name: str) -> Mapping[str, RunFolder]:
        """The snapshots that the watch kept, where the reward is learned."""
        if not self.uses_reward_model:
            return {}
        from experiments.study.overoptimisation import snapshots

        return snapshots(context.folder(name))
