"""`beyond verify`: judge responses, from a file or from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.cli.verify import render_summary, render_verdict, verify_file, verify_pair
from experiments.config.loading import parse_override
from experiments.run.errors import UserError
from experiments.run.folders import output_file


def verify(
    source: Annotated[str, typer.Argument(help="A JSONL file, or one response.")],
    reference: Annotated[str | None, typer.Argument(help="Reference answer, with one response.")] = None,
    verifier: Annotated[str, typer.Option(help="symbolic, numeric, exact, ... or package.module:attr.")] = "symbolic",
    form: Annotated[str, typer.Option("--format", help="jsonl, or gsm8k-solutions.")] = "jsonl",
    response_field: Annotated[str, typer.Option(help="Dotted path in each row.")] = "response",
    answer_field: Annotated[str, typer.Option(help="Dotted path in each row.")] = "answer",
    label_field: Annotated[str | None, typer.Option(help="Dotted path of a right/wrong label, if any.")] = None,
    places: Annotated[str, typer.Option(help="Comma-separated places where an answer counts.")] = "",
    overrides: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="The verifier's setting=value; may be repeated.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Verifier processes.")] = 2,
    deadline: Annotated[float, typer.Option(min=0.001, help="Seconds per response; then its process is killed.")] = 2.0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSONL file of verdicts.")] = None,
    disagreements: Annotated[int, typer.Option(min=0, help="Disagreements with the labels to show.")] = 10,
) -> None:
    """Grade a file of responses, or one response, and say why.

    `beyond verify answers.jsonl` prints a summary, `beyond verify '\\boxed{1/2}' 0.5` one verdict. The verifier's
    settings are given by name: `-s strict=true -s tolerance=0.01`.
    """
    settings = {key: value for text in overrides or () for key, value in parse_override(text).items()}
    settings |= {"places": tuple(places.split(","))} if places else {}
    output_file(output)
    console = Console()
    try:
        if reference is not None:
            verdict = verify_pair(source, reference, verifier=verifier, settings=settings, deadline=deadline)
            console.print(render_verdict(verdict, reference))
            return
        if not Path(source).is_file():
            raise UserError(f"{source!r} is not a file; to grade one response, give its reference answer after it")
        summary = verify_file(
            source,
            response_field=response_field,
            answer_field=answer_field,
            label_field=label_field,
            format=form,
            verifier=verifier,
            settings=settings,
            workers=workers,
            deadline=deadline,
            output=output,
        )
    except (ValueError, TypeError, OSError) as error:
        raise UserError(str(error)) from error
    if not summary.rows:
        raise UserError(f"{source} holds no responses: expected one JSON object per line")
    console.print(render_summary(summary, max_disagreements=disagreements))
