"""A real `beyond study` is killed with SIGKILL at random moments and resumed, until it is done: it ends in the files of
the study that nobody disturbed, policies byte for byte, and everything else but clocks."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIRST_VERSION = 1 << 32
ROOT = Path(__file__).resolve().parents[3]
CLOCKS = {"wall_seconds", "seconds", "speed", "seconds_per_step"}
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


def without_clocks(value):
    if isinstance(value, dict):
        return {
            key: without_clocks(item)
            for key, item in value.items()
            if key not in CLOCKS
            and not key.startswith(("time/", "speed/", "workers/"))
            # weights that are published outside of training are numbered by the process
            and not (key == "version" and item >= FIRST_VERSION)
        }
    return [without_clocks(item) for item in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, object]:
    """What a study came to, by path: bytes of policies and rollouts, and JSON without clocks."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix in (".safetensors", ".gz") and "checkpoints" not in name:
            found[name] = path.read_bytes()
        elif path.suffix == ".jsonl":
            found[name] = [without_clocks(json.loads(line)) for line in path.read_text().splitlines()]
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """case -> (content, seconds) of the study that runs through."""
    known: dict[str, tuple[dict[str, object], float]] = {}

    def of(case: str) -> tuple[dict[str, object], float]:
        if case not in known:
            folder = tmp_path_factory.mktemp("undisturbed") / "study"
            began = time.monotonic()
            finish(start(folder, case))
            known[case] = content(folder), time.monotonic() - began
        return known[case]

    return of


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    found, todo = [], [pid]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            try:
                children = [int(child) for child in path.read_text().split()]
            except OSError:
                continue
            found += children
            todo += children
    return found


def is_running(pid: int) -> bool:
    """False too for Ray's two agents, which do nothing and take a minute to see that they are alone."""
    try:
        is_agent = b"Agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" and not is_agent
    except OSError:
        return False


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
    found = content(folder)
    assert found.keys() == expected.keys()
    for name in expected:
        assert found[name] == expected[name], name
