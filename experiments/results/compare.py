"""`beyond compare`: policies on the same frozen problems, paired by seed and problem."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.results.read import PolicyResults, check_comparable, load_study
from experiments.results.stats import holm, is_equivalent, paired_difference, paired_p, probability_of_improvement
from experiments.run.errors import UserError
from experiments.run.evaluations import read_evaluation

MARGIN = 0.03  # a difference smaller than this is none, if the interval can show it


def load_policies(folders: Sequence[Path]) -> dict[str, PolicyResults]:
    """Every policy in these folders: all arms of a study, or one run folder with an evaluation.

    Raises:
        UserError: fewer than two policies, or evaluations on different problems.
    """
    found: dict[str, PolicyResults] = {}
    for folder in folders:
        if (folder / "study.json").exists():
            label = folder.name if len(folders) > 1 else ""
            results = load_study(folder)
            for name, policy in results.policies.items():
                found[f"{label}/{results.label(name)}".lstrip("/")] = policy
        else:
            found[str(folder)] = PolicyResults(str(folder), (folder,), (read_evaluation(folder),))
    if len(found) < 2:
        raise UserError("nothing to compare: give a study folder, or two or more run folders with an evaluation")
    check_comparable([e for policy in found.values() for e in policy.evaluations])
    seeds = {len(policy.folders) for policy in found.values()}
    if len(seeds) > 1:
        raise UserError(f"the policies have {sorted(seeds)} seeds: a paired comparison needs the same number")
    return found


def print_comparison(folders: Sequence[Path], *, level: int | None = None, metric: str = "verified") -> None:
    """Accuracy of every policy, then every pair's difference with interval and McNemar's p (Holm-adjusted)."""
    if metric not in ("verified", "answer"):
        raise UserError(f"metric is {metric!r}, expected verified or answer")
    policies = load_policies(folders)
    levels = next(iter(policies.values())).levels()
    if level is not None and level not in levels:
        raise UserError(f"no test problem has level {level}: the levels are {levels}")
    console = Console()
    table = Table(title=f"{metric} accuracy, {'all levels' if level is None else f'level {level}'}")
    for column in ("policy", "sampled [95 %]", "greedy [95 %]"):
        table.add_column(column)
    for name, policy in policies.items():
        greedy = str(policy.interval("greedy", metric, level)) if policy.has_greedy else ""
        table.add_row(name, str(policy.interval("sampled", metric, level)), greedy)
    console.print(table)
    pairs = list(combinations(policies, 2))
    both_greedy = [(a, b) for a, b in pairs if policies[a].has_greedy and policies[b].has_greedy]
    exact = {f"{a} - {b}": _greedy_p(policies[a], policies[b], metric, level) for a, b in both_greedy}
    adjusted = holm(exact)
    table = Table(title="paired differences (sampled)")
    table.caption = (
        f"* the interval excludes 0   = equal within {MARGIN} (the whole interval lies inside)\n"
        "P: probability that a seed of the first beats a seed of the second; "
        "p: greedy solutions, Holm-adjusted: McNemar's exact test (one seed), paired t test (several)"
    )
    for column in ("pair", "difference [95 %]", "P", "p"):
        table.add_column(column)
    for a, b in pairs:
        x, y = (policies[name].values("sampled", metric, level) for name in (a, b))
        difference = paired_difference(x, y, policies[a].strata(level))
        mark = " *" if difference.excludes_zero else " =" if is_equivalent(difference, MARGIN) else ""
        better = probability_of_improvement(list(x.mean(1)), list(y.mean(1)))
        p = adjusted.get(f"{a} - {b}")
        table.add_row(f"{a} - {b}", f"{difference}{mark}", f"{better:.2f}", "" if p is None else f"{p:.4f}")
    console.print(table)


def _greedy_p(a: PolicyResults, b: PolicyResults, metric: str, level: int | None) -> float:
    x, y = (policy.values("greedy", metric, level) for policy in (a, b))
    return paired_p(x, y, a.strata(level))
