"""What an arm's `reward` names: a verifier's, the learned proxy's, a control's, or a sum of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experiments.config.sections import Component
from experiments.run.errors import UserError

if TYPE_CHECKING:
    from envs.types import Environment
    from experiments.study.context import SeedContext
    from rl.rewards.sources import RewardSource, VerifierReward

PROXY = "proxy"  # the reward model of this seed
PROCESS = "process"  # reads the start policy's tokens
MIXED = "mixed"  # the sum of several; YAML: {name: mixed, sources: [verifier, {name: proxy, weight: 0.1}]}


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


def needs_reward_model(reward: Component) -> bool:
    """True when the reward, or a part of it, is the learned proxy."""
    return any(source.name == PROXY for source in reward_sources(reward))


def build_reward(context: SeedContext, reward: Component) -> RewardSource:
    """The reward source of this seed."""
    from experiments.study.context import build

    return build("reward", reward, lambda name, **settings: _reward(context, name, settings))


def check_reward(reward: Component, env: Environment | None = None) -> None:
    """Builds a reward source as far as that needs no model.

    Raises:
        UserError: it cannot be built, or has a weight that measures nothing in this environment.
    """
    from experiments.study.context import build
    from rl.rewards.sources import ProxyReward, VerifierReward, make_reward

    for source in reward_sources(reward):
        if source.name == PROXY:
            build("reward", source, lambda name, **settings: ProxyReward([_NoModel()], **settings))
        elif source.name != PROCESS:
            made = build("reward", source, make_reward)
            if isinstance(made, VerifierReward) and env is not None:
                _check_weights(made, env)


def _check_weights(reward: VerifierReward, env: Environment) -> None:
    """Refuses a weight that names nothing in the verdicts on the environment's own solutions.

    Where a verdict needs a conversation, or there are no solutions, the first step of training is the one to tell.
    """
    from rl.rewards.sources import MEASURES

    if env.max_turns > 1 or not env.has_reference:
        return
    known = dict.fromkeys(MEASURES)
    for strand in env.strands(env.levels):
        try:
            problem = env.strand_problem(strand, 0, split="train", seed=0)
        except ValueError as error:
            raise UserError(f"env: {error}") from error
        home = env.home(problem)
        if home.max_turns > 1 or not home.has_reference:
            return
        known |= dict.fromkeys(home.grade(problem, home.render_solution(problem.solution, problem.answer)).parts)
    wrong = next((name for name in reward.weights if name not in known), None)
    if wrong is not None:
        raise UserError(
            f"reward: weight {wrong!r} measures nothing in environment {env.name!r}, expected one of {', '.join(known)}"
        )


def _reward(context: SeedContext, name: str, settings: dict[str, Any]) -> RewardSource:
    from rl.rewards.sources import MixedReward, make_reward

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


class _NoModel:
    """Stands where a reward model will be while the settings around it are checked."""

    def score(self, pairs: list[Any]) -> list[float]:
        """Never called: nothing is scored by a check."""
        raise NotImplementedError("a check scores nothing")
