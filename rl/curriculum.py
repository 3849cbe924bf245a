"""Which problems a step asks: levels at the edge of what the policy can do, and no problem twice.

A group whose completions are all right or all wrong teaches nothing, so levels are drawn with weight p (1 - p), the
variance of a success at the level's present success rate p. The rate is a running estimate, so the curriculum follows
the policy.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envs.splits import keyed_rng
from envs.types import Environment, Problem
from rl.types import Group

MAX_REPEATS = 200  # draws in a row that were asked before, until a level counts as exhausted


class Curriculum:
    """Problems of all levels in equal shares. Base of the other curricula.

    Problem i of step s is a pure function of (seed, s, i) and of the state: how far each level was consumed, and, in
    subclasses, what was observed.

    Args:
        seed: of the problems and of the choice of levels.
        levels: training levels to draw from; None: all of the environment's.
        split: where the problems come from.
    Raises:
        ValueError: a level that the environment has not.
    """

    def __init__(
        self, env: Environment, *, seed: int = 0, levels: Sequence[int] | None = None, split: str = "train"
    ) -> None:
        self.env, self.seed, self.split = env, seed, split
        self.levels = tuple(env.levels if levels is None else levels)
        unknown = [level for level in self.levels if level not in (*env.levels, *env.ood_levels)]
        if unknown or not self.levels:
            raise ValueError(
                f"levels are {list(self.levels)}, expected some of {[*env.levels, *env.ood_levels]}, "
                f"those of environment {env.name!r}"
            )
        self._next = dict.fromkeys(self.levels, 0)  # index of the next problem to look at
        self._asked: dict[int, dict[bytes, None]] = {
            level: {} for level in self.levels
        }  # since the level's epoch began
        self._epochs = dict.fromkeys(self.levels, 0)
        self._num_asked = 0

    def weights(self) -> dict[int, float]:
        """Probability of each level."""
        return dict.fromkeys(self.levels, 1 / len(self.levels))

    def problems(self, step: int, num: int, *, first: int = 0) -> list[Problem]:
        """Problems `first` to `first + num` of a step, marked as consumed."""
        weights = self.weights()
        levels, shares = list(weights), list(weights.values())
        drawn = []
        for position in range(first, first + num):
            rng = keyed_rng("curriculum", self.seed, step, position)
            drawn.append(self._fresh(rng.choices(levels, shares)[0]))
        return drawn

    def observe(self, groups: Sequence[Group]) -> None:
        """Takes note of graded groups; the uniform curriculum does not care."""

    def metrics(self) -> dict[str, float]:
        """Weights by level, and how many problems were asked."""
        by_level = {f"weight/level/{level}": weight for level, weight in self.weights().items()}
        return {**by_level, "asked": float(self._num_asked), "epochs": float(max(self._epochs.values()))}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "next": {str(level): index for level, index in self._next.items()},
            "asked": {str(level): _pack(asked) for level, asked in self._asked.items()},
            "epochs": {str(level): epoch for level, epoch in self._epochs.items()},
            "num_asked": self._num_asked,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken.

        Raises:
            ValueError: the state is of other levels.
        """
        if {int(level) for level in state["next"]} != set(self.levels):
            raise ValueError(
                f"the saved curriculum has levels {', '.join(state['next'])}, this one {list(self.levels)}; "
                "resume with the levels the run began with"
            )
        self._next = {int(level): int(index) for level, index in state["next"].items()}
        self._asked = {int(level): _unpack(asked) for level, asked in state["asked"].items()}
        self._epochs = {int(level): int(epoch) for level, epoch in state["epochs"].items()}
        self._num_asked = int(state["num_asked"])

    def _fresh(self, level: int) -> Problem:
        """The level's next problem that was not asked in this epoch; a new epoch when there is none."""
        asked = self._asked[level]
        count = getattr(self.env, "num_problems", None)  # environments over fixed rows know how many they have
        if count is not None and len(asked) >= count(self.split, level):
            self._begin_epoch(level)
        repeats = 0
        while True:
            problem = self.env.problem(self._next[level], split=self.split, seed=self.seed, level=level)
            self._next[level] += 1
            key = bytes.fromhex(problem.id)
            if key not in asked:
                asked[key] = None
                self._num_asked += 1
                return problem
            repeats += 1
            if repeats == MAX_REPEATS:
                self._begin_epoch(level)

    def _begin_epoch(self, level: int) -> None:
        self._asked[level].clear()
        self._epochs[level] += 1


