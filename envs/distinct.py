"""Different problems for evaluation: what a frozen set holds."""

from __future__ import annotations

from collections.abc import Sequence

from envs.environment import Environment
from envs.types import Problem


def distinct_problems(
    env: Environment, levels: Sequence[int], per_level: int, *, split: str, seed: int
) -> tuple[list[Problem], list[str]]:
    """(problems, sentences): up to `per_level` different problems of each level of each part, and what is missing.

    Small spaces repeat problems, and a repeated problem is no further evidence: intervals would be too narrow. A level
    that has fewer is drawn from until twenty times as many draws have shown no more, and the sentence says how many.
    """
    problems: list[Problem] = []
    missing = []
    for stream in env.task_streams(levels):
        seen: dict[str, Problem] = {}
        size = env.stream_size(stream, split)
        for index in range(20 * per_level if size is None else min(size, per_level) or 1):
            problem = env.stream_problem(stream, index, split=split, seed=seed)
            seen.setdefault(problem.id, problem)
            if len(seen) == per_level:
                break
        problems += seen.values()
        if len(seen) < per_level:
            where = f"level {stream.level}" + (f" of {stream.part}" if stream.part else "")
            missing.append(f"{where} has {len(seen)} different {split} problems, where {per_level} were asked for")
    return problems, missing
