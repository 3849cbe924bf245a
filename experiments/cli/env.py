"""`beyond env`: look at environments, check them, play them, start a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.errors import EXIT_CHECK_FAILED, UserError

if TYPE_CHECKING:
    from envs.types import Environment

app = typer.Typer(help="Environments: list, show, check, play, new, export, serve.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name, 'name?setting=value', package.module:attr, file.py:attr.")]
Level = Annotated[int | None, typer.Option(help="Only this level; default: the training levels in turn.")]
Seed = Annotated[int, typer.Option(help="Of the problems.")]


@app.command("list")
def list_all() -> None:
    """Names and one-line summaries: built-in environments and installed plug-ins."""
    from envs.registry import list_environments

    for name, summary in list_environments():
        print(f"{name:<26} {summary}")


@app.command()
def show(
    name: Name,
    num: Annotated[int, typer.Option("--num", "-n", help="Problems.")] = 3,
    level: Level = None,
    seed: Seed = 0,
) -> None:
    """Sample problems with their worked solutions, and one solution that is wrong."""
    from envs.showing import show as show_text

    env = _make(name)
    try:
        print(show_text(env, num=num, level=level, seed=seed))
    except ValueError as error:
        raise UserError(str(error)) from error


@app.command()
def check(
    name: Name,
    num: Annotated[int, typer.Option("--num", "-n", help="Problems per level and split.")] = 200,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check determinism, gold answers, splits, exploit probes, hostile responses. Exit code 4: it fails."""
    from json import dumps

    from envs.check import check_environment

    report = check_environment(_make(name), num=num, seed=seed)
    print(dumps(report.to_json(), indent=1) if json else report.text())
    if not report.is_ok:
        raise typer.Exit(EXIT_CHECK_FAILED)


@app.command()
def play(name: Name, num: Annotated[int, typer.Option("--num", "-n")] = 5, level: Level = None, seed: Seed = 0) -> None:
    """Answer problems yourself and see the verdicts; an empty answer ends the game."""
    from envs.showing import play as play_rounds

    def ask(prompt: str) -> str:
        print(f"\n{prompt}")
        try:
            return input("> ")
        except EOFError:
            return ""

    env = _make(name)
    rounds = play_rounds(env, ask, num=num, level=level, seed=seed)
    for number, played in enumerate(rounds, 1):
        verdict = played.verdict
        print(f"{number}. {verdict.outcome.value}: {verdict.detail} (reference {played.problem.answer})")
    print(f"{sum(r.verdict.is_correct for r in rounds)} of {len(rounds)} right")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="A Python identifier.")],
    folder: Annotated[Path, typer.Option(help="Where to write it.")] = Path(),
) -> None:
    """Write a starter file for an environment of your own."""
    from envs.showing import new as new_file

    try:
        print(new_file(name, folder))
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error


@app.command()
def export(
    name: Name,
    to: Annotated[Path, typer.Option("--to", help="JSONL file to write.")],
    kind: Annotated[
        str, typer.Option(help="prompt_only, prompt_completion, preference, problems, ...")
    ] = "prompt_only",
    num: Annotated[int, typer.Option("--num", "-n", help="Rows.")] = 1000,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    seed: Seed = 0,
) -> None:
    """Write problems in trl's dataset formats (or as problems) to a JSONL file."""
    from envs.export import write_jsonl

    try:
        print(f"{write_jsonl(to, _make(name), kind, num=num, split=split, seed=seed)} rows in {to}")
    except (ValueError, OSError) as error:
        raise UserError(str(error)) from error


@app.command()
def serve(
    name: Name,
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback are open to the network.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    sessions: Annotated[int, typer.Option(min=1, help="Episodes at a time.")] = 64,
) -> None:
    """Serve an environment over OpenEnv, for trainers that speak it. Needs the extra `openenv`."""
    env = _make(name)
    try:
        from envs.adapters import need

        need("openenv.core", extra="openenv")
        from envs.adapters.openenv_server import LOOPBACK, Server
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


def _make(name: str) -> Environment:
    from envs.registry import make

    try:
        return make(name)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise UserError(str(error)) from error
