"""Several verifiers as one, every part named: what a run pays for stays visible in its metrics.

One part decides the outcome, so a well-formed wrong answer is WRONG, whatever its score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from verifiers.registry import make
from verifiers.types import Outcome, Verdict, Verifier

Part = Verifier | str | Mapping[str, Any]  # as configs write one: an object, its name, or {"name": ..., **settings}


def warm_up_all(parts: Iterable[Verifier]) -> None:
    """Let every part import what it needs, before a deadline runs."""
    for part in parts:
        getattr(part, "warm_up", lambda: None)()


def resolve(part: Part) -> Verifier:
    """A verifier from itself, its name, or its name with settings."""
    if isinstance(part, Verifier):
        return part
    return make(part) if isinstance(part, str) else make(**part)


class _Combined:
    def __init__(self, parts: Mapping[str, Part]) -> None:
        if not parts:
            raise ValueError(f"{type(self).__name__} needs at least one part")
        self.parts = {name: resolve(part) for name, part in parts.items()}

    def warm_up(self) -> None:
        """Warm up every part."""
        warm_up_all(self.parts.values())


class WeightedVerifier(_Combined):
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
        parts: Mapping[str, Part],
        *,
        weights: Mapping[str, float] | None = None,
        decides: str | None = None,
    ) -> None:
        super().__init__(parts)
        weights = dict.fromkeys(parts, 1.0) if weights is None else dict(weights)
        if set(weights) != set(parts):
            raise ValueError(f"weights are for {sorted(weights)}, parts are {sorted(parts)}; give one weight per part")
        if min(weights.values()) < 0 or sum(weights.values()) <= 0:
            raise ValueError(f"weights must not be negative and must not all be 0, got {weights}")
        self.weights = weights
        self.decides = next(iter(parts)) if decides is None else decides
        if self.decides not in self.parts:
            raise ValueError(f"decides={self.decides!r} is not a part; parts are {sorted(self.parts)}")

    def verify(self, response: str, answer: str) -> Verdict:
        """The deciding part's verdict with the weighted score and every part by name."""
        verdicts = {name: verifier.verify(response, answer) for name, verifier in self.parts.items()}
        named = {name: verdict.score for name, verdict in verdicts.items()}
        score = sum(self.weights[name] * named[name] for name in named) / sum(self.weights.values())
        deciding = verdicts[self.decides]
        seconds = sum(verdict.seconds for verdict in verdicts.values())
        verdict = replace(deciding, score=score, parts={**deciding.parts, **named}, seconds=seconds)
        failed = next((name for name, part in verdicts.items() if part.outcome is Outcome.ERROR), None)
        if failed is None or deciding.outcome is Outcome.ERROR:
            return verdict
        return replace(
            verdict, outcome=Outcome.ERROR, score=0.0, detail=f"part {failed!r} failed: {verdicts[failed].detail}"
        )


class AllOf(_Combined):
    """CORRECT when every part is; otherwise the verdict of the first part that is not, with score 0."""

    def verify(self, response: str, answer: str) -> Verdict:
        """Parts after the first failure are not asked."""
        named: dict[str, float] = {}
        for name, verifier in self.parts.items():
            verdict = verifier.verify(response, answer)
            named[name] = verdict.score
            if not verdict.is_correct:
                return replace(verdict, score=0.0, detail=f"{name}: {verdict.detail}", parts=named)
        return replace(verdict, score=1.0, parts=named)


class AnyOf(_Combined):
    """CORRECT when one of several references or verifiers says so: the first CORRECT verdict, else the first."""

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__({str(number): part for number, part in enumerate(parts)})

    def verify(self, response: str, answer: str) -> Verdict:
        """Parts after the first CORRECT one are not asked."""
        verdicts = (verifier.verify(response, answer) for verifier in self.parts.values())
        first = next(verdicts)
        return first if first.is_correct else next((verdict for verdict in verdicts if verdict.is_correct), first)
