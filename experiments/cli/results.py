"""`beyond compare`, `report`, `ls`, `export`: the verbs that read finished studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from experiments.report import write_report
from experiments.results.compare import comparison
from experiments.results.compare_output import FORMATS, print_comparison, render
from experiments.results.export import export_policy
from experiments.results.listing import listed, print_runs
from experiments.run.folders import damage_told


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="A study folder (all its arms), or two or more of study folders and run folders (…/seed-0/rl)."
        ),
    ],
    level: Annotated[int | None, typer.Option(help="Only problems of this level.")] = None,
    metric: Annotated[str, typer.Option(help="solution or answer.")] = "solution",
    form: Annotated[str, typer.Option("--format", help=", ".join(FORMATS))] = "table",
) -> None:
    """Compare policies on the same problems, with intervals.

    Paired differences by seed and problem; whatever else differs between the policies is named. Policies of several
    studies are matched by arm. How to read it: docs/reading-results.md.
    """
    with damage_told(folders[0]):
        found = comparison(folders, level=level, metric=metric)
    if form == "table":
        print_comparison(found)
    else:
        print(render(found, form))


def report(folder: Annotated[Path, typer.Argument(help="A study folder.")]) -> None:
    """Write report.html, report.md and report.json of a study again."""
    with damage_told(folder):
        print(write_report(folder))


def export(
    run_folder: Annotated[Path, typer.Argument(help="A run folder (…/seed-0/rl) or a policy folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
) -> None:
    """Copy a trained policy as a Hugging Face folder with a model card."""
    print(export_policy(run_folder, output))


def list_runs(
    root: Annotated[Path, typer.Argument(help="Where studies are.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list for programs.")] = False,
) -> None:
    """List studies: state, date, duration, headline, changed settings."""
    if as_json:
        print(json.dumps(listed(root), indent=1))
    else:
        print_runs(root)
