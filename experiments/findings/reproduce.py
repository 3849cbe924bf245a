"""`beyond reproduce`: a study by its name, from what is there already, to its result and its figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.config.components import build_env
from experiments.config.experiment import Experiment
from experiments.config.loading import STUDY_FOLDER, find_config
from experiments.findings.figure import draw
from experiments.findings.price import Price, price_of
from experiments.findings.result import finding_of
from experiments.hypotheses.keeping import kept_hypotheses
from experiments.hypotheses.loading import hypotheses_beside, load_variants, read_design
from experiments.hypotheses.vocabulary import Design
from experiments.results.read import StudyResults, load_study
from experiments.run.errors import UserError, did_you_mean
from experiments.run.folders import is_used, write_json
from experiments.run.sealed import read_sealed
from experiments.study.run import run_study
from experiments.study.starts import has_starts, is_start_done
from rl.files import write_whole


def find_study(name: str) -> tuple[Path, Path]:
    """Config and hypotheses of a study: a shipped one by its name, or a file with hypotheses beside it.

    Raises:
        UserError: there is none, or it has no hypotheses.
    """
    if not Path(name).is_file() and not (STUDY_FOLDER / f"{name}.yaml").is_file():
        names = [path.stem for path in STUDY_FOLDER.glob("*.yaml") if hypotheses_beside(path)]
        raise UserError(f"no study {name!r}{did_you_mean(name, names)}")
    config = find_config(name)
    hypotheses = hypotheses_beside(config)
    if hypotheses is None:
        raise UserError(f"{config} has no hypotheses beside it: beyond study runs a config without any")
    return config, hypotheses


def folders_of(root: Path, design: Design) -> dict[str, Path]:
    """The folder of every variant; the root itself where there are none."""
    return {name: root / name for name in design.variants} or {"": root}


def sources_of(
    experiments: Mapping[str, Experiment], folders: Mapping[str, Path], others: Sequence[Path]
) -> dict[str, Path | None]:
    """For every variant a finished study whose starts are its own; None where they are to be trained, or are there."""
    known = [folder for folder in [*others, *folders.values()] if (folder / "config.yaml").exists()]
    return {
        name: None
        if all(is_start_done(folders[name], seed) for seed in experiment.seeds)
        else next((f for f in known if f != folders[name] and has_starts(experiment, f)), None)
        for name, experiment in experiments.items()
    }


def announce(
    experiments: Mapping[str, Experiment], folders: Mapping[str, Path], sources: Mapping[str, Path | None]
) -> Price:
    """Says what will be run, what is taken from where, and what the rest will take."""
    left = {name: experiment for name, experiment in experiments.items() if not is_finished(folders[name])}
    has_start = {
        name: sources[name] is not None or all(is_start_done(folders[name], seed) for seed in experiment.seeds)
        for name, experiment in left.items()
    }
    for name, folder in folders.items():
        label = f"{name}: " if name else ""
        if name not in left:
            print(f"{label}finished in {folder}")
        elif has_start[name]:
            print(f"{label}starts from {sources[name] or folder}")
        else:
            print(f"{label}starts are trained")
    env = build_env(next(iter(experiments.values())).env)[1]
    price = price_of(left, has_start=has_start, levels=len((*env.levels, *env.ood_levels)))
    print(f"to do: {price}" if left else "to do: nothing but the figure")
    return price


def is_finished(folder: Path) -> bool:
    """True for the folder of a study that ended."""
    return (folder / "study.json").exists() and read_sealed(folder / "study.json", "state")["state"] == "done"


def reproduce(
    name: str,
    *,
    root: Path | None = None,
    results: Path,
    starts: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    only_price: bool = False,
    quiet: bool = False,
) -> Path | None:
    """Runs what is missing of a study and writes its result and figure; returns the path of the result.

    Args:
        root: folder of its runs; None: runs/NAME. What is in it already is not run again.
        results: folder for NAME.json and NAME.svg.
        starts: folders of studies whose starts may be taken over.
        overrides: of the config, in every variant; the result names them.
        only_price: say what it will take, and stop.
    Raises:
        UserError: no such study, or hypotheses that do not fit it.
    """
    config, path = find_study(name)
    design = read_design(path)
    experiments = load_variants(config, design, tuple(overrides))
    root = root or Path("runs") / config.stem
    folders = folders_of(root, design)
    announce(experiments, folders, sources_of(experiments, folders, starts))
    if only_price:
        return None
    text = path.read_text(encoding="utf-8")
    for variant, experiment in experiments.items():
        folder = folders[variant]
        if not is_finished(folder):
            source = sources_of(experiments, folders, starts)[variant]  # anew: an earlier variant may have them by now
            begun = is_used(folder)
            run_study(experiment, folder, resume=begun, quiet=quiet, same_start=source, hypotheses=text)
    return write_finding(config.stem, folders, results, overrides)


def write_finding(name: str, folders: Mapping[str, Path], results: Path, overrides: Sequence[str] = ()) -> Path:
    """Writes NAME.json and NAME.svg from the folders of a study that was run."""
    studies: dict[str, StudyResults] = {
        variant: load_study(folder) for variant, folder in folders.items() if (folder / "study.json").exists()
    }
    if not studies:
        raise UserError(f"nothing of {name} was run yet")
    kept = kept_hypotheses(next(iter(studies.values())).folder)
    if kept is None:
        raise UserError(f"{name} began without hypotheses: begin it in a new folder")
    finding = finding_of(name, kept, studies, overrides)
    results.mkdir(parents=True, exist_ok=True)
    write_json(results / f"{name}.json", finding)
    write_whole(results / f"{name}.svg", (draw(finding["figure"], finding["question"]) + "\n").encode())
    for row in finding["hypotheses"]:
        print(f"{row['verdict']:<10} {row['role']:<12} {row['sentence']}")
    return results / f"{name}.json"
