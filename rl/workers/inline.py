"""The executor without processes: shards run in this one, when `poll` is called. For debugging, tests, and machines
without Ray.

Verification still happens in its own killable processes, and overlaps the generation of the next shard.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import wait
from typing import TYPE_CHECKING

from rl.workers.engine import PendingShard, RolloutEngine
from rl.workers.slot import Publication, Task
from rl.workers.types import Shard, ShardResult, WorkerHealth, WorkerSpec, WorkerState, check_submission

if TYPE_CHECKING:
    from torch import Tensor


class InlineWorkers:
    """One rollout engine in this process. Implements `Workers`."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.engine = RolloutEngine(spec, name="inline")
        self._queue: deque[Task] = deque()
        self._pending: list[PendingShard] = []
        self._born = time.perf_counter()
        self._busy_seconds = 0.0
        self._num_done = 0
        self._closed = False
        self._newest = self._serving = Publication(0, 0, None)

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Copies the weights into the sampler's policy, as soon as no shard before it needs the old ones."""
        self._newest = Publication(self._newest.edition + 1, version, weights)
        if not self._queue:
            self._serve(self._newest)

    def submit(self, shard: Shard) -> None:
        """Queues the shard; it runs when `poll` comes to it."""
        in_flight = any(shard.id == other.id for other in self._in_flight())
        check_submission(shard, in_flight=in_flight, version=self._newest.version)
        self._queue.append(Task(shard, None if shard.version is None else self._newest))

    def poll(self, timeout_seconds: float, wanted: Collection[int] | None = None) -> list[ShardResult]:
        """Runs the next queued shard, if any, and returns all whose verdicts are there."""
        if self._queue and timeout_seconds > 0:
            self._pending.append(self._start(self._queue.popleft()))
        asked = [p for p in self._pending if wanted is None or p.shard.id in wanted]
        if asked and (not self._queue or timeout_seconds == 0):
            wait([p.verdicts for p in asked], timeout=timeout_seconds, return_when="FIRST_COMPLETED")
        done = [p for p in asked if p.verdicts.done()]
        gone = {p.shard.id for p in done}
        self._pending = [p for p in self._pending if p.shard.id not in gone]
        self._num_done += len(done)
        return [self.engine.finish(p) for p in done]

    def health(self) -> list[WorkerHealth]:
        """One row: this process."""
        lived = time.perf_counter() - self._born
        doing = f"{len(self._queue)} shard(s) queued, {len(self._pending)} being verified"
        return [
            WorkerHealth(
                name=self.engine.name,
                state=WorkerState.RETIRED if self._closed else WorkerState.HEALTHY,
                version=self.engine.version,
                shards=self._num_done,
                doing=doing if self._queue or self._pending else "",
                busy_seconds=self._busy_seconds,
                idle_seconds=lived - self._busy_seconds,
            )
        ]

    def cancel(self, shard_ids: Collection[int]) -> None:
        """Forgets the shards."""
        gone = set(shard_ids)
        self._queue = deque(task for task in self._queue if task.shard.id not in gone)
        self._pending = [p for p in self._pending if p.shard.id not in gone]

    def stacks(self) -> str:
        """The stacks of this process's threads."""
        return thread_stacks()

    def close(self) -> None:
        """Ends the verifier processes."""
        if not self._closed:
            self._closed = True
            self.engine.close()

    def _serve(self, publication: Publication) -> None:
        if publication is not self._serving:
            self.engine.load_weights(publication.weights, publication.version)
            self._serving = publication

    def _start(self, task: Task) -> PendingShard:
        self._serve(task.publication or self._newest)
        pending = self.engine.start(task.shard)
        self._busy_seconds += pending.generate_seconds
        return pending

    def _in_flight(self) -> list[Shard]:
        return [*(task.shard for task in self._queue), *(p.shard for p in self._pending)]


def thread_stacks() -> str:
    """The stack of every thread of this process, newest call last."""
    parts = []
    for ident, frame in sys._current_frames().items():
        parts.append(f"thread {ident}:\n{''.join(traceback.format_stack(frame))}")
    return "\n".join(parts)
