"""The benchmarks' clocks, and the race to an accuracy."""

import subprocess
import sys
import time

from experiments.bench.measuring import Clock, machine
from experiments.bench.time_to_accuracy import Race


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_clock_counts_work_and_not_what_happens_while_it_is_paused():
    clock = Clock()
    burn(0.05)
    clock.pause()
    burn(0.2)
    clock.resume()
    burn(0.05)
    timing = clock.elapsed(amount=7)
    assert 0.1 <= timing.cpu_seconds < 0.2
    assert timing.wall_seconds >= 0.1
    assert timing.amount == 7


def test_child_processes_count_also_after_their_end():
    clock = Clock()
    code = "import time\nwhile time.process_time() < 0.4: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert clock.elapsed().cpu_seconds >= 0.35


def test_a_race_ends_at_the_target_and_looking_takes_no_time():
    accuracies = iter([0.1, 0.5, 0.9, 0.95])

    def look(weights):
        burn(0.1)
        return next(accuracies)

    race = Race(0.8, look)
    steps = 0
    while not race.after(steps := steps + 1, dict):
        burn(0.01)
    assert steps == 6  # every second step is looked at; the third look is the first above the target
    assert [accuracy for _, _, accuracy in race.curve] == [0.1, 0.5, 0.9]
    assert race.reached.amount == 6
    assert 0.05 <= race.reached.cpu_seconds < 0.1


def test_the_machine_is_described():
    assert {"processor", "cpus", "load", "torch"} == set(machine())
