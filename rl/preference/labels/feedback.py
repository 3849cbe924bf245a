"""Thumbs: judgements of single completions. Nobody compares anything, and a judgement costs as much as one of a pair.

A thumbs-up says that a completion is better than what an annotator usually sees. Each carries less than a comparison
does (two completions of one problem cancel what the problem contributes) and can be had where comparisons cannot.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from envs.types import Problem
from rl.preference.labels.annotators import Annotator
from rl.preference.labels.features import features_of
from rl.records.lines import load_records, save_records
from rl.types import Comparison, Group, Trajectory


@dataclass(frozen=True)
class Feedback:
    """One completion of one problem with a thumb.

    Attributes:
        is_good: thumbs-up.
        agrees_with_gold: True when the thumb says what the gold verdict says; None where nothing graded it.
        tokens: what the policy sampled; None for a text from elsewhere.
    """

    problem: Problem
    response: str
    is_good: bool
    annotator: str
    agrees_with_gold: bool | None = None
    tokens: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        tokens = None if self.tokens is None else list(self.tokens)
        return {**vars(self), "problem": self.problem.to_json(), "tokens": tokens}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Feedback:
        """The feedback that `to_json` wrote."""
        tokens = row.get("tokens")
        return cls(
            problem=Problem.from_json(row["problem"]),
            response=row["response"],
            is_good=bool(row["is_good"]),
            annotator=row.get("annotator", "human"),
            agrees_with_gold=row.get("agrees_with_gold"),
            tokens=None if tokens is None else tuple(tokens),
        )


@dataclass(frozen=True)
class FeedbackCard:
    """What the thumbs say; shares are None where no completion could tell.

    Attributes:
        num_judgements: thumbs paid for.
        good_share: thumbs-up among them.
        agreement: share of thumbs that say what gold says; false_positive_rate: of gold-wrong completions, those with a
            thumbs-up; false_negative_rate: of right ones, those without.
    """

    annotator: str
    num_judgements: int
    good_share: float
    agreement: float
    false_positive_rate: float | None
    false_negative_rate: float | None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return dict(vars(self))


def collect_feedback(
    groups: Sequence[Group], annotator: Annotator, budget: int, rng: random.Random
) -> tuple[list[Feedback], FeedbackCard]:
    """Thumbs for completions spread over the problems: one of each, then a second of each, as far as the budget goes.

    Args:
        budget: judgements; a panel that votes costs one per annotator.
    Raises:
        ValueError: no budget, or no completion.
    """
    affordable = budget // annotator.judgements_per_pair
    if affordable < 1:
        raise ValueError(f"a budget of {budget} judgements buys no thumb: each costs {annotator.judgements_per_pair}")
    columns = [_distinct(group, rng) for group in groups]
    rng.shuffle(columns)
    shown = [t for row in zip_longest(*columns) for t in row if t is not None][:affordable]
    if not shown:
        raise ValueError("no completions to judge")
    usual = statistics.median(annotator.utility(features_of(t)) for t in shown)
    rows = []
    for trajectory in shown:
        is_good = rng.random() < annotator.approves(features_of(trajectory), usual)
        rows.append(
            Feedback(
                problem=trajectory.problem,
                response=trajectory.completion.text,
                is_good=is_good,
                annotator=annotator.name,
                agrees_with_gold=is_good == trajectory.verdict.is_correct,
                tokens=trajectory.completion.tokens,
            )
        )
    return rows, feedback_card(rows, annotator.name, judgements_each=annotator.judgements_per_pair)


def feedback_card(rows: Sequence[Feedback], annotator: str, *, judgements_each: int = 1) -> FeedbackCard:
    """The card of graded thumbs."""
    right = [r for r in rows if r.agrees_with_gold is not None and r.is_good == r.agrees_with_gold]
    wrong = [r for r in rows if r.agrees_with_gold is not None and r.is_good != r.agrees_with_gold]
    return FeedbackCard(
        annotator=annotator,
        num_judgements=len(rows) * judgements_each,
        good_share=sum(r.is_good for r in rows) / len(rows),
        agreement=sum(bool(r.agrees_with_gold) for r in rows) / len(rows),
        false_positive_rate=sum(r.is_good for r in wrong) / len(wrong) if wrong else None,
        false_negative_rate=sum(not r.is_good for r in right) / len(right) if right else None,
    )


def from_comparisons(comparisons: Sequence[Comparison]) -> list[Feedback]:
    """A thumbs-up for every chosen side and a thumbs-down for every rejected one: KTO on labelled pairs."""
    rows = []
    for c in comparisons:
        for text, tokens, is_good in ((c.chosen, c.chosen_tokens, True), (c.rejected, c.rejected_tokens, False)):
            rows.append(Feedback(c.problem, text, is_good, c.annotator, None, tokens))
    return rows


def save_feedback(rows: Iterable[Feedback], path: Path | str) -> None:
    """Writes one JSON object per line."""
    save_records(rows, path)


def load_feedback(path: Path | str) -> list[Feedback]:
    """Feedback from JSON lines: what `save_feedback` wrote, or recorded thumbs in the same form.

    Raises:
        ValueError: a line is no object with problem, response and is_good; says which.
    """
    return load_records(path, Feedback.from_json, "feedback", "problem, response and is_good")


def _distinct(group: Group, rng: random.Random) -> list[Trajectory]:
    """Each text of the group once, in random order."""
    found = list({t.completion.text: t for t in group.trajectories}.values())
    rng.shuffle(found)
    return found
