"""`beyond compare`: policies on the same frozen problems, paired by seed and problem.

What makes two policies unlike in more than the thing to be compared is named: sampling settings, samples, seeds, the
settings of the start, budgets. Other problems or other numbers of seeds are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from experiments.config.loading import load_resolved
from experiments.results.budgets import compare_budgets
from experiments.results.policy import Levels, PolicyResults
from experiments.results.read import check_comparable, load_study, span
from experiments.results.statistics.intervals import is_equivalent, paired_difference
from experiments.results.statistics.significance import holm, paired_p, probability_of_improvement
from experiments.results.statistics.spread import ALPHA
from experiments.run.errors import UserError
from experiments.run.evaluations import read_evaluation
from experiments.run.folders import read_json

MARGIN = 0.03  # a difference smaller than this is none, if the interval can show it
START_SECTIONS = ("env", "policy", "imitation")  # of a config: they decide what every arm starts from
MEASURES = ("solution", "answer")


@dataclass(frozen=True)
class Contender:
    """A policy of a comparison, and what is known about how it came to be.

    Attributes:
        arm: its name within its study, by which policies of several studies are matched.
        study: folder of its study; None for a run folder outside of one.
        budget: mean over seeds of what its training cost; empty where nothing was noted.
    """

    policy: PolicyResults
    arm: str
    study: Path | None
    budget: Mapping[str, float]

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seeds' folder names, in the order of the evaluations."""
        return tuple(next((p.name for p in (f, *f.parents) if p.name.startswith("seed-")), "") for f in self.folders)

    @property
    def folders(self) -> tuple[Path, ...]:
        """One run folder per seed."""
        return self.policy.folders


def load_contenders(folders: Sequence[Path]) -> dict[str, Contender]:
    """Every policy in these folders by a label of its own: all arms of a study, or one run folder with an evaluation.

    Raises:
        UserError: a folder twice, fewer than two policies, evaluations on different problems or numbers of seeds.
    """
    labels = short_labels([folder for folder in folders if is_study(folder)])
    found: dict[str, Contender] = {}
    for folder in folders:
        if folder in labels:
            results = load_study(folder)
            for name, policy in results.policies.items():
                label = f"{labels[folder]}/{results.label(name)}".lstrip("/")
                found[label] = Contender(policy, name, folder, _budget(policy))
        else:
            policy = PolicyResults(str(folder), (folder,), (read_evaluation(folder),))
            study = next((parent for parent in folder.parents if (parent / "study.json").exists()), None)
            if str(folder) in found:
                raise UserError(f"{folder} is given twice")
            found[str(folder)] = Contender(policy, folder.name, study, _budget(policy))
    if len(found) < 2:
        raise UserError("nothing to compare: give a study folder, or two or more run folders with an evaluation")
    check_comparable([e for contender in found.values() for e in contender.policy.evaluations])
    counts = {len(contender.folders) for contender in found.values()}
    if len(counts) > 1:
        raise UserError(f"the policies have {sorted(counts)} seeds: a paired comparison needs the same number")
    return {label: _by_seed(contender) for label, contender in found.items()}


def is_study(folder: Path) -> bool:
    """Whether a folder is a study's, though one of its files may be missing."""
    return (folder / "study.json").exists() or (folder / "provenance.json").exists()


def short_labels(folders: Sequence[Path]) -> dict[Path, str]:
    """For each study folder the shortest end of its path that no other has; "" where there is only one.

    Raises:
        UserError: the same folder twice.
    """
    parts = {folder: folder.resolve().parts for folder in folders}
    if len(set(parts.values())) < len(folders):
        twice = next(f for i, f in enumerate(folders) if f.resolve() in [o.resolve() for o in folders[:i]])
        raise UserError(
            f"{twice} is given twice: a study is compared with another one, or with itself by its arms alone"
        )
    if len(folders) < 2:
        return dict.fromkeys(folders, "")
    for length in range(1, max(map(len, parts.values())) + 1):
        ends = {folder: "/".join(path[-length:]).lstrip("/") for folder, path in parts.items()}
        if len(set(ends.values())) == len(folders):
            return ends
    raise AssertionError("different paths have different ends")


def _budget(policy: PolicyResults) -> dict[str, float]:
    """What training.json of the run folders says that training cost, mean over seeds; empty where there is none."""
    costs = [read_json(path)["cost"] for folder in policy.folders if (path := folder / "training.json").exists()]
    return {key: sum(cost[key] for cost in costs) / len(costs) for key in costs[0]} if costs else {}


def _by_seed(contender: Contender) -> Contender:
    """The contender with its seeds in the order of their numbers, so that equal seeds of two studies are paired."""
    order = sorted(range(len(contender.seeds)), key=lambda i: (len(contender.seeds[i]), contender.seeds[i]))
    policy = contender.policy
    return replace(
        contender,
        policy=replace(
            policy,
            folders=tuple(policy.folders[i] for i in order),
            evaluations=tuple(policy.evaluations[i] for i in order),
        ),
    )


