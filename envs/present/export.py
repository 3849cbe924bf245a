"""Environments as rows for trainers elsewhere: the data set forms of trl, and a reward function with its signature."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from envs.demonstrators.base import StepDemonstrator
from envs.environment import Environment
from envs.graders import EnvGrader
from envs.registry import make
from envs.splits import MAX_ATTEMPTS, keyed_rng
from envs.transcripts import prompt_messages
from envs.types import EnvSpec, Message, Problem
from verifiers.pool.verifier_pool import VerifierPool

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
            label), stepwise_supervision (steps with labels), or problems (our own JSON form). Environments of several
            turns give conversations, the tools' messages included.
        num: how many.
        split, seed, levels: which problems; all training levels unless given.
    Raises:
        ValueError: unknown kind, or (preference) an environment whose solutions cannot be corrupted.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")
    env = make(env) if isinstance(env, str) else env
    if not env.has_reference and kind not in ("prompt_only", "problems"):
        raise ValueError(f"environment {env.name!r} gives no solutions to write as {kind}; use prompt_only or problems")
    chosen = tuple(levels or env.levels)
    for index in range(num):
        problem = env.problem(index, split=split, seed=seed, level=chosen[index % len(chosen)])
        yield _row(env, problem, kind, keyed_rng("export", env.name, seed, split, index), index)


def _row(env: Environment, problem: Problem, kind: str, rng: random.Random, index: int) -> dict[str, Any]:
    if kind == "problems":
        return problem.to_json()
    source = env.source_env(problem)
    is_talk = source.max_turns > 1
    prompt: Any = problem.prompt
    if is_talk or not isinstance(prompt, str):
        prompt = [{"role": m.role, "content": m.content} for m in prompt_messages(problem)]
    if kind == "prompt_only":
        tools = {"tools": problem.info["tools"]} if "tools" in problem.info else {}
        return {"prompt": prompt, "answer": problem.answer, "problem": json.dumps(problem.to_json()), **tools}
    if kind == "stepwise_supervision":
        return _stepwise(source, problem, rng, index)

    def completion(solution: str | tuple[Message, ...]) -> Any:
        """A solution in the form of the prompt: text beside text, messages beside messages."""
        if isinstance(solution, str):
            return solution if isinstance(prompt, str) else [{"role": "assistant", "content": solution}]
        return [{"role": m.role, "content": m.content} for m in solution]

    gold: Any = source.render_solution(problem.solution, problem.answer)
    if is_talk:
        gold = StepDemonstrator(source).transcript(problem, rng)
    if kind == "prompt_completion":
        return {"prompt": prompt, "completion": completion(gold)}
    wrong: Any = _wrong_talk(source, problem, rng) if is_talk else _corrupted(source, problem, rng)
    if kind == "preference":
        return {"prompt": prompt, "chosen": completion(gold), "rejected": completion(wrong)}
    is_right = index % 2 == 0
    return {"prompt": prompt, "completion": completion(gold if is_right else wrong), "label": is_right}


def _stepwise(env: Environment, problem: Problem, rng: random.Random, index: int) -> dict[str, Any]:
    if env.max_turns > 1:
        raise ValueError(f"environment {env.name!r} has several turns: its solutions are no list of steps to label")
    right = env.render_solution(problem.solution, problem.answer).splitlines()
    spoiled = _corrupted(env, problem, rng).splitlines()
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


def _wrong_talk(env: Environment, problem: Problem, rng: random.Random) -> tuple[Message, ...]:
    """A conversation by someone who slips, and fails."""
    writer = StepDemonstrator(env, error_rate=0.5)
    for _ in range(MAX_ATTEMPTS):
        transcript = writer.transcript(problem, rng)
        if not env.grade_transcript(problem, transcript).is_correct:
            return transcript
    raise ValueError(f"environment {env.name!r}: no failing conversation about problem {problem.id} was found")


def write_jsonl(path: str | Path, env: Environment | str, kind: str = "prompt_only", **options: Any) -> int:
    """Writes rows into a JSONL file; returns how many. Options are those of `rows`.

    The file is written beside its place and renamed: where a row cannot be made, what was there before stays.
    """
    count, target = 0, Path(path)
    writing = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with writing.open("w", encoding="utf-8") as file:
            for row in rows(env, kind, **options):
                file.write(json.dumps(row) + "\n")
                count += 1
        writing.replace(target)
    finally:
        writing.unlink(missing_ok=True)  # there only where something went wrong
    return count


def to_dataset(env: Environment | str, kind: str = "prompt_only", **options: Any) -> Any:
    """The rows as a `datasets.Dataset`. Options are those of `rows`."""
    import datasets  # here: it takes a second to import

    return datasets.Dataset.from_list(list(rows(env, kind, **options)))


class RewardFunction:
    """A reward function with trl's signature for rows of kind prompt_only: the verdict's score of each completion.

    Completions are graded in killable processes with a deadline, started at the first call; `close` ends them.

    Args:
        spec: of the environment.
        workers, deadline_seconds: of the grading processes.
    """

    def __init__(self, spec: EnvSpec, *, workers: int = 1, deadline_seconds: float = 2.0) -> None:
        self.spec, self.workers, self.deadline_seconds = spec, workers, deadline_seconds
        self.__name__ = f"{spec.name.rpartition(':')[2]}_reward"  # what trl calls it in its logs
        self._pool: VerifierPool | None = None

    def __call__(self, completions: Sequence[Any], problem: Sequence[str], **_: Any) -> list[float]:
        """Scores of texts, or of conversations as lists of messages."""
        if self._pool is None:
            self._pool = VerifierPool(
                EnvGrader(self.spec), workers=self.workers, deadline_seconds=self.deadline_seconds
            )
        items = [(Problem.from_json(json.loads(row)), _response(c)) for c, row in zip(completions, problem)]
        return [verdict.score for verdict in self._pool.grade(items)]

    def close(self) -> None:
        """Ends the grading processes."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pool": None}


def reward_function(env: Environment | EnvSpec | str, **settings: Any) -> RewardFunction:
    """The reward function of an environment; see `RewardFunction` for the settings.

    Raises:
        ValueError: an environment that was not made by name: grading processes could not build it.
    """
    built = env if isinstance(env, Environment) else make(env)
    if built.spec is None:
        raise ValueError(f"environment {built.name!r} was not made by name; use envs.make(NAME)")
    return RewardFunction(built.spec, **settings)


def _response(completion: Any) -> str | tuple[Message, ...]:
    if isinstance(completion, str):
        return completion
    return tuple(Message(message["role"], message["content"]) for message in completion)
