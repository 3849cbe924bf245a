"""Gymnasium environments as text: `gym:FrozenLake-v1`.

Observations become text with `str`, actions are read from the turn: an integer for Discrete spaces, the turn itself
for Text spaces. See envs/adapters/episodes.py for how an episode follows a transcript.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from envs.adapters import need
from envs.adapters.episodes import EpisodeEnvironment, Frame, SessionFault
from envs.registry import environment
from envs.types import Message, Problem
from verifiers.types import Verdict
from verifiers.watching import running

_INTEGER = re.compile(r"-?\d+", re.ASCII)


@environment("gym")
class GymnasiumText(EpisodeEnvironment):
    """A Gymnasium environment played in text, `gym:FrozenLake-v1`; CORRECT when the return reaches `success`.

    Args:
        id: the environment's id; its module is imported for "module:id".
        success: the return from which on an episode counts as solved.
        max_turns: turns of the policy.
        instruction: text before the first observation.
        render: observation -> text.
        options: keyword arguments of `gymnasium.make`.
        identity, keep_open: see `EpisodeEnvironment`.
    Raises:
        ModuleNotFoundError: gymnasium is not installed.
        ValueError: it has no environment of this id, or cannot make it.
    """

    def __init__(
        self,
        id: str,
        success: float = 1.0,
        max_turns: int = 50,
        instruction: str = "",
        render: Callable[[Any], str] = str,
        options: dict[str, Any] | None = None,
        identity: str = "auto",
        keep_open: int = 64,
    ) -> None:
        self.id = id
        self.render = render
        self.options = dict(options or {})
        gymnasium_error = need("gymnasium.error", extra="envs").Error
        try:
            self.open().close()  # a wrong id is found here, not in a worker
        except gymnasium_error as error:
            raise ValueError(f"gymnasium cannot make the environment {id!r}: {error}") from error
        super().__init__(
            name=f"gym:{id}",
            success=success,
            max_turns=max_turns,
            instruction=instruction,
            identity=identity,
            keep_open=keep_open,
        )

    def open(self) -> GymnasiumSession:
        """A new instance of the environment."""
        with running(f"environment gym:{self.id}, while it is made", "environment"):
            made = need("gymnasium", extra="envs").make(self.id, **self.options)
        return GymnasiumSession(made, self.render)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """Grades a response whose lines are the actions of a whole episode."""
        turns = [Message("assistant", line) for line in response.splitlines() if line.strip()]
        return self.grade_transcript(problem, turns)


class GymnasiumSession:
    """An instance of a Gymnasium environment as a session."""

    def __init__(self, env: Any, render: Callable[[Any], str]) -> None:
        self.env = env
        self.render = render

    def reset(self, seed: int) -> Frame:
        """Begins the episode of a seed."""
        with running(f"environment {self.env}, in reset", "environment"):
            observation, _ = self.env.reset(seed=seed)
        return Frame(self.render(observation))

    def act(self, turn: str) -> Frame:
        """Does the action that a turn writes."""
        action = read_action(self.env.action_space, turn)
        try:
            with running(f"environment {self.env}, in step", "environment"):
                observation, reward, terminated, truncated, _ = self.env.step(action)
        except Exception as error:  # foreign code: whatever it raises at an action ends this episode only
            raise SessionFault(f"{type(error).__name__}: {error}") from error
        return Frame(self.render(observation), float(reward), bool(terminated or truncated))

    def close(self) -> None:
        """Closes the environment."""
        self.env.close()


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
