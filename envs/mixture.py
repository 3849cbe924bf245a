"""Several environments as one, with weights: `make("mixture", parts={"leaps": 2, "countdown": 1})`."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from envs.demonstrators.base import ConversationDemonstrator, Demonstrator
from envs.demonstrators.writers import make_demonstrator, who_writes
from envs.environment import Environment
from envs.long_prompts import PromptRoom
from envs.registry import environment, make, parse_levels, parse_reference
from envs.splits import keyed_rng
from envs.types import Message, Problem, Step, TaskStream
from verifiers.types import Verdict


@environment("mixture")
class Mixture(Environment):
    """Problems of several environments in given shares; each is graded by its own (level: the parts' own levels).

    Which part stands at an index is a pure function of (seed, split, index), so the stream needs no state. A problem
    names the part that it came from in `info["part"]`, and training records reward and gold of every part.

    A level that one part trains on and another keeps for evaluation only is a training level of the first alone.

    Args:
        parts: name of a part -> weight, or -> {weight: ..., env: ..., settings}; the name is the environment's, or any
            other where `env` is given. A sequence of references means equal weights.
        levels: training levels; each part draws from those it has. None: all that any part has.
        template, system, shots, long_prompts: of the parts that name none of their own.

    Example (YAML)::

        env:
          name: mixture
          parts:
            leaps: 2
            countdown: {weight: 1, levels: [2, 3], largest: 9}
            chains: {env: arithmetic_chain, weight: 1, levels: 1-3}
    """

    def __init__(
        self,
        parts: Mapping[str, Any] | Sequence[str],
        levels: Any = None,
        template: str = "",
        system: str = "",
        shots: int = 0,
        long_prompts: str = "refuse",
    ) -> None:
        entries = parts if isinstance(parts, Mapping) else dict.fromkeys(parts, 1.0)
        given = {"template": template, "system": system, "shots": shots, "long_prompts": long_prompts}
        shared = {key: value for key, value in given.items() if value not in ("", 0, "refuse")}
        read = {name: _read_part(name, entry, shared) for name, entry in entries.items()}
        self.shares = _shares({name: weight for name, (_, weight) in read.items()})
        self.parts = {name: part for name, (part, _) in read.items()}
        every = sorted({level for part in self.parts.values() for level in part.levels})
        self.levels = parse_levels(levels) if levels is not None else tuple(every)
        beyond = {level for part in self.parts.values() for level in part.ood_levels}
        self.ood_levels = tuple(sorted(beyond - set(self.levels)))
        self.max_turns = max(part.max_turns for part in self.parts.values())

    def draw(self, index: int, *, split: str = "train", seed: int = 0, level: int | None = None) -> Problem:
        """Problem `index`: a part is chosen by weight among those that have the level.

        Raises:
            ValueError: no part has this level.
        """
        rng = keyed_rng("mixture", seed, split, index, level)
        name = self._choose(rng, level)
        own = level if level is not None else rng.choice([n for n in self.parts[name].levels if n in self.levels])
        return self.stream_problem(TaskStream(own, name), index, split=split, seed=seed)

    def task_streams(self, levels: Sequence[int]) -> tuple[TaskStream, ...]:
        """A task stream for each level of each part: the part's share, spread evenly over those of `levels` it has."""
        own = {name: [level for level in levels if self.has_level(name, level)] for name in self.parts}
        total = sum(self.shares[name] for name, mine in own.items() if mine)
        return tuple(
            TaskStream(level, name, self.shares[name] / total / len(mine))
            for name, mine in own.items()
            for level in mine
        )

    def stream_problem(self, stream: TaskStream, index: int, *, split: str = "train", seed: int = 0) -> Problem:
        """Problem `index` of a part's level, labelled with the part's name."""
        problem = self.parts[stream.part].problem(index, split=split, seed=seed, level=stream.level)
        return _labelled(problem, stream.part)

    def stream_env(self, stream: TaskStream) -> Environment:
        """The part that a task stream is of."""
        return self.parts[stream.part]

    def fit(self, room: PromptRoom) -> None:
        """From here on every part's problems are drawn for a policy with this room for prompts."""
        for part in self.parts.values():
            part.fit(room)

    def stream_size(self, stream: TaskStream, split: str) -> int | None:
        """How many problems the part has of the level."""
        return self.parts[stream.part].stream_size(stream, split)

    def notes(self) -> tuple[str, ...]:
        """What is to be told about the parts, each under its name."""
        return tuple(f"{name}: {note}" for name, part in self.parts.items() for note in part.notes())

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A problem of a part that has `level`."""
        name = self._choose(rng, level)
        return _labelled(self.parts[name].generate(rng, level), name)

    def _choose(self, rng: random.Random, level: int | None) -> str:
        wanted = self.levels if level is None else (level,)
        able = {name: share for name, share in self.shares.items() if any(self.has_level(name, n) for n in wanted)}
        if not able:
            raise ValueError(f"no part of the mixture has level {level}; there are {list(self.levels)}")
        return rng.choices(list(able), list(able.values()))[0]

    def has_level(self, name: str, level: int) -> bool:
        """True when a part gives problems of a level: a training level of the mixture needs one of the part."""
        part = self.parts[name]
        return level in (part.levels if level in self.levels else part.ood_levels)

    def source_env(self, problem: Problem) -> Environment:
        """The part that a problem came from.

        Raises:
            ValueError: it is no problem of this mixture.
        """
        name = problem.info.get("part")
        if name not in self.parts:
            raise ValueError(f"problem {problem.id} has part {name!r}, expected one of {', '.join(self.parts)}")
        return self.parts[name].source_env(problem)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The verdict of the problem's own environment."""
        return self.source_env(problem).grade(problem, response)

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """The verdict of the problem's own environment."""
        return self.source_env(problem).grade_transcript(problem, transcript)

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """What follows in the problem's own environment."""
        return self.source_env(problem).step(problem, transcript)

    def corrupt(self, problem: Problem, rng: random.Random) -> tuple[str, ...]:
        """Wrong responses by the problem's own environment."""
        return self.source_env(problem).corrupt(problem, rng)

    def single_step_problem(self, rng: random.Random) -> Problem:
        """A single-step problem of a part, chosen by weight."""
        name = self._choose(rng, None)
        return _labelled(self.parts[name].single_step_problem(rng), name)

    def demonstrator(self, parts: Mapping[str, Mapping[str, Any]] | None = None, **settings: Any) -> Demonstrator:
        """Each part's own demonstrator, with the same settings; `parts` overrides them by part.

        A part's settings may name `writers` of its own (see `envs.demonstrators.writers.make_demonstrator`).

        Raises:
            ValueError: `parts` names a part that there is not.
        """
        unknown = [name for name in parts or {} if name not in self.parts]
        if unknown:
            raise ValueError(f"no part is called {unknown[0]!r}; there are {', '.join(self.parts)}")
        return MixtureDemonstrator(self, {name: {**settings, **(parts or {}).get(name, {})} for name in self.parts})


class MixtureDemonstrator:
    """Writes with the demonstrator of the part that a problem came from."""

    def __init__(self, env: Mixture, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.env = env
        self.writers = {name: make_demonstrator(part, **settings[name]) for name, part in env.parts.items()}
        covered = {level for writer in self.writers.values() for level in writer.levels}
        self.levels = tuple(level for level in env.levels if level in covered)

    def covers(self, problem: Problem) -> bool:
        """True when the part's demonstrator covers it."""
        return self.writers[problem.info["part"]].covers(problem)

    def writer_of(self, problem: Problem, rng: random.Random) -> tuple[str, Demonstrator]:
        """(name, writer) of one solution: the part's demonstrator, or the one of its writers whose turn it is."""
        return who_writes(self.writers[problem.info["part"]], problem, rng)

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution in the manner of the part's demonstrator."""
        return self.writers[problem.info["part"]].write(problem, rng)

    def transcript(self, problem: Problem, rng: random.Random) -> tuple[Message, ...]:
        """A conversation in the manner of the part's demonstrator; of one turn where the part has no more."""
        writer, part = self.writers[problem.info["part"]], self.env.source_env(problem)
        if part.max_turns > 1 and isinstance(writer, ConversationDemonstrator):
            return writer.transcript(problem, rng)
        return (Message("assistant", writer.write(problem, rng)),)


def _read_part(name: str, entry: Any, shared: Mapping[str, Any]) -> tuple[Environment, float]:
    """(environment, weight) of an entry: a weight, or a mapping.

    Args:
        shared: settings of the mixture, for parts that name none of these.
    """
    if isinstance(entry, Mapping):
        settings = dict(entry)
        weight, ref = settings.pop("weight", 1.0), settings.pop("env", name)
    else:
        weight, ref, settings = entry, name, {}
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ValueError(f"part {name!r} has weight {weight!r}, expected a number above 0 (leave out what has none)")
    own = parse_reference(ref).settings
    part = make(ref, **{**{key: value for key, value in shared.items() if key not in own}, **settings})
    if isinstance(part, Mixture):
        raise ValueError(f"part {name!r} is a mixture: name its parts in this one")
    return part, float(weight)


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    if not weights:
        raise ValueError("a mixture without parts; expected names with weights, e.g. {leaps: 2, countdown: 1}")
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _labelled(problem: Problem, part: str) -> Problem:
    return replace(problem, info={**problem.info, "part": part})
