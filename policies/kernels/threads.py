"""Runs calls into compiled code side by side; the kernels release Python's lock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import torch


def run_all(calls: Sequence[tuple[Any, ...]]) -> None:
    """Calls `function(*arguments)` of each on as many threads as torch uses, and waits for all.

    Raises:
        Exception: the first that a call raised.
    """
    threads = torch.get_num_threads()
    if threads == 1 or len(calls) == 1:
        for function, *arguments in calls:
            function(*arguments)
        return
    futures = [_pool(threads).submit(*call) for call in calls]
    try:
        for future in futures:
            future.result()
    finally:
        wait(futures)  # whatever was raised: the kernels write to memory that the caller is about to free


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that live as long as the process."""
    return ThreadPoolExecutor(threads, thread_name_prefix="kernels")


def parts_of(count: int, parts: int) -> list[slice]:
    """Up to `parts` slices of nearly equal size that cover `count` things."""
    parts = max(1, min(parts, count))
    bounds = [count * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(bounds)]
