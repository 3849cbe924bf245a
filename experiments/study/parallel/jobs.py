"""A seed of a study, done by another process. (A study of a sweep: studies.py.)

A job says everything that its results depend on, and writes them into the study's folder; so where and beside what it
runs changes nothing. Its process holds no lock: whoever gave out the jobs holds that of the folder.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from envs.types import Problem
from experiments.config.experiment import Experiment
from experiments.config.loading import load_resolved
from experiments.run.display import Display
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.stop import Stop, StopSwitch
from experiments.stages.problems import final_problems, validation_problems
from experiments.stages.serving import start_executor, stop_executor
from experiments.study.before.lengths import fitted_env
from experiments.study.endings import StudyInterrupted, describe_failure
from experiments.study.seed import SeedStages, make_services
from experiments.supervision import supervise_own_code
from rl.workers.cluster import leave_without_ray
from verifiers.watching import ENDED, RUNNING, tell_phase

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """A seed of the study whose config.yaml is in `folder`.

    Attributes:
        before: rows of study.json as a resume finds them.
    """

    folder: str
    seed: int
    before: tuple[dict[str, Any], ...] = ()

    @property
    def label(self) -> str:
        """Its name for a person."""
        return f"seed {self.seed}"


def run_seed(
    experiment: Experiment,
    seed: int,
    folder: Path,
    problems: tuple[Sequence[Problem], Sequence[Problem]],
    *,
    display: Display,
    stop: Stop,
    on_stage: Callable[[dict[str, Any]], None],
    before: Sequence[Mapping[str, Any]],
) -> None:
    """All stages of a seed, each on the threads of the config, whichever of them a resume or a given start leaves out.

    Args:
        folder: of the study.
        problems: those of the test, and of validation.
        before: rows of study.json as a resume finds them.
    """

    def taken_before(seed: int, name: str) -> dict[str, float]:
        """What a stage took when it was run, by the study.json of before the resume."""
        rows = [r for r in before if (r["seed"], r["stage"]) == (seed, name)]
        taken = {key: float(rows[0][key]) for key in ("seconds", "cpu_seconds") if rows and key in rows[0]}
        return {"seconds": 0.0, **taken}

    torch.set_num_threads(experiment.threads)
    services = make_services(experiment, seed, folder / f"seed-{seed}", *problems, display, stop)
    try:
        SeedStages(experiment, services, display, stop, on_stage, taken_before).run()
    finally:
        services.server.close()


def perform(job: Job, stop: Stop, *, owns_executor: bool = True) -> Rows:
    """Does a job and returns the rows of study.json about its stages.

    Args:
        owns_executor: False inside a process of a cluster, which has its connection already.
    """
    folder = Path(job.folder)
    experiment = load_resolved(folder / "config.yaml")
    env = fitted_env(experiment)[1]
    section = experiment.evaluation
    problems = final_problems(env, section), validation_problems(env, section)
    rows: Rows = []
    if owns_executor:
        start_executor(experiment)
    try:
        run_seed(
            experiment,
            job.seed,
            folder,
            problems,
            display=Display(quiet=True),
            stop=stop,
            on_stage=rows.append,
            before=job.before,
        )
    finally:
        if owns_executor:
            stop_executor(experiment)
    return rows


def outcome(job: Job, stop: Stop, *, owns_executor: bool = True) -> dict[str, Any]:
    """What a job came to, as JSON: `rows`, or `interrupted`, or `error` and the exit code that it means."""
    try:
        return {"rows": perform(job, stop, owns_executor=owns_executor)}
    except StudyInterrupted:
        return {"interrupted": True}
    except UserError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    except Exception as error:  # of a disk, a library or a user's own code: told by the process that gave the job out
        return {"error": describe_failure(error, Path(job.folder)), "exit_code": EXIT_RUN_FAILED}


def main() -> None:
    """A process for one seed."""
    serve(lambda raw, stop: outcome(Job(**{**raw, "before": tuple(raw["before"])}), stop))


def serve(work: Callable[[dict[str, Any], Stop], dict[str, Any]]) -> None:
    """A process for one job: a line of JSON on standard input, one on standard output. It ends when its input does."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed goes to the log
    raw = json.loads(sys.stdin.readline())

    def end_with_the_giver() -> None:
        """Ends this process when the one that holds the other end of its input is gone."""
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=end_with_the_giver, daemon=True).start()
    supervise_own_code(is_the_process=True)
    tell_phase(RUNNING)
    with StopSwitch() as stop:
        print(json.dumps(work(raw, stop)), file=channel, flush=True)
    tell_phase(ENDED)
    leave_without_ray(0)


if __name__ == "__main__":
    main()
