"""`beyond ls`: studies under a folder, with their state and headline."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from experiments.results.read import NotEvaluatedError, load_study
from experiments.run.errors import UserError
from experiments.run.folders import damage_told, read_object
from experiments.run.lock import holder_of, is_locked
from experiments.run.terminal import printable


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
        table.add_row(Text(printable(str(folder))), *(Text(printable(cell)) for cell in _row(folder)))
    Console().print(table)


def _row(folder: Path) -> tuple[str, str, str]:
    """State, seeds and headline; of a damaged study what is wrong with it, which keeps no other from being listed."""
    try:
        with damage_told(folder):
            study = read_object(folder / "study.json", "state", "seeds")
            state, seeds = _state(folder, study["state"]), str(len(study["seeds"]))
    except UserError as error:
        return "damaged", "", str(error).removeprefix(f"{folder}/")
    try:
        with damage_told(folder):
            return state, seeds, _headline(folder)
    except UserError as error:
        return state, seeds, str(error).removeprefix(f"{folder}/")


def _state(folder: Path, state: str) -> str:
    """The state; of a study that says it runs although nobody runs it, that too."""
    if state != "running":
        return state
    if is_locked(folder):
        return f"running, {holder_of(folder).partition(' (')[0]}"
    return "killed: --resume goes on"


def _headline(folder: Path) -> str:
    try:
        results = load_study(folder)
    except NotEvaluatedError:
        return "not evaluated yet"
    return "  ".join(
        f"{results.label(name)} {policy.mean(levels=results.headline):.2f}"
        for name, policy in results.policies.items()
        if "/" not in name
    )
