"""A real `beyond study` is killed with SIGKILL at random moments and resumed, until it is done: it ends in the files of
the study that nobody disturbed, policies byte for byte, and everything else but clocks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from experiments.bench.reliability.kills import descendants, is_running
from experiments.bench.reliability.subject import content, differences

ROOT = Path(__file__).resolve().parents[3]
SMALL = [
    *("rl.steps=8", "rl.checkpoint_every=2", "rl.evaluate_every=3", "evaluation.problems_per_level=2"),
    *("evaluation.num_samples=2", "imitation.steps=40", "preference.num_pairs=40"),
]
CASES = {
    "synchronous": [],
    "asynchronous": ["rl.max_staleness=2", "rl.algorithm=dapo"],
    "asynchronous on ray": ["rl.max_staleness=1", "workers.executor=ray", "arms={rlhf: null, dpo: null}"],
}


def start(folder: Path, case: str, *, resume: bool = False) -> subprocess.Popen:
    settings = [word for setting in (*SMALL, *CASES[case]) for word in ("-s", setting)]
    command = [sys.executable, "-m", "experiments", "study", "smoke", "-o", str(folder), "--quiet", *settings]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [*command, *(["--resume"] if resume else [])],
        cwd=folder.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """case -> (content, seconds) of the study that runs through."""
    known: dict[str, tuple[dict[str, Any], float]] = {}

    def of(case: str) -> tuple[dict[str, Any], float]:
        if case not in known:
            folder = tmp_path_factory.mktemp("undisturbed") / "study"
            began = time.monotonic()
            finish(start(folder, case))
            known[case] = content(folder), time.monotonic() - began
        return known[case]

    return of


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("case", [c if "ray" not in c else pytest.param(c, marks=pytest.mark.ray) for c in CASES])
def test_a_study_killed_again_and_again_ends_as_the_undisturbed_one(undisturbed, tmp_path, case, seed):
    expected, seconds = undisturbed(case)
    rng, folder, kills = random.Random(f"{case} {seed}"), tmp_path / "study", 0
    while True:
        process = start(folder, case, resume=kills > 0 and folder.exists())
        try:
            process.wait(rng.uniform(0.3, 1.0) * seconds / (1 + kills / 3))
        except subprocess.TimeoutExpired:
            children = descendants(process.pid)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            end = time.monotonic() + 20
            while any(map(is_running, children)):
                assert time.monotonic() < end, "processes of a killed study go on"
                time.sleep(0.05)
            if kills == 5:
                finish(start(folder, case, resume=True))
                break
        else:
            finish(process)
            break
    assert kills
    assert differences(expected, content(folder)) == []
