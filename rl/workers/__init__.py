"""Executors of shards behind one interface: `inline` (this process) and `ray` (processes, machines)."""

from __future__ import annotations

from typing import Any

from rl.workers.cluster import start_ray
from rl.workers.types import (
    NoRoomError,
    PolicySpec,
    Shard,
    ShardFailed,
    ShardResult,
    WorkerHealth,
    Workers,
    WorkersLost,
    WorkerSpec,
    WorkerState,
)

EXECUTORS = ("inline", "ray")

__all__ = [
    "EXECUTORS",
    "NoRoomError",
    "PolicySpec",
    "Shard",
    "ShardFailed",
    "ShardResult",
    "WorkerHealth",
    "WorkerSpec",
    "WorkerState",
    "Workers",
    "WorkersLost",
    "make_workers",
]


def make_workers(executor: str, spec: WorkerSpec, num_workers: int = 1, **settings: Any) -> Workers:
    """The executor's workers, ready to take shards. Ray is imported only when it is asked for.

    Args:
        executor: "inline" or "ray".
        num_workers: rollout workers; inline has exactly one.
        settings: of the executor; see `rl.workers.ray.RayWorkers`.
    Raises:
        ValueError: unknown executor, or settings that it does not have.
    """
    if executor == "inline":
        if settings:
            raise ValueError(f"executor 'inline' has no settings {', '.join(sorted(settings))}; did you mean 'ray'?")
        from rl.workers.inline import InlineWorkers  # torch; the names above are read without it

        return InlineWorkers(spec)
    if executor == "ray":
        start_ray(settings.get("address"), num_cpus=num_workers * spec.threads + 1)
        from rl.workers.ray import RayWorkers  # ray, which reads the environment that start_ray has set

        return RayWorkers(spec, num_workers, **settings)
    raise ValueError(f"executor is {executor!r}, expected one of {', '.join(EXECUTORS)}")
