"""A function in a process of its own somewhere on the Ray cluster that this process has joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ray


class _Host:
    """The process: runs one function, and hears a request to stop meanwhile."""

    def __init__(self) -> None:
        self.requested = False

    def run(self, work: Callable[[Any, Any], Any], argument: Any) -> Any:
        return work(argument, self)

    def stop(self) -> None:
        self.requested = True


class ClusterTask:
    """`work(argument, stop)` on some node; `stop.requested` becomes true when `stop` is called.

    Args:
        work: a function of a module that every machine has.
        cpus, gpus: what the process asks for; at most the CPUs of the largest node.
    """

    def __init__(self, work: Callable[[Any, Any], Any], argument: Any, *, cpus: float = 1.0, gpus: float = 0.0) -> None:
        largest = max((node["Resources"].get("CPU", 0.0) for node in ray.nodes() if node["Alive"]), default=0.0)
        options: dict[str, Any] = {
            "num_cpus": min(cpus, largest),
            "num_gpus": gpus,
            "max_concurrency": 2,
            "scheduling_strategy": "SPREAD",
        }
        host: Any = ray.remote
        self._actor = host(_Host).options(**options).remote()
        self._future = self._actor.run.remote(work, argument).future()

    @property
    def is_done(self) -> bool:
        """Whether it returned, raised, or its process is lost."""
        return bool(self._future.done())

    @property
    def error(self) -> str:
        """What it raised, or how it was lost; empty when it returned."""
        error = self._future.exception()
        return "" if error is None else f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"

    @property
    def result(self) -> Any:
        """What it returned."""
        return self._future.result()

    def stop(self) -> None:
        """Requests a stop."""
        self._actor.stop.remote()

    def close(self) -> None:
        """Ends the process."""
        ray.kill(self._actor)
