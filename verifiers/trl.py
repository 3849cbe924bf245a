"""Any verifier as a reward function with trl's signature: `GRPOTrainer(reward_funcs=[reward_func("symbolic")])`.

No import of trl. Grading runs in a VerifierPool, so it works in trl's threads and cannot hang a training step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from verifiers.grader import VerifierGrader
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict, Verifier

ANSWER_COLUMNS = ("solution", "answer")  # of trl's own data sets, and of `beyond env export`


def text_of(completion: str | Sequence[Mapping[str, Any]]) -> str:
    """The text of a completion: itself, or the last assistant turn of a conversation."""
    if isinstance(completion, str):
        return completion
    turns = [turn["content"] for turn in completion if turn.get("role", "assistant") == "assistant"]
    return str(turns[-1] or "") if turns else ""


class RewardFunc:
    """`__call__(prompts, completions, **columns) -> list of score or None`, as trl's trainers call it.

    Args:
        verifier: a registered name with its settings, or a verifier (it must pickle).
        answer_column: the data set's column that holds the reference answers; the first of ANSWER_COLUMNS that it has
            unless given.
        workers, deadline_seconds, memory_bytes: of the pool, started at the first call.
    """

    def __init__(
        self,
        verifier: str | Verifier = "symbolic",
        *,
        answer_column: str | None = None,
        workers: int = 1,
        deadline_seconds: float = 2.0,
        memory_bytes: int = 1 << 30,
        **settings: Any,
    ) -> None:
        self.grader = VerifierGrader(verifier, **settings)
        self.answer_column = answer_column
        self.limits: Any = {"workers": workers, "deadline_seconds": deadline_seconds, "memory_bytes": memory_bytes}
        self.__name__ = verifier if isinstance(verifier, str) else type(verifier).__name__  # trl logs under this name
        self._pool: VerifierPool | None = None

    def __call__(
        self,
        prompts: Sequence[Any] | None = None,
        completions: Sequence[str | Sequence[Mapping[str, Any]]] = (),
        **columns: Any,
    ) -> list[float | None]:
        """One score per completion; None (the sample is skipped) where the verifier itself failed.

        Raises:
            KeyError: the data set has no such column.
            TypeError: a reference is neither text nor a number.
        """
        wanted = ANSWER_COLUMNS if self.answer_column is None else (self.answer_column,)
        column = next((name for name in wanted if name in columns), None)
        if column is None:
            names = " or ".join(map(repr, wanted))
            raise KeyError(f"no column {names} with reference answers (answer_column); columns are {sorted(columns)}")
        answers = [_reference(answer, column) for answer in columns[column]]
        items = [(text_of(completion), answer) for completion, answer in zip(completions, answers, strict=True)]
        return [None if verdict.outcome is Outcome.ERROR else verdict.score for verdict in self.verdicts(items)]

    def verdicts(self, items: Sequence[tuple[str, str]]) -> list[Verdict]:
        """The verdicts behind the scores."""
        if self._pool is None:
            self._pool = VerifierPool(self.grader, **self.limits, key=lambda item: item)
        return self._pool.grade(items)

    def close(self) -> None:
        """End the grading processes; they also end with the program."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None}


def _reference(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"column {column!r} holds the reference {value!r:.60}, expected text or a number")
    return str(value)


def reward_func(verifier: str | Verifier = "symbolic", **settings: Any) -> RewardFunc:
    """A trl reward function that pays a verifier's score. Settings as in RewardFunc, the rest go to the verifier."""
    return RewardFunc(verifier, **settings)
