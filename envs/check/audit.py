"""The long check of an environment: what `check_environment` finds, and two splits of a hundred thousand problems each.

Sharing is measured three times: by the problems' identities, which is what the splits are made of, by the prompts'
texts, which know nothing of it, and by what `envs.check.twins` takes for one problem in other words.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from envs.check.conformance import check_environment
from envs.check.twins import look_keys
from envs.environment import Environment
from envs.registry import make

SPLITS_COMPARED = (("train", 0), ("test", 1))  # split, seed: other seeds, since any two must do
TIMED = 300  # problems whose generation is timed


@dataclass(frozen=True)
class SplitAudit:
    """What two splits of an environment have in common.

    Attributes:
        problems: drawn from each split, over the training levels in turn.
        distinct: how many of them differ, by split.
        shared: problems that both splits hold.
        shared_prompts: texts that both splits hold; more than 0 only where what differs is hidden from the prompt.
        space: estimated number of problems of each level, from how often draws coincide (a lower bound where none do).
        twins: share of each level's different test problems that have the words, the steps or, up to one-letter names,
            the prompt of a training problem, and its answer; none for conversations, which may hide what is asked.
        seconds: processor time.
    """

    problems: int
    distinct: dict[str, int]
    shared: int
    shared_prompts: int
    space: dict[int, int]
    twins: dict[int, float]
    seconds: float

    @property
    def is_small(self) -> bool:
        """True when the space cannot give a split so many different problems: over half of them are repeats."""
        return min(self.distinct.values()) < self.problems / 2

    def reason(self) -> str:
        """Why the space is small, in words; "" where it is not."""
        if not self.is_small:
            return ""
        sizes = ", ".join(f"level {level}: about {size:,}" for level, size in self.space.items())
        fewest = min(self.distinct, key=lambda split: self.distinct[split])
        return f"{self.distinct[fewest]:,} different problems in {fewest} ({sizes} problems in all splits)"


def audit_splits(env: Environment, problems: int) -> SplitAudit:
    """Draws `problems` problems of train and of test, with different seeds, and compares them."""
    began = time.process_time()
    ids: dict[str, set[bytes]] = {}
    prompts: dict[str, set[str]] = {}
    draws: dict[int, Counter[bytes]] = {level: Counter() for level in env.levels}
    looks: set[bytes] = set()  # of the training problems, which are drawn first
    have_twins: dict[int, list[bool]] = {}  # level -> of each different test problem
    for split, seed in SPLITS_COMPARED:
        ids[split], prompts[split] = set(), set()
        for problem in env.problems(problems, split=split, seed=seed):
            key = bytes.fromhex(problem.id)
            if env.max_turns == 1 and key not in ids[split]:
                if split == "train":
                    looks.update(look_keys(problem))
                else:
                    have_twins.setdefault(problem.level, []).append(not looks.isdisjoint(look_keys(problem)))
            ids[split].add(key)
            prompts[split].add(problem.text)
            if split == "train":
                draws[problem.level][key] += 1
    (first, _), (second, _) = SPLITS_COMPARED
    return SplitAudit(
        problems=problems,
        distinct={split: len(found) for split, found in ids.items()},
        shared=len(ids[first] & ids[second]),
        shared_prompts=len(prompts[first] & prompts[second]),
        space={level: _space(counts) for level, counts in draws.items()},
        twins={level: sum(found) / len(found) for level, found in sorted(have_twins.items())},
        seconds=time.process_time() - began,
    )


def _space(counts: Counter[bytes]) -> int:
    """Size of a space from draws of its train split, which is nine tenths of it: all pairs over the equal ones."""
    n = sum(counts.values())
    equal = sum(count * (count - 1) // 2 for count in counts.values())
    return round(n * (n - 1) / 2 / max(1, equal) / 0.9)


def audit(name: str, *, problems: int, checked: int) -> dict[str, Any]:
    """The whole audit of an environment as plain JSON values.

    Args:
        name: an environment's reference.
        problems: per split, for the comparison of splits.
        checked: per level, for `check_environment`; half of them are asked the exploit probes.
    """
    env = make(name)
    report = check_environment(env, num=checked)
    splits = audit_splits(env, problems)
    times = []
    for index in range(TIMED):
        began = time.process_time_ns()
        env.problem(index)
        times.append((time.process_time_ns() - began) / 1e6)
    return {
        "is_ok": report.is_ok and splits.shared == 0,
        "failed": [asdict(finding) for finding in report.problems],
        "checked": checked,
        "splits": {**asdict(splits), "small": splits.reason()},
        "probes": report.numbers.get("probe_levels", {}),
        "num_probes": len(report.numbers.get("probes", {})),
        "milliseconds": statistics.median(times),
    }


def summary_rows(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One flat row per audited environment, for tables: what matters most of `audit`."""
    for name, row in rows.items():
        levels = row["probes"]
        worst = max(levels, key=lambda level: levels[level]["rate"])
        modal = max(levels, key=lambda level: levels[level]["most_frequent_answer"])
        yield {
            "environment": name,
            "is_ok": row["is_ok"],
            "space": min(row["splits"]["space"].values()),
            "repeats": 1 - row["splits"]["distinct"]["train"] / row["splits"]["problems"],
            "shared": row["splits"]["shared"],
            "twins": max(row["splits"].get("twins", {}).values(), default=None),  # not measured in older rows
            "probe": levels[worst]["probe"],
            "probe_rate": levels[worst]["rate"],
            "probe_level": worst,
            "most_frequent_answer": levels[modal]["most_frequent_answer"],
            "milliseconds": row["milliseconds"],
            "small": row["splits"]["small"],
        }


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The audited environments as a Markdown table, small spaces explained below it."""
    columns = "environment|ok|smallest level|repeats|shared|twins|best probe|earns|most frequent answer|ms"
    lines = [f"| {columns.replace('|', ' | ')} |", "|" + " --- |" * (columns.count("|") + 1)]
    summaries = list(summary_rows(rows))
    for row in summaries:
        cells: Sequence[str] = (
            row["environment"],
            "yes" if row["is_ok"] else "NO",
            f"{row['space']:,}",
            f"{row['repeats']:.1%}",
            str(row["shared"]),
            "" if row["twins"] is None else f"{row['twins']:.1%}",
            f"{row['probe']} (level {row['probe_level']})",
            f"{row['probe_rate']:.1%}",
            f"{row['most_frequent_answer']:.1%}",
            f"{row['milliseconds']:.3f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    alike = {name: row["splits"]["shared_prompts"] for name, row in rows.items()}
    hidden = [f"- {name}: {count:,}" for name, count in alike.items() if count]
    small = [f"- {row['environment']}: {row['small']}" for row in summaries if row["small"]]
    if small:
        lines += ["", "Spaces too small for so many different problems:", *small]
    if hidden:
        lines += ["", "Prompts that both splits hold, because what differs is hidden from the prompt:", *hidden]
    return "\n".join(lines)
