"""What an environment is made of: problems, steps of a transcript, and what an environment is to its parts.

A problem is immutable and its identity is a hash of its content; the split it belongs to is decided by that
hash (envs/splits.py), so train, validation and test are disjoint whatever seeds anyone uses.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from numbers import Real
from typing import Any, Protocol

from verifiers.types import Verdict

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Message:
    """One turn of a transcript. `role` is system, user, assistant or tool."""

    role: str
    content: str

    def __post_init__(self) -> None:
        if not isinstance(self.content, str):
            raise TypeError(f"the content of a message is {self.content!r:.80}, expected text")


@dataclass(frozen=True)
class Problem:
    """One task with its reference answer; immutable, picklable, JSON round-trips.

    Attributes:
        prompt: what the policy reads: text, or messages for a chat model.
        answer: the reference answer, as text.
        solution: a worked solution, one entry per step; empty when the environment has none.
        level: difficulty, larger is harder.
        info: JSON-able facts that grading needs.
        env, split, index: where it came from; filled by the framework, not part of its identity.
        canonical: the content that identifies the problem, where the prompt alone would not: two prompts that ask
            the same thing (another template, another order) share one canonical text. Empty: the prompt.
    """

    prompt: str | tuple[Message, ...]
    answer: str
    solution: tuple[str, ...] = ()
    level: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)
    env: str = ""
    split: str = ""
    index: int = -1
    canonical: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.answer, str):
            raise TypeError(f"a problem's answer is {self.answer!r}, expected text: write str(...) of it")
        if isinstance(self.solution, str):
            raise TypeError(f"a problem's solution is the text {self.solution[:40]!r}, expected a tuple of steps")
        if not isinstance(self.solution, tuple | list):
            raise TypeError(f"a problem's solution is {self.solution!r:.80}, expected a tuple of steps")
        if not isinstance(self.canonical, str):
            raise TypeError(f"a problem's canonical is {self.canonical!r:.80}, expected text: write str(...) of it")
        for step in self.solution:
            if not isinstance(step, str):
                raise TypeError(f"a step of a problem's solution is {step!r:.60}, expected text")
        if isinstance(self.prompt, str):
            texts: tuple[str, ...] = (self.prompt, self.answer)
        elif isinstance(self.prompt, tuple) and self.prompt and all(isinstance(m, Message) for m in self.prompt):
            texts = (*(message.content for message in self.prompt), self.answer)
        else:
            raise TypeError(
                f"a problem's prompt is {self.prompt!r:.80}, expected text, or a tuple of Message(role, content)"
            )
        for text in (*texts, *self.solution):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                around = text[max(0, error.start - 20) : error.start + 20]
                raise ValueError(
                    f"a problem holds {text[error.start]!r} ({around!r}), half a surrogate pair, which is no character"
                ) from error

    @cached_property
    def id(self) -> str:
        """16 hex digits: a hash of the content. Equal content is the same problem, wherever it came from."""
        content: Any = self.canonical or self.prompt
        if not isinstance(content, str):
            content = [[m.role, m.content] for m in content]
        return hashlib.sha256(json.dumps([content]).encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """The prompt as one string (messages joined by line breaks)."""
        return self.prompt if isinstance(self.prompt, str) else "\n".join(m.content for m in self.prompt)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values; `Problem.from_json` gives the equal problem back."""
        prompt: Any = self.prompt
        if not isinstance(prompt, str):
            prompt = [{"role": m.role, "content": m.content} for m in prompt]
        return {
            "id": self.id,
            "prompt": prompt,
            "answer": self.answer,
            "solution": list(self.solution),
            "level": self.level,
            "info": dict(self.info),
            "env": self.env,
            "split": self.split,
            "index": self.index,
            "canonical": self.canonical,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Problem:
        """The problem that `to_json` wrote."""
        prompt = row["prompt"]
        if not isinstance(prompt, str):
            prompt = tuple(Message(m["role"], m["content"]) for m in prompt)
        return cls(
            prompt=prompt,
            answer=row["answer"],
            solution=tuple(row.get("solution", ())),
            level=int(row.get("level", 1)),
            info=dict(row.get("info", {})),
            env=row.get("env", ""),
            split=row.get("split", ""),
            index=int(row.get("index", -1)),
            canonical=row.get("canonical", ""),
        )


def unordered(*parts: object) -> str:
    """The same text for the same parts in any order: for `Problem.canonical`, where the order asks nothing else."""
    return " & ".join(sorted(map(str, parts)))


class StopReason(StrEnum):
    """Why a transcript ended."""

    COMPLETED = "completed"  # the policy gave its answer
    MAX_TURNS = "max_turns"
    MAX_TOKENS = "max_tokens"
    TOOL_STOPPED = "tool_stopped"  # a tool broke its deadline or memory limit
    PARSE_ERROR = "parse_error"  # the turn could not be read as an action
    ERROR = "error"


class Check(Protocol):
    """Says whether an answer solves a problem; False or ValueError for text that it cannot read."""

    def __call__(self, problem: Problem, answer: str, /) -> bool:
        """True when `answer` is right."""
        ...


class Mistake(Protocol):
    """A wrong rule: what someone who follows it writes for a problem."""

    def __call__(self, problem: Problem, /) -> tuple[Sequence[str], str] | None:
        """(steps, answer); None where the rule says nothing about the problem."""
        ...


@dataclass(frozen=True)
class Step:
    """What follows a turn of the policy.

    Attributes:
        observation: what the policy reads next; None when the transcript is over.
        reward: dense reward of this turn.
        stop: why the transcript ended; None while it goes on.
    """

    observation: str | None
    reward: float = 0.0
    stop: StopReason | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.observation, str | None):
            kind = type(self.observation).__name__
            raise TypeError(f"the observation of a Step is {self.observation!r:.60} ({kind}), expected text or None")
        if not isinstance(self.reward, Real) or not math.isfinite(self.reward):
            kind = type(self.reward).__name__
            raise TypeError(f"the reward of a Step is {self.reward!r:.60} ({kind}), expected a finite number")
        if self.stop is not None:
            object.__setattr__(self, "stop", StopReason(self.stop))


