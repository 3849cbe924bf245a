"""What an environment says about turns, held to its form: a conversation of a run must not die in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from envs.types import Message, Problem, Source, Step


def step_after(env: Source, problem: Problem, transcript: Sequence[Message]) -> Step:
    """What follows the last turn of a transcript.

    Raises:
        TypeError: the environment's `step` gave something else than a Step.
    """
    step = env.step(problem, transcript)
    if not isinstance(step, Step):
        raise TypeError(f"step of environment {env.name!r} gave {step!r:.60} ({type(step).__name__}), expected a Step")
    return step


def spoken(env: Source, problem: Problem, steps: Sequence[str], answer: str) -> list[tuple[str, str]]:
    """A worked solution as turns: (what the policy says, what it expects to read next).

    Raises:
        TypeError: the environment's `turns` gave something else than such pairs of texts, or none.
    """
    turns = env.turns(problem, steps, answer)
    pairs = list(turns) if isinstance(turns, Iterable) and not isinstance(turns, str) else []
    if not pairs or not all(map(_is_pair, pairs)):
        raise TypeError(
            f"turns of environment {env.name!r} gave {turns!r:.100} ({type(turns).__name__}), expected a list of "
            "pairs: (what the policy says, what it expects to read next)"
        )
    return [(said, heard) for said, heard in pairs]


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(text, str) for text in value)
