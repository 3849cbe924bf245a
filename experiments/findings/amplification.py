"""How fast practice spreads a rare way to write: python -m experiments.findings.amplification STUDY... -o FILE

Imitating only what was verified multiplies the share p of a way to write by its share of right solutions s: after a
round p' = p s / (p s + (1 - p) s'), with s' of all others (the replicator equation; p' = 2 p / (1 + p) in Tsilivis et
al. 2510.11495, for a way that is always right and others that are right half the time). Here the way is to write out
every operation of a problem in a step of its own, where demonstrators leap. The law is compared with the rounds of
expert iteration, and what a round adds to log (p / (1 - p)) with what RL adds on as many completions.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from experiments.config.loading import load_resolved
from experiments.hypotheses.measuring import of_seeds
from experiments.run.errors import UserError
from experiments.run.folders import write_json
from experiments.study.provenance import provenance
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory

# R squared of the law over all rounds and the first; log-odds that the first round adds, and RL on as many completions
MEASURED = ("r_squared", "r_squared_first", "gain_first", "gain_rl")
ROUNDS_ARM, RL_ARM = "expert-iteration", "rl"
LEAST = 20  # completions of a way in a cell, fewer say nothing of how often it is right
EDGE = 0.5  # added to both counts of a share, so that its logarithm is finite


@dataclass(frozen=True)
class Mixture:
    """Completions of one level, by the way they are written.

    Attributes:
        out, out_right: written out, and right of those.
        other, other_right: all others.
    """

    out: int = 0
    out_right: int = 0
    other: int = 0
    other_right: int = 0

    @property
    def share(self) -> float:
        """Share that is written out."""
        return self.out / (self.out + self.other)

    @property
    def log_odds(self) -> float:
        """log (p / (1 - p)), nats."""
        return math.log((self.out + EDGE) / (self.other + EDGE))

    @property
    def predicted(self) -> float | None:
        """Share after a round that imitates what is right alone; None where nothing is right."""
        right = self.out_right + self.other_right
        return self.out_right / right if right else None

    def plus(self, more: Mixture) -> Mixture:
        """Both together."""
        return Mixture(*(getattr(self, name) + getattr(more, name) for name in vars(self)))


def is_written_out(trajectory: Trajectory, operations: int) -> bool:
    """True when every operation of the problem has a step of its own, right or wrong."""
    sizes = [step.size for step in trajectory.verdict.steps if not step.is_conclusion]
    return len(sizes) == operations and all(size == 1 for size in sizes)


def mixtures(groups: Iterable[Group]) -> dict[int, Mixture]:
    """Level -> mixture; in LEAPS the level is the number of operations."""
    found: dict[int, Mixture] = defaultdict(Mixture)
    for group in groups:
        level = group.problem.level
        for row in group.trajectories:
            right = int(row.verdict.solution_share >= 1)
            one = Mixture(1, right, 0, 0) if is_written_out(row, level) else Mixture(0, 0, 1, right)
            found[level] = found[level].plus(one)
    return found


def rounds_of(log: RolloutLog, levels: Sequence[int]) -> list[dict[str, Any]]:
    """One row a round and level: what it had, what the law foretells for the next, what the next had."""
    steps = log.steps()
    seen = [mixtures(log.read(step).groups) for step in steps]
    rows = []
    for number, (now, after) in enumerate(pairwise(seen)):
        for level in levels:
            mixture, later = now.get(level), after.get(level)
            if mixture is None or later is None or mixture.predicted is None or mixture.out_right < 1:
                continue
            if min(mixture.out + mixture.other, later.out + later.other) < LEAST:
                continue
            row = {"round": number + 1, "level": level, "share": mixture.share, "predicted": mixture.predicted}
            rows.append({**row, "measured": later.share, "gain": later.log_odds - mixture.log_odds})
    return rows


def rl_gains(log: RolloutLog, levels: Sequence[int], parts: int) -> list[dict[str, Any]]:
    """What each of `parts` equal stretches of RL adds to the log-odds, by level; of the steps around its ends."""
    steps = log.steps()
    width = max(1, len(steps) // (2 * parts))
    places = [round(i * (len(steps) - 1) / parts) for i in range(parts + 1)]
    around = []
    for place in places:
        begin = min(max(0, place - width // 2), len(steps) - width)
        around.append(mixtures(group for step in steps[begin : begin + width] for group in log.read(step).groups))
    return [
        {"stretch": number + 1, "level": level, "gain": after[level].log_odds - now[level].log_odds}
        for number, (now, after) in enumerate(pairwise(around))
        for level in levels
        if level in now and level in after
    ]


def explained(rows: Sequence[dict[str, Any]]) -> float | None:
    """R squared of the law: 1 less the squared errors of its shares over their variance; None below three rows."""
    if len(rows) < 3:
        return None
    mean = sum(row["measured"] for row in rows) / len(rows)
    total = sum((row["measured"] - mean) ** 2 for row in rows)
    return 1 - sum((row["measured"] - row["predicted"]) ** 2 for row in rows) / total if total else None


def amplification(studies: Sequence[Path]) -> dict[str, Any]:
    """Per study: rows and fit of every seed, and the first round's gain beside RL's on as many completions."""
    found = {}
    for study in studies:
        experiment = load_resolved(study / "config.yaml")
        levels = [level for level in experiment.env.settings.get("levels", ()) if level > 1]
        seeds = []
        for seed in experiment.seeds:
            logs = [RolloutLog(study / f"seed-{seed}" / arm / "rollouts") for arm in (ROUNDS_ARM, RL_ARM)]
            rows = rounds_of(logs[0], levels)
            gains = rl_gains(logs[1], levels, parts=len(logs[0].steps()))
            pairs = [
                (row["gain"], gain["gain"])
                for row in rows
                for gain in gains
                if row["round"] == gain["stretch"] == 1 and row["level"] == gain["level"]
            ]
            means = [sum(side) / len(pairs) for side in zip(*pairs)] if pairs else [None, None]
            first = explained([row for row in rows if row["round"] == 1])
            fit = dict(zip(MEASURED, (explained(rows), first, *means)))
            seeds.append({"seed": seed, **fit, "rounds": rows, "rl": gains})
        found[study.name] = {**{name: _over(seeds, name) for name in MEASURED}, "seeds": seeds}
    return found


def _over(seeds: Sequence[dict[str, Any]], name: str) -> dict[str, float] | None:
    values = [row[name] for row in seeds if row[name] is not None]
    if len(values) < 2:
        return None
    mean = of_seeds(values)
    return {"value": mean.value, "low": mean.low, "high": mean.high, "seeds": len(values)}


def main() -> None:
    """Reads the studies' rollouts, prints a line each, writes everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", type=Path, help="folders of studies with both arms")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    try:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        found = amplification(given.studies)
    except (UserError, OSError) as error:
        parser.error(str(error))
    for name, row in found.items():
        told = (f"{key} {_told(row[key])}" for key in MEASURED)
        print(f"{name}: {', '.join(told)}")
    write_json(given.output, {"provenance": provenance(), "arms": [ROUNDS_ARM, RL_ARM], "studies": found})


def _told(row: dict[str, float] | None) -> str:
    return "-" if row is None else f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"


if __name__ == "__main__":
    main()
