"""What a Ray of our own writes to the disk goes with it."""

import glob
import os
import subprocess
import sys
import time

import pytest

from rl.workers import session_folder
from rl.workers.nodes.watch import is_running
from rl.workers.session_folder import PREFIX, SessionFolder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setattr(session_folder, "LONGEST", len(str(tmp_path)) + 20)
    return tmp_path


def test_a_folder_is_removed_with_what_is_in_it(place):
    folder = SessionFolder()
    (folder.path / "session" / "logs").mkdir(parents=True)
    folder.remove()
    assert list(place.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_by_the_next_and_a_living_ones_is_not(place):
    code = f"""
import os, signal
from rl.workers import session_folder
session_folder.LONGEST = {session_folder.LONGEST}
session_folder.SessionFolder()
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (killed,) = place.iterdir()
    living, next_one = SessionFolder(), SessionFolder()
    assert set(place.iterdir()) == {living.path, next_one.path}
    assert killed not in (living.path, next_one.path)
    living.remove()
    next_one.remove()


def test_what_a_daemon_wrote_after_its_folder_was_removed_goes_with_the_next(place):
    left, fresh = place / f"{PREFIX}left", place / f"{PREFIX}fresh"
    for folder in (left, fresh):
        (folder / "session" / "logs").mkdir(parents=True)
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    folder = SessionFolder()
    assert set(place.iterdir()) == {fresh, folder.path}  # the fresh one may be about to be locked by its process
    folder.remove()


def test_a_path_that_is_too_long_for_sockets_is_not_taken(tmp_path, monkeypatch):
    deep = tmp_path / ("long" * 10)
    deep.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(deep))
    folder = SessionFolder()
    assert folder.path is None or deep not in folder.path.parents
    folder.remove()


@pytest.mark.ray
@pytest.mark.slow
def test_a_ray_of_ones_own_leaves_nothing(tmp_path):
    code = """
import glob, sys
from rl.workers.cluster import _sessions, start_ray, stop_ray
start_ray("local")
(session,) = _sessions
assert glob.glob(f"{session.path}/session_2*/logs/*"), "Ray is not there"
if len(sys.argv) > 1:
    stop_ray()
print(session.path)
"""
    for how in ([], ["stop"]):  # at the end of the process, or before
        done = subprocess.run([sys.executable, "-c", code, *how], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        assert PREFIX in done.stdout
        assert not glob.glob(done.stdout.strip())


def test_processes_of_a_folder_were_given_its_path_or_hold_a_file_in_it(place):
    folder, sleep = SessionFolder(), "import time; time.sleep(60)"
    with (folder.path / "log").open("w") as log:
        told = subprocess.Popen([sys.executable, "-c", sleep, f"--log_dir={folder.path}/logs"])
        holds = subprocess.Popen([sys.executable, "-c", sleep], stdout=log)
        other = subprocess.Popen([sys.executable, "-c", sleep])
        assert set(folder.processes()) == {told.pid, holds.pid}  # and not this process, which holds one too
    for process in (told, holds, other):
        process.kill()
        process.wait()
    folder.remove()


GIVE_UP = """
import subprocess, sys
from rl.workers import cluster
from rl.workers.session_folder import SessionFolder

cluster._sessions.append(SessionFolder())
path = cluster._sessions[0].path
daemon = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(path)])
cluster.leave_without_ray(3)  # does nothing: Ray is well
cluster.give_up_ray()
cluster.stop_ray()  # nor does this: nothing more is asked of it
print(daemon.pid, path, flush=True)
cluster.leave_without_ray(3)
"""


def test_a_process_that_gave_ray_up_ends_with_its_own_code_and_kills_the_daemons_it_started(place):
    left = subprocess.run([sys.executable, "-c", GIVE_UP], capture_output=True, text=True, check=False)
    assert left.returncode == 3, left.stderr
    pid, folder = left.stdout.split()
    end = time.monotonic() + 10
    while is_running(int(pid)) or os.path.exists(folder):
        assert time.monotonic() < end
        time.sleep(0.01)


STOPPED = """
import os, signal, time
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
from rl.workers.cluster import start_ray, stop_ray

start_ray()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(5)  # Ray would abort after three
stop_ray()
print(heard)
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_process_on_ray_hears_sigterm_and_goes_on(place):
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[True]"), done.stderr[-2000:]
    assert "SIGTERM received" not in done.stderr
