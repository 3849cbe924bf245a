"""The command line: `beyond VERB`, also `python -m experiments VERB`.

A verb's module is imported when the verb is asked for, here and nowhere else, so that `--help` answers at once and no
verb loads what another needs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, MutableMapping
from functools import wraps
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import verifiers
from experiments.collector import collector_paused
from experiments.run.errors import EXIT_RUN_FAILED, EXIT_USAGE, UserError, with_place
from experiments.run.terminal import printable
from experiments.supervision import supervise_own_code
from rl.files import ADVICE, disk_advice
from verifiers import neighbours, plugins
from verifiers.watching import ENDED, has_begun, own_part_of, tell_phase

VERBS = {  # verb -> where it is, and what the list of verbs says of it
    "study": ("experiments.cli.study:study", "Run every arm of a config from one start, compare, report."),
    "run": ("experiments.cli.study:run", "Run one arm of a config, evaluate it and write the report."),
    "reproduce": (
        "experiments.cli.study:reproduce",
        "Run a study of docs/studies.md to its figure; says first what it takes.",
    ),
    "sweep": ("experiments.cli.study:sweep", "Run a study for every combination of a grid of settings."),
    "check": ("experiments.cli.study:check", "Validate a config and print its plan; trains nothing."),
    "plan": (
        "experiments.cli.study:plan",
        "Predict what a config's RL will take: step time, hours, cost, and the bottleneck.",
    ),
    "compare": ("experiments.cli.results:compare", "Compare policies on the same problems, with intervals."),
    "eval": ("experiments.cli.evaluate:evaluate", "Evaluate a policy on fresh problems, by level."),
    "perplexity": (
        "experiments.cli.perplexity:perplexity",
        "Perplexity of a held-out text: what fine-tuning forgot of the language.",
    ),
    "report": ("experiments.cli.results:report", "Write report.html, report.md and report.json of a study again."),
    "view": ("experiments.cli.view:view", "Look at rollouts, curves and live runs in a browser, on this machine."),
    "label": ("experiments.cli.label:label", "Let a person choose the better of two completions, in a browser."),
    "export": ("experiments.cli.results:export", "Copy a trained policy as a Hugging Face folder with a model card."),
    "ls": (
        "experiments.cli.results:list_runs",
        "List studies: state, date, duration, headline, changed settings.",
    ),
    "configs": ("experiments.cli.study:configs", "List the shipped configs, or print one with every default."),
    "verify": ("experiments.cli.grading:verify", "Grade a file of responses, or one response, and say why."),
    "rescore": ("experiments.cli.rescore:rescore", "Judge the stored rollouts of a run again; samples nothing."),
    "env": ("experiments.cli.env:app", "Look at environments; check, play, write, export, serve them."),
    "new": ("experiments.cli.new:new", "Write a starter file for a part of your own, and its test."),
    "models": (
        "experiments.cli.models:app",
        "List the known models: name, size, licence, whether it is here, and where.",
    ),
}


NO_ROOM = ("failed to map segment", "annot allocate memory")  # as the loader of shared libraries says it
READ_CONFIGS = {
    "study",
    "run",
    "reproduce",
    "sweep",
    "check",
    "plan",
    "report",
    "compare",
    "ls",
}  # which is no code: see docs/security.md


def _trusting_the_current_folder(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb, in which names of a config may only mean code that the user allowed."""

    @wraps(verb)
    def guarded(*args: Any, **kwargs: Any) -> None:
        """Runs the verb."""
        with plugins.trusting_only([Path.cwd()]):
            verb(*args, **kwargs)

    return guarded


def load_verb(name: str) -> Any:
    """The click command of a verb."""
    module, _, attribute = VERBS[name][0].partition(":")
    with collector_paused():
        found = getattr(import_module(module), attribute)
    if name in READ_CONFIGS:
        found = _trusting_the_current_folder(found)
    if not isinstance(found, typer.Typer):
        made = typer.Typer(add_completion=False, rich_markup_mode=None)
        made.command(name)(found)
        found = made
    return typer.main.get_command(found)


class _LazyVerbs(MutableMapping[str, Any]):
    """The verbs by name; each is loaded when it is looked up, once."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load_verb(name)  # KeyError: no such verb
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)

    def __contains__(self, name: object) -> bool:
        return name in VERBS


class Verbs(TyperGroup):
    """The group of all verbs, which lists them without loading any."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": None})
        self.commands = _LazyVerbs()

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the verbs, in the order of the table."""
        return list(VERBS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of verbs in the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])


app = typer.Typer(
    name="beyond",
    cls=Verbs,
    help="Take language models past imitation on mathematics: RL beside RLHF, from one start.",
    epilog="Begin with `beyond study mini` (a minute) or `beyond study demo` (minutes); pages: docs/. Exit codes: "
    "0 done, 2 a mistake in the command or config, 3 the run failed, 4 a check failed, 130 stopped by Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        try:
            print(f"beyond {version('beyond-imitation')}")
        except PackageNotFoundError:
            print("beyond, not installed: run from its folder")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take language models past imitation on mathematics: RL beside RLHF, from one start."""


def main() -> None:
    """Entry point: a user's mistake ends in one or two lines and an exit code, never a traceback."""
    try:
        _run()
    except SystemExit as error:
        if (cluster := sys.modules.get("rl.workers.cluster")) is not None:  # loaded by whatever uses Ray
            cluster.leave_without_ray(error.code)
        raise


def _run() -> None:
    supervise_own_code()
    neighbours.make_importable(Path.cwd())  # `module:attribute` may stand there, for `beyond` as for `python -m`
    try:
        _check_packages()
        app()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in ADVICE:
            raise
        print(f"error: {disk_advice(error)}" + (f" ({error.filename})" if error.filename else ""), file=sys.stderr)
        sys.exit(EXIT_RUN_FAILED)
    except (MemoryError, ImportError) as error:  # where there is no room for it, a library's file cannot be loaded
        if isinstance(error, ImportError) and not any(words in str(error) for words in NO_ROOM):
            raise
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".removesuffix(": ")
        print(f"error: out of memory ({told}): raise the limit (ulimit -v), or free some memory", file=sys.stderr)
        sys.exit(EXIT_RUN_FAILED)
    except Exception as error:  # of own code it is told in one sentence; of ours it goes on
        part = own_part_of(error)
        if part is None:
            raise
        print(f"error: {printable(part + ': ' * bool(part) + with_place(error))}", file=sys.stderr)
        sys.exit(EXIT_RUN_FAILED if has_begun() else EXIT_USAGE)
    finally:
        tell_phase(ENDED)


def _check_packages() -> None:
    """Refuses to start with somebody else's package under one of our names, or where grading processes cannot run."""
    if sys.platform == "win32":
        raise UserError(
            "Windows itself cannot run the grading processes (sockets and limits of POSIX): run in WSL2, where it is "
            "Linux; docs/installing.md says how"
        )
    if not hasattr(verifiers, "Verdict"):
        raise UserError(
            f"the package `verifiers` was found at {verifiers.__file__}, which is another project of that name; "
            "use a fresh virtual environment, or run `python -m experiments` from the root of this project"
        )


if __name__ == "__main__":
    main()
