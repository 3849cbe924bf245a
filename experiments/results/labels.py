"""What the labels of an arm are worth: how often they, and the reward model fitted to them, agree with ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Agreement:
    """Agreement with ground truth on decisive pairs (exactly one side is right), pooled over seeds.

    Attributes:
        annotator: who labelled; people agree on 60 to 77 % of such pairs (Stiennon et al. 2020, arXiv:2009.01325).
        num_labels: preferences among the answers that were bought, decisive or not.
        num_decisive: labelled decisive pairs.
        labels: share of them in which the right side was preferred; None without such a pair.
        num_held_out: decisive pairs that the reward model was not fitted to; 0 without a reward model.
        reward_model: share of those in which it scores the right side higher; None without such a pair.
    """

    annotator: str
    num_labels: int
    num_decisive: int
    labels: float | None
    num_held_out: int = 0
    reward_model: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """`careful and agrees with ground truth on 69 % of 730 decisive pairs, the reward model on 61 % of 72`."""
        if self.labels is None:
            return f"{self.annotator}, none of whose {self.num_labels} labels is on a decisive pair"
        share = f"{100 * self.labels:.0f} % of {self.num_decisive} decisive pairs"
        text = f"{self.annotator} and agrees with ground truth on {share}"
        if self.reward_model is None:
            return text
        return f"{text}, the reward model on {100 * self.reward_model:.0f} % of {self.num_held_out}"


def agreement_of(reports: Sequence[dict[str, Any]], reward_models: Sequence[dict[str, Any]]) -> Agreement:
    """The agreement over the seeds' label_report.json and, where there are any, reward.json.

    Raises:
        ValueError: there is no label report.
    """
    if not reports:
        raise ValueError("no label report: an agreement needs at least one")
    decisive = sum(card["num_decisive"] for card in reports)
    held_out = sum(card["num_decisive"] for card in reward_models)
    return Agreement(
        annotator=reports[0]["annotator"],
        num_labels=sum(card["num_labels"] for card in reports),
        num_decisive=decisive,
        labels=_pooled(reports, "agreement"),
        num_held_out=held_out,
        reward_model=_pooled(reward_models, "gold_accuracy"),
    )


def _pooled(cards: Sequence[dict[str, Any]], name: str) -> float | None:
    """The cards' shares of their decisive pairs, weighted by how many those are."""
    told = [(card[name], card["num_decisive"]) for card in cards if card[name] is not None]
    total = sum(count for _, count in told)
    return sum(share * count for share, count in told) / total if total else None
