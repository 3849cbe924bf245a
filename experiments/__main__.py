"""The command line: `beyond VERB`, also `python -m experiments VERB`.

Only light modules are imported here, so that `--help` answers at once; torch is imported by the verb that needs it,
after the config was validated.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments.cli import env, grading, models
from experiments.run.errors import EXIT_RUN_FAILED, UserError

app = typer.Typer(
    name="beyond",
    help="Take language models past imitation on mathematics: RL beside RLHF, same start, same budget.",
    epilog="Begin with `beyond study mini` (seconds) or `beyond study demo` (minutes); pages are in docs/. Exit codes: "
    "0 done, 2 a mistake in the command or config, 3 the run failed, 4 a check failed, 130 stopped by Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(env.app, name="env")
app.add_typer(models.app, name="models")

Configs = Annotated[
    list[str], typer.Argument(help="YAML files, later ones over earlier ones, or names that `beyond configs` lists.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", "-s", help="key.of.setting=value, e.g. rl.steps=300; may be repeated.")
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write; default: runs/NAME of the config.")
]
RunOutput = Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write; default: runs/NAME-ARM.")]
SweepOutput = Annotated[Path | None, typer.Option("--output", "-o", help="Folder to write; default: runs/NAME-sweep.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run in its folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Comma-separated seeds, e.g. 0,1,2.")]


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

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
    """Take language models past imitation on mathematics: RL beside RLHF, same start, same budget."""


@app.command()
def study(
    config: Configs,
    override: Overrides = None,
    seeds: Seeds = None,
    output: Output = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Run every arm of a config from one start, compare, report.

    Ctrl-C once finishes the step, checkpoints and stops; `--resume` goes on. What the tables and the report say is in
    docs/reading-results.md.
    """
    from experiments.config.loading import load_experiment

    experiment = load_experiment(config, [*(override or []), *_seeds(seeds)])
    folder = output or Path("runs") / experiment.name
    from experiments.study.stages import run_study

    run_study(experiment, folder, resume=resume, quiet=quiet)


