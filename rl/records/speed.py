"""Where a step's time goes, and how much of the machine it uses: model FLOP/s over those of a matrix product."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch

from policies.kernels.products import fast_products

if TYPE_CHECKING:
    from rl.learning.learner import Learner
    from rl.types import Batch

SIZE = 512  # of the square product that stands for the machine's best


class StepClock:
    """Wall time of one step by phase, and what its rollout workers did meanwhile."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._seconds: dict[str, float] = {}
        self._workers: dict[str, dict[str, float]] = {}  # worker -> seconds by what it did

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds the wall time of a block to a phase."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began

    def add_worker(self, name: str, seconds: Mapping[str, float]) -> None:
        """Adds what a worker spent on a shard: generate, grade, idle."""
        spent = self._workers.setdefault(name, {})
        for what, value in seconds.items():
            spent[what] = spent.get(what, 0.0) + value

    def seconds(self, phase: str) -> float:
        """Wall time of a phase, above 0."""
        return max(self._seconds.get(phase, 0.0), 1e-9)

    def metrics(self) -> dict[str, float]:
        """`time/...`, and the idle share of each worker and of all together."""
        rows = {"time/step_seconds": time.perf_counter() - self._began}
        rows |= {f"time/{name}_seconds": value for name, value in self._seconds.items()}
        together: dict[str, float] = {}
        for name, spent in self._workers.items():
            rows[f"workers/idle/{name}"] = _idle(spent)
            for what, value in spent.items():
                together[what] = together.get(what, 0.0) + value
        rows |= {f"time/worker_{what}_seconds": value for what, value in together.items()}
        return rows | {"workers/idle": _idle(together)} if together else rows


def _idle(spent: Mapping[str, float]) -> float:
    """Share of a worker's time in which it had nothing to do."""
    total = sum(spent.values())
    return spent.get("idle", 0.0) / total if total else 0.0


@cache
def matmul_flops(device: str, threads: int, dtype: torch.dtype = torch.float32) -> float:
    """Floating-point operations per second of a product in `dtype` on `device`, the best of ten; measured once.

    The best, since other work on the machine can only slow a product down.

    Args:
        threads: torch threads in use: part of what is measured.
    """
    a, b = (torch.ones(SIZE, SIZE, device=device, dtype=dtype) for _ in range(2))
    seconds = []
    with fast_products():  # as the learner multiplies
        for _ in range(11):
            began = time.perf_counter()
            float((a @ b)[0, 0])  # reading a number waits for the device
            seconds.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(seconds[1:])  # the first one warms up


def step_flops(num_parameters: int, *, forward: float, trained: float) -> float:
    """Model FLOP: 2 per parameter and token forward, 4 more backward (Kaplan et al., arXiv:2001.08361).

    Attention's own products are left out, as is usual: small against the weights' while T is below 6 times the width.

    Args:
        forward: tokens passed through a model without gradient (reference, old log-probabilities).
        trained: tokens passed forward and backward.
    """
    return num_parameters * (2 * forward + 6 * trained)


def speed_metrics(
    clock: StepClock, learner: Learner, sampled_tokens: int, batch: Batch | None, update: Mapping[str, float]
) -> dict[str, float]:
    """Wall time of a step by phase, and speeds.

    Args:
        batch: what the learner was given, and `update` the metrics that it gave back; None: nothing.
    """
    metrics = {**clock.metrics(), "speed/sampled_tokens_per_second": sampled_tokens / clock.seconds("rollout")}
    if batch is not None:
        learned, seconds = float(batch.attention.sum()), clock.seconds("update")
        rate = matmul_flops(str(learner.device), torch.get_num_threads(), learner.arithmetic)
        metrics |= {
            "learner/batch_tokens": learned,
            "speed/learner_tokens_per_second": learned / seconds,
            "speed/learner_mfu": _update_flops(learner, learned, update) / seconds / rate,
        }
    return metrics


def _update_flops(learner: Learner, tokens: float, update: Mapping[str, float]) -> float:
    """Model FLOP of an update on a batch of `tokens`, prompts included: a shared prefix counts once."""
    positions = tokens * update.get("learner/positions_per_token", 1.0)
    skipped, epochs = update.get("learner/skipped", 0.0), learner.algorithm.epochs
    forward = positions * (learner.num_fills + epochs * skipped * learner.measured_last)
    return step_flops(learner.num_parameters, forward=forward, trained=positions * epochs * (1 - skipped))
