"""Plays a problem turn by turn: what any environment with `step` needs of a policy is text for text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envs.environment import Environment
from envs.turns import step_after
from envs.types import Message, Problem, StopReason
from verifiers.types import Verdict


@dataclass(frozen=True)
class Episode:
    """A finished transcript.

    Attributes:
        turns: assistant and tool messages in order, without the prompt.
        rewards: dense reward of each assistant turn.
        verdict: the gold verdict on the whole.
    """

    problem: Problem
    turns: tuple[Message, ...]
    rewards: tuple[float, ...]
    stop: StopReason
    verdict: Verdict


def prompt_messages(problem: Problem) -> tuple[Message, ...]:
    """The prompt as messages."""
    return (Message("user", problem.prompt),) if isinstance(problem.prompt, str) else problem.prompt


def play_episode(env: Environment, problem: Problem, policy: Callable[[Sequence[Message]], str]) -> Episode:
    """Lets `policy` (messages so far -> next turn) play a problem until the environment or `max_turns` ends it."""
    turns: list[Message] = []
    rewards: list[float] = []
    stop: StopReason | None = None
    while stop is None:
        text = policy([*prompt_messages(problem), *turns])
        turns.append(Message("assistant", text))
        step = step_after(env, problem, turns)
        rewards.append(step.reward)
        if step.observation is not None:
            turns.append(Message("tool", step.observation))
        stop = step.stop
        if stop is None and len(rewards) >= env.max_turns:
            stop = StopReason.MAX_TURNS
    return Episode(problem, tuple(turns), tuple(rewards), stop, env.grade_transcript(problem, turns))
