"""Frozen problems, and every policy's evaluation on them: rows per problem in evals.jsonl."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.types import Environment, Problem
from experiments.config.sections import EvaluationSection
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder, append_jsonl, read_jsonl

if TYPE_CHECKING:
    from experiments.study.context import SeedContext
    from rl.records.evaluate import Evaluation
    from rl.types import Group
    from rl.workers import Workers

PASS_AT = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SAMPLES_PER_LEVEL = 3  # completions kept as text
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
    from rl.records.evaluate import problem_set_hash

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(p.to_json()) + "\n" for p in problems))
    return problem_set_hash(problems)


def record_evaluation(
    folder: Path,
    evaluation: Any,
    *,
    policy: str,
    split: str,
    step: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Appends an evaluation to evals.jsonl: summary, summaries by level, and a row per problem.

    Args:
        facts: what else is to be known about the policy or about what it cost to answer.
    """
    ks = [k for k in PASS_AT if k <= evaluation.num_samples]
    row = {
        "policy": policy,
        "split": split,
        "step": step,
        "summary": evaluation.summary(ks),
        "levels": {str(level): figures for level, figures in evaluation.by_level(ks).items()},
        "parts": evaluation.by_part(ks),
        **evaluation.to_json(),
        **(facts or {}),
    }
    append_jsonl(folder / "evals.jsonl", [row])


def save_test_samples(folder: Path, groups: Sequence[Any], num_problems: int) -> None:
    """Writes test_samples.jsonl: the greedy completion of the first problems of every level, never hand-picked."""
    from experiments.run.recording import sample_row

    taken: dict[int, int] = {}
    rows = []
    for group in groups[-num_problems:]:  # the greedy completions come after the sampled ones
        level = group.problem.level
        taken[level] = taken.get(level, 0) + 1
        if taken[level] <= SAMPLES_PER_LEVEL:
            rows.append(sample_row(group.trajectories[0]))
    (folder / "test_samples.jsonl").unlink(missing_ok=True)
    append_jsonl(folder / "test_samples.jsonl", rows)


def final_evaluations(folder: Path) -> list[dict[str, Any]]:
    """Rows of evals.jsonl that belong to no step of training: the policy's answers to the frozen problems."""
    return [row for row in read_jsonl(folder / "evals.jsonl") if row["step"] is None]


def is_evaluated(folder: Path, split: str) -> bool:
    """True when a run folder holds an evaluation on a split."""
    return any(row["split"] == split for row in read_jsonl(folder / "evals.jsonl"))


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The last final evaluation of a run folder.

    Raises:
        UserError: there is none.
    """
    found = final_evaluations(folder)
    if not found:
        what = "holds no final evaluation (evals.jsonl)" if folder.is_dir() else "is not a folder"
        raise UserError(f"{folder} {what}: give the folder of a study (runs/demo) or of a run (runs/demo/seed-0/rl)")
    return found[-1]


def run_test(context: SeedContext, name: str, folder: RunFolder) -> None:
    """Has a trained policy answer the frozen problems, and says how far it is from the start and what it costs."""
    from experiments.study.context import sampling_of
    from rl.records.evaluate import evaluate

    policy = context.load(folder.policy)
    section = context.experiment.evaluation
    workers, version = context.serve(policy, architecture_of(folder))
    prompts: list[int] = []

    def look(groups: Sequence[Group]) -> None:
        """Notes the prompts' lengths, and keeps some greedy completions for the reader."""
        prompts.extend(len(group.trajectories[0].prompt_tokens) for group in groups[: len(context.test)])
        save_test_samples(folder.path, groups, len(context.test))

    found = evaluate(
        workers,
        context.test,
        num_samples=section.num_samples,
        sampling=sampling_of(section.sampling),
        version=version,
        on_groups=look,
    )
    facts = {
        "parameters": policy.num_parameters,
        "prompt_tokens": sum(prompts) / len(prompts),
        "tokens_per_answer": sum(row.mean_tokens for row in found.rows) / len(found.rows),
        "kl": distance_from_start(context, workers, version) if folder.path != context.folder("start").path else None,
    }
    record_evaluation(folder.path, found, policy=name, split=section.split, facts=facts)


def distance_from_start(context: SeedContext, workers: Workers, version: int) -> float:
    """KL(served policy || start) on the validation problems, nats per completion: one measure for all arms."""
    from rl.records.distance import kl_from

    seen: list[Group] = []
    _sample_validation(context, workers, version, seen.extend)
    temperature = context.experiment.evaluation.sampling.temperature
    return kl_from(context.load(context.start_policy), seen, temperature=temperature)


def run_validation(
    context: SeedContext,
    name: str,
    step: int,
    version: int,
    *,
    workers: Workers | None = None,
    on_groups: Callable[[Sequence[Group]], None] | None = None,
) -> dict[str, float]:
    """Evaluates the served policy on the validation problems during training, and returns the summary."""
    found = _sample_validation(context, workers or context.workers(), version, on_groups)
    record_evaluation(context.folder(name).path, found, policy=name, split="validation", step=step)
    return found.summary()


def _sample_validation(
    context: SeedContext, workers: Workers, version: int, on_groups: Callable[[Sequence[Group]], None] | None
) -> Evaluation:
    """The served policy's samples of the validation problems; no greedy completions."""
    from experiments.study.context import sampling_of
    from rl.records.evaluate import evaluate

    section = context.experiment.evaluation
    return evaluate(
        workers,
        context.validation,
        num_samples=section.validation_samples,
        sampling=sampling_of(section.sampling),
        include_greedy=False,
        version=version,
        on_groups=on_groups,
    )


def architecture_of(folder: RunFolder) -> Path | None:
    """The folder that workers load before they serve the policy of an arm, or an earlier one kept within it.

    None: the policy has the start's shape.
    """
    candidates = (path / "initial" for path in (folder.path, folder.path.parent))
    return next((path for path in candidates if path.is_dir() and path.parent.name != "start"), None)
