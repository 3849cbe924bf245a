"""Tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from experiments.results.policy import Levels
from experiments.results.read import START, StudyResults, load_study
from experiments.results.statistics.intervals import mean_interval
from experiments.results.statistics.significance import paired_p
from experiments.run.display import clock
from experiments.run.evaluations import PASS_AT

COSTS_DIFFER = 1.5  # answers whose costs differ by less are not worth a table
COSTS_SHOWN = ("optimizer_steps", "tokens_sampled", "tokens_trained", "verdicts", "labels")


def arm_rows(results: StudyResults, levels: Levels) -> list[dict[str, Any]]:
    """One row per policy at some levels (None: all), the demonstrator first: figures as numbers and intervals."""
    rows: list[dict[str, Any]] = []
    human = results.demonstrator
    if human is not None:
        answer = human.mean("sampled", "answer", levels)
        rows.append({"arm": human.name, "sampled": human.interval(levels=levels), "answer": answer})
    start = results.policies[START]
    k = max(k for k in PASS_AT if k <= start.evaluations[0]["num_samples"])
    for name, policy in results.policies.items():
        can_pass = policy.evaluations[0]["num_samples"] >= k
        row: dict[str, Any] = {
            "arm": results.label(name),
            "sampled": policy.interval("sampled", "solution", levels),
            "answer": policy.mean("sampled", "answer", levels),
            "pass_k": k,
            "pass": policy.pass_at(k, "solution", levels) if can_pass else None,
            "kl": policy.fact("kl"),
            "seconds": results.seconds(name),
        }
        if policy.has_greedy:
            row["greedy"] = policy.interval("greedy", "solution", levels)
        if name != START:
            row["over_start"] = policy.minus(start, "sampled", levels)
        if name != START and policy.has_greedy:
            greedy, greedy_start = (p.values("greedy", "solution", levels) for p in (policy, start))
            row["greedy_p"] = paired_p(greedy, greedy_start, start.strata(levels))
        rows.append(row)
    return rows


def cost_rows(results: StudyResults, levels: Levels) -> list[dict[str, Any]]:
    """One row per policy: what its training cost, and what an answer costs beside what it is worth.

    `flop_per_success` is what one verified answer costs: the cost of an answer over the share that is verified.
    """
    rows = []
    for name, policy in results.policies.items():
        accuracy = policy.mean("sampled", "solution", levels)
        flop = policy.flop_per_answer
        rows.append(
            {
                "arm": results.label(name),
                "training_cost": results.training_cost(name),
                "seconds": results.seconds(name),
                "parameters": policy.fact("parameters"),
                "tokens_per_answer": policy.fact("tokens_per_answer"),
                "flop_per_answer": flop,
                "accuracy": accuracy,
                "flop_per_success": flop / accuracy if flop is not None and accuracy > 0 else None,
            }
        )
    return rows


def cheapest_that_will_do(results: StudyResults, levels: Levels, margin: float) -> str | None:
    """The policy with the cheapest answers among those not worse than the best by `margin` or more.

    Not worse: the whole 95 % interval of the paired difference to the most accurate policy lies above -margin. None
    where costs were not noted, or the most accurate policy solves nothing.
    """
    policies = results.policies
    best = max(policies, key=lambda name: policies[name].mean(levels=levels))
    costs = {name: policy.flop_per_answer for name, policy in policies.items()}
    if policies[best].mean(levels=levels) == 0 or any(cost is None for cost in costs.values()):
        return None
    good = [n for n in policies if n == best or policies[n].minus(policies[best], levels=levels).low > -margin]
    return min(good, key=lambda name: costs[name] or 0.0)


def study_table(results: StudyResults, levels: Levels, where: str) -> Table:
    """The arms' table at some levels, which `where` names."""
    seeds = len(results.seeds)
    rows = arm_rows(results, levels)
    k = next((row["pass_k"] for row in rows if "pass_k" in row), 1)
    split = results.experiment.evaluation.split
    title = f"{results.experiment.name}: step-verified accuracy {where}, {seeds} seed(s)"
    if split != "test":
        title += f", {split} problems"
    table = _table(title, "sampled", "95 %", "greedy", "answer", f"pass@{k}", "gain", "KL")
    for row in rows:
        sampled, over = row["sampled"], row.get("over_start")
        _add(
            table,
            row["arm"],
            _figure(sampled.value, 2),
            f"{sampled.low:.2f}-{sampled.high:.2f}",
            _figure(row["greedy"].value if "greedy" in row else None, 2),
            _figure(row["answer"], 2),
            _figure(row.get("pass"), 2),
            f"{over.value:+.2f}{'*' if over.excludes_zero else ''}" if over else "",
            _figure(row.get("kl"), 1),
        )
    table.caption = "gain: over sft, paired; * its 95 % interval excludes 0"
    return table


def level_table(results: StudyResults) -> Table:
    """Sampled accuracy of every policy at every tested level, longer problems to the right."""
    levels = results.policies[START].levels()
    longer = set(results.longer)
    table = _table("by level", *(f"{level}{'+' if level in longer else ''}" for level in levels))
    everyone = {} if results.demonstrator is None else {results.demonstrator.name: results.demonstrator}
    everyone |= {results.label(name): policy for name, policy in results.policies.items()}
    for label, policy in everyone.items():
        _add(table, label, *(_figure(policy.mean(levels=level), 2) for level in levels))
    if longer:
        table.caption = "+ longer than any problem that was trained on"
    return table


