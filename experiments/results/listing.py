"""`beyond ls`: studies under a folder, with their state, date, duration, changed settings and headline."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from experiments.config.loading import load_experiment, load_resolved
from experiments.results.compare import flat
from experiments.results.read import NotEvaluatedError, load_study
from experiments.run.display import clock
from experiments.run.errors import UserError
from experiments.run.folders import damage_told
from experiments.run.lock import holder_of, is_locked
from experiments.run.sealed import read_sealed
from experiments.run.terminal import printable

OF_STUDIES = ("study.json", "provenance.json")  # one of them may be missing
OF_EVERY_RUN = ("name", "seeds", "threads")  # settings that say nothing about what was changed


@dataclass(frozen=True)
class Listed:
    """What is told about a study.

    Attributes:
        began: ISO date and time; "" where unknown.
        seconds: of all stages together; None where unknown.
        changed: settings in which it differs from the shipped config of its name, with their values; None where no
            config of that name is shipped.
        headline: mean verified share of every policy over the headline's levels; empty before any evaluation.
        trouble: what is wrong with its files; "" where nothing is.
    """

    folder: str
    state: str
    name: str = ""
    began: str = ""
    seconds: float | None = None
    seeds: tuple[int, ...] = ()
    where: str = ""
    headline: dict[str, float] = field(default_factory=dict)
    changed: dict[str, Any] | None = None
    trouble: str = ""


def listed(root: Path) -> list[dict[str, Any]]:
    """Every study below `root` as plain values, by folder.

    Raises:
        UserError: there is none.
    """
    folders = sorted({path.parent for name in OF_STUDIES for path in root.rglob(name)})
    if not folders:
        raise UserError(f"no study below {root}: run one with `beyond study demo`")
    return [asdict(_look(folder)) for folder in folders]


def print_runs(root: Path) -> None:
    """A few lines for every study found below `root`.

    Raises:
        UserError: there is none.
    """
    console = Console()
    for row in listed(root):
        for line in _lines(row):
            indent = " " * (len(line) - len(line.lstrip()) + 2)
            text = textwrap.fill(printable(line), console.width, subsequent_indent=indent, break_on_hyphens=False)
            console.print(Text(text), soft_wrap=True)


def _lines(row: Mapping[str, Any]) -> list[str]:
    """Folder and state; then, indented, date, duration, seeds, headline, changed settings, trouble."""
    facts = [row["began"][:16].replace("T", " "), "" if row["seconds"] is None else f"took {clock(row['seconds'])}"]
    if row["seeds"]:
        facts.append(f"seed{'s' if len(row['seeds']) > 1 else ''} {', '.join(map(str, row['seeds']))}")
    lines = [f"{row['folder']}  {row['state']}", f"  {'  '.join(fact for fact in facts if fact)}"]
    if row["headline"]:
        lines.append(
            f"  {row['where']}: " + "  ".join(f"{name} {value:.2f}" for name, value in row["headline"].items())
        )
    elif not row["trouble"]:
        lines.append("  not evaluated yet")
    if row["changed"]:
        lines.append(f"  {row['name']} with {', '.join(_settings(row['changed']))}")
    if row["trouble"]:
        lines.append(f"  {row['trouble']}")
    return [line for line in lines if line.strip()]


def _settings(changed: Mapping[str, Any]) -> list[str]:
    """`key=value` of each changed setting, as a config or -s has it; an arm that was added is one of them."""
    added = {key.removesuffix(".method"): value for key, value in changed.items() if key.endswith(".method")}
    found = []
    for key, value in changed.items():
        arm = ".".join(key.split(".")[:2])
        if arm not in added:
            found.append(f"{key}={json.dumps(value)}" if not isinstance(value, str) else f"{key}={value}")
        elif key == f"{arm}.method":
            found.append(f"{arm} ({value})")
    return found


def _look(folder: Path) -> Listed:
    """What can be told of a study: damage to one keeps no other from being listed."""
    try:
        with damage_told(folder):
            study = read_sealed(folder / "study.json", "state", "seeds")
            state, seeds = _state(folder, study["state"]), tuple(study["seeds"])
    except UserError as error:
        return Listed(str(folder), "damaged", trouble=str(error).removeprefix(f"{folder}/"))
    facts: dict[str, Any] = {}
    try:
        with damage_told(folder):
            facts = {
                "name": study.get("name", ""),
                "began": str(read_sealed(folder / "provenance.json").get("began", "")),
                "seconds": sum(stage["seconds"] for stage in study.get("stages", [])),
                "changed": changed(folder, study.get("name", "")),
            }
            return Listed(str(folder), state, seeds=seeds, **facts, **_headline(folder))
    except UserError as error:
        return Listed(str(folder), state, seeds=seeds, **facts, trouble=str(error).removeprefix(f"{folder}/"))


def _state(folder: Path, state: str) -> str:
    """The state; of a study that says it runs although nobody runs it, that too."""
    if state != "running":
        return state
    if is_locked(folder):
        return f"running, {holder_of(folder).partition(' (')[0]}"
    return "killed: --resume goes on"


def changed(folder: Path, name: str) -> dict[str, Any] | None:
    """Settings in which a study differs from the shipped config of its name -> their values; None: an arm left out.

    None where no config of that name is shipped.
    """
    try:
        shipped = flat(load_experiment([name]).model_dump(mode="json"))
    except UserError:
        return None
    own = flat(load_resolved(folder / "config.yaml").model_dump(mode="json"))
    found = {k: v for k, v in own.items() if k not in OF_EVERY_RUN and (k not in shipped or v != shipped[k])}
    left_out = [".".join(key.split(".")[:2]) for key in shipped if key not in own]
    return found | {key: None for key in left_out if not any(k.startswith(f"{key}.") for k in own)}


def _headline(folder: Path) -> dict[str, Any]:
    try:
        results = load_study(folder)
    except NotEvaluatedError:
        return {}
    policies = {name: policy for name, policy in results.policies.items() if "/" not in name}
    figures = {results.label(name): policy.mean(levels=results.headline) for name, policy in policies.items()}
    return {"headline": figures, "where": results.where}
