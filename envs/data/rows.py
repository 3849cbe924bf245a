"""Environments over a fixed set of problems: data files and Hugging Face data sets.

Rows come with a split of their own or are split by content. A problem that stands in two splits stays in the one
that is evaluated (test before validation before train), duplicates are dropped, and `notes` tells of both. Index i runs
through a split epoch by epoch, in an order shuffled by (seed, epoch); seed None keeps the order of the data.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from envs.environment import Environment
from envs.long_prompts import PromptRoom
from envs.splits import keyed_rng, split_of
from envs.types import SPLITS, Problem, TaskStream

EVALUATION_FIRST = ("test", "validation", "train")


class RowsEnvironment(Environment):
    """Base of environments whose problems are given. A subclass gives `load`."""

    def load(self) -> Iterable[Problem]:
        """All problems; `split` is set where the data decides it, empty where the content shall."""
        raise TypeError(f"environment {type(self).__name__} defines no load()")

    @cached_property
    def rows(self) -> Mapping[str, tuple[Problem, ...]]:
        """The problems of each split, without duplicates or overlap; read once."""
        problems = [replace(p, split=p.split or split_of(p), env=self.name) for p in self.load()]
        for problem in problems:
            if problem.split not in SPLITS:
                raise ValueError(f"a row's split is {problem.split!r}, expected one of {', '.join(SPLITS)}")
        seen: dict[str, Problem] = {}
        rows: dict[str, tuple[Problem, ...]] = {}
        self.conflicts: list[tuple[Problem, Problem]] = []  # (kept, dropped) of one question with other answers
        for split in EVALUATION_FIRST:
            kept: list[Problem] = []
            for problem in problems:
                if problem.split != split:
                    continue
                first = seen.setdefault(self.identity_of(problem), problem)
                if first is problem:
                    kept.append(replace(problem, index=len(kept)))
                elif first.answer != problem.answer:
                    self.conflicts.append((first, problem))
            rows[split] = tuple(kept)
        self.num_dropped = len(problems) - len(seen)
        return rows

    def identity_of(self, problem: Problem) -> str:
        """What two rows have in common that are one problem."""
        return problem.id

    def notes(self) -> tuple[str, ...]:
        """What was dropped from the data, and which rows contradict one another."""
        told = []
        self.rows  # noqa: B018  # counts what it drops
        if self.num_dropped:
            told.append(f"{self.num_dropped:,} rows repeat the question of another and were dropped")
        if self.conflicts:
            kept, dropped = self.conflicts[0]
            told.append(
                f"{len(self.conflicts):,} of these have another answer than the row that was kept, e.g. "
                f"{kept.text[:80]!r}: {kept.answer!r} was kept, {dropped.answer!r} dropped"
            )
        return tuple(told)

    @cached_property
    def _by_level(self) -> dict[tuple[str, int | None], tuple[Problem, ...]]:
        groups: dict[tuple[str, int | None], list[Problem]] = {}
        for split, problems in self.rows.items():
            for problem in problems:
                if problem.level in self.levels:
                    groups.setdefault((split, None), []).append(problem)
                groups.setdefault((split, problem.level), []).append(problem)
        return {key: tuple(group) for key, group in groups.items()}

    def all_problems(self, split: str, level: int) -> Sequence[Problem]:
        """Every problem of a split and level, those too that have no room in a policy's context."""
        return self._by_level.get((split, level), ())

    def _asked(self, split: str, level: int | None) -> tuple[Problem, ...]:
        """The problems that are drawn from: all, or those for whose prompts the policy has room."""
        every = self._by_level.get((split, level), ())
        if self.room is None or self.long_prompts != "drop":
            return every
        key = (split, level)
        if key not in self._fitting:
            self._fitting[key] = tuple(p for p in every if self.room.holds(self.write_prompt(p)))
        return self._fitting[key]

    def fit(self, room: PromptRoom) -> None:
        """From here on problems are drawn for a policy with this room for prompts."""
        super().fit(room)
        self._fitting: dict[tuple[str, int | None], tuple[Problem, ...]] = {}

    def num_problems(self, split: str, level: int | None = None) -> int:
        """How many different problems a split holds, of one level or of all training levels."""
        return len(self._asked(split, level))

    def stream_size(self, stream: TaskStream, split: str) -> int | None:
        """How many different problems a task stream has."""
        return self.num_problems(split, stream.level)

    def draw(self, index: int, *, split: str = "train", seed: int | None = 0, level: int | None = None) -> Problem:
        """Problem `index` of a split; beyond the last row a new epoch begins, in another order.

        Raises:
            ValueError: unknown split, or no row of this split and level.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        problems = self._asked(split, level)
        if not problems and self._by_level.get((split, level)):
            assert self.room is not None
            raise ValueError(
                f"environment {self.name!r}: no prompt of split {split!r} has {self.room.limit(split):,} tokens or "
                "fewer, for which the policy has room"
            )
        if not problems:
            sizes = ", ".join(f"{name} {len(rows):,}" for name, rows in self.rows.items())
            where = "" if level is None else f" and level {level}"
            raise ValueError(
                f"environment {self.name!r} has no problem of split {split!r}{where} ({sizes}); where nothing says "
                "which split a row is of, one in twenty is of the test, and one of validation"
            )
        epoch, position = divmod(index, len(problems))
        if seed is not None:
            position = _order(self.name, seed, split, level, epoch, len(problems))[position]
        return replace(problems[position], index=index)

    def problems(
        self, num: int | None = None, *, split: str = "train", seed: int | None = 0, level: int | None = None
    ) -> Iterator[Problem]:
        """The first `num` problems of a split, or an endless stream, epoch after epoch."""
        index = 0
        while num is None or index < num:
            yield self.problem(index, split=split, seed=seed, level=level)  # type: ignore[arg-type]
            index += 1

    def generate(self, rng: random.Random, level: int) -> Problem:
        """A training problem of `level`, drawn with `rng`."""
        problems = self._asked("train", level)
        if not problems:
            raise ValueError(f"environment {self.name!r} has no training problem of level {level}")
        return rng.choice(problems)


@lru_cache(maxsize=8)
def _order(*key: Any) -> Sequence[int]:
    order = list(range(key[-1]))
    keyed_rng("rows", *key).shuffle(order)
    return order
