"""`beyond study`, `run`, `sweep`, `check`, `plan`, `configs`: the verbs that read a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiments.config.experiment import Experiment
from experiments.config.loading import find_config, load_experiment, shipped_configs, to_yaml
from experiments.hypotheses.loading import hypotheses_beside, load_variants, read_design
from experiments.run.errors import UserError, did_you_mean
from experiments.supervision import supervise_ray

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
Start = Annotated[
    Path | None,
    typer.Option("--start", help="Folder of a study whose starts are taken over, not trained again."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run in its folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")]
Parallel = Annotated[
    int, typer.Option("--parallel", min=1, help="Seeds at a time, each in a process of this machine or of the cluster.")
]
Seeds = Annotated[str | None, typer.Option("--seeds", help="Comma-separated seeds, e.g. 0,1,2.")]


def study(
    config: Configs,
    override: Overrides = None,
    seeds: Seeds = None,
    output: Output = None,
    start: Start = None,
    resume: Resume = False,
    quiet: Quiet = False,
    parallel: Parallel = 1,
) -> None:
    """Run every arm of a config from one start, compare, report.

    Ctrl-C once finishes the step, checkpoints and stops; `--resume` goes on. What the tables and the report say is in
    docs/reading-results.md.
    """
    experiment = load_experiment(config, [*(override or []), *_seeds(seeds)])
    folder = output or Path("runs") / experiment.name
    _supervise(experiment)
    from experiments.study.run import run_study  # torch: after the config was found valid

    run_study(
        experiment,
        folder,
        resume=resume,
        quiet=quiet,
        same_start=start,
        hypotheses=_hypotheses(config),
        parallel=parallel,
    )


def _supervise(experiment: Experiment) -> None:
    """Before torch is loaded, which has threads that do not survive a fork."""
    if experiment.workers.executor == "ray":
        supervise_ray()


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
    experiment = load_experiment(config, [*(override or []), *_seeds(seeds)])
    chosen = arm or next(iter(experiment.arms))
    if chosen not in experiment.arms:
        raise UserError(f"the config has no arm {chosen!r}{did_you_mean(chosen, experiment.arms)}")
    one = experiment.only(chosen)
    _supervise(one)
    from experiments.study.run import run_study  # torch: after the config was found valid

    run_study(one, output or Path("runs") / f"{experiment.name}-{chosen}", resume=resume, quiet=quiet)


def reproduce(
    name: Annotated[str, typer.Argument(help="A study of docs/studies.md, or a config with hypotheses beside it.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of its runs; default: runs/NAME.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder for NAME.json and NAME.svg.")] = Path("results/findings"),
    start: Annotated[
        list[Path] | None, typer.Option("--start", help="Study whose starts may be taken over; may be repeated.")
    ] = None,
    override: Overrides = None,
    price: Annotated[bool, typer.Option("--price", help="Say what it will take, and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Run a study of docs/studies.md to its figure; says first what it takes.

    Starts that another study has are taken over, and what its folder has already is not run again: called again, it
    goes on where it stopped.
    """
    from experiments.findings.reproduce import reproduce as run_reproduction  # torch

    found = run_reproduction(
        name,
        root=output,
        results=results,
        starts=start or (),
        overrides=override or (),
        only_price=price,
        quiet=quiet,
    )
    if found is not None:
        print(f"result: {found}")


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
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Studies at a time, each in a process of this machine.")
    ] = 1,
) -> None:
    """Run a study for every combination of a grid of settings.

    Ends in one table. Settings are chosen by validation problems: the test stays unseen until the choice is made.
    """
    from experiments.study.sweep import run_sweep  # torch

    run_sweep(
        config,
        override or [],
        grid,
        output=output,
        resume=resume,
        quiet=quiet,
        on_test=on_test,
        parallel=parallel,
    )


def check(config: Configs, override: Overrides = None) -> None:
    """Validate a config and print its plan; trains nothing.

    Builds every component that it names and draws its problems.
    """
    experiment = load_experiment(config, override or [])
    from experiments.study.plan import print_plan  # torch: after the config was found valid

    path = hypotheses_beside(find_config(config[-1]))
    if path is None:
        print_plan(experiment)
        return
    design = read_design(path)
    for name, variant in load_variants(find_config(config[-1]), design, tuple(override or ())).items():
        if name:
            print(f"variant {name}")
        print_plan(variant)
    roles = [hypothesis.role for hypothesis in design.hypotheses.values()]
    print(f"  hypotheses     {roles.count('primary')} primary, {roles.count('exploratory')} exploratory ({path.name})")


def plan(
    config: Configs,
    override: Overrides = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Rollout workers; default: those of the config.")] = None,
    gpus: Annotated[
        int | None, typer.Option(min=1, help="GPUs in all: one for each worker, the others learn; few: in turn.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder of a finished run whose rates are taken.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="a100, h100, h200 or l40s: rates by its data sheet, where it is not here.")
    ] = None,
    parameters: Annotated[
        float | None, typer.Option(min=1, help="Of the model, e.g. 7.6e9; needed with --device.")
    ] = None,
    tokens: Annotated[
        float | None, typer.Option(min=1, help="Mean length of a completion; default: as measured.")
    ] = None,
    price: Annotated[float, typer.Option(min=0, help="Of one GPU (or of this machine) per hour.")] = 0.0,
) -> None:
    """Predict what a config's RL will take: step time, hours, cost, and the bottleneck.

    Rates are measured here with some steps of the config, read from a finished run, or estimated from a data sheet.
    Every assumption is printed.
    """
    from experiments.study.forecast.command import forecast  # torch: after the config was found valid

    forecast(
        load_experiment(config, override or []),
        workers=workers,
        gpus=gpus,
        source=source,
        device=device,
        parameters=parameters,
        tokens=tokens,
        price=price,
    )


def configs(
    config: Annotated[
        list[str] | None, typer.Argument(help="Config to print (or several, laid over one another).")
    ] = None,
    override: Overrides = None,
) -> None:
    """List the shipped configs, or print one with every default.

    A beginning for your own: `beyond configs demo > my.yaml`. Every key is explained in docs/config.md.
    """
    if config:
        print(to_yaml(load_experiment(config, override or [])), end="")
        return
    if override:
        raise UserError("-s goes with a config: beyond configs demo -s rl.steps=300")
    for path in shipped_configs():
        print(f"{path.stem:<16} {path.read_text().splitlines()[0].lstrip('# ')}")


def _hypotheses(config: list[str]) -> str | None:
    """The text of the hypotheses beside the last of some config files; None where there are none.

    Raises:
        UserError: they do not fit the config.
    """
    found = find_config(config[-1])
    path = hypotheses_beside(found)
    if path is None:
        return None
    load_variants(found, read_design(path))
    return path.read_text(encoding="utf-8")


def _seeds(given: str | None) -> list[str]:
    """The override that `--seeds` stands for."""
    if given is None:
        return []
    if not all(part.strip().isdecimal() for part in given.split(",")):
        raise UserError(f"--seeds is {given!r}, expected whole numbers separated by commas, e.g. 0,1,2")
    return [f"seeds=[{given}]"]
