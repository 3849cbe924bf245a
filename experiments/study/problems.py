"""The frozen problems of a study: the same for every policy, seed and study of an environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from envs.types import Environment, Problem
from experiments.config.sections import EvaluationSection
from experiments.run.errors import UserError
from rl.records.evaluate import problem_set_hash

EVALUATION_SEED = 20_240_326  # of the frozen problems: the same for every study, whatever its seeds


def final_problems(env: Environment, section: EvaluationSection) -> list[Problem]:
    """What every policy answers at the end: `problems_per_level` of each level of each part, ood_levels included.

    Raises:
        UserError: the environment has none, or not at these levels.
    """
    levels = section.levels or (*env.levels, *env.ood_levels)
    try:
        return _distinct(env, levels, section.problems_per_level, section.split)
    except (ValueError, OSError) as error:  # OSError: a data set that cannot be had
        raise UserError(f"evaluation: {error}") from error


def validation_problems(env: Environment, section: EvaluationSection) -> list[Problem]:
    """What policies answer during training: problems of the validation split, spread over the training levels.

    Raises:
        UserError: the environment has none.
    """
    try:
        strands = env.strands(env.levels)
        return [
            env.strand_problem(strands[i % len(strands)], i, split="validation", seed=EVALUATION_SEED)
            for i in range(section.validation_problems)
        ]
    except (ValueError, OSError) as error:  # OSError: a data set that cannot be had
        raise UserError(f"evaluation: {error}") from error


def _distinct(env: Environment, levels: Sequence[int], per_level: int, split: str) -> list[Problem]:
    problems: list[Problem] = []
    for strand in env.strands(levels):
        seen: dict[str, Problem] = {}
        for index in range(20 * per_level):  # small spaces repeat problems; a frozen set does not
            problem = env.strand_problem(strand, index, split=split, seed=EVALUATION_SEED)
            seen.setdefault(problem.id, problem)
            if len(seen) == per_level:
                break
        problems += seen.values()
    return problems


def save_problems(folder: Path, name: str, problems: Sequence[Problem]) -> str:
    """Writes problems/NAME.jsonl and returns the hash that names the set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(p.to_json()) + "\n" for p in problems))
    return problem_set_hash(problems)
