"""Trackers: told what metrics.jsonl is told, by name or from a file; the real packages, where they are installed."""

import json
import os
import random
import sqlite3
import struct
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.config.sections import Component
from experiments.run.display import Display
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder
from experiments.run.recording import RunRecorder
from experiments.run.stop import StopSwitch
from experiments.run.trackers import StageTrackers, TrackedStage, tracker_class

ROOT = Path(__file__).parents[3]
ROWS = [(1, {"reward/mean": 0.25, "policy/kl": 0.5}), (2, {"reward/mean": 0.75, "policy/kl": 1.5})]
OWN = """
import random

class Kept:
    made = []

    def __init__(self, run, scale=1.0):
        self.run, self.scale, self.rows, self.closed = run, scale, [], False
        random.random()
        Kept.made.append(self)

    def log(self, metrics, step):
        self.rows.append((step, {name: self.scale * value for name, value in metrics.items()}))

    def close(self):
        self.closed = True

class Failing:
    def __init__(self, run):
        self.calls = 0

    def log(self, metrics, step):
        raise ConnectionError("no route to the service")
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


def stage(folder, first_step=1):
    return TrackedStage("demo", 3, "rl", folder, {"name": "demo", "rl": {"steps": 2}}, first_step)


def recorded(tmp_path, *components):
    """What two steps left behind: (the run's folder, warnings)."""
    warnings = []
    trackers = StageTrackers(components, lambda step: stage(tmp_path, step), warnings.append)
    display = Display(quiet=True)
    recorder = RunRecorder(RunFolder(tmp_path), display, StopSwitch(), on_progress=lambda *_: None, trackers=trackers)
    for step, values in ROWS:
        recorder.metrics("rl", step, values)
    recorder.close()
    return warnings


def test_an_object_of_ones_own_is_told_every_row_and_closed(own, tmp_path):
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002 - global state
    component = Component(name=f"{own}:Kept", settings={"scale": 2.0})
    assert recorded(tmp_path, component) == []
    (kept,) = tracker_class(component).made
    assert kept.rows == [(step, {name: 2 * value for name, value in values.items()}) for step, values in ROWS]
    assert kept.closed
    assert (kept.run.study, kept.run.seed, kept.run.stage, kept.run.first_step) == ("demo", 3, "rl", 1)
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["reward/mean"]) for row in written] == [(1, 0.25), (2, 0.75)]
    # it drew from the global generator, and the run does not notice
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_one_that_fails_is_told_of_once_and_the_others_go_on(own, tmp_path):
    failing, kept = Component(name=f"{own}:Failing"), Component(name=f"{own}:Kept")
    (warning,) = recorded(tmp_path, failing, kept)
    assert "own.py:Failing failed" in warning
    assert "ConnectionError: no route to the service" in warning
    assert len(tracker_class(kept).made[-1].rows) == 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wandbb", "did you mean 'wandb'"),
        ("own.py:Nothing", "has no attribute 'Nothing'"),
        ("nowhere.py:Kept", "nowhere.py"),
        ("own.py:Kept.made", "is no class or function"),
    ],
)
def test_a_name_that_means_nothing_is_refused(own, tmp_path, monkeypatch, name, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"trackers: .*") as refused:
        tracker_class(Component(name=name))
    assert told in str(refused.value)


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed (extra tensorboard)")
def test_tensorboard_reads_back_what_was_logged(tmp_path):
    assert recorded(tmp_path, Component(name="tensorboard")) == []
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = [(e.step, e.value) for e in events.Scalars("rl/reward/mean")]
    assert found == [(1, 0.25), (2, 0.75)]


SCRIPT = """
import sys
from pathlib import Path
from experiments.config.sections import Component
from experiments.run.trackers import StageTrackers, TrackedStage

name, folder = sys.argv[1], Path(sys.argv[2])
run = lambda step: TrackedStage("demo", 3, "rl", folder, {"name": "demo"}, step)
trackers = StageTrackers((Component(name=name),), run, lambda message: sys.exit(message))
for step, reward in ((1, 0.25), (2, 0.75)):
    trackers.log({"reward/mean": reward}, step)
trackers.close()
"""


def logged_elsewhere(name, folder):
    """Logs two steps in another process, as these packages start processes and threads that outlive a run."""
    environment = {
        **os.environ,
        "TRACKIO_DIR": str(folder),
        "WANDB_MODE": "online",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""  # stdout belongs to the study's tables


@pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed (extra trackio)")
def test_trackio_reads_back_what_was_logged(tmp_path):
    logged_elsewhere("trackio", tmp_path)
    (path,) = tmp_path.glob("demo*.db")
    rows = sqlite3.connect(path).execute("SELECT run_name, step, metrics FROM metrics ORDER BY step").fetchall()
    assert [(name, step, json.loads(text)["reward/mean"]) for name, step, text in rows] == [
        ("seed-3/rl", 1, 0.25),
        ("seed-3/rl", 2, 0.75),
    ]


def blocks(content):
    """Records of a wandb file of one block: LevelDB's log format (checksum, length, type) after seven bytes."""
    assert content[:4] == b":W&B"
    assert len(content) < 32_768
    place = 7
    while place < len(content):
        _, length, kind = struct.unpack_from("<IHB", content, place)
        assert kind == 1  # a whole record
        yield content[place + 7 : place + 7 + length]
        place += 7 + length


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed (extra wandb)")
def test_wandb_writes_an_offline_run_with_what_was_logged(tmp_path):
    logged_elsewhere("wandb", tmp_path)
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    found = []
    for data in blocks(path.read_bytes()):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            row = {(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in record.history.item}
            found.append((row["_step"], row["reward/mean"]))
    assert found == [(1, 0.25), (2, 0.75)]
