"""`beyond eval`: a policy on fresh problems of an environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envs.types import Problem
from experiments.cli.outputs import output_file
from experiments.run.errors import UserError
from experiments.run.folders import write_json

if TYPE_CHECKING:
    from rl.workers.engine import RolloutEngine

MAX_NEW_TOKENS = 512  # where the context leaves room for them


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
    from experiments.config.sections import Component
    from experiments.results.tables import print_evaluation
    from experiments.study.components import build_env
    from policies.types import Sampling
    from rl.records.evaluate import evaluate
    from rl.workers import PolicySpec, WorkerSpec
    from rl.workers.inline import InlineWorkers

    output_file(output)
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
    if not folder.exists() and (policy.count("/") != 1 or policy.startswith((".", "/", "~"))) and "/" in policy:
        raise UserError(f"{policy} is not a folder, nor a hub id (owner/name)")
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
