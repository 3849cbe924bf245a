"""The label report: what a set of labels rewards, measured against gold. Print it before training on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rl.preference.labels.annotators import Annotator
from rl.preference.labels.features import SolutionFeatures, features_of
from rl.types import Group


@dataclass(frozen=True)
class Judgement:
    """One answer to one pair.

    Attributes:
        first, second: what is seen of the two, as shown.
        answer: "first", "second" or "tie".
        first_seen_right, second_seen_right: probability that each, read alone, is taken for right; None for recorded
            labels, where only the preference is known.
    """

    first: SolutionFeatures
    second: SolutionFeatures
    answer: str
    first_seen_right: float | None = None
    second_seen_right: float | None = None


@dataclass(frozen=True)
class LabelReport:
    """What the labels say; every share is None where no pair could tell.

    Attributes:
        annotator: whose labels.
        num_judgements: answers paid for, ties included; num_labels: preferences among them.
        decisive_share: share of judged pairs with exactly one gold-correct solution: only they carry gold information.
        both_wrong_share: share of judged pairs without a right solution.
        num_decisive: labelled decisive pairs; agreement: share of them in which the right solution was preferred.
        larger_step_both_wrong: share of labelled both-wrong pairs of unlike mean step size in which the larger won.
        larger_step: the same over all labelled pairs; longer: over those of different length, the longer one won.
        false_positive_rate: mean probability that a gold-wrong solution is taken for right; false_negative_rate: that a
            right one is taken for wrong.
        by_level: the card of each level.
    """

    annotator: str
    num_judgements: int
    num_labels: int
    decisive_share: float
    both_wrong_share: float
    num_decisive: int
    agreement: float | None
    larger_step_both_wrong: float | None
    larger_step: float | None
    longer: float | None
    false_positive_rate: float | None
    false_negative_rate: float | None
    by_level: Mapping[int, LabelReport] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        row = asdict(self)
        row["by_level"] = {str(level): card.to_json() for level, card in self.by_level.items()}
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> LabelReport:
        """The card that `to_json` wrote."""
        by_level = {int(level): cls.from_json(card) for level, card in row["by_level"].items()}
        return cls(**{**row, "by_level": by_level})


def label_report(
    judgements: Sequence[Judgement], annotator: str, *, judgements_per_pair: int = 1, split_levels: bool = True
) -> LabelReport:
    """The card of these answers.

    Raises:
        ValueError: there are none.
    """
    if not judgements:
        raise ValueError("no judgements: a label report needs at least one")
    labelled = [j for j in judgements if j.answer != "tie"]
    decisive = [j for j in labelled if _is_decisive(j)]
    both_wrong = [j for j in labelled if not j.first.is_correct and not j.second.is_correct]
    seen = [
        (features.is_correct, chance)
        for j in judgements
        for features, chance in ((j.first, j.first_seen_right), (j.second, j.second_seen_right))
        if chance is not None
    ]
    levels = sorted({j.first.level for j in judgements}) if split_levels else []
    return LabelReport(
        annotator=annotator,
        num_judgements=len(judgements) * judgements_per_pair,
        num_labels=len(labelled),
        decisive_share=sum(map(_is_decisive, judgements)) / len(judgements),
        both_wrong_share=sum(not (j.first.is_correct or j.second.is_correct) for j in judgements) / len(judgements),
        num_decisive=len(decisive),
        agreement=_share_preferring(decisive, lambda r: float(r.is_correct)),
        larger_step_both_wrong=_share_preferring(both_wrong, lambda r: r.mean_step_size),
        larger_step=_share_preferring(labelled, lambda r: r.mean_step_size),
        longer=_share_preferring(labelled, lambda r: r.relative_length),
        false_positive_rate=_mean(chance for correct, chance in seen if not correct),
        false_negative_rate=_mean(1 - chance for correct, chance in seen if correct),
        by_level={
            level: label_report(
                [j for j in judgements if j.first.level == level],
                annotator,
                judgements_per_pair=judgements_per_pair,
                split_levels=False,
            )
            for level in levels
        },
    )


@dataclass(frozen=True)
class Misjudgement:
    """How often an annotator is misled by a policy's completions: rises where the policy learns to convince.

    Attributes:
        false_positive_rate: mean probability that a gold-wrong completion is taken for right; None without one.
        false_negative_rate: mean probability that a gold-right completion is taken for wrong; None without one.
        num_wrong, num_right: completions that the two are means over.
    """

    false_positive_rate: float | None
    false_negative_rate: float | None
    num_wrong: int
    num_right: int

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def misjudgement(groups: Sequence[Group], annotator: Annotator) -> Misjudgement:
    """The annotator's error rates on these completions; measure it by checkpoint (Wen et al. 2409.12822)."""
    features = [features_of(t) for group in groups for t in group.trajectories]
    wrong = [annotator.perceives_right(r) for r in features if not r.is_correct]
    right = [1 - annotator.perceives_right(r) for r in features if r.is_correct]
    return Misjudgement(_mean(wrong), _mean(right), len(wrong), len(right))


def _is_decisive(judgement: Judgement) -> bool:
    return judgement.first.is_correct != judgement.second.is_correct


def _share_preferring(judgements: Iterable[Judgement], quantity: Callable[[SolutionFeatures], float]) -> float | None:
    """Share of the pairs that differ in `quantity` in which the solution with more of it was preferred."""
    more = []
    for j in judgements:
        difference = quantity(j.first) - quantity(j.second)
        if difference:
            more.append(float((difference > 0) == (j.answer == "first")))
    return _mean(more)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
