"""What an environment is made of: problems, steps of a transcript, and the base class that grades them.

A problem is immutable and its identity is a hash of its content; the split it belongs to is decided by that
hash (envs/splits.py), so train, validation and test are disjoint whatever seeds anyone uses.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from envs.strands import Strand
from verifiers.types import Verdict, Verifier

if TYPE_CHECKING:
    from envs.demonstrators.base import Demonstrator
    from envs.registry import EnvSpec

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Message:
    """One turn of a transcript. `role` is system, user, assistant or tool."""

    role: str
    content: str


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


class Environment:
    """A source of problems that can grade responses to them. Pickles; holds no mutable state.

    A subclass gives `generate`; everything else has a default. Levels in `levels` are for training,
    those in `ood_levels` for evaluation beyond it only.

    Class attributes:
        has_reference: problems carry a reference answer; False for games of other libraries, which only pay.
        verify: how an answer is judged: the name of a verifier (`verifiers.make`), {"name": ..., **settings}, a
            verifier, or a function (problem, answer text) -> bool for answers that are checked rather than compared
            (certificates).
        mistakes: wrong rules that a demonstrator can follow: name -> function (problem) -> (steps, answer), or
            None where the rule says nothing about the problem.
    """

    name: ClassVar[str] = ""
    levels: tuple[int, ...] = (1,)
    ood_levels: tuple[int, ...] = ()
    max_turns: int = 1
    has_reference: ClassVar[bool] = True
    mark: ClassVar[str] = "####"  # what announces an answer; prompt templates ask for it
    template: str = ""  # name or text of a prompt template (envs/prompts.py); "": the prompt as generated
    system: str = ""  # a system message, before prompts that are messages
    shots: int = 0  # worked examples of the training split, shown before each question
    verify: ClassVar[str | Mapping[str, Any] | Verifier | Check] = "exact"
    mistakes: ClassVar[Mapping[str, Mistake]] = MappingProxyType({})
    spec: EnvSpec | None = None  # what rebuilds this environment in another process; set by the registry

    @cached_property
    def verifier(self) -> Verifier:
        """The verifier that `verify` names."""
        from envs.grading import make_verifier

        return make_verifier(self.verify)

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A fresh problem of `level`, drawn with `rng` alone."""
        raise TypeError(
            f"environment {type(self).__name__} defines no generate(rng, level); define it, or override problem()"
        )

    def problem(self, index: int, *, split: str = "train", seed: int = 0, level: int | None = None) -> Problem:
        """Problem `index` of a split: a pure function of (environment, seed, split, index, level).

        Without `level`, levels alternate in the order of `levels`. The prompt is written with `template`, which does
        not change the problem's identity.
        """
        from envs.prompts import present

        problem = self.draw(index, split=split, seed=seed, level=level)
        return present(problem, self.template, mark=self.mark, system=self.system, shots=self.worked_examples)

    @cached_property
    def worked_examples(self) -> tuple[tuple[Problem, str], ...]:
        """The `shots` examples of every prompt: the first training problems of the levels in turn, and solutions.

        Raises:
            ValueError: a problem of the training split has no worked solution.
        """
        drawn = [
            self.draw(index, split="train", seed=0, level=self.levels[index % len(self.levels)])
            for index in range(self.shots)
        ]
        if bare := [problem for problem in drawn if not problem.answer]:
            raise ValueError(f"shots is {self.shots}, but problem {bare[0].id} has no solution to show")
        return tuple((p, self.home(p).render_solution(p.solution, p.answer)) for p in drawn)

    def draw(self, index: int, *, split: str, seed: int, level: int | None) -> Problem:
        """Problem `index` before its template; environments over a fixed set of rows override it."""
        from envs.splits import draw_problem

        return draw_problem(self, index=index, split=split, seed=seed, level=level)

    def problems(
        self, num: int | None = None, *, split: str = "train", seed: int = 0, level: int | None = None
    ) -> Iterator[Problem]:
        """The first `num` problems of a split, or an endless stream of them."""
        index = 0
        while num is None or index < num:
            yield self.problem(index, split=split, seed=seed, level=level)
            index += 1

    def strands(self, levels: Sequence[int]) -> tuple[Strand, ...]:
        """The streams of problems of these levels: one for each, of equal shares."""
        return tuple(Strand(level, share=1 / len(levels)) for level in levels)

    def strand_problem(self, strand: Strand, index: int, *, split: str = "train", seed: int = 0) -> Problem:
        """Problem `index` of a strand."""
        return self.problem(index, split=split, seed=seed, level=strand.level)

    def strand_size(self, strand: Strand, split: str) -> int | None:
        """How many problems a strand has; None: as many as one draws."""
        return None

    def notes(self) -> tuple[str, ...]:
        """What a user should be told about the problems: sentences, none where all is as it looks."""
        return ()

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The gold verdict on a response. Never raises for what the response says."""
        from envs.grading import grade_response

        return grade_response(self, problem, response)

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """The gold verdict on a conversation: on its last assistant turn, unless the environment says otherwise."""
        turns = [message.content for message in transcript if message.role == "assistant"]
        verdict = self.grade(problem, turns[-1] if turns else "")
        before = sum(len(turn) + 1 for turn in turns[:-1])
        return replace(verdict, steps=tuple(step.moved(before) for step in verdict.steps)) if before else verdict

    def home(self, problem: Problem) -> Environment:
        """The environment that a problem came from: this one, unless it combines several."""
        return self

    def render_solution(self, steps: Sequence[str], answer: str) -> str:
        """Steps and answer as the text a policy would write: the form that `grade` reads."""
        return "\n".join([*steps, f"#### {answer}"])

    def turns(self, problem: Problem, steps: Sequence[str], answer: str) -> Sequence[tuple[str, str]]:
        """A worked solution as turns of a conversation: (what the policy writes, what it expects to read next)."""
        return [(self.render_solution(steps, answer), "")]

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """What follows the last turn of `transcript`; single-turn environments end at once."""
        return Step(observation=None, stop=StopReason.COMPLETED)

    def demonstrator(self, **settings: Any) -> Demonstrator:
        """A writer of (imperfect) solutions; see `envs.demonstrators.base.StepDemonstrator` for the settings."""
        from envs.demonstrators.base import StepDemonstrator

        return StepDemonstrator(self, **settings)

    def drill(self, rng: random.Random) -> Problem:
        """A problem that practises a single skill: by default one of the easiest level."""
        return self.generate(rng, min(self.levels))

    def corrupt(self, problem: Problem, rng: random.Random) -> tuple[str, ...]:
        """Wrong responses that look like solutions (complete texts), for preference pairs and for checks."""
        from envs.demonstrators.base import corrupt_solution

        return corrupt_solution(self, problem, rng)

    def vocabulary(self) -> tuple[str, ...] | None:
        """The closed set of words (split by spaces) that prompts and solutions use, for a word-level tiny policy.

        None: the environment writes ordinary text, and a tiny policy reads characters.
        """
        return None

    def __reduce__(self) -> Any:
        """Pickles as its spec, where there is one: the other process rebuilds it from its name and settings."""
        if self.spec is None:
            return super().__reduce__()
        return self.spec.build, ()