def training_cost_table(results: StudyResults, levels: Levels) -> Table:
    """What each arm's training cost."""
    table = _table("beyond the shared start", "steps", "sampled", "trained", "verdicts", "labels", "time")
    for row in cost_rows(results, levels):
        if row["training_cost"]:
            _add(table, row["arm"], *(short(row["training_cost"][key]) for key in COSTS_SHOWN), clock(row["seconds"]))
    table.caption = (
        "optimizer steps, completion tokens sampled, prompt and completion tokens trained on,\n"
        "gold verdicts that training read, judgements bought"
    )
    return table


def answer_table(results: StudyResults, levels: Levels) -> Table:
    """What each policy's answers cost, and are worth."""
    table = _table("what an answer costs", "weights", "tokens", "FLOP", "solution", "FLOP per solution")
    for row in cost_rows(results, levels):
        _add(
            table,
            row["arm"],
            short(row["parameters"]),
            _figure(row["tokens_per_answer"], 1),
            short(row["flop_per_answer"]),
            _figure(row["accuracy"], 2),
            short(row["flop_per_success"]),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    """A table whose first column wraps, so that the others never shrink."""
    table = Table(title=title, box=SIMPLE, padding=(0, 1), pad_edge=False, collapse_padding=True)
    table.add_column("", justify="left", overflow="fold", min_width=5)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*cells)
    for column, cell in zip(table.columns[1:], cells[1:]):
        column.min_width = max(column.min_width or 0, len(cell))


def part_table(results: StudyResults) -> Table:
    """Every policy on every part of a mixture."""
    shares = {results.label(name): policy.by_part() for name, policy in results.policies.items()}
    table = Table(title="step-verified accuracy by environment, sampled", box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("", *shares):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for part in results.policies[START].by_part():
        table.add_row(part, *(_figure(by_part.get(part), 2) for by_part in shares.values()))
    return table


def short(number: float | None) -> str:
    """A count in three digits: 950, 12.3 k, 1.54 M; nothing for 0 and for None."""
    if not number:
        return ""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def print_study(folder: Path) -> None:
    """The final tables of a study: the headline, the levels, prices."""
    results = load_study(folder)
    console = Console()
    console.print(study_table(results, results.headline, results.where))
    console.print(level_table(results))
    if results.policies[START].by_part():
        console.print(part_table(results))
    console.print(training_cost_table(results, results.headline))
    costs = {policy.flop_per_answer for policy in results.policies.values()}
    if None not in costs and max(c or 0 for c in costs) > COSTS_DIFFER * min(c or 0 for c in costs):
        console.print(answer_table(results, results.headline))


def print_evaluation(evaluation: Any, title: str, leniently: Any = None) -> None:
    """An evaluation by level, and by part where the environment is a mixture; means with their 95 % intervals.

    Args:
        leniently: the same completions, judged leniently: one more row.
    """
    ks = [k for k in PASS_AT if k <= evaluation.num_samples]
    shown = ks[1:][-1:]
    table = _table(
        title,
        *("n", "answer", "95 %", "solution", "95 %", "greedy"),
        *(f"pass@{k}" for k in shown),
        *(f"maj@{k}" for k in shown),
        "len",
    )
    rows = [*((str(level), evaluation.at(level)) for level in evaluation.levels)]
    rows += [*((part, evaluation.of_part(part)) for part in evaluation.parts), ("all", evaluation)]
    rows += [("loose", leniently)] if leniently is not None else []
    for label, part in rows:
        figures = part.summary(ks)
        _add(
            table,
            label,
            str(int(figures["num_problems"])),
            *_mean_and_interval(part, "answer"),
            *_mean_and_interval(part, "solution"),
            _figure(figures.get("greedy_solution"), 2),
            *(_figure(figures[f"pass@{k}_solution"], 2) for k in shown),
            *(_figure(figures.get(f"maj@{k}_answer"), 2) for k in shown),
            f"{figures['tokens']:.3g}" if evaluation.num_samples else "",
        )
    table.caption = "greedy and pass@k: solution; maj@k: answers by majority, ties drawn; len: tokens"
    if leniently is not None:
        table.caption += "; loose: judged leniently, the last number or formula counts"
    Console().print(table)


def _mean_and_interval(evaluation: Any, of: str) -> tuple[str, str]:
    """mean@k and its interval over problems; nothing without samples."""
    shares = [getattr(row, f"c_{of}") / row.n for row in evaluation.rows if row.n]
    if not shares:
        return "", ""
    levels = [row.level for row in evaluation.rows if row.n]
    found = mean_interval(np.array([shares]), levels)
    return f"{found.value:.2f}", f"{found.low:.2f}-{found.high:.2f}"


def _figure(value: float | None, digits: int = 3) -> str:
    text = "" if value is None else f"{value:.{digits}f}"
    return text.lstrip("-") if text and float(text) == 0 else text  # a KL of -0.0 is 0.0
