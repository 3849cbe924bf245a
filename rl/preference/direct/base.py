"""What the direct fits share (DPO, KTO): trl moves a policy away from a frozen reference, and a card says how far.

trl's classes come from the fits themselves, which name a loss beside its formula.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from policies.causal import CausalPolicy
from rl.preference.fit_checkpoints import FitCheckpoints
from rl.preference.trl_support import (
    contained_trainer,
    dataset_of,
    pretokenized,
    quiet_transformers,
    train_quietly,
    training_arguments,
)


@dataclass(frozen=True)
class DirectSettings:
    """How a policy is fitted; the defaults are for models of a few million parameters at most."""

    beta: float = 0.1  # strength of the reference (tau of IPO)
    epochs: int = 1  # passes over the rows; direct methods over-optimise within one
    batch_size: int = 64  # rows (pairs, or completions) per optimizer step
    lr: float = 1e-4  # peak learning rate, cosine to 0
    held_out: float = 0.1  # share of the problems whose rows only measure accuracy
    seed: int = 0  # of the data order
    autocast: str | None = None  # None or "bf16": see `training_arguments`

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ValueError(f"beta is {self.beta}, expected a positive number")
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")


@dataclass(frozen=True, kw_only=True)
class DirectCard:
    """What a fit did.

    Attributes:
        steps: optimizer steps.
        accuracy: on held-out rows after the fit; see the fit's own card.
        tokens_trained: prompt and completion tokens passed forward and backward.
        interrupted: a stop was requested before the last step.
    """

    steps: int
    accuracy: float | None
    tokens_trained: int
    seconds: float
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def train_direct(
    policy: CausalPolicy,
    reference: CausalPolicy,
    columns: Mapping[str, Sequence[Any]],
    settings: DirectSettings,
    *,
    trainer_class: type,
    config_class: type,
    options: Mapping[str, Any],
    callback: Any,
    checkpoints: FitCheckpoints | None,
    begin_at: Path | None,
) -> tuple[int, bool]:
    """Trains `policy` in place; the optimizer steps taken, and whether they are all.

    Args:
        columns: what the trainer's collator reads, and `length`.
        trainer_class, config_class: trl's, e.g. DPOTrainer and DPOConfig.
        options: of the config, beside those that all fits share.
        callback: see `report_to`.
        checkpoints: of the fit; None: a stopped one begins anew.
        begin_at: the one to go on from.
    """
    with contained_trainer(settings.seed, checkpoints) as folder:
        arguments = training_arguments(
            folder,
            saves=checkpoints is not None,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            seed=settings.seed,
            autocast=settings.autocast,
        )
        trainer = pretokenized(trainer_class)(
            model=policy.model,
            # given as an object: left alone, trl loads it from the path in the model's config, which a model in memory
            # does not have and a model that moved on has outgrown
            ref_model=reference.model,
            args=config_class(**arguments, beta=settings.beta, **options),
            train_dataset=dataset_of(columns),
            processing_class=policy.tokenizer,
            callbacks=[callback],
        )
        done = train_quietly(trainer, checkpoints, begin_at)
    for model in (policy.model, reference.model):
        vars(model).pop("forward", None)  # trl replaced it on the object (its fused output head)
        model.eval()
    return done


def save_fit(policy: CausalPolicy, card: DirectCard, folder: Path | str, card_file: str) -> None:
    """Writes the policy and its card to `folder`; nothing of an interrupted fit, which its checkpoints keep."""
    if card.interrupted:
        return
    with quiet_transformers():
        policy.save(folder)
    (Path(folder) / card_file).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
