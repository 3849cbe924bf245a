"""The frozen problems of a study: the same for every policy, seed and study of an environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from envs.distinct import distinct_problems
from envs.environment import Environment
from envs.types import Problem
from experiments.config.sections import EvaluationSection
from experiments.run.errors import UserError, with_place
from experiments.run.terminal import tell
from rl.records.evaluate import problem_set_hash

EVALUATION_SEED = 20_240_326  # of the frozen problems: the same for every study, whatever its seeds


def final_problems(env: Environment, section: EvaluationSection) -> list[Problem]:
    """What every policy answers at the end: `problems_per_level` of each level of each part, ood_levels included.

    Raises:
        UserError: the environment has none, or not at these levels.
    """
    levels = section.levels or (*env.levels, *env.ood_levels)
    try:
        problems, missing = distinct_problems(
            env, levels, section.problems_per_level, split=section.split, seed=EVALUATION_SEED
        )
    except (ValueError, OSError) as error:  # OSError: a data set that cannot be had
        raise UserError(f"evaluation: {error}") from error
    except Exception as error:  # whatever an environment's own code raises is told in the same way
        raise UserError(f"env: a problem could not be drawn: {with_place(error)}") from error
    _tell(missing)
    return problems


def validation_problems(env: Environment, section: EvaluationSection) -> list[Problem]:
    """What policies answer during training: problems of the validation split, spread over the training levels.

    Raises:
        UserError: the environment has none.
    """
    try:
        streams = env.task_streams(env.levels)
        seen: dict[str, Problem] = {}
        for i in range(20 * section.validation_problems):
            problem = env.stream_problem(streams[i % len(streams)], i, split="validation", seed=EVALUATION_SEED)
            seen.setdefault(problem.id, problem)
            if len(seen) == section.validation_problems:
                break
    except (ValueError, OSError) as error:  # OSError: a data set that cannot be had
        raise UserError(f"evaluation: {error}") from error
    except Exception as error:  # whatever an environment's own code raises is told in the same way
        raise UserError(f"env: a problem could not be drawn: {with_place(error)}") from error
    if len(seen) < section.validation_problems:
        _tell(
            [f"there are {len(seen)} different validation problems, where {section.validation_problems} were asked for"]
        )
    return list(seen.values())


def _tell(missing: Sequence[str]) -> None:
    """Says on standard error where there are fewer problems than asked for."""
    for sentence in missing:
        tell(f"warning: evaluation: {sentence}")


def save_problems(folder: Path, name: str, problems: Sequence[Problem]) -> str:
    """Writes problems/NAME.jsonl and returns the hash that names the set."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(p.to_json()) + "\n" for p in problems))
    return problem_set_hash(problems)
