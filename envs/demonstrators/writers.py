"""A demonstrator that is several writers, each with a share of the demonstrations and limits of its own.

What people leave behind was written by many hands. Imitation copies their mixture in its proportions; RL against
a verifier can amplify a hand that is rare and useful (Tsilivis et al. 2025, arXiv:2510.11495).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from envs.demonstrators.base import ConversationDemonstrator, Demonstrator, StepDemonstrator
from envs.types import Message, Problem, Source
from verifiers.parts import check_methods, find_part

SHARE_TOLERANCE = 1e-6  # how far from 1 the shares may sum


@runtime_checkable
class NamesWriters(Protocol):
    """A demonstrator behind which several writers stand."""

    def writer_of(self, problem: Problem, rng: random.Random) -> tuple[str, Demonstrator]:
        """(name, writer) of one solution; the name is "" where a problem has a single writer."""
        ...


class Writers:
    """Several writers of one environment, each with its share of the demonstrations.

    A demonstration's writer is drawn by share first, then a problem among those it covers: so the shares are those of
    the demonstrations, also where the writers cover different levels.

    Attributes:
        writers: name -> demonstrator.
        shares: name -> share of the demonstrations; they sum to 1.
        levels: every level that one of them covers.
    """

    def __init__(self, env: Source, writers: Mapping[str, Demonstrator], shares: Mapping[str, float]) -> None:
        self.env = env
        self.writers = dict(writers)
        self.shares = dict(shares)
        covered = {level for writer in writers.values() for level in writer.levels}
        self.levels = tuple(level for level in env.levels if level in covered)

    def covers(self, problem: Problem) -> bool:
        """True when one of them covers it."""
        return any(writer.covers(problem) for writer in self.writers.values())

    def draw(self, rng: random.Random) -> tuple[str, Demonstrator]:
        """(name, writer) of a demonstration whose problem is not yet chosen."""
        name = rng.choices(list(self.shares), list(self.shares.values()))[0]
        return name, self.writers[name]

    def writer_of(self, problem: Problem, rng: random.Random) -> tuple[str, Demonstrator]:
        """(name, writer) of a solution of `problem`, as often as each solves such problems among the demonstrations.

        Those who cover the problem are drawn with weight share / number of their levels; where nobody covers it, all.
        """
        able = {n: w for n, w in self.writers.items() if w.covers(problem)} or self.writers
        weights = [self.shares[name] / len(writer.levels) for name, writer in able.items()]
        name = rng.choices(list(able), weights)[0]
        return who_writes(able[name], problem, rng, prefix=name)

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution in the manner of one of them."""
        return self.writer_of(problem, rng)[1].write(problem, rng)

    def transcript(self, problem: Problem, rng: random.Random) -> tuple[Message, ...]:
        """A conversation in the manner of one of them; of one turn where that writer has no more."""
        writer = self.writer_of(problem, rng)[1]
        if isinstance(writer, ConversationDemonstrator):
            return writer.transcript(problem, rng)
        return (Message("assistant", writer.write(problem, rng)),)


def who_writes(
    demonstrator: Demonstrator, problem: Problem, rng: random.Random, prefix: str = ""
) -> tuple[str, Demonstrator]:
    """(name, writer) of one solution of `problem`; the name is `prefix` for a demonstrator who is one person."""
    if not isinstance(demonstrator, NamesWriters):
        return prefix, demonstrator
    name, writer = demonstrator.writer_of(problem, rng)
    return "/".join(part for part in (prefix, name) if part), writer


def unused_mistakes(demonstrator: Demonstrator) -> list[str]:
    """Wrong rules among a demonstrator's settings that change no solution, of none of its writers."""
    if isinstance(demonstrator, StepDemonstrator):
        return demonstrator.unused_mistakes()
    used: set[str] = set()
    unused: dict[str, None] = {}
    for writer in getattr(demonstrator, "writers", {}).values():
        idle = unused_mistakes(writer)
        unused |= dict.fromkeys(idle)
        used |= set(getattr(writer, "mistakes", ())) - set(idle)
    return [name for name in unused if name not in used]


def make_demonstrator(
    env: Source, *, name: str | None = None, writers: Mapping[str, Any] | None = None, **settings: Any
) -> Demonstrator:
    """The environment's demonstrator, one of your own, or several with shares.

    Args:
        env: whose problems are solved.
        name: of a demonstrator of your own, as in verifiers/parts.py; called with the environment and the settings.
            None: the environment's.
        writers: name -> {share: ..., settings of this writer}, or the share alone; shares sum to 1. One that is None is
            left out, which is how a config drops one that its base has. None: one writer.
        settings: of the demonstrator; with `writers`, those that all of them have unless they say otherwise.

    Raises:
        ValueError: a share is no number above 0, or the shares do not sum to 1; or a demonstrator refuses a setting,
            or what is named is no demonstrator.
        TypeError: a demonstrator has no such setting.

    Example (YAML)::

        demonstrator:
          error_rate: 0.03
          writers:
            leaping: 0.95
            patient: {share: 0.05, size_law: [[99, [1.0]]]}
    """
    if writers is None:
        return _one(env, name, settings)
    if not isinstance(writers, Mapping) or not writers:
        raise ValueError(f"writers is {writers!r}, expected name -> share, or name -> {{share: ..., settings}}")
    read = {str(name): _read_writer(str(name), entry) for name, entry in writers.items() if entry is not None}
    shares = {name: share for name, (share, _) in read.items()}
    total = sum(shares.values())
    if abs(total - 1) > SHARE_TOLERANCE:
        given = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise ValueError(f"the writers' shares sum to {total:g} ({given}), expected 1")
    made = {}
    for writer, (_, own) in read.items():
        try:
            made[writer] = _one(env, own.pop("name", name), {**settings, **own})
        except (TypeError, ValueError) as error:
            raise type(error)(f"writer {writer!r}: {error}") from error
    return Writers(env, made, {name: share / total for name, share in shares.items()})


def _one(env: Source, name: str | None, settings: Mapping[str, Any]) -> Demonstrator:
    """The environment's demonstrator, or the one of this name."""
    if name is None:
        return env.demonstrator(**settings)
    made: Demonstrator = find_part("demonstrator", name, {})(env, **settings)
    check_methods("demonstrator", name, made, ["covers", "write"], attributes=["levels"])
    return made


def _read_writer(name: str, entry: Any) -> tuple[float, dict[str, Any]]:
    """(share, settings) of an entry: a share, or a mapping that has one."""
    settings = dict(entry) if isinstance(entry, Mapping) else {"share": entry}
    if "share" not in settings:
        raise ValueError(f"writer {name!r} has no share, only {', '.join(map(str, settings)) or 'nothing'}")
    share = settings.pop("share")
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1 or math.isnan(share):
        raise ValueError(f"writer {name!r} has share {share!r}, expected a number in (0, 1]")
    return float(share), settings
