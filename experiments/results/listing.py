"""`beyond ls`: studies under a folder, with their state and headline."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.run.folders import STATUS, read_json

DEAD_SECONDS = 60.0  # the heart beats every few


def print_runs(root: Path) -> None:
    """One row per study found below `root`.

    Raises:
        UserError: there is none.
    """
    folders = sorted(path.parent for path in root.rglob("study.json"))
    if not folders:
        raise UserError(f"no study below {root}: run one with `beyond study demo`")
    table = Table()
    for column in ("study", "state", "seeds", "step-verified accuracy (sampled)"):
        table.add_column(column)
    for folder in folders:
        study = read_json(folder / "study.json")
        table.add_row(str(folder), _state(folder, study["state"]), str(len(study["seeds"])), _headline(folder))
    Console().print(table)


def _state(folder: Path, state: str) -> str:
    """The state; of a study that says it runs and whose heart does not beat, that too."""
    rows = [read_json(path) for path in folder.rglob(STATUS)]
    running = [row["heartbeat"] for row in rows if row["state"] == "running"]
    if state != "running" or not running:
        return state
    silent = time.time() - max(running)
    return state if silent < DEAD_SECONDS else f"killed? no heartbeat for {silent / 60:.0f} min: --resume goes on"


def _headline(folder: Path) -> str:
    try:
        results = load_study(folder)
    except UserError:
        return "not evaluated yet"
    level = results.headline_level
    return "  ".join(
        f"{results.label(name)} {policy.values('sampled', 'verified', level).mean():.2f}"
        for name, policy in results.policies.items()
        if "/" not in name
    )
