"""What an arm's `reward` names: a verifier's, the learned proxy's, a control's, or a sum of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envs.environment import Environment
from experiments.config.arms.rewards import MIXED, PROCESS, PROXY, reward_sources
from experiments.config.components import build
from experiments.config.sections import Component
from experiments.run.errors import UserError, with_place
from rl.preference.models.reward_model import load_reward
from rl.rewards.base import RewardFunction
from rl.rewards.mixed import MixedReward
from rl.rewards.proxy import ProxyReward
from rl.rewards.registry import make_reward
from rl.rewards.verifier import MEASURES, VerifierReward


def build_reward(reward: Component, start_policy: Path, reward_model: Path | None, device: str) -> RewardFunction:
    """The reward function of a seed.

    Args:
        start_policy, reward_model: folders; there is no reward model where none is among the rewards.
        device: of the reward model.
    """
    return build("reward", reward, lambda name, **settings: _reward(name, settings, start_policy, reward_model, device))


def check_reward(reward: Component, env: Environment | None = None, *, where: str = "reward") -> None:
    """Builds a reward function as far as that needs no model.

    Raises:
        UserError: it cannot be built, has a weight that measures nothing in this environment, or two of its sources
            give a part of one name.
    """
    given: set[str] = set()  # parts of the sources so far
    for source in reward_sources(reward):
        made = build(where, source, _without_a_model)
        parts = set(made.weights) if isinstance(made, VerifierReward) else {PROXY} if source.name == PROXY else set()
        if twice := given & parts:
            raise UserError(f"{where}: two of its sources give the part {min(twice)!r}: make them one, with one weight")
        given |= parts
        if isinstance(made, VerifierReward) and env is not None:
            _check_weights(made, env, where)


def _without_a_model(name: str, **settings: Any) -> RewardFunction:
    """A reward as it is made, but for the tokenizer of a policy and the reward model, which are not there yet."""
    if name == PROXY:
        return ProxyReward([_NoModel()], **settings)
    return make_reward(name, **({"tokenizer": _NoModel().decode, **settings} if name == PROCESS else settings))


def reads_gold(reward: Component) -> bool | None:
    """Whether an arm with this reward has a right to ground truth; None where a source of one's own does not say."""
    said: list[bool | None] = []
    for source in reward_sources(reward):
        built = None if source.name in (PROXY, PROCESS) else build("reward", source, make_reward)
        said.append(source.name == PROCESS if built is None else getattr(built, "reads_gold", None))
    return True if True in said else None if None in said else False


def _check_weights(reward: VerifierReward, env: Environment, where: str) -> None:
    """Refuses a weight that names nothing in the verdicts on the environment's own solutions.

    Where a verdict needs a conversation, or there are no solutions, the first step of training is the one to tell.
    """
    if env.max_turns > 1 or not env.has_reference:
        return
    known = dict.fromkeys(MEASURES)
    for stream in env.task_streams(env.levels):
        try:
            problem = env.stream_problem(stream, 0, split="train", seed=0)
        except ValueError as error:
            raise UserError(f"env: {error}") from error
        except Exception as error:  # whatever an environment's own code raises is told in the same way
            raise UserError(f"env: a problem could not be drawn: {with_place(error)}") from error
        source = env.source_env(problem)
        if source.max_turns > 1 or not source.has_reference:
            return
        try:
            verdict = source.grade(problem, source.render_solution(problem.solution, problem.answer))
        except (ValueError, TypeError) as error:  # a verifier that cannot be made
            raise UserError(f"env: {error}") from error
        except Exception as error:  # whatever somebody's verifier raises is told in the same way
            raise UserError(f"env: grading its own solution: {with_place(error)}") from error
        known |= dict.fromkeys(verdict.parts)
    wrong = next((name for name in reward.weights if name not in known), None)
    if wrong is not None:
        raise UserError(
            f"{where}: weight {wrong!r} measures nothing in environment {env.name!r}, expected one of "
            f"{', '.join(known)}"
        )


def _reward(
    name: str, settings: dict[str, Any], start_policy: Path, reward_model: Path | None, device: str
) -> RewardFunction:
    if name == PROXY:
        assert reward_model is not None  # an arm with a proxy reads `preference`
        return load_reward(reward_model, device=device, **settings)
    if name == PROCESS:
        settings = {"tokenizer": str(start_policy), **settings}
    if name == MIXED:
        sources = reward_sources(Component(name=name, settings=settings))
        return MixedReward([(_reward(s.name, s.settings, start_policy, reward_model, device), 1.0) for s in sources])
    return make_reward(name, **settings)


class _NoModel:
    """Stands where a reward model will be while the settings around it are checked."""

    def decode(self, tokens: Sequence[int]) -> str:
        """Never called: a check writes nothing."""
        raise NotImplementedError("a check writes nothing")

    def token_scores(self, pairs: list[Any]) -> list[list[float]]:
        """Never called: nothing is scored by a check."""
        raise NotImplementedError("a check scores nothing")

    def score(self, pairs: list[Any]) -> list[float]:
        """Never called: nothing is scored by a check."""
        raise NotImplementedError("a check scores nothing")
