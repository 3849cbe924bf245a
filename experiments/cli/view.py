"""`beyond view`: look at the rollouts, curves and state of one or several studies in a browser."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from experiments.run.errors import UserError


def view(
    folders: Annotated[list[Path], typer.Argument(help="Folders of studies, finished or running.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0: any that is free.")] = 0,
) -> None:
    """Look at rollouts, curves and live runs in a browser, on this machine.

    Rollouts with filters and search, curves, differences between studies, what a run does now: docs/view.md.
    The page is served to this machine alone, under an address with a token.
    """
    for folder in folders:
        if not (folder / "config.yaml").exists():
            raise UserError(f"{folder} holds no study (no config.yaml); expected a folder such as runs/demo")
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise UserError("the page needs the extra `view`: run pip install -e '.[view]' in this project's folder")
    from experiments.view.server import serve  # starlette and uvicorn come with the extra

    try:
        serve([folder.resolve() for folder in folders], port=port, say=print)
    except OSError as error:
        raise UserError(f"port {port}: {error.strerror}; choose another --port, or 0 for any") from error
