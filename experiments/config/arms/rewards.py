"""Names of rewards that a study treats in ways of their own, and whether a reward needs the learned proxy."""

from __future__ import annotations

from experiments.config.sections import Component
from experiments.run.errors import UserError

PROXY = "proxy"  # the reward model of a seed
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
