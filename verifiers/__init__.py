"""Response text + reference answer -> Verdict. No torch, no ray: light worker processes load this package."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from verifiers.registry import list_verifiers, make
from verifiers.types import Outcome, Reason, Verdict, Verifier

__all__ = ["Outcome", "Reason", "Verdict", "Verifier", "list_verifiers", "make", "verify", "verify_batch"]


def verify(response: str, reference: str, verifier: str = "symbolic", **settings: Any) -> Verdict:
    """The verdict on one response, in this process; `settings` are those of the verifier.

    Bounded by construction, without a hard deadline: for text from a model in training use `verify_batch` or a
    `verifiers.pool.verifier_pool.VerifierPool`.

    Raises:
        ValueError: the reference cannot be used, or a name or setting is unknown.
    """
    return _made(verifier, tuple(sorted(settings.items()))).verify(response, reference)


def verify_batch(
    pairs: Iterable[tuple[str, str]],
    verifier: str = "symbolic",
    *,
    workers: int = 1,
    deadline_seconds: float = 2.0,
    memory_bytes: int = 1 << 30,
    **settings: Any,
) -> list[Verdict]:
    """The verdicts on (response, reference) pairs, in order, from grading processes under a deadline.

    Starting them takes a second: for many batches keep a `verifiers.pool.verifier_pool.VerifierPool`.

    Raises:
        ValueError: a name or setting is unknown. A reference that cannot be used is an ERROR verdict here.
    """
    # the pool is not loaded by the grading processes themselves
    from verifiers.grader import VerifierGrader  # it imports this package
    from verifiers.pool.verifier_pool import VerifierPool

    make(verifier, **settings)  # a wrong name or setting is said here, not by every process
    grader = VerifierGrader(verifier, **settings)
    with VerifierPool(
        grader, workers=workers, deadline_seconds=deadline_seconds, memory_bytes=memory_bytes, key=lambda pair: pair
    ) as pool:
        return pool.grade(list(pairs))


@lru_cache(maxsize=64)
def _made(verifier: str, settings: tuple[tuple[str, Any], ...]) -> Verifier:
    return make(verifier, **dict(settings))
