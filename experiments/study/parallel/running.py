"""Jobs side by side: seeds of a study in processes of this machine, or spread over the Ray cluster that the config
names; studies of a sweep in processes of this machine.

The results are those of one seed after the other, bit for bit: a seed is computed by one process with the same number
of threads, whatever else runs. On a cluster the study's folder must be on a disk that every machine reads and writes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, TypeVar

from experiments.config.experiment import Experiment
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.stop import Stop
from experiments.stages.serving import join_cluster, seed_demand
from experiments.study.endings import StudyInterrupted
from experiments.study.parallel.jobs import Job, Rows, outcome
from experiments.study.parallel.watcher import note_of, read_note, watched_from_beside
from rl.workers.cluster import cluster_address

POLL_SECONDS = 0.2
SomeJob = TypeVar("SomeJob")


class AnyJob(Protocol):
    """A seed, or a study of a sweep."""

    @property
    def label(self) -> str:
        """Its name for a person."""
        ...


class Running(Protocol):
    """A job in progress."""

    @property
    def job(self) -> AnyJob:
        """What is done."""
        ...

    def outcome(self) -> Mapping[str, Any] | None:
        """What it came to, see `experiments.study.parallel.jobs.outcome`; None while it goes on."""
        ...

    def stop(self) -> None:
        """Asks it to finish its step, checkpoint and end."""
        ...

    def close(self) -> None:
        """Ends it at once, unless it has ended."""
        ...


class JobProcess:
    """A job in a process of this machine. Implements `Running`.

    Args:
        job: a dataclass of JSON values, which `module`'s main reads.
        log: what the process prints; removed when that is nothing.
    """

    def __init__(self, job: Any, log: Path, module: str = "experiments.study.parallel.jobs") -> None:
        self.job = job
        self.log = log
        with self.log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,  # a Ctrl-C is for the giver, who passes it on
                text=True,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()

    def outcome(self) -> Mapping[str, Any] | None:
        """Its line, or that it died without one."""
        if self._process.poll() is None:
            return None
        assert self._process.stdout is not None
        text = self._process.stdout.read().strip()
        if not text:
            code = self._process.returncode
            return {"error": f"its process ended with {code} (see {self.log})", "exit_code": EXIT_RUN_FAILED}
        if not self.log.stat().st_size:
            self.log.unlink()
        found: dict[str, Any] = json.loads(text)
        return found

    def stop(self) -> None:
        """SIGTERM, which its stop switch hears."""
        self._process.terminate()

    def close(self) -> None:
        """SIGKILL; its workers end with it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class JobOnCluster:
    """A job in a process of the cluster. Implements `Running`."""

    def __init__(self, job: Job, experiment: Experiment) -> None:
        from rl.workers.nodes.tasks import ClusterTask  # ray

        self.job = job
        asks = seed_demand(experiment)
        self._task = ClusterTask(_outcome_on_cluster, job, cpus=asks.cpus, gpus=asks.gpus)

    def outcome(self) -> Mapping[str, Any] | None:
        """Its outcome, or that its process or machine was lost."""
        if not self._task.is_done:
            return None
        if error := self._task.error:
            told = read_note(note_of(Path(self.job.folder), self.job.seed))
            return {"error": told or error, "exit_code": EXIT_RUN_FAILED}
        return self._task.result

    def stop(self) -> None:
        """Sets the flag that it looks at between two steps."""
        self._task.stop()

    def close(self) -> None:
        """Ends the process."""
        self._task.close()


def _outcome_on_cluster(job: Job, stop: Stop) -> dict[str, Any]:
    with watched_from_beside(note_of(Path(job.folder), job.seed)):
        return outcome(job, stop, owns_executor=False)


def launcher(experiment: Experiment, num: int) -> Callable[[Job], Running]:
    """What starts jobs: on the cluster that the config or RAY_ADDRESS names, else on this machine.

    Args:
        num: jobs at a time.
    Raises:
        UserError: no cluster answers, it has no room, or the files that the config names are too large to travel.
    """
    if cluster_address(experiment.workers.address) is None:
        return lambda job: JobProcess(job, Path(job.folder) / f"seed-{job.seed}.log")
    join_cluster(experiment, seeds=num)
    return lambda job: JobOnCluster(job, experiment)


def run_jobs(
    jobs: Sequence[SomeJob],
    num: int,
    start: Callable[[SomeJob], Running],
    stop: Stop,
    *,
    on_rows: Callable[[Any, Rows], None],
) -> None:
    """Does all jobs, `num` at a time. When one fails, the others are asked to stop with a checkpoint.

    Args:
        on_rows: told what a job that is done returned.
    Raises:
        StudyInterrupted: a stop was requested; everything up to there is on disk.
        UserError: jobs failed; says which, and with what.
    """
    waiting, running = deque(jobs), list[Running]()
    failures: list[tuple[str, int]] = []
    is_stopping = was_interrupted = False
    try:
        while waiting or running:
            if (stop.requested or failures) and not is_stopping:
                is_stopping = True
                waiting.clear()
                for each in running:
                    each.stop()
            while waiting and len(running) < num:
                running.append(start(waiting.popleft()))
            for each in list(running):
                found = each.outcome()
                if found is None:
                    continue
                running.remove(each)
                each.close()
                if "rows" in found:
                    on_rows(each.job, found["rows"])
                elif "error" in found:
                    failures.append((f"{each.job.label}: {found['error']}", int(found["exit_code"])))
                else:
                    was_interrupted = True
            if running:
                time.sleep(POLL_SECONDS)
    finally:
        for each in running:
            each.close()
    if failures:
        raise UserError("; ".join(message for message, _ in failures), max(code for _, code in failures))
    if was_interrupted or stop.requested:
        raise StudyInterrupted
