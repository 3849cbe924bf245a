"""`beyond env`: look at environments, check them, play them, start a new one."""

from __future__ import annotations

import sys
from dataclasses import replace
from json import dumps, loads
from pathlib import Path
from typing import Annotated, Any

import typer

from envs.adapters import need
from envs.builtin import PROCEDURAL
from envs.check.audit import audit as audit_one
from envs.check.audit import table
from envs.check.conformance import check_environment
from envs.environment import Environment
from envs.present.export import write_jsonl
from envs.present.prime import write_module
from envs.present.show import gallery
from envs.present.show import play as play_rounds
from envs.present.show import show as show_text
from envs.registry import list_environments, make, parse_levels
from experiments.config.components import build_demonstrator
from experiments.config.yaml_text import parse_yaml
from experiments.run.errors import EXIT_CHECK_FAILED, UserError
from experiments.run.folders import output_file, output_folder, read_json, write_json
from experiments.run.terminal import printable, tell
from experiments.study.provenance import provenance

OF_TABLES = (".csv", ".tsv", ".parquet", ".arrow", ".xlsx")  # endings that say of a file what it would not be
app = typer.Typer(help="Look at environments; check, play, write, export, serve them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name, 'name?setting=value', package.module:attr, file.py:attr.")]
Level = Annotated[int | None, typer.Option(help="Only this level; default: the training levels in turn.")]
Seed = Annotated[int, typer.Option(help="Of the problems.")]


@app.command("list")
def list_all() -> None:
    """Built-in environments and installed plug-ins, a line each."""
    for name, summary in list_environments():
        print(f"{name:<26} {summary}")


@app.command()
def show(
    name: Name,
    num: Annotated[int, typer.Option("--num", "-n", min=1, help="Problems.")] = 3,
    level: Level = None,
    seed: Seed = 0,
    demonstrator: Annotated[
        str | None,
        typer.Option(help="Also show what a writer with these settings writes, e.g. '{error_rate: 0.1}' or '{}'."),
    ] = None,
) -> None:
    """Print problems with their worked solutions and a wrong one."""
    env = _make(name)
    writer = None if demonstrator is None else build_demonstrator(env, _settings(demonstrator))
    try:
        print(printable(show_text(env, num=num, level=level, seed=seed, demonstrator=writer)))
    except ValueError as error:
        raise UserError(str(error)) from error