class Source(Protocol):
    """What the parts under `Environment` know of it: where problems come from, and how answers are written and judged.

    Splits, demonstrators and corrupted solutions take one; what is meant is `envs.environment.Environment`.
    """

    @property
    def name(self) -> str:
        """As the registry and split keys have it."""
        ...

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of training."""
        ...

    @property
    def ood_levels(self) -> tuple[int, ...]:
        """Levels for evaluation alone."""
        ...

    @property
    def mistakes(self) -> Mapping[str, Mistake]:
        """Name -> what spoils a right solution."""
        ...

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A fresh problem of `level`, drawn with `rng` alone."""
        ...

    def render_solution(self, steps: Sequence[str], answer: str) -> str:
        """Steps and answer as the text a policy would write."""
        ...

    def turns(self, problem: Problem, steps: Sequence[str], answer: str) -> Sequence[tuple[str, str]]:
        """A worked solution as turns of a conversation: (what the policy writes, what it expects to read next)."""
        ...

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """What follows the last turn of `transcript`."""
        ...

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The gold verdict on a response."""
        ...

    def demonstrator(self, **settings: Any) -> Any:
        """A writer of solutions (`envs.demonstrators.base.Demonstrator`)."""
        ...


@dataclass(frozen=True)
class TaskStream:
    """The problems of one level of one part.

    Attributes:
        part: a part of a mixture; "" where the environment is none.
        share: probability of a draw from it, unless something else decides.
    """

    level: int
    part: str = ""
    share: float = 1.0

    @property
    def key(self) -> str:
        """Its name in a saved state."""
        return f"{self.part}/{self.level}" if self.part else str(self.level)

    @property
    def label(self) -> str:
        """Its name in metrics: `level/3`, or `countdown/level/3`."""
        return f"{self.part}/level/{self.level}" if self.part else f"level/{self.level}"


@dataclass(frozen=True)
class EnvSpec:
    """A name and settings that rebuild an environment in any process; pickles, and round-trips through JSON.

    Attributes:
        name: a reference without settings, e.g. "leaps" or "package.module:attribute".
        settings: keyword arguments of the environment.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {"name": self.name, "settings": dict(self.settings)}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> EnvSpec:
        """The spec that `to_json` wrote."""
        return cls(row["name"], dict(row.get("settings", {})))
