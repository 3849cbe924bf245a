"""Counting work: six FLOP per weight and trained token, two per weight and token that is only read."""

import pytest

from rl.records.speed import StepClock, matmul_flops, step_flops


def test_model_flop_of_an_update():
    # 10 weights: 100 tokens forward 2 * 10 * 100 = 2000; 50 trained 6 * 10 * 50 = 3000
    assert step_flops(10, forward=100, trained=50) == 5000


def test_the_machine_is_measured_once():
    rate = matmul_flops("cpu", 1)
    assert rate > 1e7  # slower than ten million would be no computer of this century
    assert matmul_flops("cpu", 1) == rate


def test_idle_time_is_told_for_each_worker_and_for_all():
    clock = StepClock()
    clock.add_worker("a", {"generate": 3.0, "idle": 1.0})
    clock.add_worker("b", {"generate": 1.0, "idle": 1.0})
    clock.add_worker("a", {"generate": 0.0, "idle": 4.0})
    metrics = clock.metrics()
    # a: idle 5 of 8 seconds; b: 1 of 2; both: 6 of 10
    assert metrics["workers/idle/a"] == pytest.approx(5 / 8)
    assert metrics["workers/idle/b"] == pytest.approx(1 / 2)
    assert metrics["workers/idle"] == pytest.approx(6 / 10)
    assert metrics["time/worker_generate_seconds"] == 4.0
