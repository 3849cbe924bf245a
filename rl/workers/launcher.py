"""What the supervisor needs of whatever runs the processes: to start one, call it, and end it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Remote(Protocol):
    """A worker process with the methods of `rl.workers.actor.RolloutActor`."""

    def call(self, method: str, *arguments: Any) -> Future[Any]:
        """Starts a call; the future gets its result, or what it raised, or that the process is gone."""
        ...

    def located(self, where: Any) -> None:
        """Told what `hello` said: where the process is."""
        ...

    @property
    def is_stopped(self) -> bool:
        """True when the process is known to be stopped (SIGSTOP): it will not answer however long one waits."""
        ...

    def kill(self) -> None:
        """Ends the process, also one that is stopped. Safe to call for one that is gone."""
        ...


class Launcher(Protocol):
    """What starts worker processes and moves weights to them."""

    def start(self, name: str, *, is_spare: bool = False) -> Remote:
        """A new process; returns at once. A spare has no work until another process dies."""
        ...

    def put(self, weights: Mapping[str, Tensor]) -> Any:
        """Weights in a form that can be an argument of many calls and is sent once to each machine."""
        ...

    def lost(self) -> str:
        """Why nothing can be started or called any more, for good; empty while all is well. Asked often."""
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Whether an error of a call means that the process is gone, and not that the method raised."""
        ...

    def cause(self, error: BaseException) -> BaseException:
        """What the method raised, under the launcher's own wrapping."""
        ...

    def close(self, remotes: Collection[Remote]) -> None:
        """Ends these processes."""
        ...
