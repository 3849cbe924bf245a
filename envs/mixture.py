"""Several environments as one, with weights: `make("mixture", parts={"leaps": 2, "countdown": 1})`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from envs.demonstrations import Demonstrator
from envs.registry import environment, make, parse_levels
from envs.splits import keyed_rng
from envs.types import Environment, Message, Problem, Step
from verifiers.types import Verdict


@environment("mixture")
class Mixture(Environment):
    """Problems of several environments in given shares; each is graded by its own (level: the parts' own levels).

    Which part stands at an index is a pure function of (seed, split, index), so the stream needs no state. A problem
    names the part that it came from in `info["part"]`.

    Args:
        parts: reference -> weight, e.g. {"leaps": 2, "countdown?levels=2-3": 1}; a sequence means equal weights.
        levels: training levels; each part draws from those it has. None: all that any part has.
    """

    def __init__(self, parts: Mapping[str, float] | Sequence[str], levels: Any = None) -> None:
        weights = dict(parts) if isinstance(parts, Mapping) else dict.fromkeys(parts, 1.0)
        if not weights or min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise ValueError(f"parts are {dict(weights)}, expected references with weights that are not all 0")
        self.parts = {ref: make(ref) for ref in weights}
        self.weights = tuple(float(weight) for weight in weights.values())
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
        ref, part = self._choose(rng, level)
        own = level if level is not None else rng.choice([n for n in part.levels if n in self.levels])
        return _labelled(part.problem(index, split=split, seed=seed, level=own), ref)

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A problem of a part that has `level`."""
        ref, part = self._choose(rng, level)
        return _labelled(part.generate(rng, level), ref)

    def _choose(self, rng: random.Random, level: int | None) -> tuple[str, Environment]:
        wanted = set(self.levels) if level is None else {level}
        able = [
            (ref, part, weight)
            for (ref, part), weight in zip(self.parts.items(), self.weights)
            if weight > 0 and wanted & {*part.levels, *(part.ood_levels if level is not None else ())}
        ]
        if not able:
            raise ValueError(f"no part of the mixture has level {level}; there are {list(self.levels)}")
        ref, part, _ = rng.choices(able, [weight for _, _, weight in able])[0]
        return ref, part

    def part_of(self, problem: Problem) -> Environment:
        """The environment that a problem came from.

        Raises:
            ValueError: it is no problem of this mixture.
        """
        ref = problem.info.get("part")
        if ref not in self.parts:
            raise ValueError(f"problem {problem.id} has part {ref!r}, expected one of {', '.join(self.parts)}")
        return self.parts[ref]

    def grade(self, problem: Problem, response: str) -> Verdict:
        """The verdict of the problem's own environment."""
        return self.part_of(problem).grade(problem, response)

    def grade_transcript(self, problem: Problem, transcript: Sequence[Message]) -> Verdict:
        """The verdict of the problem's own environment."""
        return self.part_of(problem).grade_transcript(problem, transcript)

    def step(self, problem: Problem, transcript: Sequence[Message]) -> Step:
        """What follows in the problem's own environment."""
        return self.part_of(problem).step(problem, transcript)

    def corrupt(self, problem: Problem, rng: random.Random) -> tuple[str, ...]:
        """Wrong responses by the problem's own environment."""
        return self.part_of(problem).corrupt(problem, rng)

    def drill(self, rng: random.Random) -> Problem:
        """A drill of a part, chosen by weight."""
        ref, part = self._choose(rng, None)
        return _labelled(part.drill(rng), ref)

    def demonstrator(self, **settings: Any) -> Demonstrator:
        """Each part's own demonstrator, with the same settings."""
        return MixtureDemonstrator(self, settings)


class MixtureDemonstrator:
    """Writes with the demonstrator of the part that a problem came from."""

    def __init__(self, env: Mixture, settings: Mapping[str, Any]) -> None:
        self.env = env
        self.writers = {ref: part.demonstrator(**settings) for ref, part in env.parts.items()}
        covered = {level for writer in self.writers.values() for level in writer.levels}
        self.levels = tuple(level for level in env.levels if level in covered)

    def covers(self, problem: Problem) -> bool:
        """True when the part's demonstrator covers it."""
        return self.writers[problem.info["part"]].covers(problem)

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution in the manner of the part's demonstrator."""
        return self.writers[problem.info["part"]].write(problem, rng)


def _labelled(problem: Problem, ref: str) -> Problem:
    return replace(problem, info={**problem.info, "part": ref})
