"""`beyond new`: a starter file for a part of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.run.folders import output_folder
from experiments.starters.write import how_to_name, write_starter
from verifiers.parts import KINDS


def new(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(help="A Python identifier.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")] = Path(),
) -> None:
    """Write a starter file for a part of your own, and its test.

    What each kind must have is in docs/plugins.md.
    """
    output_folder(output)
    part, test = write_starter(kind, name, output)
    print(f"{part}   in a config: {how_to_name(kind, name)}")
    print(f"{test}   python -m pytest {test}")
