"""One worker's place in the executor over all its lives: its state, what it was asked, and when it was last seen."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from rl.workers.types import Shard, ShardResult, WorkerHealth, WorkerState

HEARTBEAT = "answer a heartbeat"


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds, and how often to try again."""

    heartbeat_seconds: float = 0.5  # between two heartbeats; also the grain of all other limits
    suspect_seconds: float = 1.0  # unanswered heartbeat: the worker gets no new work
    stall_seconds: float = 30.0  # unanswered heartbeat: it is killed and replaced
    start_seconds: float = 300.0  # for a process to come up and load its policy
    weights_seconds: float = 900.0  # for a worker to fetch new weights; it may finish a shard first
    shard_seconds: float = 1800.0  # for one shard, its wait in the worker's own queue included
    max_restarts: int = 3  # deaths in a row, without a finished shard in between, until a worker is retired

    def limit(self, call: str) -> float:
        """Seconds until a call counts as lost."""
        if call == HEARTBEAT:
            return self.stall_seconds
        if call.startswith("run shard"):
            return self.shard_seconds
        return self.weights_seconds if call == "load weights" else self.start_seconds


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
    shards: list[Shard] = field(default_factory=list)
    restarts: int = 0
    deaths_in_a_row: int = 0
    num_shards: int = 0
    last_error: str = ""
    last_ping: float = 0.0
    busy_seconds: float = 0.0
    idle_seconds: float = 0.0

    def begin(self, remote: Any) -> None:
        """A new process starts."""
        self.restarts += self.life > 0
        self.life += 1
        self.remote, self.is_up, self.version = remote, False, -1
        self.state = WorkerState.RESTARTING
        self.calls.clear()

    def die(self, error: str) -> list[Shard]:
        """The process is gone; the shards that it held, in the order in which it got them."""
        lost, self.shards = self.shards, []
        self.state, self.remote, self.last_error = WorkerState.DEAD, None, error
        self.life += 1  # whatever it still says is not heard
        self.deaths_in_a_row += 1
        self.calls.clear()
        return lost

    def take(self, shard: Shard) -> None:
        """The worker was given a shard."""
        self.shards.append(shard)

    def give_back(self, shard: Shard, result: ShardResult | None) -> None:
        """The worker finished a shard, or raised over it (None)."""
        self.shards.remove(shard)
        self.deaths_in_a_row = 0
        if result is not None:
            self.num_shards += 1
            self.busy_seconds += result.seconds.get("generate", 0.0)
            self.idle_seconds += result.seconds.get("idle", 0.0)

    def wants_ping(self, now: float, patience: Patience) -> bool:
        """True when it is time for a heartbeat, and the last one was answered."""
        if HEARTBEAT in self.calls or not self.is_up or now - self.last_ping < patience.heartbeat_seconds:
            return False
        self.last_ping = now
        return True

    def seen(self, _: None = None) -> None:
        """A heartbeat was answered."""
        if self.state is WorkerState.SUSPECT:
            self.state = WorkerState.HEALTHY

    def suspect(self, now: float, patience: Patience) -> None:
        """A late heartbeat makes a healthy worker suspect."""
        late = HEARTBEAT in self.calls and now - self.calls[HEARTBEAT] > patience.suspect_seconds
        if late and self.state is WorkerState.HEALTHY:
            self.state = WorkerState.SUSPECT

    def overdue(self, now: float, patience: Patience) -> str:
        """What the worker did not do in time; empty when there is nothing to complain about."""
        for call, since in self.calls.items():
            if call == HEARTBEAT and self.state is WorkerState.RESTARTING:
                continue  # loading keeps an interpreter busy; it has a limit of its own
            if now - since > patience.limit(call):
                return f"did not {call} within {patience.limit(call):.0f} s"
        return ""

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
