"""`beyond rescore`: judge the stored rollouts of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from envs.graders import AnswerGrader, EnvGrader
from envs.registry import make, parse_reference
from envs.types import EnvSpec
from experiments.config.loading import load_experiment, parse_override
from experiments.run.errors import UserError
from experiments.run.folders import output_file, write_json
from rl.records.rescore import rescore_run
from verifiers.plugins import trusting_only
from verifiers.registry import make as make_verifier


def rescore(
    run: Annotated[Path, typer.Argument(help="A run folder with a rollout log, e.g. runs/demo/seed-0/rl.")],
    env: Annotated[
        str | None, typer.Option("--env", help="Environment whose grading judges; default: that of the run.")
    ] = None,
    verifier: Annotated[
        str | None, typer.Option(help="Judge by this verifier and the reference answers: symbolic, numeric, ...")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="The verifier's setting=value; may be repeated.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Verifier processes.")] = 2,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
) -> None:
    """Judge the stored rollouts of a run again; samples nothing.

    `beyond rescore RUN` asks whether today's code still says what was said then; `--env 'leaps?require=strict'` or
    `--verifier numeric` what another judge says.
    """
    if env is not None and verifier is not None:
        raise UserError("give --env or --verifier: one of them judges")
    if not run.is_dir():
        raise UserError(f"{run} is not a folder: give a run with a rollout log, e.g. runs/demo/seed-0/rl")
    output_file(output)
    try:
        if verifier is not None:
            settings = {key: value for text in overrides or () for key, value in parse_override(text).items()}
            make_verifier(verifier, **settings)
            found = rescore_run(run, AnswerGrader(verifier, **settings), workers=workers)
        else:
            if overrides:
                raise UserError("--set goes with --verifier; an environment's settings follow its name: 'leaps?a=b'")
            if env is None:
                spec = env_of_run(run)
                with trusting_only([Path.cwd()]):  # it is a config that names it
                    make(spec)
            else:
                spec = parse_reference(env)
                make(spec)
            found = rescore_run(run, EnvGrader(spec), workers=workers)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(str(error)) from error
    table = Table(title=f"{found.num_responses:,} responses: agreement {found.agreement:.2%}, kappa {found.kappa:.3f}")
    for column in ("stored verdict", "new verdict", "responses"):
        table.add_column(column, justify="right" if column == "responses" else "left")
    for row in found.to_json()["table"]:
        table.add_row(row["stored"], row["new"], f"{row['count']:,}")
    Console().print(table)
    if output is not None:
        write_json(output, found.to_json())


def env_of_run(run: Path) -> EnvSpec:
    """The environment of the study that a run folder belongs to.

    Raises:
        UserError: there is no config.yaml in the folder or above it.
    """
    folder = run.resolve()
    config = next(
        (place / "config.yaml" for place in (folder, *folder.parents) if (place / "config.yaml").exists()), None
    )
    if config is None:
        raise UserError(f"no config.yaml in {run} or above it: say who judges, with --env or --verifier")
    component = load_experiment([config]).env
    return parse_reference(component.name, **component.settings)
