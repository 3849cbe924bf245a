"""Evaluation on a frozen set of problems: samples and one greedy completion for each, by level.

uids of evaluation depend on the position of the problem alone, so two policies, or one policy at two times, are asked
the same problems with the same random numbers. Answers can be guessed, so every figure exists twice: for the answer,
and for the verified solution where the verifier tells them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from envs.types import Problem
from policies.types import FinishReason, Sampling
from rl.functional import estimators
from rl.rollouts.shards import EVALUATION_STEP, SAMPLE_BITS, SHARD_PROBLEMS, make_shards
from rl.rollouts.wait import run_shards
from rl.types import Group, Trajectory
from rl.workers.types import ShardResult, Workers

GREEDY_SAMPLE = (1 << SAMPLE_BITS) - 1  # sample index of the greedy completion
COUNTS = ("answer", "solution")
MOST_VOTES = 256  # samples of a problem up to which majorities are counted: exact counting takes time like their cube


def problem_set_hash(problems: Iterable[Problem]) -> str:
    """16 hex digits that name a list of problems with their answers, in order."""
    digest = hashlib.sha256()
    for problem in problems:
        digest.update(json.dumps([problem.id, problem.answer]).encode())
    return digest.hexdigest()[:16]


def answer_right(trajectory: Trajectory) -> bool:
    """Whether the answer is right; see `Verdict.answer_share`."""
    return trajectory.verdict.answer_share >= 1


def solution_right(trajectory: Trajectory) -> bool:
    """Whether the whole solution holds; see `Verdict.solution_share`."""
    return trajectory.verdict.solution_share >= 1


@dataclass(frozen=True)
class ProblemRow:
    """What a policy did with one problem.

    Attributes:
        part: the part of a mixture that it came from; "" where the environment is none.
        n: sampled completions, the greedy one not among them.
        c_answer, c_solution: how many of the n have the right answer; a right solution.
        greedy_answer, greedy_solution: the greedy completion; None when it was not asked for.
        mean_tokens: of the n completions.
        truncated: how many of the n reached the length limit.
        outcomes: how many of the n ended with each outcome.
        parts: sum over the n of each named part of the verdicts.
        votes: for each distinct answer among the n, [how many gave it, 1 if it is right]; compared as texts.
        step_sizes: how many steps of the n carried out 1, 2, ... operations (0: malformed); conclusions do not count.
    """

    id: str
    level: int
    n: int
    c_answer: int
    c_solution: int
    greedy_answer: bool | None = None
    greedy_solution: bool | None = None
    mean_tokens: float = 0.0
    truncated: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    step_sizes: dict[str, int] = field(default_factory=dict)
    part: str = ""
    votes: list[list[int]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Evaluation:
    """Rows of all problems, in order, and what they were drawn with.

    Attributes:
        problems_hash: names the frozen problem set; only evaluations with equal hashes can be compared.
        seconds: wall time of generation and of waiting for verdicts, summed over workers.
    """

    rows: tuple[ProblemRow, ...]
    problems_hash: str
    num_samples: int
    sampling: Sampling
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels that occur, ascending."""
        return tuple(sorted({row.level for row in self.rows}))

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts of a mixture that occur, in order of appearance; empty where the environment is none."""
        return tuple(dict.fromkeys(row.part for row in self.rows if row.part))

    def of_part(self, part: str) -> Evaluation:
        """The evaluation restricted to one part of a mixture; it keeps the hash of the whole set."""
        return replace(self, rows=tuple(row for row in self.rows if row.part == part))

    def at(self, level: int) -> Evaluation:
        """The evaluation restricted to one level; it keeps the hash of the whole set."""
        return replace(self, rows=tuple(row for row in self.rows if row.level == level))

    def mean_at_k(self, of: str = "solution") -> float:
        """Share of sampled completions that are right: the mean over problems of c / n."""
        return _mean([_count(row, of) / row.n for row in self.rows if row.n])

    def pass_at_k(self, k: int, of: str = "solution") -> float:
        """Chance that at least one of k samples is right, estimated without bias from the n >= k samples."""
        return _mean([float(estimators.pass_at_k(row.n, _count(row, of), k)) for row in self.rows])

    def maj_at_k(self, k: int) -> float:
        """Chance that the answer that most of k samples give is right: exact over all subsets of k of the n samples.

        A tie is a fair draw among the tied answers; a completion without an answer has no vote. Problems whose rows
        hold no votes (of an older version) are left out.
        """
        shares = []
        for row in (row for row in self.rows if row.votes or not row.c_answer):
            answers: list[int | None] = [i for i, (count, _) in enumerate(row.votes) for _ in range(count)]
            rights = [bool(right) for count, right in row.votes for _ in range(count)]
            silent = row.n - len(answers)
            shares.append(estimators.maj_at_k([*answers, *[None] * silent], [*rights, *[False] * silent], k))
        return _mean(shares)

    def greedy(self, of: str = "solution") -> float | None:
        """Share of problems whose greedy completion is right; None when none was asked for."""
        given = [row.greedy_answer if of == "answer" else row.greedy_solution for row in self.rows]
        known = [bool(value) for value in given if value is not None]
        return _mean(known) if known else None

    def summary(self, ks: Sequence[int] = ()) -> dict[str, float]:
        """Flat figures: mean@k, greedy, pass@k for answers and verified solutions; maj@k; length, errors."""
        total = max(1, sum(row.n for row in self.rows))
        figures: dict[str, float] = {"num_problems": float(len(self.rows))}
        for of in COUNTS:
            figures[f"mean_{of}"] = self.mean_at_k(of)
            greedy = self.greedy(of)
            if greedy is not None:
                figures[f"greedy_{of}"] = greedy
            for k in ks:
                if k <= self.num_samples:
                    figures[f"pass@{k}_{of}"] = self.pass_at_k(k, of)
        most = max((row.n for row in self.rows), default=0)
        for k in ks:
            if 1 < k <= self.num_samples and most <= MOST_VOTES:
                figures[f"maj@{k}_answer"] = self.maj_at_k(k)
        figures["tokens"] = _mean([row.mean_tokens for row in self.rows])
        figures["truncated"] = sum(row.truncated for row in self.rows) / total
        for outcome in ("error", "timeout"):
            figures[outcome] = sum(row.outcomes.get(outcome, 0) for row in self.rows) / total
        return figures

    def by_part(self, ks: Sequence[int] = ()) -> dict[str, dict[str, float]]:
        """`summary` of every part of a mixture."""
        return {part: self.of_part(part).summary(ks) for part in self.parts}

    def by_level(self, ks: Sequence[int] = ()) -> dict[int, dict[str, float]]:
        """`summary` of every level."""
        return {level: self.at(level).summary(ks) for level in self.levels}

    def check_comparable(self, other: Evaluation) -> None:
        """Raises ValueError when the two did not answer the same problems."""
        if self.problems_hash != other.problems_hash:
            raise ValueError(
                f"evaluations on different problem sets ({self.problems_hash} and {other.problems_hash}) cannot be "
                "compared; evaluate both on the same environment, split, seed and number of problems"
            )

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values; `Evaluation.from_json` gives the equal evaluation back."""
        return {
            "problems_hash": self.problems_hash,
            "num_samples": self.num_samples,
            "sampling": dict(vars(self.sampling)),
            "seconds": dict(self.seconds),
            "rows": [row.to_json() for row in self.rows],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evaluation:
        """The evaluation that `to_json` wrote."""
        return cls(
            rows=tuple(ProblemRow(**row) for row in data["rows"]),
            problems_hash=data["problems_hash"],
            num_samples=data["num_samples"],
            sampling=Sampling(**data["sampling"]),
            seconds=dict(data["seconds"]),
        )


def samples_of_each(problems: Sequence[Problem], num_samples: int, min_per_level: int = 0) -> list[int]:
    """How often each problem is answered: `num_samples` times, and more often at levels that have few problems.

    A level with so few problems that `num_samples` of each come to less than `min_per_level` has each of them answered
    ceil(min_per_level / problems) times: its rate is then as well known as that of a level with many.
    """
    at = Counter(problem.level for problem in problems)
    return [max(num_samples, -(-min_per_level // at[problem.level])) for problem in problems]


def evaluate(
    workers: Workers,
    problems: Sequence[Problem],
    *,
    num_samples: int,
    min_per_level: int = 0,
    sampling: Sampling,
    include_greedy: bool = True,
    shard_size: int = SHARD_PROBLEMS,
    version: int | None = None,
    timeout_seconds: float = 3600.0,
    on_groups: Callable[[Sequence[Group]], None] | None = None,
    on_wait: Callable[[str], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    is_stopped: Callable[[], bool] | None = None,
) -> Evaluation:
    """Asks the workers' current policy all problems: `num_samples` completions each, and a greedy one.

    Args:
        num_samples: k of mean@k; 0 when only the greedy completion is wanted.
        min_per_level: see `samples_of_each`.
        sampling: of the samples; the greedy completion has the same length limit.
        version: policy weights that must sample, those published last; None: whatever the workers serve.
        on_groups: given all graded groups (samples, then greedy ones), e.g. to log them.
        on_progress: told how many completions have been judged, of how many.
        on_wait, is_stopped: see `rl.rollouts.wait.wait_for`.
    Raises:
        ValueError: no problems, or neither samples nor a greedy completion.
    """
    if not problems:
        raise ValueError("no problems to evaluate; expected at least one")
    if num_samples < 0 or (num_samples == 0 and not include_greedy):
        raise ValueError(f"num_samples is {num_samples}, expected 1 or more (or 0 with include_greedy)")
    shards = []
    if num_samples:
        shards += make_shards(
            problems,
            group_size=samples_of_each(problems, num_samples, min_per_level),
            step=EVALUATION_STEP,
            shard_size=shard_size,
            sampling=sampling,
            version=version,
        )
    if include_greedy:
        shards += make_shards(
            problems,
            group_size=1,
            step=EVALUATION_STEP,
            shard_size=shard_size * max(1, num_samples),
            sampling=Sampling(max_new_tokens=sampling.max_new_tokens, temperature=0.0),
            version=version,
            first_sample=GREEDY_SAMPLE,
        )
    seconds: Counter[str] = Counter()
    judged, asked = 0, sum(len(uids) for shard in shards for uids in shard.uids)

    def note(result: ShardResult) -> None:
        nonlocal judged
        seconds.update(result.seconds)
        judged += sum(len(group.trajectories) for group in result.groups)
        if on_progress is not None:
            on_progress(judged, asked)

    groups = run_shards(
        workers,
        shards,
        timeout_seconds=timeout_seconds,
        on_wait=on_wait,
        is_stopped=is_stopped,
        on_result=note,
    )
    if on_groups:
        on_groups(groups)
    found = of_groups(problems, groups, num_samples=num_samples, sampling=sampling)
    return replace(found, seconds=dict(seconds))


def of_groups(
    problems: Sequence[Problem], groups: Sequence[Group], *, num_samples: int, sampling: Sampling
) -> Evaluation:
    """The evaluation that graded groups come to.

    Args:
        groups: as `evaluate` gives them to `on_groups`: where num_samples > 0 one of samples for each problem, and,
            unless it was left out, one of a greedy completion each behind them.
    """
    num = len(problems)
    include_greedy = len(groups) == num * (2 if num_samples else 1)
    sampled: Sequence[Group | None] = groups[:num] if num_samples else [None] * num
    greedy: Sequence[Group | None] = groups[-num:] if include_greedy else [None] * num
    rows = tuple(problem_row(p, s, g) for p, s, g in zip(problems, sampled, greedy, strict=True))
    return Evaluation(rows, problem_set_hash(problems), num_samples, sampling)


def problem_row(problem: Problem, sampled: Group | None, greedy: Group | None) -> ProblemRow:
    """The row of a problem, from its sampled completions and its greedy one."""
    rows = sampled.trajectories if sampled else ()
    parts: Counter[str] = Counter()
    step_sizes: Counter[str] = Counter()
    for row in rows:
        parts.update(row.verdict.parts)
        step_sizes.update(str(step.size) for step in row.verdict.worked_steps)
    return ProblemRow(
        id=problem.id,
        level=problem.level,
        n=len(rows),
        c_answer=sum(map(answer_right, rows)),
        c_solution=sum(map(solution_right, rows)),
        greedy_answer=answer_right(greedy.trajectories[0]) if greedy else None,
        greedy_solution=solution_right(greedy.trajectories[0]) if greedy else None,
        mean_tokens=_mean([row.num_sampled for row in rows]),
        truncated=sum(row.completion.finish is FinishReason.LENGTH for row in rows),
        outcomes=dict(Counter(row.verdict.outcome.value for row in rows)),
        parts={name: float(value) for name, value in parts.items()},
        step_sizes=dict(step_sizes),
        part=str(problem.info.get("part", "")),
        votes=[[count, int(right)] for (_, right), count in _votes(rows).items()],
    )


def _votes(rows: Sequence[Trajectory]) -> Counter[tuple[str, bool]]:
    """How many completions gave each answer; one that was judged both ways (a time-out) is two."""
    given = ((row.verdict.answer, answer_right(row)) for row in rows)
    return Counter((answer, right) for answer, right in given if answer is not None)


def _count(row: ProblemRow, of: str) -> int:
    if of not in COUNTS:
        raise ValueError(f"{of!r} is not counted, expected one of {', '.join(COUNTS)}")
    return row.c_answer if of == "answer" else row.c_solution


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
