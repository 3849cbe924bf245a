"""Levels that training does not move, and why: what is wrong first with the completions there."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from rl.types import Trajectory
from verifiers.types import Outcome

SOLUTION, FAULT = "gold/solution/level/", "gold/fault/"
FAULTS: Mapping[str, tuple[str, str]] = {  # what is wrong first -> (in words, what helps)
    "length": ("are cut off by the length limit", "raise max_new_tokens"),
    "no_answer": ("announce no answer that can be read", "show the form in demonstrations, or reward it"),
    "conclusion": (
        "announce an answer that does not follow from their steps, or too early, without a wrong step before it",
        "nothing that is sampled goes on: longer solutions among the demonstrations, or larger groups",
    ),
    "step": ("have a wrong step first", "train on shorter problems, or on single steps"),
    "unjudged": ("have a wrong answer, and no step that could be judged", "larger groups find rare right ones"),
}


def fault_of(row: Trajectory) -> str | None:
    """What is wrong with a completion first, one of FAULTS; None for a right solution.

    A wrong step counts before the length limit, since a solution that has gone wrong often has no end.
    """
    verdict = row.verdict
    if verdict.solution_share >= 1:
        return None
    wrong = next((step for step in verdict.steps if step.is_right is False), None)
    if wrong is not None and not wrong.is_conclusion:
        return "step"
    if row.is_truncated:
        return "length"
    if verdict.outcome in (Outcome.NO_ANSWER, Outcome.UNPARSEABLE):
        return "no_answer"
    if wrong is not None and (wrong.size == 0 or any(step.is_right for step in verdict.worked_steps)):
        return "conclusion"
    return "unjudged"


def level_metrics(rows: Sequence[Trajectory]) -> dict[str, float]:
    """By level: the share of right solutions, and where there are wrong ones the shares by what is wrong first."""
    levels: dict[int, list[Trajectory]] = defaultdict(list)
    for row in rows:
        levels[row.problem.level].append(row)
    found: dict[str, float] = {}
    for level, mine in levels.items():
        faults = Counter(fault_of(row) for row in mine)
        found[f"{SOLUTION}{level}"] = faults[None] / len(mine)
        if faults[None] == len(mine):
            continue
        found |= {f"{FAULT}{name}/level/{level}": faults[name] / len(mine) for name in FAULTS}
        places = [_first_wrong(row) for row in mine if fault_of(row) == "step"]
        if places:
            found[f"{FAULT}step_number/level/{level}"] = sum(number for number, _ in places) / len(places)
            found[f"{FAULT}step_size/level/{level}"] = sum(size for _, size in places) / len(places)
    return found


def _first_wrong(row: Trajectory) -> tuple[int, int]:
    """(number from 1, size) of the first wrong step."""
    index = row.verdict.first_wrong_step
    assert index is not None
    return index + 1, row.verdict.steps[index].size


def by_level(metrics: Mapping[str, float]) -> dict[str, float]:
    """Those of a step's metrics that `level_metrics` made."""
    return {name: value for name, value in metrics.items() if name.startswith((SOLUTION, FAULT))}


def stalled_levels(rows: Sequence[Mapping[str, float]], *, stalled: float, moved: float) -> dict[str, str]:
    """A message for each level whose solutions stay wrong while those of another level get better, with the reason.

    Args:
        rows: of the last steps, what `by_level` keeps; their halves are compared.
        stalled: share of right solutions up to which a level has not moved.
        moved: rise of another level from the first half to the second that counts.
    """
    middle = len(rows) // 2
    levels = sorted({name.removeprefix(SOLUTION) for row in rows for name in row if name.startswith(SOLUTION)}, key=int)
    shares = {
        level: (_mean(rows[:middle], SOLUTION + level), _mean(rows[middle:], SOLUTION + level)) for level in levels
    }
    shares = {level: pair for level, pair in shares.items() if not any(map(math.isnan, pair))}
    if not shares:
        return {}
    ahead = max(shares, key=lambda level: shares[level][1] - shares[level][0])
    before, after = shares[ahead]
    if after - before < moved:
        return {}
    still = [level for level, pair in shares.items() if max(pair) <= stalled]
    moves = f"while level {ahead} went from {before:.0%} to {after:.0%}"
    return {
        f"stalled/{level}": f"level {level} stays at {shares[level][1]:.1%} right solutions {moves}: "
        + _reason(rows[middle:], level)
        for level in still
    }


def _reason(rows: Sequence[Mapping[str, float]], level: str) -> str:
    shares = {fault: _mean(rows, f"{FAULT}{fault}/level/{level}") for fault in FAULTS}
    fault = max(shares, key=lambda name: shares[name])
    what, remedy = FAULTS[fault]
    words = f"{shares[fault]:.0%} of its completions {what}"
    if fault == "step":
        number, size = (_mean(rows, f"{FAULT}step_{name}/level/{level}") for name in ("number", "size"))
        words += f" (on average number {number:.1f}, carrying out {size:.1f} operations)"
    return f"{words}; {remedy}"


def _mean(rows: Sequence[Mapping[str, float]], name: str) -> float:
    """Mean over the rows that have a value; nan where fewer than half do."""
    values = [row[name] for row in rows if name in row]
    return sum(values) / len(values) if values and 2 * len(values) >= len(rows) else math.nan
