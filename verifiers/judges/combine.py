"""Several verifiers as one, every part named: what a run pays for stays visible in its metrics.

One part decides the outcome, so a well-formed wrong answer is WRONG, whatever its score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from verifiers.registry import make
from verifiers.types import Outcome, Verdict, Verifier


def warm_up_all(parts: Iterable[Verifier]) -> None:
    """Let every part import what it needs, before a deadline runs."""
    for part in parts:
        warm_up = getattr(part, "warm_up", None)
        if warm_up is not None:
            warm_up()


def resolve(part: Verifier | str | Mapping[str, Any]) -> Verifier:
    """A verifier from itself, from its name, or from {"name": ..., **settings} as configs write it."""
    if isinstance(part, Verifier):
        return part
    return make(part) if isinstance(part, str) else make(**part)


class WeightedVerifier:
    """The weighted mean of named parts; the outcome, answer and detail are those of the deciding part.

    score = sum_k w_k s_k / sum_k w_k. A response is paid for a part whatever the others say: the score of a WRONG
    verdict may be above 0 (documented partial credit), and `parts` holds each s_k.

        WeightedVerifier({"answer": "symbolic", "form": {"name": "format", "form": "boxed"}},
                         weights={"answer": 0.9, "form": 0.1})

    Args:
        parts: name -> verifier, or its registered name, or {"name": name, **settings}.
        weights: name -> weight >= 0; equal when left out.
        decides: the part that gives the outcome; the first when left out.
    """

    def __init__(
        self,
        parts: Mapping[str, Verifier | str | Mapping[str, Any]],
        *,
        weights: Mapping[str, float] | None = None,
        decides: str | None = None,
    ) -> None:
        weights = dict.fromkeys(parts, 1.0) if weights is None else dict(weights)
        if not parts or set(weights) != set(parts):
            raise ValueError(f"weights are for {sorted(weights)}, parts are {sorted(parts)}; give one weight per part")
        if min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise ValueError(f"weights must not be negative and must not all be 0, got {weights}")
        self.parts = {name: resolve(part) for name, part in parts.items()}
        self.weights = weights
        self.decides = next(iter(parts)) if decides is None else decides
        if self.decides not in self.parts:
            raise ValueError(f"decides={self.decides!r} is not a part; parts are {sorted(self.parts)}")

    def warm_up(self) -> None:
        """Warm up every part."""
        warm_up_all(self.parts.values())

    def verify(self, response: str, answer: str) -> Verdict:
        """The deciding part's verdict with the weighted score and every part by name."""
        verdicts = {name: verifier.verify(response, answer) for name, verifier in self.parts.items()}
        total = sum(self.weights.values())
        score = sum(self.weights[name] * verdict.score for name, verdict in verdicts.items()) / total
        deciding = verdicts[self.decides]
        outcome, detail = deciding.outcome, deciding.detail
        failed = [name for name, verdict in verdicts.items() if verdict.outcome is Outcome.ERROR]
        if failed and outcome is not Outcome.ERROR:
            outcome, score, detail = Outcome.ERROR, 0.0, f"part {failed[0]!r} failed: {verdicts[failed[0]].detail}"
        named = {name: verdict.score for name, verdict in verdicts.items()}
        return replace(
            deciding,
            outcome=outcome,
            score=score,
            detail=detail,
            parts={**deciding.parts, **named},
            seconds=sum(verdict.seconds for verdict in verdicts.values()),
        )


class AllOf:
    """CORRECT when every part is; otherwise the verdict of the first part that is not, with score 0."""

    def __init__(self, parts: Mapping[str, Verifier | str | Mapping[str, Any]]) -> None:
        if not parts:
            raise ValueError("AllOf needs at least one part")
        self.parts = {name: resolve(part) for name, part in parts.items()}

    def warm_up(self) -> None:
        """Warm up every part."""
        warm_up_all(self.parts.values())

    def verify(self, response: str, answer: str) -> Verdict:
        """Parts after the first failure are not asked."""
        named: dict[str, float] = {}
        for name, verifier in self.parts.items():
            verdict = verifier.verify(response, answer)
            named[name] = verdict.score
            if not verdict.is_correct:
                return replace(verdict, score=0.0, detail=f"{name}: {verdict.detail}", parts=named)
        return replace(verdict, score=1.0, parts=named)


class AnyOf:
    """CORRECT when one of several references or verifiers says so: the first CORRECT verdict, else the first."""

    def __init__(self, parts: Sequence[Verifier | str | Mapping[str, Any]]) -> None:
        if not parts:
            raise ValueError("AnyOf needs at least one part")
        self.parts = [resolve(part) for part in parts]

    def warm_up(self) -> None:
        """Warm up every part."""
        warm_up_all(self.parts)

    def verify(self, response: str, answer: str) -> Verdict:
        """Parts after the first CORRECT one are not asked."""
        first = None
        for verifier in self.parts:
            verdict = verifier.verify(response, answer)
            if verdict.is_correct:
                return verdict
            first = first or verdict
        assert first is not None
        return first