@app.command()
def check(
    name: Name,
    num: Annotated[int, typer.Option("--num", "-n", min=2, help="Problems per level and split.")] = 200,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Look for leaks, exploits and broken promises; exit code 4: found.

    Determinism, gold answers, splits, policies without skill, hostile responses; each failure with its remedy.
    """
    report = replace(check_environment(_make(name), num=num, seed=seed, say=_say), env=printable(name))
    print(dumps(report.to_json(), indent=1) if json else report.text())
    if not report.is_ok:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def audit(
    names: Annotated[
        list[str] | None, typer.Argument(help="Environments; default: all built-in procedural ones.")
    ] = None,
    problems: Annotated[int, typer.Option(min=2, help="Problems of train and of test that must share none.")] = 100_000,
    checked: Annotated[int, typer.Option(min=2, help="Problems per level for `check` and its probes.")] = 1000,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="JSON file; rows of other environments in it are kept.")
    ] = None,
) -> None:
    """The long check: exploits and splits on 100,000 problems.

    About a minute of processor time per environment. Exit code 4: one fails.
    """
    output_file(output)
    document = read_json(output) if output is not None and output.exists() else {"environments": {}}
    wanted = names or sorted(PROCEDURAL)
    for number, name in enumerate(wanted, 1):
        _make(name)  # a misspelt one is found before the next minute is spent
        print(f"{number}/{len(wanted)} {name} ...", flush=True)
        origin = provenance(["beyond", "env", "audit", *sys.argv[3:]])
        found = audit_one(name, problems=problems, checked=checked)
        document["environments"][name] = {**found, "commit": origin["commit"]}
        document["provenance"] = origin  # of the last row; the others say which commit made them
        if output is not None:
            write_json(output, {**document, "environments": dict(sorted(document["environments"].items()))})
    rows = {name: document["environments"][name] for name in wanted}
    print(table(rows))
    if not all(row["is_ok"] for row in rows.values()):
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def play(
    name: Name,
    num: Annotated[int, typer.Option("--num", "-n", min=1, help="Problems.")] = 5,
    level: Level = None,
    seed: Seed = 0,
) -> None:
    """Answer problems yourself; an empty answer ends the game."""

    def ask(prompt: str) -> str:
        """The typed answer; "" at the end of the input, which ends the game."""
        print(f"\n{printable(prompt)}")
        try:
            return input("> ")
        except EOFError:
            return ""

    env = _make(name)
    right = total = 0
    try:
        for played in play_rounds(env, ask, num=num, level=level, seed=seed):
            verdict, total = played.verdict, total + 1
            right += verdict.is_correct
            reference = f" (reference {played.problem.answer})" if played.problem.answer else ""
            print(printable(f"{verdict.outcome.value}: {verdict.detail}{reference}"))
    except ValueError as error:
        raise UserError(str(error)) from error
    print(f"\n{right} of {total} right")


@app.command()
def export(
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: JSON lines, or a module (.py).")],
    kind: Annotated[
        str,
        typer.Option(
            help="One of trl's forms (prompt_only, prompt_completion, preference, unpaired_preference, "
            "stepwise_supervision), problems, or verifiers: a module for Prime Intellect's library."
        ),
    ] = "prompt_only",
    num: Annotated[int, typer.Option("--num", "-n", min=1, help="Rows.")] = 1000,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    levels: Annotated[str, typer.Option(help="e.g. 1-4 or 1,3; default: the training levels.")] = "",
    seed: Seed = 0,
) -> None:
    """Write problems to a JSONL file, in one of trl's forms or plain."""
    output_file(output)
    if kind == "verifiers":
        try:
            print(write_module(output, name))
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise UserError(str(error)) from error
        return
    if output.suffix in OF_TABLES:
        raise UserError(f"-o {output}: what is written are JSON lines, expected a name that ends in .jsonl")
    try:
        chosen = parse_levels(levels) if levels else None
        written = write_jsonl(output, _make(name), kind, num=num, split=split, seed=seed, levels=chosen)
        print(f"{written} rows in {output}")
        if (different := _num_different(output)) < written:
            tell(
                f"note: the rows hold {different:,} different problems: {split} has few, and some stand there again; "
                f"-n {different} or fewer where each counts as evidence"
            )
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error


def _num_different(path: Path) -> int:
    """How many different prompts (of problems: problems) an exported file has."""
    with path.open(encoding="utf-8") as file:
        rows = (loads(line) for line in file)
        return len({dumps(row["id"] if "id" in row else row["prompt"]) for row in rows})


@app.command()
def serve(
    name: Name,
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback are open to the network.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    sessions: Annotated[int, typer.Option(min=1, help="Episodes at a time.")] = 64,
) -> None:
    """Serve an environment over OpenEnv, for other trainers.

    Needs the extra `openenv`.
    """
    env = _make(name)
    try:
        need("openenv.core", extra="openenv")
        from envs.adapters.openenv_server import LOOPBACK, Server  # of the extra
    except ImportError as error:
        raise UserError(str(error)) from error
    assert env.spec is not None
    try:
        server = Server(env.spec, host=host, port=port, sessions=sessions)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error}; choose another --port") from error
    if host not in LOOPBACK:
        print(f"warning: {host} is reachable from other machines, and the server asks nobody who they are")
    print(f"{env.name} over OpenEnv at {server.url} (Ctrl-C ends it)", flush=True)
    print('reset(seed, split, index, level), then step({"message": turn}) until done', flush=True)
    server.run()


@app.command()
def pages(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the pages.")] = Path("docs/environments"),
    audits: Annotated[Path, typer.Option(help="What `audit -o` wrote.")] = Path("results/environments.json"),
) -> None:
    """Write docs/environments from the code and an audit."""
    rows = read_json(audits)["environments"] if audits.exists() else {}
    output_folder(output)
    written = [(output / name).write_text(text) for name, text in gallery(rows)]
    print(f"{len(written)} pages in {output}")


def _make(name: str) -> Environment:
    try:
        return make(name)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(str(error)) from error


def _settings(text: str) -> dict[str, Any]:
    """The settings of a demonstrator, as they stand in a config."""
    found = parse_yaml(text, "--demonstrator")
    if not isinstance(found, dict):
        raise UserError(f"--demonstrator is {text!r}, expected settings, e.g. '{{error_rate: 0.1}}'")
    return found


def _say(what: str) -> None:
    """A line on standard error that says what goes on, where a person looks at it."""
    if sys.stderr.isatty():
        print(f"  {what} ...", file=sys.stderr, flush=True)
