"""The one place where a loop waits for its workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from rl.types import Group
from rl.workers.types import Shard, ShardResult, Workers

WARN_SECONDS = 30.0  # how often a waiting loop says what it waits for
STOP_SECONDS = 10.0  # without a result, until a request to stop ends the wait


class WaitStopped(Exception):
    """A stop was requested, and nothing came back that the step could have been finished with."""


def run_shards(workers: Workers, shards: Iterable[Shard], **waiting: Any) -> list[Group]:
    """The groups of all shards, in the order of the shards.

    Args:
        waiting: see `wait_for`.
    """
    listed = list(shards)
    for shard in listed:
        workers.submit(shard)
    results = wait_for(workers, [shard.id for shard in listed], **waiting)
    return [group for shard in listed for group in results[shard.id].groups]


def wait_for(
    workers: Workers,
    shard_ids: Iterable[int],
    *,
    timeout_seconds: float = 3600.0,
    on_wait: Callable[[str], None] | None = None,
    on_result: Callable[[ShardResult], None] | None = None,
    is_stopped: Callable[[], bool] | None = None,
) -> dict[int, ShardResult]:
    """The results of submitted shards by id; the one place where a loop waits. Results of other shards stay.

    Args:
        timeout_seconds: without a result; however long everything together takes.
        on_wait: told what is waited for, and since when, each half minute without a result.
        on_result: told each result as it comes (timings, progress).
        is_stopped: whether a stop was requested: then the wait goes on only while results come.
    Raises:
        WaitStopped: a stop was requested, and no result came for STOP_SECONDS.
        TimeoutError: some shards are missing; says which, what the workers are doing, and shows their stacks.
        WorkersLost, ShardFailed: see `Workers.poll`.
    """
    missing, done = set(shard_ids), {}
    last_news = last_warning = time.monotonic()
    while missing:
        now = time.monotonic()
        if now - last_news > timeout_seconds:
            raise TimeoutError(f"{describe_wait(workers, missing, now - last_news)}\n{workers.stacks()}")
        if is_stopped is not None and now - last_news > STOP_SECONDS and is_stopped():
            workers.cancel(missing)
            raise WaitStopped(describe_wait(workers, missing, now - last_news))
        for result in workers.poll(min(1.0, last_news + timeout_seconds - now), missing):
            missing.discard(result.shard_id)
            done[result.shard_id] = result
            last_news = last_warning = time.monotonic()
            if on_result:
                on_result(result)
        if on_wait and missing and time.monotonic() - last_warning > WARN_SECONDS:
            last_warning = time.monotonic()
            on_wait(describe_wait(workers, missing, last_warning - last_news))
    return done


def describe_wait(workers: Workers, missing: Iterable[int], seconds: float) -> str:
    """One paragraph: which shards are waited for, since when, and what each worker is doing."""
    named = sorted(missing)
    shown = ", ".join(map(str, named[:4])) + (" ..." if len(named) > 4 else "")
    rows = "; ".join(
        f"{h.name} {h.state.value}, {h.doing or 'idle'}" + (f" (last error: {h.last_error})" if h.last_error else "")
        for h in workers.health()
    )
    return f"no result for {seconds:.0f} s; waiting for {len(named)} shard(s) [{shown}]; workers: {rows or 'none'}"
