"""Prompts for which a policy's context has no room: refused, left out or cut, as `long_prompts` of an environment says.

Lengths are counted in the policy's own tokens, with the template around the question, where problems are drawn for it.
What a problem is, and the split that it belongs to, do not depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from envs.types import Message, Problem

ON_LONG = ("refuse", "drop", "cut")


@dataclass(frozen=True)
class PromptRoom:
    """How many tokens a prompt may have for a policy, and how they are counted.

    Attributes:
        count: (problem, its environment) -> tokens of its prompt as the policy reads it, and what else needs room.
        limits: split -> most tokens: the policy's context without the longest completion that is asked for.
        source: the environment whose problems are counted; set by its `fit`.
    """

    count: Callable[[Problem, Any], int]
    limits: Mapping[str, int]
    source: Any = None

    def limit(self, split: str) -> int:
        """Tokens that a prompt of a split may have; of a split that nobody named, those of the narrowest."""
        return self.limits.get(split, min(self.limits.values()))

    def tokens(self, problem: Problem) -> int:
        """What the problem's prompt needs."""
        return self.count(problem, self.source)

    def holds(self, problem: Problem) -> bool:
        """Whether there is room for the problem's prompt."""
        return self.tokens(problem) <= self.limit(problem.split)


def cut_to_room(problem: Problem, room: PromptRoom, write: Callable[[Problem], Problem]) -> Problem:
    """The problem as it is put to the policy, with just so much of its beginning left out that there is room.

    The end of a text is where its question stands. Of messages the longest is cut.

    Args:
        problem: before its template.
        write: puts the template around it.
    Raises:
        ValueError: there is no room even for what stands around the question.
    """
    least, most = 1, len(_longest(problem)) - 1  # characters left out; one at least is kept
    if most < 1 or not room.holds(write(_without(problem, most))):
        raise ValueError(
            f"there is no room for what stands around the question of problem {problem.id}: its prompt has "
            f"{room.tokens(write(problem)):,} tokens, {room.limit(problem.split):,} are left for it"
        )
    while least < most:
        middle = (least + most) // 2
        if room.holds(write(_without(problem, middle))):
            most = middle
        else:
            least = middle + 1
    return write(_without(problem, most))


def _longest(problem: Problem) -> str:
    """The text that is cut: the prompt, or the longest of its messages."""
    if isinstance(problem.prompt, str):
        return problem.prompt
    return max((message.content for message in problem.prompt), key=len)


def _without(problem: Problem, num: int) -> Problem:
    """The problem without the first characters of its longest text; it stays the same problem."""
    kept = _longest(problem)[num:].lstrip()
    canonical = problem.canonical or problem.text
    if isinstance(problem.prompt, str):
        return replace(problem, prompt=kept, canonical=canonical)
    longest = max(problem.prompt, key=lambda message: len(message.content))
    messages = [Message(m.role, kept) if m is longest else m for m in problem.prompt]
    return replace(problem, prompt=tuple(messages), canonical=canonical)
