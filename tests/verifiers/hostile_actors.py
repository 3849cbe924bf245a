"""Ray actors that grade through a pool of their own; importable by Ray's workers, as a training run's actors are."""

from __future__ import annotations

import sys
from typing import Any

from verifiers.grader import VerifierGrader
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Verdict

Row = tuple[str, float, str | None, str | None]


def signature(verdicts: list[Verdict]) -> list[Row]:
    """What must be the same wherever it is graded (times differ)."""
    return [(v.outcome.value, v.score, v.reason.value if v.reason else None, v.answer) for v in verdicts]


class BlockingGrader:
    """Synchronous; with max_concurrency above 1 its methods run in threads."""

    def __init__(self, deadline_seconds: float, memory_bytes: int) -> None:
        grader = VerifierGrader("symbolic", mode="evaluation")
        self.pool = VerifierPool(grader, deadline_seconds=deadline_seconds, memory_bytes=memory_bytes)

    def grade(self, items: list[tuple[str, str]]) -> list[Row]:
        """Signatures of the verdicts."""
        return signature(self.pool.grade(items))

    def loaded(self, module: str) -> bool:
        """Whether the actor's process holds a module."""
        return module in sys.modules


class AsyncGrader(BlockingGrader):
    """An async actor: grading does not block its event loop."""

    async def grade(self, items: list[tuple[str, str]]) -> list[Row]:  # type: ignore[override]
        """Signatures of the verdicts."""
        return signature(await self.pool.grade_async(items))

    async def loaded(self, module: str) -> Any:  # type: ignore[override]
        """Whether the actor's process holds a module."""
        return module in sys.modules