def comparison(folders: Sequence[Path], *, level: int | None = None, metric: str = "solution") -> dict[str, Any]:
    """Everything that a comparison says, as plain values.

    Returns:
        metric, where: what was compared, on which levels;
        policies: for each label, sampled and greedy share with interval;
        pairs: for each pair, difference with interval, Holm-adjusted p, mark, chance that a seed of the first beats one
            of the second, greedy p, and how many greedy solutions only one of both has (over all seeds);
        unlike: sentences about what else differs;
        settings: config keys in which the studies differ, with each study's value.
    Raises:
        UserError: see `load_contenders`; no such level or metric.
    """
    if metric not in MEASURES:
        raise UserError(f"metric is {metric!r}, expected solution or answer")
    contenders = load_contenders(folders)
    policies = {label: contender.policy for label, contender in contenders.items()}
    tested = next(iter(policies.values())).levels()
    if level is not None and level not in tested:
        raise UserError(f"no test problem has level {level}: the levels are {tested}")
    levels = _levels(contenders, tested) if level is None else [level]
    pairs = matched_pairs(contenders)
    rows = [_pair_row(policies[a], policies[b], f"{a} - {b}", metric, levels) for a, b in pairs]
    for key in ("p", "greedy_p"):
        adjusted = holm({row["pair"]: row[key] for row in rows if row[key] is not None})
        for row in rows:
            row[key] = adjusted.get(row["pair"])
    for row in rows:
        row["mark"] = "*" if row["p"] < ALPHA else "=" if row.pop("is_equal") else ""
    return {
        "metric": metric,
        "where": span(levels),
        "num_seeds": len(next(iter(policies.values())).folders),
        "policies": {
            label: {
                "sampled": vars(policy.interval("sampled", metric, levels)),
                "greedy": vars(policy.interval("greedy", metric, levels)) if policy.has_greedy else None,
            }
            for label, policy in policies.items()
        },
        "pairs": rows,
        "unlike": unlike(contenders, pairs),
        "settings": changed_settings([c.study for c in contenders.values() if c.study is not None]),
    }


def _levels(contenders: Mapping[str, Contender], tested: list[int]) -> list[int]:
    """The trained levels where all policies are of studies that have the same; else all that were tested."""
    studies = {contender.study for contender in contenders.values()}
    if None in studies:
        return tested
    trained = {tuple(load_study(study).trained) for study in studies if study is not None}
    return list(trained.pop()) if len(trained) == 1 else tested


def matched_pairs(contenders: Mapping[str, Contender]) -> list[tuple[str, str]]:
    """All pairs within one study; of several studies the pairs of like arms, or all where no arm has a like one."""
    pairs = list(combinations(contenders, 2))
    if len({contender.study for contender in contenders.values()}) < 2:
        return pairs
    like = [(a, b) for a, b in pairs if contenders[a].arm == contenders[b].arm]
    return like or pairs


def _pair_row(a: PolicyResults, b: PolicyResults, name: str, metric: str, levels: Levels) -> dict[str, Any]:
    strata = a.strata(levels)
    x, y = (policy.values("sampled", metric, levels) for policy in (a, b))
    difference = paired_difference(x, y, strata)
    row: dict[str, Any] = {
        "pair": name,
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "is_equal": is_equivalent(difference, MARGIN),
        "better": probability_of_improvement(list(x.mean(1)), list(y.mean(1))),
        "greedy_p": None,
        "only_first": None,
        "only_second": None,
    }
    if a.has_greedy and b.has_greedy:
        x, y = (policy.values("greedy", metric, levels) for policy in (a, b))
        row["greedy_p"] = paired_p(x, y, strata)
        row["only_first"], row["only_second"] = int((x > y).sum()), int((y > x).sum())
    return row


def unlike(contenders: Mapping[str, Contender], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for everything beside the policies themselves in which some that are compared differ."""
    told = []
    for what, values in (
        ("sampling settings", {n: _sampling(c.policy) for n, c in contenders.items()}),
        ("samples per problem", {n: _samples(c.policy) for n, c in contenders.items()}),
        ("seeds", {n: ", ".join(seed.removeprefix("seed-") for seed in c.seeds) for n, c in contenders.items()}),
    ):
        if len(set(values.values())) > 1:
            suffix = ": pairs are made by position" if what == "seeds" else ""
            told.append(f"{what} differ ({_grouped(values)}){suffix}")
    for a, b in pairs:
        first, second = contenders[a].budget, contenders[b].budget
        if first and second:
            _, unmatched = compare_budgets([first, second])
            if unmatched:
                told.append(f"{a} and {b} had different budgets: {', '.join(unmatched)}")
    return told


def _samples(policy: PolicyResults) -> str:
    """How often the problems were answered, e.g. `16` or `16 to 73`: more often where a level has few of them."""
    numbers = {row["n"] for row in policy.evaluations[0]["rows"]}
    return " to ".join(map(str, sorted({min(numbers), max(numbers)})))


def _sampling(policy: PolicyResults) -> str:
    settings = policy.evaluations[0].get("sampling", {})
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _grouped(values: Mapping[str, str]) -> str:
    """`4: a, b; 2: c`: who has which value."""
    found: dict[str, list[str]] = {}
    for name, value in values.items():
        found.setdefault(value, []).append(name)
    return "; ".join(f"{value}: {', '.join(names)}" for value, names in found.items())


def changed_settings(studies: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Config keys in which the studies differ -> each study's value; those of the start first."""
    unique = list(dict.fromkeys(studies))
    configs = {str(study): flat(load_resolved(study / "config.yaml").model_dump()) for study in unique}
    keys = list(dict.fromkeys(key for config in configs.values() for key in config))
    differing = [key for key in keys if len({repr(config.get(key)) for config in configs.values()}) > 1]
    differing.sort(key=lambda key: key.split(".")[0] not in START_SECTIONS)
    return {key: {study: config.get(key) for study, config in configs.items()} for key in differing}


def flat(config: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """A nested config as dotted key -> value."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{place}{key}.")
        else:
            found[f"{place}{key}"] = value
    return found
