"""What an arm's training cost: the other half of every comparison."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from experiments.run.folders import RunFolder, read_json, write_json
from rl.algorithms import Algorithm


@dataclass(frozen=True)
class TrainingCost:
    """Costs of an arm beyond the start that all arms share.

    Attributes:
        optimizer_steps: of all models that were trained.
        tokens_sampled: completion tokens written by policies.
        tokens_trained: prompt and completion tokens passed forward and backward, each pass counted.
        verdicts: gold verdicts that training read; those that were only recorded are free.
        labels: judgements bought from the annotator.
        demonstrations: solutions that the demonstrator wrote.
    """

    optimizer_steps: int = 0
    tokens_sampled: int = 0
    tokens_trained: int = 0
    verdicts: int = 0
    labels: int = 0
    demonstrations: int = 0

    def __add__(self, other: TrainingCost) -> TrainingCost:
        return TrainingCost(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(TrainingCost)))

    def to_json(self) -> dict[str, int]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def cost_of_pairs(folder: Path) -> TrainingCost:
    """What the labelled pairs in a folder cost: sampling both sides, and the labels."""
    card = read_json(folder / "label_report.json")
    return TrainingCost(tokens_sampled=card["tokens_sampled"], labels=card["num_judgements"])


def cost_of_reward_model(pairs: Path, reward_model: Path) -> TrainingCost:
    """What a reward model cost, its pairs included.

    Args:
        pairs, reward_model: folders of the labelled pairs, and of the model.
    """
    card = read_json(reward_model / "reward.json")
    fit = TrainingCost(optimizer_steps=card["steps"], tokens_trained=card["tokens_trained"])
    return cost_of_pairs(pairs) + fit


def cost_of_updates(folder: RunFolder, stage: str, algorithm: Algorithm) -> TrainingCost:
    """What a training loop did, read from its metrics: a resumed one's earlier steps included."""
    rows = [row for row in folder.read_metrics() if row["stage"] == stage and "tokens/sampled_total" in row]
    passed = sum(row.get("learner/batch_tokens", 0.0) * (1 - row.get("learner/skipped", 0.0)) for row in rows)
    updates = sum("learner/batch_tokens" in row for row in rows)
    return TrainingCost(
        optimizer_steps=updates * algorithm.epochs * algorithm.minibatches,
        tokens_sampled=round(max((row["tokens/sampled_total"] for row in rows), default=0)),
        tokens_trained=round(passed * algorithm.epochs),
        verdicts=round(sum(row["gold/verdicts_read"] for row in rows)),
    )


def write_cost(folder: RunFolder, cost: TrainingCost, seconds: float, **facts: Any) -> None:
    """training.json of an arm: what its training cost, and what else is worth knowing about it."""
    write_json(folder.path / "training.json", {"cost": cost.to_json(), "seconds": seconds, **facts})
