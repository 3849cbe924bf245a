"""The base class of environments: problems of seeded streams and splits, prompts, demonstrations, and their grading."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

from envs.demonstrators.base import Demonstrator, StepDemonstrator, corrupt_solution
from envs.grading import grade_response, lenient, make_verifier
from envs.long_prompts import PromptRoom, cut_to_room
from envs.prompts import present
from envs.splits import draw_problem
from envs.types import Check, EnvSpec, Message, Mistake, Problem, Step, StopReason, TaskStream
from verifiers.types import Verdict, Verifier

TAGS = "<answer> ... </answer>"  # what announces answers of several lines
MAX_REDRAWS = 100  # draws until a prompt fits, where those that do not are left out
FAR = 1 << 40  # from an index to the next that is drawn in its place: further than any run counts


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
    long_prompts: str = "refuse"  # of prompts without room in the policy's context: refuse, drop or cut
    room: PromptRoom | None = None  # of the policy that problems are drawn for; set by `fit`
    verify: str | Mapping[str, Any] | Verifier | Check = "exact"
    mistakes: ClassVar[Mapping[str, Mistake]] = MappingProxyType({})
    spec: EnvSpec | None = None  # what rebuilds this environment in another process; set by the registry
    rebuild: Callable[[EnvSpec], Environment] | None = None  # how: the registry's `make`; set by it

    @cached_property
    def verifier(self) -> Verifier:
        """The verifier that `verify` names."""
        return make_verifier(self.verify)

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A fresh problem of `level`, drawn with `rng` alone."""
        raise TypeError(
            f"environment {type(self).__name__} defines no generate(rng, level); define it, or override problem()"
        )

    def problem(self, index: int, *, split: str = "train", seed: int = 0, level: int | None = None) -> Problem:
        """Problem `index` of a split: a pure function of (environment, seed, split, index, level).

        Without `level`, levels alternate in the order of `levels`. The prompt is written with `template`, which does
        not change the problem's identity. Where the policy has no room for the prompt, `long_prompts` says what to do.

        Raises:
            ValueError: there is no room for the prompt, and `long_prompts` does not mend it.
        """
        drawn = self.draw(index, split=split, seed=seed, level=level)
        problem = self.write_prompt(drawn)
        if self.room is None or self.room.holds(problem):
            return problem
        if self.long_prompts == "cut":
            return cut_to_room(drawn, self.room, self.write_prompt)
        if self.long_prompts == "drop":
            for attempt in range(1, MAX_REDRAWS):
                other = self.write_prompt(self.draw(index + attempt * FAR, split=split, seed=seed, level=level))
                if self.room.holds(other):
                    return replace(other, index=index)
            raise ValueError(
                f"environment {self.name!r}: in {MAX_REDRAWS} draws from split {split!r} there was no prompt of "
                f"{self.room.limit(split):,} tokens or fewer, for which the policy has room"
            )
        raise ValueError(
            f"{self.place_of(drawn)}: its prompt has {self.room.tokens(problem):,} tokens, and the policy has room for "
            f"{self.room.limit(split):,}; long_prompts=drop leaves such problems out, cut shortens them"
        )

    def write_prompt(self, problem: Problem) -> Problem:
        """A problem as it is put to the policy: with `template`, `system` and `shots` around its question."""
        return present(problem, self.template, mark=self.mark, system=self.system, shots=self.worked_examples)

    def fit(self, room: PromptRoom) -> None:
        """From here on problems are drawn for a policy with this room for prompts.

        Raises:
            ValueError: `shots` asks for worked examples that there are not.
        """
        self.worked_examples  # noqa: B018  # drawn before, since they are no prompts themselves
        self.room = replace(room, source=self)

    def place_of(self, problem: Problem) -> str:
        """Where a problem comes from, in words: a row of a file, or the index of a draw."""
        return f"environment {self.name!r}, problem {problem.index} of split {problem.split!r}, level {problem.level}"

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
        return tuple((p, self.source_env(p).render_solution(p.solution, p.answer)) for p in drawn)

    def draw(self, index: int, *, split: str, seed: int, level: int | None) -> Problem:
        """Problem `index` before its template; environments over a fixed set of rows override it."""
        return draw_problem(self, index=index, split=split, seed=seed, level=level)

    def problems(
        self, num: int | None = None, *, split: str = "train", seed: int = 0, level: int | None = None
    ) -> Iterator[Problem]:
        """The first `num` problems of a split, or an endless stream of them."""
        index = 0
        while num is None or index < num:
            yield self.problem(index, split=split, seed=seed, level=level)
            index += 1

    def task_streams(self, levels: Sequence[int]) -> tuple[TaskStream, ...]:
        """The task streams of these levels: one for each, of equal shares."""
        return tuple(TaskStream(level, share=1 / len(levels)) for level in levels)

    def stream_problem(self, stream: TaskStream, index: int, *, split: str = "train", seed: int = 0) -> Problem:
        """Problem `index` of a task stream."""
        return self.problem(index, split=split, seed=seed, level=stream.level)

    def stream_size(self, stream: TaskStream, split: str) -> int | None:
        """How many problems a task stream has; None: as many as one draws."""
        return None

    def stream_env(self, stream: TaskStream) -> Environment:
        """The environment whose problems a task stream has: this one, unless it combines several."""
        return self

    def all_problems(self, split: str, level: int) -> Sequence[Problem] | None:
        """Every problem of a split and level before its template; None where they are drawn without end."""
        return None

    def notes(self) -> tuple[str, ...]:
        """What a user should be told about the problems: sentences, none where all is as it looks."""
        return ()

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The gold verdict on a response. Never raises for what the response says."""
        judge = self.verifier if isinstance(self.verify, str | Mapping | Verifier) else self.verify
        return grade_response(judge, problem, response)

    def leniently(self) -> Environment | None:
        """This environment, judging as test sets usually are; None: it does so already, or its judge has no such mode.

        Strict is for training. A model that was not trained to announce its answer is judged by the last number or
        formula that it writes, and the last of several counts (`mode="evaluation"` of the verifier).
        """
        judge = None if self.verify is Environment.verify else lenient(self.verify)
        if judge is None:
            return None
        other = copy(self)
        other.__dict__.pop("verifier", None)  # made of the other `verify` where it is asked for
        other.__dict__["verify"] = judge
        return other

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """The gold verdict on a conversation: on its last assistant turn, unless the environment says otherwise."""
        turns = [message.content for message in transcript if message.role == "assistant"]
        verdict = self.grade(problem, turns[-1] if turns else "")
        before = sum(len(turn) + 1 for turn in turns[:-1])
        return replace(verdict, steps=tuple(step.moved(before) for step in verdict.steps)) if before else verdict

    def source_env(self, problem: Problem) -> Environment:
        """The environment that a problem came from: this one, unless it combines several."""
        return self

    def render_solution(self, steps: Sequence[str], answer: str) -> str:
        """Steps and answer as the text a policy would write: the form that `grade` reads."""
        if "\n" in answer:  # what follows #### ends with its line
            return "\n".join([*steps, f"<answer>\n{answer}\n</answer>"])
        return "\n".join([*steps, f"#### {answer}"])

    def turns(self, problem: Problem, steps: Sequence[str], answer: str) -> Sequence[tuple[str, str]]:
        """A worked solution as turns of a conversation: (what the policy writes, what it expects to read next)."""
        return [(self.render_solution(steps, answer), "")]

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """What follows the last turn of `transcript`; single-turn environments end at once."""
        return Step(observation=None, stop=StopReason.COMPLETED)

    def demonstrator(self, **settings: Any) -> Demonstrator:
        """A writer of (imperfect) solutions; see `envs.demonstrators.base.StepDemonstrator` for the settings."""
        return StepDemonstrator(self, **settings)

    def single_step_problem(self, rng: random.Random) -> Problem:
        """A problem of a single skill: by default one of the easiest level."""
        return self.generate(rng, min(self.levels))

    def corrupt(self, problem: Problem, rng: random.Random) -> tuple[str, ...]:
        """Wrong responses that look like solutions (complete texts), for preference pairs and for checks."""
        return corrupt_solution(self, problem, rng)

    def vocabulary(self) -> tuple[str, ...] | None:
        """The closed set of words (split by spaces) that prompts and solutions use, for a word-level tiny policy.

        None: the environment writes ordinary text, and a tiny policy reads characters.
        """
        return None

    def __reduce__(self) -> Any:
        """Pickles as its spec, where there is one: the other process rebuilds it from its name and settings."""
        if self.spec is None or self.rebuild is None:
            return super().__reduce__()
        return self.rebuild, (self.spec,)
