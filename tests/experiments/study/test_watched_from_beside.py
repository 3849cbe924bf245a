"""Own code of a process that cannot watch itself, as one of Ray: a second process says what it did."""

import os
import subprocess
import sys

import pytest

from experiments.study.parallel.watcher import note_of, read_note

OWN = """
import ctypes, os, time

class Judge:
    def __init__(self, how):
        self.how = how

    def verify(self, response, answer):
        if self.how == "hang":
            while True:
                pass
        if self.how == "hang in C":
            ctypes.PyDLL(None).sleep(600)
        if self.how == "exit":
            os._exit(0)
        if self.how == "crash":
            ctypes.string_at(0)
"""
JOB = """
import sys, threading
from pathlib import Path
import verifiers.watching as watching
from experiments.study.parallel.watcher import note_of, watched_from_beside
from verifiers.registry import make

watching.RUN_PATIENCE = 2.0

def work():
    with watched_from_beside(note_of(Path("."), 3)):
        make("own.py:Judge", how=sys.argv[1]).verify("", "")
    print("done")

if len(sys.argv) > 2:  # a thread of its own, as of an actor
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
"""


@pytest.fixture
def job(tmp_path):
    """Runs own code that misbehaves in the given way: (what the job printed, the note about it)."""
    (tmp_path / "own.py").write_text(OWN)

    def run(how, *more):
        done = subprocess.run(
            [sys.executable, "-c", JOB, how, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout.strip(), read_note(note_of(tmp_path, 3))

    return run


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("hang", "it did not return within the time that a call may take, and was ended"),
        ("hang in C", "it did not return within the time that a call may take, and was ended"),
        ("exit", "it ended its process without a word"),
        ("crash", "it ended its process without a word"),
    ],
)
def test_what_own_code_did_is_written_down(job, how, told):
    assert job(how, "in a thread") == ("", f"verifier own.py:Judge, in verify: {told}")


def test_own_code_that_does_nothing_leaves_no_note(job):
    assert job("nothing") == ("done", "")
