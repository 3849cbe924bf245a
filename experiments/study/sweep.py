"""`beyond sweep`: a study for every combination of a grid, and one table of what they came to.

A sweep is how settings are chosen, so its policies answer problems of the validation split: the test stays unseen until
the choice is made. Combinations that leave from the same start share it: it is trained once, and copied.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from experiments.config.experiment import Experiment
from experiments.config.loading import load_experiment
from experiments.results.read import StudyResults, load_study
from experiments.run.errors import UserError
from experiments.run.evaluations import BEST_BY_ANNOTATOR
from experiments.run.folders import is_used, write_json
from experiments.run.sealed import digest_of
from experiments.run.stop import EXIT_INTERRUPTED, StopSwitch
from experiments.study.endings import StudyInterrupted
from experiments.study.identity import start_settings
from experiments.study.parallel.studies import StudyJob, run_studies
from experiments.study.run import run_study


def parse_grid(grid: Sequence[str]) -> list[dict[str, str]]:
    """All combinations of `key=v1,v2` entries, the last key changing fastest.

    Raises:
        UserError: an entry without values, or a key given twice.
    """
    axes: dict[str, list[str]] = {}
    for text in grid:
        key, equals, values = text.partition("=")
        choices = [value for value in values.split(",") if value]
        if not equals or not key or not choices:
            raise UserError(f"grid entry {text!r} is not of the form key=v1,v2, e.g. rl.optimizer.lr=1e-4,3e-4")
        if key in axes:
            raise UserError(f"grid key {key!r} is given twice: put all its values in one entry")
        axes[key] = choices
    return [dict(zip(axes, choice)) for choice in product(*axes.values())]


def run_sweep(
    config: Sequence[str],
    overrides: Sequence[str],
    grid: Sequence[str],
    *,
    output: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    on_test: bool = False,
    parallel: int = 1,
) -> None:
    """Runs the combinations; a resumed sweep skips those that are done.

    Args:
        on_test: judge on the split that the config names, by default the test.
        parallel: combinations that run side by side, each in a process of its own; what they come to is the same.

    Raises:
        UserError: a broken grid, or a combination that is no valid config (all are checked before the first runs).
    """
    points = parse_grid(grid)
    overrides = [*overrides, *([] if on_test else ["evaluation.split=validation"])]
    settings = [[*overrides, *(f"{key}={value}" for key, value in point.items())] for point in points]
    experiments = [load_experiment(config, each) for each in settings]
    root = output or Path("runs") / f"{experiments[0].name}-sweep"
    folders = [root / "_".join(f"{k.rpartition('.')[2]}={v}" for k, v in p.items()).replace("/", "-") for p in points]
    sources = _sources(experiments, folders)
    if parallel == 1:
        for experiment, folder, source in zip(experiments, folders, sources):
            run_study(experiment, folder, resume=resume and is_used(folder), quiet=quiet, same_start=source)
    else:
        jobs = [
            StudyJob(
                config=tuple(config),
                overrides=tuple(each),
                folder=str(folder),
                resume=resume and is_used(folder),
                same_start=None if source is None else str(source),
            )
            for each, folder, source in zip(settings, folders, sources)
        ]
        _run_side_by_side(jobs, parallel, quiet=quiet)
    rows = [
        {"settings": p, "folder": f.name, "annotators_choice": annotators_choice(load_study(f))}
        for p, f in zip(points, folders)
    ]
    write_json(root / "sweep.json", rows)
    _print(points, folders)


def _sources(experiments: Sequence[Experiment], folders: Sequence[Path]) -> list[Path | None]:
    """For each study, the first that has the same start and trains it; None for that one."""
    first: dict[str, Path] = {}
    sources: list[Path | None] = []
    for experiment, folder in zip(experiments, folders):
        cause = digest_of({"seeds": experiment.seeds, **start_settings(experiment)})
        sources.append(first.get(cause))
        first.setdefault(cause, folder)
    return sources


def _run_side_by_side(jobs: Sequence[StudyJob], num: int, *, quiet: bool) -> None:
    """First the studies that train a start, then those that take one over."""

    def tell(text: str) -> None:
        """A line on standard error."""
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    with StopSwitch() as stop:
        try:
            for wave in ([j for j in jobs if j.same_start is None], [j for j in jobs if j.same_start is not None]):
                run_studies(
                    wave,
                    num,
                    stop,
                    on_begin=lambda label: tell(f"{label}: begins"),
                    on_end=lambda label: tell(f"{label}: done"),
                )
        except StudyInterrupted:
            print("stopped; go on with the same command and --resume", file=sys.stderr)
            raise SystemExit(EXIT_INTERRUPTED) from None


def annotators_choice(results: StudyResults) -> dict[str, dict[str, float]]:
    """Of every arm that buys judgements: the win rate over the start of the policy that its annotator likes best.

    The signal by which an arm without a right to ground truth chooses its settings; means over seeds, with the step.
    """
    found = {}
    for name in results.arms:
        cards = [c for s in results.seeds if (c := results.card(f"{name}/{BEST_BY_ANNOTATOR}/snapshot.json", s))]
        if cards:
            found[name] = {key: fmean(card[key] for card in cards) for key in ("rate", "standard_error", "step")}
    return found


def _print(points: Sequence[dict[str, str]], folders: Sequence[Path]) -> None:
    results = [load_study(folder) for folder in folders]
    table = Table(title=f"step-verified accuracy on {results[0].experiment.evaluation.split} problems, sampled, [95 %]")
    names, choices = list(results[0].policies), [annotators_choice(result) for result in results]
    for column in (*points[0], *names, *(f"{arm}: win rate" for arm in choices[0])):
        table.add_column(column)
    for point, result, choice in zip(points, results, choices):
        figures = [str(result.policies[name].interval(levels=result.headline)) for name in names]
        rates = [f"{c['rate']:.2f} ± {c['standard_error']:.2f} at step {c['step']:.0f}" for c in choice.values()]
        table.add_row(*point.values(), *figures, *rates)
    if choices[0]:
        table.caption = "win rate: by the arm's own annotator over the start, of the policy that it likes best"
    Console().print(table)
