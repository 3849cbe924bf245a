"""Tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from experiments.evaluation import PASS_AT
from experiments.results import START, StudyResults, load_study
from experiments.stats import Interval, mcnemar_exact, paired_difference


def arm_rows(results: StudyResults, level: int | None) -> list[dict[str, Any]]:
    """One row per policy at a level (None: all levels), the demonstrator first: figures as numbers and intervals."""
    rows: list[dict[str, Any]] = []
    human = results.demonstrator(level)
    if human is not None:
        answer = results.demonstrator(level, "answer")
        rows.append({"arm": "demonstrator", "sampled": human, "answer": answer})
    start = results.policies[START]
    for name, policy in results.policies.items():
        k = max(k for k in PASS_AT if k <= policy.evaluations[0]["num_samples"])
        sampled = policy.values("sampled", "verified", level)
        row: dict[str, Any] = {
            "arm": "imitation" if name == START else name,
            "sampled": policy.interval("sampled", "verified", level),
            "greedy": policy.interval("greedy", "verified", level),
            "answer": float(policy.values("sampled", "answer", level).mean()),
            "pass_k": k,
            "pass": policy.pass_at(k, "verified", level),
            "kl": results.last(name, "policy/kl"),
            "tokens": results.last(name, "tokens/sampled_total"),
            "seconds": results.seconds("imitation" if name == START else name),
        }
        if name != START:
            base = start.values("sampled", "verified", level)
            row["over_start"] = paired_difference(sampled, base)
            greedy, greedy_base = (p.values("greedy", "verified", level)[0] > 0 for p in (policy, start))
            row["mcnemar_p"] = mcnemar_exact(list(greedy), list(greedy_base))
        rows.append(row)
    return rows


def study_table(results: StudyResults, level: int | None) -> Table:
    """The arms' table at a level."""
    where = "all levels" if level is None else f"level {level}"
    seeds = len(results.seeds)
    rows = arm_rows(results, level)
    k = next((row["pass_k"] for row in rows if "pass_k" in row), 1)
    title = f"{results.experiment.name}: step-verified accuracy, {where}, {seeds} seed(s)"
    table = Table(title=title, box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("", "sampled", "95 %", "greedy", "answer", f"pass@{k}", "gain", "KL"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in rows:
        sampled, over = row["sampled"], row.get("over_start")
        is_interval = isinstance(sampled, Interval)
        table.add_row(
            row["arm"],
            _figure(sampled.value if is_interval else sampled, 2),
            f"{sampled.low:.2f}-{sampled.high:.2f}" if is_interval else "",
            _figure(row["greedy"].value if "greedy" in row else None, 2),
            _figure(row["answer"], 2),
            _figure(row.get("pass"), 2),
            f"{over.value:+.2f}{'*' if over.excludes_zero else ''}" if over else "",
            _figure(row.get("kl"), 1),
        )
    table.caption = "gain: over imitation, paired; * its 95 % interval excludes 0"
    return table


def part_table(results: StudyResults) -> Table:
    """Every policy on every part of a mixture."""
    shares = {"imitation" if name == START else name: policy.by_part() for name, policy in results.policies.items()}
    table = Table(title="step-verified accuracy by environment, sampled", box=SIMPLE, padding=(0, 1), pad_edge=False)
    for column in ("", *shares):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for part in results.policies[START].by_part():
        table.add_row(part, *(_figure(by_part.get(part), 2) for by_part in shares.values()))
    return table


def print_study(folder: Path) -> None:
    """The final tables of a study: the headline level, then all levels."""
    results = load_study(folder)
    console = Console()
    if results.headline_level is not None:
        console.print(study_table(results, results.headline_level))
    console.print(study_table(results, None))
    if results.policies[START].by_part():
        console.print(part_table(results))


def print_evaluation(evaluation: Any, title: str) -> None:
    """An evaluation by level, and by part where the environment is a mixture."""
    ks = [k for k in PASS_AT if k <= evaluation.num_samples]
    table = Table(title=title)
    columns = ["level", "problems", "answer", "verified", "greedy", *(f"pass@{k}" for k in ks[1:]), "tokens"]
    for column in columns:
        table.add_column(column, justify="right")
    rows = [*((str(level), evaluation.at(level)) for level in evaluation.levels)]
    rows += [*((part, evaluation.of_part(part)) for part in evaluation.parts), ("all", evaluation)]
    for label, part in rows:
        figures = part.summary(ks)
        table.add_row(
            label,
            str(int(figures["num_problems"])),
            _figure(figures["mean_answer"]),
            _figure(figures["mean_verified"]),
            _figure(figures.get("greedy_verified")),
            *(_figure(figures[f"pass@{k}_verified"]) for k in ks[1:]),
            _figure(figures["tokens"], 1),
        )
    Console().print(table)


def _figure(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"
