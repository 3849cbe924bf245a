"""One worker's place in the executor over all its lives: its state, what it was asked, and when it was last seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rl.workers.types import Shard, ShardResult, WorkerHealth, WorkerState

HEARTBEAT = "answer a heartbeat"
START, LOAD = "start", "load its policy"


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds, and how often to try again."""

    heartbeat_seconds: float = 0.25  # between two heartbeats; also the grain of all other limits
    suspect_seconds: float = 0.6  # unanswered heartbeat: no new work; a process known to be stopped is replaced
    stall_seconds: float = 30.0  # unanswered heartbeat: the worker is killed and replaced
    progress_seconds: float = 180.0  # a shard in hand, heartbeats answered, and not one forward pass further
    start_seconds: float = 300.0  # for a process to come up and load its policy
    shard_seconds: float = 1800.0  # for one shard, its wait in the worker's own queue included
    spare_seconds: float = 30.0  # from the beginning until spares are started: that takes a core from short runs
    max_restarts: int = 3  # deaths in a row, without a finished shard in between, until a worker is retired

    def limit(self, call: str) -> float:
        """Seconds until a call counts as lost."""
        if call == HEARTBEAT:
            return self.stall_seconds
        return self.start_seconds if call in (START, LOAD) else self.shard_seconds


@dataclass(frozen=True, eq=False)
class Publication:
    """Weights that were published; `edition` tells two of one version apart. weights None: those of the folder."""

    edition: int
    version: int
    weights: Any


@dataclass(eq=False)
class Task:
    """One submission of a shard, and what must sample it; None: the newest weights when it starts."""

    shard: Shard
    publication: Publication | None
    num_raised: int = 0

    @property
    def call(self) -> str:
        """What a worker that runs it is doing."""
        return f"run shard {self.shard.id}"


@dataclass(eq=False)
class Slot:
    """A worker. `life` numbers its processes; `calls` says what it was asked and has not answered, and since when."""

    name: str
    state: WorkerState = WorkerState.RESTARTING
    remote: Any = None  # the process, while there is one
    is_up: bool = False  # the process has answered once
    life: int = 0
    version: int = -1
    calls: dict[str, float] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    restarts: int = 0
    deaths_in_a_row: int = 0
    num_shards: int = 0
    last_error: str = ""
    last_ping: float = 0.0
    progress: int | None = None  # forward passes so far, as the last heartbeat told; None: it cannot tell
    progressed: float = 0.0  # when that changed last, or when work was last given
    busy_seconds: float = 0.0
    idle_seconds: float = 0.0

    def begin(self, remote: Any) -> None:
        """A new process starts."""
        self._replace(remote)
        self.is_up, self.state = False, WorkerState.RESTARTING

    def adopt(self, spare: Slot) -> None:
        """The process of a spare, which is ready, becomes this worker's; the spare's slot has none any more."""
        self._replace(spare.remote)
        self.is_up, self.state = True, WorkerState.HEALTHY
        spare.remote, spare.is_up, spare.state = None, False, WorkerState.DEAD
        spare.life += 1
        spare.deaths_in_a_row = 0
        spare.calls.clear()

    def die(self, error: str) -> list[Task]:
        """The process is gone; the tasks that it held, in the order in which it got them."""
        lost, self.tasks = self.tasks, []
        self.state, self.remote, self.last_error = WorkerState.DEAD, None, error
        self.life += 1  # whatever it still says is not heard
        self.deaths_in_a_row += 1
        self.calls.clear()
        return lost

    def take(self, task: Task) -> None:
        """The worker was given a shard."""
        if not self.tasks:
            self.progressed = time.monotonic()
        self.tasks.append(task)

    def give_back(self, task: Task, result: ShardResult | None) -> None:
        """The worker finished a shard, or raised over it (None)."""
        self.tasks.remove(task)
        self.progressed = time.monotonic()
        if result is not None:
            self.deaths_in_a_row = 0
            self.num_shards += 1
            self.version = result.version
            self.busy_seconds += result.seconds.get("generate", 0.0)
            self.idle_seconds += result.seconds.get("idle", 0.0)

    def wants_ping(self, now: float, patience: Patience) -> bool:
        """True when it is time for a heartbeat, and the last one was answered."""
        if HEARTBEAT in self.calls or not self.is_up or now - self.last_ping < patience.heartbeat_seconds:
            return False
        self.last_ping = now
        return True

    def seen(self, progress: int | None = None) -> None:
        """A heartbeat was answered."""
        if progress != self.progress:
            self.progress, self.progressed = progress, time.monotonic()
        if self.state is WorkerState.SUSPECT:
            self.state = WorkerState.HEALTHY

    def is_late(self, now: float, patience: Patience) -> bool:
        """True when a heartbeat is unanswered for longer than usual."""
        return HEARTBEAT in self.calls and now - self.calls[HEARTBEAT] > patience.suspect_seconds

    def overdue(self, now: float, patience: Patience) -> str:
        """What the worker did not do in time; empty when there is nothing to complain about."""
        for call, since in self.calls.items():
            if call == HEARTBEAT and self.state is WorkerState.RESTARTING:
                continue  # loading keeps an interpreter busy; it has a limit of its own
            if now - since > patience.limit(call):
                return f"did not {call} within {patience.limit(call):.3g} s"
        stuck = bool(self.tasks) and self.progress is not None
        if stuck and now - self.progressed > patience.progress_seconds:
            return f"made no progress with shard {self.tasks[0].shard.id} for {patience.progress_seconds:.3g} s"
        return ""

    def excuse(self, seconds: float) -> None:
        """Nobody watched for so long (the watcher itself was stopped, or starved): none of it counts."""
        self.calls = {call: since + seconds for call, since in self.calls.items()}
        self.progressed += seconds

    def health(self, now: float | None = None) -> WorkerHealth:
        """What is known about it."""
        now = time.monotonic() if now is None else now
        doing = [f"{call} ({now - since:.1f} s)" for call, since in list(self.calls.items()) if call != HEARTBEAT]
        return WorkerHealth(
            name=self.name,
            state=self.state,
            version=self.version,
            restarts=self.restarts,
            shards=self.num_shards,
            doing=", ".join(doing),
            last_error=self.last_error,
            busy_seconds=self.busy_seconds,
            idle_seconds=self.idle_seconds,
        )

    def _replace(self, remote: Any) -> None:
        self.restarts += self.life > 0
        self.life += 1
        self.remote, self.version, self.progress = remote, -1, None
        self.calls.clear()
