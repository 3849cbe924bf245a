"""Environments as rows for trainers elsewhere: the data set forms of trl, and a reward function with its signature."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from envs.registry import make
from envs.splits import MAX_ATTEMPTS, keyed_rng
from envs.types import Environment, Problem

KINDS = ("prompt_only", "prompt_completion", "preference", "unpaired_preference", "stepwise_supervision", "problems")


def rows(
    env: Environment | str,
    kind: str = "prompt_only",
    *,
    num: int,
    split: str = "train",
    seed: int = 0,
    levels: Sequence[int] | None = None,
) -> Iterator[dict[str, Any]]:
    """The first `num` rows of a split, in a form that trl reads.

    Args:
        env: an environment or a reference.
        kind: prompt_only (online RL: prompt, answer, problem), prompt_completion (SFT: the environment's own solution),
            preference (chosen: a right solution, rejected: a corrupted one), unpaired_preference (one of them, with a
            label), stepwise_supervision (steps with labels), or problems (our own JSON form).
        num: how many.
        split, seed, levels: which problems; all training levels unless given.
    Raises:
        ValueError: unknown kind, or (preference) an environment whose solutions cannot be corrupted.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")
    env = make(env) if isinstance(env, str) else env
    chosen = tuple(levels or env.levels)
    for index in range(num):
        problem = env.problem(index, split=split, seed=seed, level=chosen[index % len(chosen)])
        yield _row(env, problem, kind, keyed_rng("export", env.name, seed, split, index), index)


def _row(env: Environment, problem: Problem, kind: str, rng: random.Random, index: int) -> dict[str, Any]:
    conversational = not isinstance(problem.prompt, str)
    prompt: Any = problem.prompt
    if not isinstance(prompt, str):
        prompt = [{"role": m.role, "content": m.content} for m in prompt]

    def completion(text: str) -> Any:
        return [{"role": "assistant", "content": text}] if conversational else text

    gold = env.home(problem).render_solution(problem.solution, problem.answer)
    if kind == "problems":
        return problem.to_json()
    if kind == "prompt_only":
        tools = {"tools": problem.info["tools"]} if "tools" in problem.info else {}
        return {"prompt": prompt, "answer": problem.answer, "problem": json.dumps(problem.to_json()), **tools}
    if kind == "prompt_completion":
        return {"prompt": prompt, "completion": completion(gold)}
    wrong = _corrupted(env, problem, rng)
    if kind == "preference":
        return {"prompt": prompt, "chosen": completion(gold), "rejected": completion(wrong)}
    if kind == "unpaired_preference":
        is_right = index % 2 == 0
        return {"prompt": prompt, "completion": completion(gold if is_right else wrong), "label": is_right}
    right, spoiled = gold.splitlines(), wrong.splitlines()
    steps = right if index % 2 == 0 else spoiled
    first_wrong = next((i for i, (a, b) in enumerate(zip(right, spoiled)) if a != b), len(right))
    labels = [index % 2 == 0 or i < first_wrong for i in range(len(steps))]
    return {"prompt": problem.text, "completions": steps, "labels": labels}


def _corrupted(env: Environment, problem: Problem, rng: random.Random) -> str:
    for _ in range(MAX_ATTEMPTS):
        wrong = env.corrupt(problem, rng)
        if wrong:
            return wrong[0]
    raise ValueError(f"environment {env.name!r} gives no wrong solution of problem {problem.id}; override corrupt()")


def write_jsonl(path: str | Path, env: Environment | str, kind: str = "prompt_only", **options: Any) -> int:
    """Writes rows into a JSONL file; returns how many. Options are those of `rows`."""
    count = 0
    with Path(path).open("w", encoding="utf-8") as file:
        for row in rows(env, kind, **options):
            file.write(json.dumps(row) + "\n")
            count += 1
    return count


def to_dataset(env: Environment | str, kind: str = "prompt_only", **options: Any) -> Any:
    """The rows as a `datasets.Dataset`. Options are those of `rows`."""
    import datasets  # here: it takes a second to import

    return datasets.Dataset.from_list(list(rows(env, kind, **options)))


def reward_function(env: Environment | str) -> Callable[..., list[float]]:
    """A reward function with trl's signature for rows of kind prompt_only: the verdict's score of each completion."""
    env = make(env) if isinstance(env, str) else env

    def reward(completions: Sequence[Any], problem: Sequence[str], **_: Any) -> list[float]:
        scores = []
        for completion, row in zip(completions, problem):
            text = completion if isinstance(completion, str) else completion[-1]["content"]
            scores.append(env.grade(Problem.from_json(json.loads(row)), text).score)
        return scores

    reward.__name__ = f"{env.name}_reward"
    return reward
