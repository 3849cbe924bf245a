"""Difficulty pools: problems whose completions were all right, or all wrong, are set aside and asked again seldom.

Such a problem gave its group no signal. Of an endless stream, pools bring back hard problems that a better policy may
solve by now; of a fixed set of rows, they keep later epochs to the rows that still teach something.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

POOLS = ("hard", "easy")


class Pools:
    """Problems set aside, by task stream: id -> index in the stream, the oldest first.

    Args:
        keys: of the task streams.
        easy_at: success rate of a group from which on its problem is easy.
        hard_at: success rate up to which it is hard.
        easy_share, hard_share: probability that a draw asks a problem of the pool again, where the pool has one.
        capacity: problems that the pool of a stream holds; the oldest are forgotten (the stream will not repeat them).
    Raises:
        ValueError: a setting outside its range.
    """

    def __init__(
        self,
        keys: Iterable[str],
        *,
        easy_at: float = 1.0,
        hard_at: float = 0.0,
        easy_share: float = 0.0,
        hard_share: float = 0.1,
        capacity: int = 10_000,
    ) -> None:
        if not 0 <= hard_at < easy_at <= 1:
            raise ValueError(f"pools: hard_at is {hard_at} and easy_at {easy_at}, expected 0 <= hard_at < easy_at <= 1")
        if easy_share < 0 or hard_share < 0 or easy_share + hard_share > 1:
            raise ValueError(
                f"pools: easy_share is {easy_share} and hard_share {hard_share}, expected probabilities whose sum is "
                "at most 1"
            )
        if capacity < 1:
            raise ValueError(f"pools: capacity is {capacity}, expected at least 1")
        self.easy_at, self.hard_at, self.capacity = easy_at, hard_at, capacity
        self._shares = {"hard": hard_share, "easy": easy_share}
        self._held: dict[str, dict[str, dict[bytes, int]]] = {pool: {key: {} for key in keys} for pool in POOLS}
        self._taught = dict.fromkeys(self._held["hard"], 0)  # problems between the pools, filed since the epoch began
        self._num_repeated = 0

    def draw(self, key: str, chance: float, rng: random.Random) -> int | None:
        """Index of a problem to ask again, taken out of its pool; None: a fresh one is wanted.

        Args:
            chance: uniform in [0, 1): which pool, if any.
        """
        for pool in POOLS:
            if chance < self._shares[pool]:
                held = self._held[pool][key]
                return self._take(held, rng.choice(list(held))) if held else None
            chance -= self._shares[pool]
        return None

    def take_oldest(self, key: str) -> int:
        """Index of the problem that was set aside first, hard ones before easy ones.

        Raises:
            LookupError: no problem of this stream is set aside.
        """
        for pool in POOLS:
            for problem_id in self._held[pool][key]:
                return self._take(self._held[pool][key], problem_id)
        raise LookupError(f"no problem of task stream {key!r} is set aside")

    def is_barren(self, key: str) -> bool:
        """True when problems are set aside and none of the epoch taught anything: another epoch would not either."""
        return self._taught[key] == 0 and any(self._held[pool][key] for pool in POOLS)

    def begin_epoch(self, key: str) -> None:
        """Told that a task stream begins again."""
        self._taught[key] = 0

    def holds(self, key: str, problem_id: bytes) -> bool:
        """True when the problem is set aside."""
        return any(problem_id in self._held[pool][key] for pool in POOLS)

    def file(self, key: str, problem_id: bytes, index: int, success: float) -> None:
        """Sets a problem aside, or takes it back, by the success rate of its group."""
        for pool in POOLS:
            self._held[pool][key].pop(problem_id, None)
        if self.hard_at < success < self.easy_at:
            self._taught[key] += 1
            return
        held = self._held["easy" if success >= self.easy_at else "hard"][key]
        held[problem_id] = index
        while len(held) > self.capacity:
            del held[next(iter(held))]

    def metrics(self) -> dict[str, float]:
        """How many problems are set aside, and how many were asked again."""
        sizes = {f"pool/{pool}": float(sum(map(len, streams.values()))) for pool, streams in self._held.items()}
        return {**sizes, "pool/repeated": float(self._num_repeated)}

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        held = {
            pool: {key: [[i.hex(), index] for i, index in ids.items()] for key, ids in streams.items()}
            for pool, streams in self._held.items()
        }
        return {"held": held, "taught": dict(self._taught), "num_repeated": self._num_repeated}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        self._held = {
            pool: {key: {bytes.fromhex(i): int(index) for i, index in ids} for key, ids in streams.items()}
            for pool, streams in state["held"].items()
        }
        self._taught = {key: int(count) for key, count in state["taught"].items()}
        self._num_repeated = int(state["num_repeated"])

    def _take(self, held: dict[bytes, int], problem_id: bytes) -> int:
        self._num_repeated += 1
        return held.pop(problem_id)
