"""Counting work: six FLOP per weight and trained token, two per weight and token that is only read."""

from rl.speed import matmul_flops, step_flops


def test_model_flop_of_an_update():
    # 10 weights: 100 tokens forward 2 * 10 * 100 = 2000; 50 trained 6 * 10 * 50 = 3000
    assert step_flops(10, forward=100, trained=50) == 5000


def test_the_machine_is_measured_once():
    rate = matmul_flops("cpu", 1)
    assert rate > 1e7  # slower than ten million would be no computer of this century
    assert matmul_flops("cpu", 1) == rate
