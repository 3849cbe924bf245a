"""Stored rollouts judged again, with another verifier or a newer one, and how far the two agree."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs.types import Problem
from rl.rollouts.log import find_logs
from rl.types import Group, Trajectory
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict

RESCORE_BATCH = 1024  # responses judged at a time
EXAMPLES = 20  # disagreements that a rescoring keeps in full


@dataclass(frozen=True)
class Agreement:
    """Stored verdicts beside those of another verifier, on the same responses.

    Attributes:
        table: (stored outcome, new outcome) -> how many responses.
        disagreements: some responses that one calls correct and the other does not, in full.
    """

    table: Mapping[tuple[Outcome, Outcome], int]
    disagreements: tuple[tuple[Trajectory, Verdict], ...] = ()

    @property
    def num_responses(self) -> int:
        """Responses that were judged twice."""
        return sum(self.table.values())

    @property
    def agreement(self) -> float:
        """Share of responses on whose correctness both agree; 1 when there are none."""
        same = sum(n for (old, new), n in self.table.items() if (old is Outcome.CORRECT) == (new is Outcome.CORRECT))
        return same / self.num_responses if self.table else 1.0

    @property
    def kappa(self) -> float:
        """Cohen's kappa of correct / not correct: (agreement - chance) / (1 - chance); 1 when chance is 1."""
        if not self.table:
            return 1.0
        total = self.num_responses
        old = sum(n for (o, _), n in self.table.items() if o is Outcome.CORRECT) / total
        new = sum(n for (_, w), n in self.table.items() if w is Outcome.CORRECT) / total
        chance = old * new + (1 - old) * (1 - new)
        return 1.0 if chance == 1 else (self.agreement - chance) / (1 - chance)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {
            "responses": self.num_responses,
            "agreement": self.agreement,
            "kappa": self.kappa,
            "table": [{"stored": o.value, "new": w.value, "count": n} for (o, w), n in sorted(self.table.items())],
            "disagreements": [
                {
                    "prompt": t.problem.text,
                    "reference": t.problem.answer,
                    "response": t.completion.text,
                    "stored": t.verdict.to_json(),
                    "new": verdict.to_json(),
                }
                for t, verdict in self.disagreements
            ],
        }


def rescore(groups: Iterable[Group], grade: Callable[[Sequence[tuple[Problem, Any]]], Sequence[Verdict]]) -> Agreement:
    """Judges stored responses again.

    Args:
        groups: e.g. `RolloutLog(folder).groups()`.
        grade: (problem, response) pairs -> verdicts, e.g. the `grade` of a VerifierPool.
    """
    table: Counter[tuple[Outcome, Outcome]] = Counter()
    disagreements: list[tuple[Trajectory, Verdict]] = []
    rows = (row for group in groups for row in group.trajectories)
    while batch := list(itertools.islice(rows, RESCORE_BATCH)):
        for row, verdict in zip(batch, grade([(row.problem, row.response) for row in batch]), strict=True):
            table[row.verdict.outcome, verdict.outcome] += 1
            if row.verdict.is_correct != verdict.is_correct and len(disagreements) < EXAMPLES:
                disagreements.append((row, verdict))
    return Agreement(dict(table), tuple(disagreements))


def judged_again(
    groups: Sequence[Group], grade: Callable[[Sequence[tuple[Problem, Any]]], Sequence[Verdict]]
) -> list[Group]:
    """The groups with the verdicts of another judge; rewards stay as they are.

    Args:
        grade: (problem, response) pairs -> verdicts, e.g. the `grade` of a VerifierPool.
    """
    pairs = [(row.problem, row.response) for group in groups for row in group.trajectories]
    verdicts = iter(grade(pairs))
    return [
        replace(group, trajectories=tuple(replace(row, verdict=next(verdicts)) for row in group.trajectories))
        for group in groups
    ]


def rescore_run(
    run_folder: str | Path,
    grader: Callable[[tuple[Problem, Any]], Verdict],
    *,
    workers: int = 1,
    deadline_seconds: float = 2.0,
    memory_bytes: int = 1 << 30,
) -> Agreement:
    """Judges all logged responses of a run again.

    Args:
        grader: (problem, response) -> verdict, e.g. an `envs.grading.EnvGrader` or an `AnswerGrader`; it travels to
            the verifier processes.
        workers, deadline_seconds, memory_bytes: of those.
    Raises:
        FileNotFoundError: the folder holds no rollout log.
    """
    logs = find_logs(run_folder)
    if not logs:
        raise FileNotFoundError(f"no rollout log (step-*.jsonl.gz) under {run_folder}")
    limits: dict[str, Any] = {"deadline_seconds": deadline_seconds, "memory_bytes": memory_bytes}
    with VerifierPool(grader, workers=workers, **limits) as pool:
        return rescore((group for log in logs for group in log.groups()), pool.grade)
