"""Which problem stands at an index, and which split a problem belongs to.

Integer seeds added to indices leak training problems into evaluation (dataset 0 shifted by one is dataset 1). Here
the generator of a problem is keyed by a hash of (environment, seed, split, index, level, attempt), and the split is
decided by the hash of the problem's content: a draw that belongs to another split is drawn again. So the splits are
disjoint for any pair of seeds.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

from envs.types import SPLITS, Problem, Source

MAX_ATTEMPTS = 1000
VALIDATION_PERCENT = 5
TEST_PERCENT = 5


def keyed_rng(*key: object) -> random.Random:
    """A generator whose stream is a hash of `key`: equal keys, equal streams, in any process."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return random.Random(int.from_bytes(digest[:16], "big"))


def split_of(problem: Problem) -> str:
    """The split that a problem's content belongs to: 90 % train, 5 % validation, 5 % test."""
    bucket = int(problem.id[:8], 16) % 100
    if bucket < TEST_PERCENT:
        return "test"
    return "validation" if bucket < TEST_PERCENT + VALIDATION_PERCENT else "train"


def draw_problem(env: Source, *, index: int, split: str, seed: int, level: int | None) -> Problem:
    """Problem `index` of a split: a pure function of (environment, seed, split, index, level).

    Raises:
        ValueError: unknown split or level, or a space of problems too small to fill the split.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
    if level is None:
        level = env.levels[index % len(env.levels)]
    if level not in env.levels and level not in env.ood_levels:
        raise ValueError(
            f"environment {env.name!r} has no level {level}: its levels are {list(env.levels)}, "
            f"evaluation only {list(env.ood_levels)}"
        )
    for attempt in range(MAX_ATTEMPTS):
        rng = keyed_rng(env.name, seed, split, index, level, attempt)
        problem = env.generate(rng, level)
        if not isinstance(problem, Problem):
            raise TypeError(f"environment {env.name!r}: generate(rng, {level}) gave {problem!r}, expected a Problem")
        if split_of(problem) == split:
            return replace(problem, env=env.name, split=split, index=index, level=level)
    raise ValueError(
        f"environment {env.name!r} level {level}: no problem of split {split!r} in {MAX_ATTEMPTS} draws; "
        "its space of problems is too small to be split by content"
    )
