"""Frozen problems, and every policy's evaluation on them: rows per problem in evals.jsonl."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.types import Environment, Problem
from experiments.config import EvaluationSection
from experiments.errors import UserError
from experiments.runs import append_jsonl, read_jsonl, write_json

if TYPE_CHECKING:
    from rl.rollout import RolloutEngine

PASS_AT = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MAX_NEW_TOKENS = 512  # of `beyond eval`, where the context leaves room for them
SAMPLES_PER_LEVEL = 3  # completions kept as text
EVALUATION_SEED = 20_240_326  # of the frozen problems: the same for every study, whatever its seeds


def frozen_problems(env: Environment, section: EvaluationSection, split: str) -> list[Problem]:
    """The problems of a split that every arm and seed answers: `problems_per_level` of each level of each part.

    Validation problems are spread over the parts' training levels; test problems cover ood_levels too.

    Raises:
        UserError: the environment has none, or not at these levels.
    """
    try:
        if split == "validation":
            strands = env.strands(env.levels)
            return [
                env.strand_problem(strands[i % len(strands)], i, split=split, seed=EVALUATION_SEED)
                for i in range(section.validation_problems)
            ]
        return _distinct(env, section.levels or (*env.levels, *env.ood_levels), section.problems_per_level, split)
    except ValueError as error:
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
    from rl.evaluate import problem_set_hash

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(p.to_json()) + "\n" for p in problems))
    return problem_set_hash(problems)


def record_evaluation(folder: Path, evaluation: Any, *, policy: str, split: str, step: int | None = None) -> None:
    """Appends an evaluation to evals.jsonl: summary, summaries by level, and a row per problem."""
    ks = [k for k in PASS_AT if k <= evaluation.num_samples]
    row = {
        "policy": policy,
        "split": split,
        "step": step,
        "summary": evaluation.summary(ks),
        "levels": {str(level): figures for level, figures in evaluation.by_level(ks).items()},
        "parts": evaluation.by_part(ks),
        **evaluation.to_json(),
    }
    append_jsonl(folder / "evals.jsonl", [row])


def save_test_samples(folder: Path, groups: Sequence[Any], num_problems: int) -> None:
    """Writes test_samples.jsonl: the greedy completion of the first problems of every level, never hand-picked."""
    from experiments.recording import sample_row

    taken: dict[int, int] = {}
    rows = []
    for group in groups[-num_problems:]:  # the greedy completions come after the sampled ones
        level = group.problem.level
        taken[level] = taken.get(level, 0) + 1
        if taken[level] <= SAMPLES_PER_LEVEL:
            rows.append(sample_row(group.trajectories[0]))
    (folder / "test_samples.jsonl").unlink(missing_ok=True)
    append_jsonl(folder / "test_samples.jsonl", rows)


def read_evaluation(folder: Path, split: str = "test") -> dict[str, Any]:
    """The last evaluation of a run folder on a split.

    Raises:
        UserError: there is none.
    """
    found = [row for row in read_jsonl(folder / "evals.jsonl") if row["split"] == split]
    if not found:
        raise UserError(f"{folder} holds no evaluation on the {split} split (evals.jsonl)")
    return found[-1]


def evaluate_command(
    policy: str,
    env_ref: str,
    *,
    split: str,
    levels: str,
    per_level: int,
    samples: int,
    temperature: float,
    max_new_tokens: int | None,
    seed: int,
    device: str,
    output: Path | None,
) -> None:
    """`beyond eval`: evaluates a policy on fresh problems and prints a table by level."""
    from envs.registry import parse_levels
    from experiments.config import Component
    from experiments.context import build_env
    from experiments.tables import print_evaluation
    from policies.types import Sampling
    from rl.evaluate import evaluate
    from rl.workers import PolicySpec, WorkerSpec
    from rl.workers.inline import InlineWorkers

    spec, env = build_env(Component(name=env_ref))
    try:
        wanted = parse_levels(levels) if levels else (*env.levels, *env.ood_levels)
        strands = env.strands(wanted)
        problems = [env.strand_problem(s, i, split=split, seed=seed) for s in strands for i in range(per_level)]
    except ValueError as error:
        raise UserError(str(error)) from error
    folder = Path(policy)
    if (folder / "policy").is_dir():
        folder = folder / "policy"
    location = str(folder) if folder.exists() else policy
    try:
        workers = InlineWorkers(WorkerSpec(policy=PolicySpec(folder=location, device=device), env=spec, seed=seed))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"cannot load {policy!r} as a Hugging Face causal LM: {reason}") from error
    try:
        tokens = max_new_tokens or _room(workers.engine, problems)
        sampling = Sampling(max_new_tokens=tokens, temperature=temperature or 1.0)
        evaluation = evaluate(workers, problems, num_samples=samples if temperature else 0, sampling=sampling)
    except ValueError as error:
        raise UserError(str(error)) from error
    finally:
        workers.close()
    print_evaluation(evaluation, title=f"{policy} on {env_ref} ({split})")
    if output is not None:
        write_json(output, evaluation.to_json())


def _room(engine: RolloutEngine, problems: Sequence[Problem]) -> int:
    """Tokens that the model's context leaves after the longest prompt, at most MAX_NEW_TOKENS."""
    context = getattr(engine.policy.model.config, "max_position_embeddings", None)
    if context is None:
        return MAX_NEW_TOKENS
    return max(1, min(MAX_NEW_TOKENS, context - max(len(engine.encode(problem)) for problem in problems)))
