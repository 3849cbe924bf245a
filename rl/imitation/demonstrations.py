"""What the imitated writer leaves behind: so many solutions of training problems, single-step ones among them.

Demonstration i is a pure function of (environment, demonstrator, seed, i), and its problem belongs to the train split
by its content; so no evaluation problem is ever demonstrated, whatever seeds the two use. Single-step
problems are written by the same demonstrator: all that the policy has seen when RL begins is that one hand.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from envs.demonstrators.base import ConversationDemonstrator, Demonstrator
from envs.demonstrators.writers import Writers, who_writes
from envs.environment import Environment
from envs.splits import MAX_ATTEMPTS, keyed_rng, split_of
from envs.types import Message, Problem
from rl.records.lines import load_records, save_records
from rl.types import Example
from rl.workers.conversations import Encoder, encode_prompt, observation_tokens
from verifiers.types import Verdict

KEEPS = ("all", "right")


@dataclass(frozen=True)
class Demonstration:
    """One problem and the solution that the demonstrator wrote for it.

    Attributes:
        response: its text; the last turn, where there are several.
        transcript: the whole conversation, the environment's words included; None for a single turn.
        writer: the name of who wrote it, where the demonstrator is several writers; else None.
    """

    problem: Problem
    response: str
    is_single_step: bool = False
    transcript: tuple[Message, ...] | None = None
    writer: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        row = {"problem": self.problem.to_json(), "response": self.response, "is_single_step": self.is_single_step}
        if self.transcript is not None:
            row["transcript"] = [{"role": m.role, "content": m.content} for m in self.transcript]
        if self.writer is not None:
            row["writer"] = self.writer
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Demonstration:
        """The demonstration that `to_json` wrote."""
        turns = row.get("transcript")
        transcript = None if turns is None else tuple(Message(m["role"], m["content"]) for m in turns)
        if "is_drill" in row:
            raise ValueError("is_drill is called is_single_step now")
        is_single_step = bool(row.get("is_single_step", False))
        return cls(Problem.from_json(row["problem"]), row["response"], is_single_step, transcript, row.get("writer"))


@dataclass(frozen=True)
class DemonstrationSource:
    """Demonstrations by index.

    Attributes:
        env, demonstrator: whose problems, and who solves them; of several writers one is drawn by share, then a
            level evenly from that writer's coverage.
        single_step_share: probability in [0, 1] that a demonstration is of a single-step problem.
        seed: keys everything.
        keep: "all", or "right" to have wrong solutions written again until the verifier accepts one (isolates leaps
            from slips; a person would have had to check them).
    """

    env: Environment
    demonstrator: Demonstrator
    single_step_share: float = 0.3
    seed: int = 0
    keep: str = "all"

    def __post_init__(self) -> None:
        if not 0 <= self.single_step_share <= 1:
            raise ValueError(f"single_step_share is {self.single_step_share}, expected a probability in [0, 1]")
        if self.keep not in KEEPS:
            raise ValueError(f"keep is {self.keep!r}, expected one of {', '.join(KEEPS)}")

    def at(self, index: int) -> Demonstration:
        """Demonstration `index`.

        Raises:
            ValueError: the environment has no train problem of this kind, or (keep="right") the demonstrator never
                gets one right.
        """
        rng = keyed_rng("demonstration", self.env.name, self.seed, index)
        is_single_step = rng.random() < self.single_step_share
        name, writer = "", self.demonstrator
        if isinstance(writer, Writers):
            name, writer = writer.draw(rng)
        problem = self._single_step(rng) if is_single_step else self._problem(writer, index, rng)
        name, writer = who_writes(writer, problem, rng, prefix=name)
        for _ in range(MAX_ATTEMPTS):
            response, transcript = _solve(self.env, writer, problem, rng)
            if self.keep == "all" or grade_solution(self.env, problem, response, transcript).is_correct:
                return Demonstration(problem, response, is_single_step, transcript, name or None)
        raise ValueError(f"keep='right': no right solution of problem {problem.id} in {MAX_ATTEMPTS} attempts")

    def write(self, num: int, *, first: int = 0) -> list[Demonstration]:
        """Demonstrations first .. first + num - 1."""
        return [self.at(index) for index in range(first, first + num)]

    def _problem(self, writer: Demonstrator, index: int, rng: random.Random) -> Problem:
        # A demonstrator may also leave out problems within its levels: skills that nobody demonstrates.
        covers = getattr(writer, "covers", lambda problem: True)
        for _ in range(MAX_ATTEMPTS):
            level = rng.choice(writer.levels)
            problem = self.env.problem(index, split="train", seed=rng.getrandbits(32), level=level)
            if covers(problem):
                return problem
        raise ValueError(f"the demonstrator covers none of {MAX_ATTEMPTS} problems of its levels")

    def _single_step(self, rng: random.Random) -> Problem:
        for _ in range(MAX_ATTEMPTS):
            problem = self.env.single_step_problem(rng)
            if split_of(problem) == "train":
                return replace(problem, env=self.env.name, split="train")
        raise ValueError(
            f"environment {self.env.name!r}: no single-step problem of the train split in {MAX_ATTEMPTS} draws; set "
            "single_step_share to 0"
        )


def _solve(
    env: Environment, demonstrator: Demonstrator, problem: Problem, rng: random.Random
) -> tuple[str, tuple[Message, ...] | None]:
    """(text, conversation) of a solution; an environment with several turns is played, turn by turn."""
    if env.max_turns == 1:
        return demonstrator.write(problem, rng), None
    if not isinstance(demonstrator, ConversationDemonstrator):
        raise ValueError(
            f"environment {env.name!r} has several turns, but its demonstrator writes none: give it a method "
            "transcript(problem, rng), or override Environment.turns and use the default one"
        )
    transcript = demonstrator.transcript(problem, rng)
    return transcript[-1].content, transcript


def grade_solution(env: Environment, problem: Problem, response: str, transcript: Sequence[Message] | None) -> Verdict:
    """The gold verdict on a response, or on a conversation where there is one."""
    return env.grade(problem, response) if transcript is None else env.grade_transcript(problem, transcript)


def shuffled_epochs(examples: Sequence[Any], seed: int) -> Iterator[Any]:
    """`examples` for ever, in a fresh order each epoch; a pure function of (examples, seed).

    Raises:
        ValueError: there are none.
    """
    if not examples:
        raise ValueError("no examples to learn from")
    epoch = 0
    while True:
        order = list(range(len(examples)))
        keyed_rng("epoch", seed, epoch).shuffle(order)
        yield from (examples[i] for i in order)
        epoch += 1


def encode_demonstrations(demonstrations: Sequence[Demonstration], policy: Encoder) -> list[Example]:
    """The example of each, with the end token; of a conversation, what the environment says is read, not imitated."""
    examples = []
    for d in demonstrations:
        tokens: list[int] = []
        mask: list[int] = []
        for message in d.transcript or (Message("assistant", d.response),):
            is_written = message.role == "assistant"
            if is_written:
                turn = policy.encode_completion(message.content)
            else:
                turn = observation_tokens(policy, d.problem, message.content)
            tokens += turn
            mask += [int(is_written)] * len(turn)
        whole = d.transcript is None or len(d.transcript) == 1
        examples.append(Example(encode_prompt(policy, d.problem), tuple(tokens), None if whole else tuple(mask)))
    return examples


@dataclass(frozen=True)
class DemonstratorLine:
    """The demonstrator's own accuracy at one level, measured by the environment's verifier.

    Attributes:
        level: of the problems.
        is_covered: the demonstrator writes demonstrations at this level; else it was only measured here.
        num_solutions: how many were graded.
        accuracy: share with a CORRECT verdict.
        parts: mean of each named part of the verdicts (answer, solution).
        writer: whose accuracy it is, where the demonstrator is several writers; None: that of the whole demonstrator.
        problems: for each problem [id, solutions graded, of these with the right answer, of these verified].
    """

    level: int
    is_covered: bool
    num_solutions: int
    accuracy: float
    parts: Mapping[str, float] = field(default_factory=dict)
    writer: str | None = None
    problems: tuple[tuple[str, int, int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def measure_demonstrator(
    env: Environment,
    demonstrator: Demonstrator,
    problems: Sequence[Problem],
    *,
    repeats: int | Sequence[int] = 1,
    seed: int = 0,
) -> list[DemonstratorLine]:
    """The demonstrator line of a report: its accuracy by level on `problems`, each solved `repeats` times
    (or as often as its own number says).

    Of a demonstrator that is several writers: first the lines of all of them together, each writing as often as among
    the demonstrations, then the lines of each writer, who solves every problem alone.
    """
    each = [repeats] * len(problems) if isinstance(repeats, int) else repeats
    lines = _measure(env, demonstrator, problems, each, seed)
    if isinstance(demonstrator, Writers):
        for name, writer in demonstrator.writers.items():
            lines += _measure(env, writer, problems, each, seed, name)
    return lines


def _measure(
    env: Environment,
    demonstrator: Demonstrator,
    problems: Sequence[Problem],
    repeats: Sequence[int],
    seed: int,
    writer: str | None = None,
) -> list[DemonstratorLine]:
    verdicts: dict[int, dict[str, list[Verdict]]] = {}
    for problem, times in zip(problems, repeats, strict=True):
        rngs = (keyed_rng("demonstrator line", seed, problem.id, repeat) for repeat in range(times))
        graded = [grade_solution(env, problem, *_solve(env, demonstrator, problem, rng)) for rng in rngs]
        verdicts.setdefault(problem.level, {}).setdefault(problem.id, []).extend(graded)
    return [_line(level, level in demonstrator.levels, found, writer) for level, found in sorted(verdicts.items())]


def _line(
    level: int, is_covered: bool, verdicts: Mapping[str, Sequence[Verdict]], writer: str | None
) -> DemonstratorLine:
    """The line of one level, from the verdicts on each problem."""
    rows = [verdict for found in verdicts.values() for verdict in found]
    parts = sorted({name for verdict in rows for name in verdict.parts})
    return DemonstratorLine(
        level=level,
        is_covered=is_covered,
        num_solutions=len(rows),
        accuracy=fmean(verdict.is_correct for verdict in rows),
        parts={name: fmean(verdict.parts.get(name, 0.0) for verdict in rows) for name in parts},
        writer=writer,
        problems=tuple(
            (
                problem,
                len(found),
                sum(verdict.answer_share >= 1 for verdict in found),
                sum(verdict.solution_share >= 1 for verdict in found),
            )
            for problem, found in verdicts.items()
        ),
    )


def count_writers(demonstrations: Sequence[Demonstration]) -> dict[str, int]:
    """How many demonstrations each writer wrote, the most prolific first; {} where the demonstrator is one person."""
    return dict(Counter(d.writer for d in demonstrations if d.writer is not None).most_common())


def save_demonstrations(demonstrations: Sequence[Demonstration], path: Path | str) -> None:
    """Writes one JSON object per line: {"problem", "response", "is_single_step"}; "writer" where there are several."""
    save_records(demonstrations, path)


def load_demonstrations(path: Path | str) -> list[Demonstration]:
    """What `save_demonstrations` wrote, or demonstrations from elsewhere in the same form.

    Raises:
        ValueError: a line is not such an object; says which.
    """
    return load_records(path, Demonstration.from_json, "demonstration", "problem and response")
