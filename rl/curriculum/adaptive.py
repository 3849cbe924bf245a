"""Curricula that follow the policy: task streams are weighted by their present success rate.

A group whose completions are all right or all wrong teaches nothing. The rate is a running estimate from counts that
fade, so the weights move with the policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from envs.environment import Environment
from envs.types import TaskStream
from rl.curriculum.base import Curriculum
from rl.types import Group


class AdaptiveCurriculum(Curriculum):
    """Task streams with weight share x max(floor, worth(p)), p the stream's present success rate.

    A subclass gives `worth`. The rate is estimated from counts that fade by `decay` per step, starting from one success
    and one failure.
    Problems that pools ask again count like any other.

    Args:
        floor: least worth of a stream before normalisation, so that none is forgotten.
        decay: in [0, 1): what a count is worth one step later.
        settings: see `Curriculum`.
    """

    MAX_WORTH = 1.0

    def __init__(self, env: Environment, *, floor: float, decay: float = 0.9, **settings: Any) -> None:
        super().__init__(env, **settings)
        if not 0 < floor <= self.MAX_WORTH:
            raise ValueError(f"floor is {floor}, expected above 0 and at most {self.MAX_WORTH}, the largest worth")
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, expected 0 or more and below 1")
        self.floor, self.decay = floor, decay
        self._right = {stream.key: 0.0 for stream in self.streams}
        self._tried = {stream.key: 0.0 for stream in self.streams}

    @property
    def reads_gold(self) -> bool:
        """True when its success rates are those of gold verdicts."""
        return self.by == "gold"

    def worth(self, p: float) -> float:
        """What a problem teaches where the success rate is p; at most MAX_WORTH."""
        raise NotImplementedError

    def success_rate(self, stream: TaskStream) -> float:
        """The running estimate, in (0, 1)."""
        return (self._right[stream.key] + 1) / (self._tried[stream.key] + 2)

    def weights(self) -> dict[TaskStream, float]:
        """Probability of each stream."""
        raw = {s: s.share * max(self.floor, self.worth(self.success_rate(s))) for s in self.streams}
        total = sum(raw.values())
        return {stream: weight / total for stream, weight in raw.items()}

    def observe(self, groups: Sequence[Group]) -> None:
        """Fades what was known by one step and adds these groups."""
        super().observe(groups)
        for key in self._right:
            self._right[key] *= self.decay
            self._tried[key] *= self.decay
        for group in groups:
            key_of_group = self.key_of(group.problem)
            if key_of_group is not None:
                self._right[key_of_group] += sum(map(self.success, group.trajectories))
                self._tried[key_of_group] += len(group.trajectories)

    def metrics(self) -> dict[str, float]:
        """Weights and success estimates by stream."""
        return {**super().metrics(), **{f"success/{s.label}": self.success_rate(s) for s in self.streams}}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        counts = {key: [self._right[key], self._tried[key]] for key in self._right}
        return {**super().state_dict(), "counts": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        super().load_state_dict(state)
        self._right = {key: float(right) for key, (right, _) in state["counts"].items()}
        self._tried = {key: float(tried) for key, (_, tried) in state["counts"].items()}


class LearnabilityCurriculum(AdaptiveCurriculum):
    """Task streams with worth p (1 - p), the variance of a success: what a group teaches about the policy.

    A stream that was never asked has the largest worth.

    Args:
        floor: at most 0.25, the largest p (1 - p).
        settings: see `AdaptiveCurriculum`.
    """

    MAX_WORTH = 0.25

    def __init__(self, env: Environment, *, floor: float = 0.05, **settings: Any) -> None:
        super().__init__(env, floor=floor, **settings)

    def worth(self, p: float) -> float:
        """p (1 - p)."""
        return p * (1 - p)


class TargetSuccessCurriculum(AdaptiveCurriculum):
    """Task streams with worth exp(-(p - accuracy)^2 / (2 width^2)): those that the policy solves about so often.

    A target above one half keeps training rewarding, one below keeps it hard. A mixture is held at the target across
    its parts: those that become too easy for it give way to those that do not.

    Args:
        accuracy: target success rate, in (0, 1).
        width: distance from the target at which the worth has fallen to 0.61.
        settings: see `AdaptiveCurriculum`.
    """

    def __init__(
        self, env: Environment, *, accuracy: float = 0.5, width: float = 0.15, floor: float = 0.05, **settings: Any
    ) -> None:
        super().__init__(env, floor=floor, **settings)
        if not 0 < accuracy < 1:
            raise ValueError(f"accuracy is {accuracy}, expected a success rate above 0 and below 1")
        if width <= 0:
            raise ValueError(f"width is {width}, expected above 0")
        self.accuracy, self.width = accuracy, width

    def worth(self, p: float) -> float:
        """exp(-(p - accuracy)^2 / (2 width^2))."""
        return math.exp(-(((p - self.accuracy) / self.width) ** 2) / 2)
