"""Gymnasium environments as text: `gym:FrozenLake-v1`. The transcript is the state: every step replays the episode.

Observations become text with `str`, actions are read from the turn: an integer for Discrete spaces, the turn itself
for Text spaces. Replaying needs an environment whose steps depend on its seed and actions alone.
"""

from __future__ import annotations

import importlib
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from envs.registry import environment
from envs.types import Environment, Message, Problem, Step, StopReason
from verifiers.types import Outcome, Verdict

_INTEGER = re.compile(r"-?\d+", re.ASCII)


@environment("gym")
class GymnasiumText(Environment):
    """A Gymnasium environment played in text, `gym:FrozenLake-v1`; CORRECT when the return reaches `success`.

    Args:
        id: the environment's id; its module is imported for "module:id".
        success: the return from which on an episode counts as solved.
        max_turns: turns of the policy.
        instruction: text before the first observation.
        render: observation -> text.
        options: keyword arguments of `gymnasium.make`.
    Raises:
        ModuleNotFoundError: gymnasium is not installed.
    """

    def __init__(
        self,
        id: str,
        success: float = 1.0,
        max_turns: int = 50,
        instruction: str = "",
        render: Callable[[Any], str] = str,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.id = id
        self.success = success
        self.max_turns = max_turns
        self.instruction = instruction
        self.render = render
        self.options = dict(options or {})
        self.name = f"gym:{id}"  # type: ignore[misc]
        self._make().close()  # a wrong id is found here, not in a worker

    def _make(self) -> Any:
        return importlib.import_module("gymnasium").make(self.id, **self.options)

    def generate(self, rng: random.Random, level: int) -> Problem:
        """An episode: a seed and the first observation. The seed is the identity, for much may be hidden."""
        seed = rng.getrandbits(31)
        env = self._make()
        observation, _ = env.reset(seed=seed)
        env.close()
        prompt = "\n".join(part for part in (self.instruction, self.render(observation)) if part)
        return Problem(prompt, "", info={"seed": seed}, canonical=f"{self.name} seed {seed}")

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """The observation after the last action, its reward, and the end where the episode ends."""
        try:
            observation, rewards, is_over = self._replay(problem, transcript)
        except ValueError:
            return Step(None, stop=StopReason.PARSE_ERROR)
        reward = rewards[-1] if rewards else 0.0
        if is_over:
            return Step(None, reward, StopReason.COMPLETED)
        return Step(self.render(observation), reward)

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """CORRECT when the rewards add up to `success`; `parts["return"]` holds the sum, clipped to [0, 1]."""
        try:
            _, rewards, _ = self._replay(problem, transcript)
        except ValueError as error:
            return Verdict(Outcome.UNPARSEABLE, 0.0, detail=str(error))
        total = sum(rewards)
        parts = {"return": min(1.0, max(0.0, total / self.success if self.success else total))}
        outcome = Outcome.CORRECT if total >= self.success else Outcome.WRONG
        return Verdict(outcome, float(outcome is Outcome.CORRECT), detail=f"return {total:g}", parts=parts)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """Grades a response whose lines are the actions of a whole episode."""
        turns = [Message("assistant", line) for line in response.splitlines() if line.strip()]
        return self.grade_transcript(problem, turns)

    def _replay(self, problem: Problem, transcript: Sequence[Message]) -> tuple[Any, list[float], bool]:
        env = self._make()
        observation, _ = env.reset(seed=problem.info["seed"])
        rewards: list[float] = []
        is_over = False
        try:
            for message in transcript:
                if message.role != "assistant":
                    continue
                action = read_action(env.action_space, message.content)
                observation, reward, terminated, truncated, _ = env.step(action)
                rewards.append(float(reward))
                is_over = bool(terminated or truncated)
                if is_over:
                    break
        finally:
            env.close()
        return observation, rewards, is_over


def read_action(space: Any, turn: str) -> Any:
    """The action that a turn writes.

    Raises:
        ValueError: no action of this space.
    """
    kind = type(space).__name__
    if kind == "Discrete":
        numbers = _INTEGER.findall(turn)
        if len(numbers) != 1 or not space.contains(int(numbers[0])):
            raise ValueError(f"{turn[:40]!r} is no action; expected one integer of {space}")
        return int(numbers[0])
    if kind == "Text":
        return turn.strip()
    raise ValueError(f"actions of a {kind} space cannot be read from text; wrap the environment in Discrete or Text")
