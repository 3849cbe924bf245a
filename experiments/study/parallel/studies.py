"""A study of a sweep, done by another process of this machine."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.config.loading import load_experiment
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.stop import Stop
from experiments.study.endings import describe_failure
from experiments.study.parallel.jobs import serve
from experiments.study.parallel.running import JobProcess, Running, run_jobs
from experiments.study.run import run_study


@dataclass(frozen=True)
class StudyJob:
    """A study, as `beyond study CONFIG -s ...` would run it.

    Attributes:
        same_start: folder of a study that has its starts.
    """

    config: tuple[str, ...]
    overrides: tuple[str, ...]
    folder: str
    resume: bool
    same_start: str | None = None

    @property
    def label(self) -> str:
        """Its name for a person."""
        return Path(self.folder).name


def run_studies(
    jobs: Sequence[StudyJob], num: int, stop: Stop, *, on_begin: Callable[[str], None], on_end: Callable[[str], None]
) -> None:
    """Runs all studies, `num` at a time. When one fails, the others are asked to stop with a checkpoint.

    Args:
        on_begin, on_end: told the label of each.
    Raises:
        StudyInterrupted: a stop was requested.
        UserError: studies failed; says which, and with what.
    """

    def start(job: StudyJob) -> Running:
        """A study begins."""
        on_begin(job.label)
        folder = Path(job.folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return JobProcess(job, folder.with_name(f"{folder.name}.log"), "experiments.study.parallel.studies")

    run_jobs(jobs, num, start, stop, on_rows=lambda job, _: on_end(job.label))


def outcome(job: StudyJob, stop: Stop) -> dict[str, Any]:
    """What a study came to, as JSON: `rows`, or `interrupted`, or `error` and the exit code that it means."""
    folder = Path(job.folder)
    source = Path(job.same_start) if job.same_start is not None else None
    try:
        experiment = load_experiment(job.config, job.overrides)
        with contextlib.redirect_stdout(io.StringIO()):  # its own tables: the sweep ends in one
            run_study(experiment, folder, resume=job.resume, quiet=True, same_start=source, stop=stop)
    except SystemExit:  # the study wrote that it was interrupted
        return {"interrupted": True}
    except UserError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    except Exception as error:  # before the study began, or in its report: told by the process that gave the job out
        return {"error": describe_failure(error, folder), "exit_code": EXIT_RUN_FAILED}
    return {"rows": []}


def main() -> None:
    """A process for one study."""
    lists = ("config", "overrides")
    serve(lambda raw, stop: outcome(StudyJob(**{**raw, **{name: tuple(raw[name]) for name in lists}}), stop))


if __name__ == "__main__":
    main()
