"""How the rollouts of a step become numbers: means over the whole step, counts added first and divided once."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from envs.types import StopReason
from policies.types import FinishReason
from rl.learning.sums import Sums
from rl.records.stalled import level_metrics
from rl.types import Group, Trajectory
from verifiers.types import Outcome


def num_tokens(groups: Iterable[Group]) -> int:
    """Tokens of all completions."""
    return sum(row.num_sampled for group in groups for row in group.trajectories)


def use_metrics(groups: Sequence[Group], sampled: Sequence[Group], version: int) -> dict[str, float]:
    """How much of what was sampled was trained on, and how old that was.

    Args:
        groups: those that were trained on.
        version: of the policy after the update.
    """
    staleness = [version - 1 - row.completion.version for group in groups for row in group.trajectories]
    return {
        "groups/sampled": float(len(sampled)),
        "groups/kept": len(groups) / len(sampled),
        "policy/version": float(version),
        "policy/staleness_mean": sum(staleness) / len(staleness) if staleness else 0.0,
        "policy/staleness_max": float(max(staleness, default=0)),
    }


def rollout_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Numbers of rewarded groups: reward beside gold, outcomes, groups without signal, lengths, finish reasons.

    Raises:
        ValueError: no trajectories.
    """
    rows = [row for group in groups for row in group.trajectories]
    if not rows:
        raise ValueError("rollout_metrics got no trajectories: a step has at least one")
    scored = [row for row in rows if not math.isnan(row.reward)]
    known = np.array([row.reward for row in scored], dtype=np.float64)
    tokens = [row.num_sampled for row in rows]
    return {
        "reward/mean": float(known.mean()) if known.size else 0.0,
        "reward/std": float(known.std()) if known.size else 0.0,
        "reward/unknown": 1 - known.size / len(rows),
        **_part_means("reward/part", (row.parts for row in scored), len(scored)),
        **_gold(rows),
        **level_metrics(rows),
        **_by_part(groups),
        **_shares("outcome", Outcome, [row.verdict.outcome for row in rows]),
        **_shares("finish", FinishReason, [row.completion.finish for row in rows]),
        **_conversations(rows),
        **_group_metrics(groups),
        "completion/tokens_mean": float(np.mean(tokens)),
        "completion/tokens_max": float(max(tokens)),
    }


def _gold(rows: Sequence[Trajectory]) -> dict[str, float]:
    means = Sums()
    for row in rows:
        correct = float(row.verdict.is_correct)
        means.add("gold/correct", correct)
        means.add("gold/score", row.verdict.score)
        means.add(f"gold/correct/level/{row.problem.level}", correct)
        for name, value in row.verdict.parts.items():
            means.add(f"gold/part/{name}", value)
    return means.means()


def _by_part(groups: Sequence[Group]) -> dict[str, float]:
    """Reward beside gold for each part of a mixture; nothing where the environment is none."""
    means, counts = Sums(), Counter[str]()
    for group in groups:
        part = group.problem.info.get("part")
        if part is None:
            continue
        counts[f"groups/count/env/{part}"] += 1
        for row in group.trajectories:
            means.add(f"gold/correct/env/{part}", float(row.verdict.is_correct))
            if not math.isnan(row.reward):
                means.add(f"reward/mean/env/{part}", row.reward)
    return {**means.means(), **{name: float(count) for name, count in counts.items()}}


def _conversations(rows: Sequence[Trajectory]) -> dict[str, float]:
    """Why conversations ended, and how long they were; nothing where there are none."""
    talks = [row for row in rows if row.transcript is not None]
    if not talks:
        return {}
    turns = [sum(message.role == "assistant" for message in row.transcript or ()) for row in talks]
    stops = [row.stop for row in talks if row.stop is not None]
    return {**(_shares("stop", StopReason, stops) if stops else {}), "conversation/turns_mean": float(np.mean(turns))}


def _group_metrics(groups: Sequence[Group]) -> dict[str, float]:
    silent = [group for group in groups if not group.has_signal]
    right = sum(all(row.verdict.is_correct for row in group.trajectories) for group in silent)
    wrong = sum(not any(row.verdict.is_correct for row in group.trajectories) for group in silent)
    distinct = [
        len({row.completion.tokens for row in group.trajectories}) / len(group.trajectories) for group in groups
    ]
    return {
        "groups/count": float(len(groups)),
        "groups/no_signal": len(silent) / len(groups),
        "groups/all_right": right / len(groups),
        "groups/all_wrong": wrong / len(groups),
        "completion/distinct": float(np.mean(distinct)),
    }


def _part_means(prefix: str, parts: Iterable[Mapping[str, float]], num_rows: int) -> dict[str, float]:
    """Means over all rows, so that the parts add up to the mean reward."""
    totals: dict[str, float] = defaultdict(float)
    for row in parts:
        for name, value in row.items():
            totals[name] += value
    return {f"{prefix}/{name}": total / num_rows for name, total in totals.items()}


def _shares(prefix: str, names: Iterable[str], values: Sequence[str]) -> dict[str, float]:
    counts = Counter(values)
    return {f"{prefix}/{name}": counts[name] / len(values) for name in names}
