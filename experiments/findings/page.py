"""docs/findings.md and its figures, written from results/findings/*.json: python -m experiments.findings.page

A figure and three sentences a question: what was foretold and came of it; the figure that a sceptic asks for; seeds,
commit and cost. A study without results has its command and its price there, and no sentence about what it would show.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.config.components import build_env
from experiments.config.loading import HYPOTHESES, STUDY_FOLDER, load_experiment
from experiments.findings.figure import draw
from experiments.findings.price import price_of
from experiments.hypotheses.loading import load_variants, read_design, text_digest
from experiments.hypotheses.verdicts import HELD, NOT_HELD, UNDECIDED
from experiments.results.spending import WATTS_PER_CORE
from experiments.results.tables import short
from experiments.run.folders import read_json

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "results" / "findings", ROOT / "docs" / "findings.md"
IMAGES = ROOT / "docs" / "images" / "findings"
INTRODUCTION = (
    "# Findings\n",
    "Written by `python -m experiments.findings.page` from [results/findings](../results/findings/README.md); not by "
    "hand. Every question has a study in [experiments/studies](../experiments/studies), whose hypotheses were "
    "committed before it ran ([studies.md](studies.md)). *Primary* hypotheses are corrected together and judged from "
    "five seeds; all others are **exploratory**. Intervals are 95 %, over seeds and problems. Accuracy is the share of "
    "sampled solutions to frozen test problems that are right in every line; nothing was tuned on those problems. "
    "`beyond reproduce NAME` runs a study, says before it starts what it will take, and writes its result and "
    "figure.\n",
    f"Energy is CPU time at {WATTS_PER_CORE:g} W a core, an assumption. Operations are 2 a weight and token sampled, "
    "6 a weight and token trained on. A *point* is a hundredth of accuracy gained over the start.\n",
)
PER_POINT = {
    "tokens": "tokens",
    "flop": "FLOP",
    "cpu_seconds": "CPU s",
    "watt_hours": "Wh",
    "labels": "labels",
    "verdicts": "verdicts",
}


def written() -> dict[Path, str]:
    """Every file that this module writes, with its text."""
    found = {}
    parts = list(INTRODUCTION)
    waiting = []
    for config in sorted(STUDY_FOLDER.glob("*.yaml")):
        if config.name.endswith(HYPOTHESES):
            continue
        path = RESULTS / f"{config.stem}.json"
        if path.exists():
            finding = read_json(path)
            found[IMAGES / f"{config.stem}.svg"] = draw(finding["figure"], finding["question"]) + "\n"
            parts.append(section(finding, config))
        else:
            waiting.append(config)
    parts.append(not_run(waiting))
    found[PAGE] = "\n".join(part for part in parts if part)
    return found


def section(finding: Mapping[str, Any], config: Path) -> str:
    """The question, its figure, its three sentences, its hypotheses and its costs."""
    name, rows = finding["name"], finding["hypotheses"]
    now = text_digest(config.with_name(name + HYPOTHESES).read_text(encoding="utf-8"))
    is_changed = now != finding["hypotheses_sha256"]
    lines = [
        f"## {finding['question']}\n",
        f"![{finding['question']}](images/findings/{name}.svg)\n",
        " ".join((summary(rows), sceptics(finding["sceptic"]), origin(finding, is_changed=is_changed))),
        "",
        "| verdict | hypothesis | foretold | falsified | measured |",
        "|---|---|---|---|---|",
        *(hypothesis_row(row) for row in rows),
        "",
        *cost_table(finding["costs"]),
    ]
    return "\n".join(lines)


def summary(rows: list[Mapping[str, Any]]) -> str:
    """How many hypotheses came out how, the ones that did not hold by their sentences."""
    counts = {verdict: [row for row in rows if row["verdict"] == verdict] for verdict in (HELD, NOT_HELD, UNDECIDED)}
    roles = {row["role"] for row in rows}
    kind = "primary and exploratory" if len(roles) > 1 else roles.pop()
    told = ", ".join(f"{len(found)} {verdict}" for verdict, found in counts.items() if found)
    failed = "; ".join(f"“{row['sentence'].rstrip('.')}”" for row in counts[NOT_HELD])
    return f"Of {len(rows)} {kind} hypotheses: {told}" + (f" ({failed} failed)." if failed else ".")


def sceptics(row: Mapping[str, Any]) -> str:
    """The sceptic's question with its figure."""
    value = f"not measured ({row['reason']})" if row["value"] is None else interval(row)
    return f"{row['asks'].rstrip('?').rstrip()}{'?' if row['asks'].rstrip().endswith('?') else ':'} {value}."


