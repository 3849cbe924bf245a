"""Seeds side by side, in processes and on a cluster: the files of one seed after the other; and how jobs end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from experiments.bench.reliability.subject import content, without_clocks
from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.study.endings import StudyInterrupted
from experiments.study.parallel.jobs import Job
from experiments.study.parallel.running import run_jobs
from experiments.study.run import run_study

TINY = [
    *("rl.steps=2", "rl.evaluate_every=2", "rl.problems_per_step=4", "evaluation.problems_per_level=2"),
    *("evaluation.num_samples=2", "evaluation.validation_problems=4", "imitation.steps=6", "seeds=[0,1,2]"),
    *("imitation.num_demonstrations=300", "arms={dpo: null, rlhf: null}", "workers.executor=inline"),
]


@dataclass
class Scripted:
    """A job that ends as its seed says, two polls after it was begun."""

    job: Job
    log: list[str]
    polls: int = 0
    is_asked_to_stop: bool = False
    ends: dict[int, dict] = field(default_factory=dict)

    def outcome(self):
        self.polls += 1
        if self.is_asked_to_stop:
            return {"interrupted": True}
        return self.ends.get(self.job.seed, {"rows": [{"seed": self.job.seed}]}) if self.polls > 2 else None

    def stop(self):
        self.is_asked_to_stop = True
        self.log.append(f"stop {self.job.seed}")

    def close(self):
        self.log.append(f"close {self.job.seed}")


@pytest.fixture
def play(monkeypatch):
    """play(seeds, num, ends) -> (seeds that are done, log, most jobs at a time)."""
    monkeypatch.setattr("experiments.study.parallel.running.POLL_SECONDS", 0.0)

    def play(num_seeds, num, ends=None, stop=None):
        done, log, most = [], [], 0

        def start(job):
            nonlocal most
            log.append(f"start {job.seed}")
            begun = sum(line.startswith("start") for line in log) - sum(line.startswith("close") for line in log)
            most = max(most, begun)
            return Scripted(job, log, ends=ends or {})

        jobs = [Job("", seed) for seed in range(num_seeds)]
        play.seen = done, log
        run_jobs(jobs, num, start, stop or SimpleNamespace(requested=False), on_rows=lambda j, r: done.append(r[0]))
        return done, log, most

    return play


def test_all_jobs_are_done_with_no_more_than_so_many_at_a_time(play):
    done, log, most = play(5, 2)
    assert done == [{"seed": seed} for seed in range(5)]
    assert most == 2
    assert log.count("close 3") == 1


def test_a_failed_job_is_told_by_name_and_the_others_are_stopped_with_a_checkpoint(play):
    with pytest.raises(UserError, match="seed 1: disk full") as caught:
        play(6, 2, {1: {"error": "disk full", "exit_code": 3}})
    assert caught.value.exit_code == 3
    _, log = play.seen
    assert "start 4" not in log
    assert sorted(line for line in log if line.startswith("close")) == sorted(
        line.replace("start", "close") for line in log if line.startswith("start")
    )


def test_a_requested_stop_reaches_every_job_and_ends_as_an_interruption(play):
    class AfterAWhile:
        """A switch that is thrown once two jobs run."""

        @property
        def requested(self):
            return len(play.seen[1]) >= 2

    with pytest.raises(StudyInterrupted):
        play(3, 2, stop=AfterAWhile())
    done, log = play.seen
    assert (done, log) == ([], ["start 0", "start 1", "stop 0", "stop 1", "close 0", "close 1"])


OF_ITS_TIME = ("provenance", "sha256")


def everything(folder):
    """What a study came to by path, and study.json without clocks and checksums of what says when it began."""
    study = without_clocks(json.loads((folder / "study.json").read_text()))
    return content(folder) | {"study.json": {key: value for key, value in study.items() if key not in OF_ITS_TIME}}


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequential") / "study"
    run_study(load_experiment(["smoke"], TINY), folder, quiet=True)
    return everything(folder)


@pytest.mark.slow
def test_seeds_in_processes_come_to_the_files_of_seeds_in_turn(one_after_the_other, tmp_path):
    run_study(load_experiment(["smoke"], TINY), tmp_path / "study", quiet=True, parallel=2)
    assert everything(tmp_path / "study") == one_after_the_other
    assert not list((tmp_path / "study").glob("*.log"))


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_study_spread_over_four_nodes_comes_to_the_same_files(one_after_the_other, tmp_path, monkeypatch):
    from rl.workers.cluster import stop_ray

    stop_ray()
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(3):
        cluster.add_node(num_cpus=2)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    try:
        run_study(load_experiment(["smoke"], TINY), tmp_path / "study", quiet=True, parallel=3)
    finally:
        stop_ray()
        cluster.shutdown()
    assert everything(tmp_path / "study") == one_after_the_other
