"""Ctrl-C where nothing half done is kept."""

import signal
import subprocess
import sys
import threading

from experiments.run.stop import ends_at_once

SWALLOWS = """
import os, signal
from experiments.run.stop import ends_at_once
with ends_at_once():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**6):
            pass
    except BaseException:
        pass
print("went on")
"""


def test_a_process_ends_though_what_it_does_swallows_interrupts():
    done = subprocess.run([sys.executable, "-c", SWALLOWS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "")


def test_what_a_signal_does_elsewhere_stays():
    before = signal.getsignal(signal.SIGINT)
    with ends_at_once():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_says_nothing_of_signals():
    found = []

    def look() -> None:
        with ends_at_once():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
