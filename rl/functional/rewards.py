"""Reward shaping that belongs to an algorithm rather than to a task. Plain Python."""

from __future__ import annotations


def soft_overlong_penalty(length: int, *, limit: int, buffer: int) -> float:
    """0 up to limit - buffer tokens, then linearly down to -1 at the limit.       (DAPO, arXiv:2503.14476 eq. 13)

    Raises:
        ValueError: buffer outside 1..limit.
    """
    if not 1 <= buffer <= limit:
        raise ValueError(f"overlong buffer is {buffer} tokens with a limit of {limit}, expected within 1..{limit}")
    return -min(max((length - (limit - buffer)) / buffer, 0.0), 1.0)
