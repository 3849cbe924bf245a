"""One process a folder."""

import os
import signal
import subprocess
import sys
import time

import pytest

from experiments.config.loading import load_experiment
from experiments.results.listing import print_runs
from experiments.run.errors import UserError
from experiments.run.folders import check_folder, write_json
from experiments.run.lock import LOCK, FolderLock, check_unlocked, holder_of, is_locked
from experiments.study.run import run_study

HOLD = """
import sys, time
from pathlib import Path
from experiments.run.lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process runs in, and that process."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield tmp_path, process
    process.kill()
    process.wait()


def test_a_second_process_is_refused_and_told_who_is_there(held):
    folder, process = held
    with pytest.raises(UserError, match=rf"in use by process {process.pid} \(-c .*wait until it ends"):
        FolderLock(folder).__enter__()
    with pytest.raises(UserError, match=f"in use by process {process.pid}"):
        check_unlocked(folder)


@pytest.mark.parametrize("resume", [False, True])
def test_a_study_is_refused_before_it_reads_or_writes_anything(held, resume):
    folder, process = held
    (folder / "config.yaml").write_text("whatever\n")
    with pytest.raises(UserError, match=f"in use by process {process.pid}"):
        run_study(load_experiment(["smoke"]), folder, resume=resume, quiet=True)
    assert (folder / "config.yaml").read_text() == "whatever\n"


def test_a_killed_process_leaves_a_file_that_locks_nothing(held):
    folder, process = held
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert f"process {process.pid}" in holder_of(folder)  # its file is there
    assert not is_locked(folder)
    with FolderLock(folder):
        assert is_locked(folder)
        assert f"process {os.getpid()} " in holder_of(folder)


def test_a_stopped_process_still_holds_its_folder(held):
    folder, process = held
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(0.1)
    assert is_locked(folder)


def test_a_lock_alone_does_not_make_a_folder_used(tmp_path):
    with FolderLock(tmp_path):
        check_folder(tmp_path, resume=False)
    assert not is_locked(tmp_path)
    assert (tmp_path / LOCK).exists()
    check_folder(tmp_path, resume=False)


def test_ls_knows_a_running_study_from_a_killed_one(held, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    folder, process = held
    write_json(folder / "study.json", {"state": "running", "seeds": [0], "stages": [], "problems": {}})
    (folder / "config.yaml").write_text("name: smoke\nenv: leaps\npolicy: {tiny: {}}\n")
    print_runs(folder)
    assert f"running, process {process.pid}" in " ".join(capsys.readouterr().out.split())
    process.kill()
    process.wait()
    print_runs(folder)
    assert "killed: --resume goes on" in " ".join(capsys.readouterr().out.split())
