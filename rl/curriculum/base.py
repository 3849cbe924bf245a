"""The uniform curriculum, and what all share: task streams with weights, no problem twice, a state to resume from.

A task stream (envs/types.py) is one level of one part of a mixture, or of the environment itself. A curriculum draws a
stream by weight, then the stream's next problem that was not asked before.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from envs.environment import Environment
from envs.splits import keyed_rng
from envs.types import Problem, TaskStream
from rl.curriculum.pools import Pools
from rl.types import Group, Trajectory

MAX_REPEATS = 200  # draws in a row that were asked before, until a stream counts as exhausted
SUCCESS = ("gold", "reward")


class Curriculum:
    """Problems of all task streams by their shares. Base of the other curricula.

    Problem i of step s is a pure function of (seed, s, i) and of the state: how far each stream was consumed, and, with
    pools and in subclasses, what was observed.

    Args:
        seed: of the problems and of the choice of streams.
        levels: training levels to draw from; None: all of the environment's.
        split: where the problems come from.
        pools: settings of `rl.curriculum.pools.Pools`: problems that were all right or all wrong are set aside and
            asked again in given shares; None: every problem comes once per epoch.
        by: what counts as success, where it is looked at: "gold" (the verdict's score) or "reward" (in [0, 1]; for
            runs that may not look at gold).
    Raises:
        ValueError: a level that the environment has not, or a setting outside its range.
    """

    def __init__(
        self,
        env: Environment,
        *,
        seed: int = 0,
        levels: Sequence[int] | None = None,
        split: str = "train",
        pools: Mapping[str, Any] | None = None,
        by: str = "gold",
    ) -> None:
        self.env, self.seed, self.split = env, seed, split
        self.levels = tuple(env.levels if levels is None else levels)
        unknown = [level for level in self.levels if level not in (*env.levels, *env.ood_levels)]
        if unknown or not self.levels:
            raise ValueError(
                f"levels are {list(self.levels)}, expected some of {[*env.levels, *env.ood_levels]}, "
                f"those of environment {env.name!r}"
            )
        if by not in SUCCESS:
            raise ValueError(f"by is {by!r}, expected 'gold' or 'reward'")
        self.by = by
        self.streams = env.task_streams(self.levels)
        self._by_key = {stream.key: stream for stream in self.streams}
        self.pools = None if pools is None else Pools(self._by_key, **pools)
        self._next = dict.fromkeys(self._by_key, 0)  # index of the next problem to look at
        self._asked: dict[str, dict[bytes, None]] = {key: {} for key in self._by_key}  # since the epoch began
        self._epochs = dict.fromkeys(self._by_key, 0)
        self._num_asked = 0

    @property
    def reads_gold(self) -> bool:
        """True when what it asks depends on gold verdicts."""
        return self.by == "gold" and self.pools is not None

    def weights(self) -> dict[TaskStream, float]:
        """Probability of each stream."""
        return {stream: stream.share for stream in self.streams}

    def problems(self, step: int, num: int, *, first: int = 0) -> list[Problem]:
        """Problems `first` to `first + num` of a step, marked as consumed."""
        weights = self.weights()
        streams, shares = list(weights), list(weights.values())
        drawn = []
        for position in range(first, first + num):
            rng = keyed_rng("curriculum", self.seed, step, position)
            stream = rng.choices(streams, shares)[0]
            again = self.pools.draw(stream.key, rng.random(), rng) if self.pools is not None else None
            drawn.append(self._fresh(stream) if again is None else self._ask(stream, self._problem(stream, again)))
        return drawn

    def observe(self, groups: Sequence[Group]) -> None:
        """Takes note of graded groups: with pools, files their problems."""
        if self.pools is None:
            return
        for group in groups:
            key = self.key_of(group.problem)
            if key is not None and group.trajectories:
                success = sum(map(self.success, group.trajectories)) / len(group.trajectories)
                self.pools.file(key, bytes.fromhex(group.problem.id), group.problem.index, success)

    def success(self, row: Trajectory) -> float:
        """How far a completion succeeded, in [0, 1]."""
        return row.verdict.score if self.by == "gold" else min(1.0, max(0.0, row.reward))

    def key_of(self, problem: Problem) -> str | None:
        """Key of the stream that a problem belongs to; None for one that this curriculum does not draw."""
        for key in (TaskStream(problem.level, str(problem.info.get("part", ""))).key, str(problem.level)):
            if key in self._by_key:
                return key
        return None

    def metrics(self) -> dict[str, float]:
        """Weights by stream, how many problems were asked, and what is set aside."""
        weights = {f"weight/{stream.label}": weight for stream, weight in self.weights().items()}
        pools = self.pools.metrics() if self.pools is not None else {}
        return {**weights, "asked": float(self._num_asked), "epochs": float(max(self._epochs.values())), **pools}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "next": dict(self._next),
            "asked": {key: _pack(asked) for key, asked in self._asked.items()},
            "epochs": dict(self._epochs),
            "num_asked": self._num_asked,
            "pools": None if self.pools is None else self.pools.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken.

        Raises:
            ValueError: the state is of other levels or parts, or of other pools.
        """
        if set(state["next"]) != set(self._by_key):
            raise ValueError(
                f"the saved curriculum has levels {', '.join(state['next'])}, this one {', '.join(self._by_key)}; "
                "resume with the levels and parts the run began with"
            )
        if (state.get("pools") is None) != (self.pools is None):
            raise ValueError("the saved curriculum and this one do not both have pools; resume as the run began")
        self._next = {key: int(index) for key, index in state["next"].items()}
        self._asked = {key: _unpack(asked) for key, asked in state["asked"].items()}
        self._epochs = {key: int(epoch) for key, epoch in state["epochs"].items()}
        self._num_asked = int(state["num_asked"])
        if self.pools is not None:
            self.pools.load_state_dict(state["pools"])

    def _fresh(self, stream: TaskStream) -> Problem:
        """The stream's next problem that was not asked in this epoch; a new epoch when there is none.

        Problems that are set aside are passed over; when an epoch of the others taught nothing, they come back, the
        oldest first.
        """
        asked, count = self._asked[stream.key], self.env.stream_size(stream, self.split)
        while True:
            for _ in range(MAX_REPEATS if count is None else max(MAX_REPEATS, 2 * count)):
                if count is not None and len(asked) >= count:
                    break
                problem = self._problem(stream, self._next[stream.key])
                self._next[stream.key] += 1
                key = bytes.fromhex(problem.id)
                if key not in asked and (self.pools is None or not self.pools.holds(stream.key, key)):
                    return self._ask(stream, problem)
            if self.pools is not None and self.pools.is_barren(stream.key):
                return self._ask(stream, self._problem(stream, self.pools.take_oldest(stream.key)))
            self._begin_epoch(stream)  # the first problem of an epoch that is not set aside is fresh

    def _problem(self, stream: TaskStream, index: int) -> Problem:
        return self.env.stream_problem(stream, index, split=self.split, seed=self.seed)

    def _ask(self, stream: TaskStream, problem: Problem) -> Problem:
        self._asked[stream.key][bytes.fromhex(problem.id)] = None
        self._num_asked += 1
        return problem

    def _begin_epoch(self, stream: TaskStream) -> None:
        self._asked[stream.key].clear()
        self._epochs[stream.key] += 1
        if self.pools is not None:
            self.pools.begin_epoch(stream.key)


def _pack(ids: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(ids)).decode()


def _unpack(text: str) -> dict[bytes, None]:
    return {chunk: None for (chunk,) in struct.iter_unpack("8s", base64.b64decode(text))}