def origin(finding: Mapping[str, Any], *, is_changed: bool) -> str:
    """Seeds, commit, config, cost, and whether the hypotheses are those of the run."""
    name = finding["name"]
    with_ = "".join(f" -s {override}" for override in finding["overrides"])
    changed = " **The hypotheses were changed after this run.**" if is_changed else ""
    dirty = " with uncommitted changes" if finding["uncommitted"] else ""
    return (
        f"Seeds {', '.join(map(str, finding['seeds']))}; settings of commit {finding['commit'][:10]}{dirty} "
        f"([today's](../experiments/studies/{name}.yaml)); [hypotheses](../experiments/studies/{name}{HYPOTHESES}), "
        f"[result](../results/findings/{name}.json); {finding['seconds'] / 60:.0f} minutes of stages on "
        f"{finding['machine'].get('cores', '?')} cores; `beyond reproduce {name}{with_}`.{changed}"
    )


def hypothesis_row(row: Mapping[str, Any]) -> str:
    """A row of the table of hypotheses."""
    role = "" if row["role"] == "primary" else " (exploratory)"
    measured = (
        row["reason"] if row["value"] is None else interval(row) + (f"; {row['reason']}" if row["reason"] else "")
    )
    return f"| **{row['verdict']}**{role} | {row['sentence']} | {row['predicts']} | {row['falsified']} | {measured} |"


def interval(row: Mapping[str, Any]) -> str:
    """A figure with its interval."""
    if row["low"] is None or row["high"] is None:
        return f"{row['value']:.3g}"
    return f"{row['value']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"


def cost_table(rows: list[Mapping[str, Any]]) -> list[str]:
    """What every arm took for each point that it gained."""
    if not rows:
        return []
    keys = [key for key in PER_POINT if any(row[key] for row in rows)]
    head = " | ".join(f"{PER_POINT[key]}" for key in keys)
    lines = [
        f"| arm, beyond its start | accuracy | points | {head} |",
        "|---|---|---|" + "---|" * len(keys),
    ]
    for row in rows:
        cells = [amount(row[key], row["per_point"][key]) for key in keys]
        lines.append(f"| {row['policy']} | {row['accuracy']:.2f} | {row['points']:+.0f} | {' | '.join(cells)} |")
    return [*lines, "", "Amounts in all; behind the stroke, for each point.", ""]


def amount(total: float | None, each: float | None) -> str:
    """`12k / 300`: in all and for each point; dashes for nothing."""
    if not total:
        return "–"
    return f"{_number(total)} / {'–' if each is None else _number(each)}"


def _number(value: float) -> str:
    return short(value) if value >= 1000 else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def not_run(configs: list[Path]) -> str:
    """The commands of studies that have no results here, and what each will take."""
    if not configs:
        return ""
    lines = [
        "## Studies without results here\n",
        "| command | question | it takes, without starts to share |",
        "|---|---|---|",
    ]
    for config in configs:
        design = read_design(config.with_name(config.stem + HYPOTHESES))
        experiments = load_variants(config, design)
        env = build_env(load_experiment([config]).env)[1]
        levels = len((*env.levels, *env.ood_levels))
        price = price_of(experiments, has_start=dict.fromkeys(experiments, False), levels=levels)
        lines.append(f"| `beyond reproduce {config.stem}` | {design.question} | {price} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Writes the page and its figures."""
    for path, text in written().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