@app.command()
def run(
    config: Configs,
    arm: Annotated[str | None, typer.Option("--arm", help="Which arm; default: the first of the config.")] = None,
    override: Overrides = None,
    seeds: Seeds = None,
    output: RunOutput = None,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Run one arm of a config, evaluate it and write the report.

    Its start, and the arms it builds on, are run too.
    """
    from experiments.config.loading import load_experiment
    from experiments.run.errors import did_you_mean

    experiment = load_experiment(config, [*(override or []), *_seeds(seeds)])
    chosen = arm or next(iter(experiment.arms))
    if chosen not in experiment.arms:
        raise UserError(f"the config has no arm {chosen!r}{did_you_mean(chosen, experiment.arms)}")
    one = experiment.only(chosen)
    from experiments.study.stages import run_study

    run_study(one, output or Path("runs") / f"{experiment.name}-{chosen}", resume=resume, quiet=quiet)


def _seeds(given: str | None) -> list[str]:
    """The override that `--seeds` stands for."""
    if given is None:
        return []
    if not all(part.strip().isdecimal() for part in given.split(",")):
        raise UserError(f"--seeds is {given!r}, expected whole numbers separated by commas, e.g. 0,1,2")
    return [f"seeds=[{given}]"]


@app.command()
def sweep(
    config: Configs,
    grid: Annotated[list[str], typer.Option("--grid", help="key=v1,v2,...; may be repeated: all combinations run.")],
    override: Overrides = None,
    output: SweepOutput = None,
    resume: Resume = False,
    quiet: Quiet = False,
    on_test: Annotated[
        bool, typer.Option(help="Judge on the test problems; by default on validation problems.")
    ] = False,
) -> None:
    """Run a study for every combination of a grid of settings.

    Ends in one table. Settings are chosen by validation problems: the test stays unseen until the choice is made.
    """
    from experiments.study.sweep import run_sweep

    run_sweep(config, override or [], grid, output=output, resume=resume, quiet=quiet, on_test=on_test)


@app.command()
def check(config: Configs, override: Overrides = None) -> None:
    """Validate a config and print its plan; trains nothing.

    Builds every component that it names and draws its problems.
    """
    from experiments.config.loading import load_experiment

    experiment = load_experiment(config, override or [])
    from experiments.study.plan import print_plan

    print_plan(experiment)


@app.command()
def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="A study folder (all its arms), or two or more of study folders and run folders (…/seed-0/rl)."
        ),
    ],
    level: Annotated[int | None, typer.Option(help="Only problems of this level.")] = None,
    metric: Annotated[str, typer.Option(help="verified or answer.")] = "verified",
) -> None:
    """Compare policies on the same problems, with intervals.

    Paired differences by seed and problem, and McNemar's exact test; how to read it: docs/reading-results.md.
    """
    from experiments.results.compare import print_comparison

    print_comparison(folders, level=level, metric=metric)


@app.command("eval")
def evaluate(
    policy: Annotated[str, typer.Argument(help="A policy folder, a run folder, or a hub id.")],
    env: Annotated[str, typer.Option("--env", help="Environment, e.g. leaps or 'jsonl:file.jsonl'.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    levels: Annotated[str, typer.Option(help="e.g. 1-4 or 1,3; default: all of the environment.")] = "",
    problems: Annotated[int, typer.Option("--problems", "-n", min=1, help="Per level.")] = 100,
    samples: Annotated[
        int, typer.Option("--samples", "-k", min=0, help="Completions per problem; 0: only a greedy one.")
    ] = 8,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the samples; 0: only a greedy completion.")] = 1.0,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Length limit of a completion; default: what the context leaves, at most 512."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of problems and sampling.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1")] = "cpu",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON file to write.")] = None,
) -> None:
    """Evaluate a policy on fresh problems, by level.

    Greedy, mean@k with its interval, unbiased pass@k, and maj@k.
    """
    from experiments.cli.evaluate import evaluate_command

    evaluate_command(
        policy,
        env,
        split=split,
        levels=levels,
        per_level=problems,
        samples=samples,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        seed=seed,
        device=device,
        output=output,
    )


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="A study folder.")]) -> None:
    """Write report.html, report.md and report.json of a study again."""
    from experiments.report import write_report

    print(write_report(folder))


@app.command()
def export(
    run_folder: Annotated[Path, typer.Argument(help="A run folder (…/seed-0/rl) or a policy folder.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write.")],
) -> None:
    """Copy a trained policy as a Hugging Face folder with a model card."""
    from experiments.run.export import export_policy

    print(export_policy(run_folder, to))


@app.command("ls")
def list_runs(root: Annotated[Path, typer.Argument(help="Where studies are.")] = Path("runs")) -> None:
    """List studies with their state and headline."""
    from experiments.results.listing import print_runs

    print_runs(root)


@app.command()
def configs(
    config: Annotated[
        list[str] | None, typer.Argument(help="Config to print (or several, laid over one another).")
    ] = None,
    override: Overrides = None,
) -> None:
    """List the shipped configs, or print one with every default.

    A beginning for your own: `beyond configs demo > my.yaml`. Every key is explained in docs/config.md.
    """
    from experiments.config.loading import CONFIG_FOLDER, load_experiment, to_yaml

    if config:
        print(to_yaml(load_experiment(config, override or [])), end="")
        return
    if override:
        raise UserError("-s goes with a config: beyond configs demo -s rl.steps=300")
    for path in sorted(CONFIG_FOLDER.glob("*.yaml")):
        print(f"{path.stem:<16} {path.read_text().splitlines()[0].lstrip('# ')}")


app.command()(grading.verify)
app.command()(grading.rescore)


def main() -> None:
    """Entry point: a user's mistake ends in one or two lines and an exit code, never a traceback."""
    try:
        _check_packages()
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        from rl.learning.files import ADVICE, disk_advice

        if error.errno not in ADVICE:
            raise
        print(f"error: {disk_advice(error)}" + (f" ({error.filename})" if error.filename else ""), file=sys.stderr)
        sys.exit(EXIT_RUN_FAILED)


def _check_packages() -> None:
    """Refuses to start with somebody else's package under one of our names."""
    import verifiers

    if not hasattr(verifiers, "Verdict"):
        raise UserError(
            f"the package `verifiers` was found at {verifiers.__file__}, which is another project of that name; "
            "use a fresh virtual environment, or run `python -m experiments` from the root of this project"
        )


if __name__ == "__main__":
    main()