class EdgeCurriculum(Curriculum):
    """Levels with weight max(floor, p (1 - p)), p the level's present success rate.

    The rate is estimated from counts that fade by `decay` per step, starting from one success and one failure, so a
    level that was never asked has the largest weight.

    Args:
        floor: least weight of a level before normalisation, so that none is forgotten; p (1 - p) is at most 0.25.
        decay: in [0, 1): what a count is worth one step later.
        by: "gold" (the verdict's score) or "reward" (in [0, 1]; for runs that may not look at gold).
    """

    def __init__(
        self, env: Environment, *, floor: float = 0.05, decay: float = 0.9, by: str = "gold", **settings: Any
    ) -> None:
        super().__init__(env, **settings)
        if not 0 < floor <= 0.25:
            raise ValueError(f"floor is {floor}, expected above 0 and at most 0.25, the largest p (1 - p)")
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, expected 0 or more and below 1")
        if by not in ("gold", "reward"):
            raise ValueError(f"by is {by!r}, expected 'gold' or 'reward'")
        self.floor, self.decay, self.by = floor, decay, by
        self._right = dict.fromkeys(self.levels, 0.0)
        self._tried = dict.fromkeys(self.levels, 0.0)

    def success_rate(self, level: int) -> float:
        """The running estimate, in (0, 1)."""
        return (self._right[level] + 1) / (self._tried[level] + 2)

    def weights(self) -> dict[int, float]:
        """Probability of each level."""
        raw = {level: max(self.floor, self._edge(level)) for level in self.levels}
        total = sum(raw.values())
        return {level: weight / total for level, weight in raw.items()}

    def observe(self, groups: Sequence[Group]) -> None:
        """Fades what was known by one step and adds these groups."""
        for level in self.levels:
            self._right[level] *= self.decay
            self._tried[level] *= self.decay
        for group in groups:
            level = group.problem.level
            if level in self._tried:
                for row in group.trajectories:
                    self._right[level] += row.verdict.score if self.by == "gold" else min(1.0, max(0.0, row.reward))
                    self._tried[level] += 1

    def metrics(self) -> dict[str, float]:
        """Weights and success estimates by level."""
        return {**super().metrics(), **{f"success/level/{level}": self.success_rate(level) for level in self.levels}}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        counts = {str(level): [self._right[level], self._tried[level]] for level in self.levels}
        return {**super().state_dict(), "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        super().load_state_dict(state)
        self._right = {int(level): float(right) for level, (right, _) in state["counts"].items()}
        self._tried = {int(level): float(tried) for level, (_, tried) in state["counts"].items()}

    def _edge(self, level: int) -> float:
        p = self.success_rate(level)
        return p * (1 - p)


CURRICULA: dict[str, type[Curriculum]] = {"uniform": Curriculum, "edge": EdgeCurriculum}


def make_curriculum(name: str, env: Environment, **settings: Any) -> Curriculum:
    """The curriculum of that name over an environment's problems.

    Raises:
        ValueError: unknown name; the message lists the known ones.
        TypeError: a setting that it does not have.
    """
    if name not in CURRICULA:
        raise ValueError(f"curriculum is {name!r}, expected one of {', '.join(CURRICULA)}")
    return CURRICULA[name](env, **settings)


def _pack(ids: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(ids)).decode()


def _unpack(text: str) -> dict[bytes, None]:
    return {chunk: None for (chunk,) in struct.iter_unpack("8s", base64.b64decode(text))}
