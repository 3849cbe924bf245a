"""Direct preference optimisation: the policy is fitted to comparisons without a reward model and without sampling.

With h = log pi(chosen)/ref(chosen) - log pi(rejected)/ref(rejected), summed over the completion's tokens:

    dpo     -log sigmoid(beta h)                                   (2305.18290, eq. 7)
    robust  the unbiased loss under labels flipped with probability label_smoothing   (2403.00409)
    ipo     (h' - 1 / (2 beta))^2, where trl averages over each completion's tokens before it takes the difference
    hinge   max(0, 1 - beta h)                                     (SLiC-HF, 2305.10425)

The reference is always the start policy, also when the fit goes on from another one (online DPO: rounds of sampling,
labelling, fitting).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.splits import keyed_rng
from rl.preference.log_ratios import completion_log_ratios, restore_forward
from rl.preference.reward_card import PairOfPairs
from rl.preference.trl_support import (
    contained_trainer,
    pretokenized,
    quiet_transformers,
    report_to,
    split_by_problem,
    steps_done,
    token_pairs,
    train_quietly,
    training_arguments,
)
from rl.recorder import Recorder
from rl.types import Comparison

if TYPE_CHECKING:
    from policies.causal import CausalPolicy

LOSSES = {"dpo": "sigmoid", "ipo": "ipo", "robust": "robust", "hinge": "hinge"}  # ours -> trl's
LOGS = ("loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected", "grad_norm")
CARD_FILE = "dpo.json"
SCORED_PAIRS = 500  # pairs on which the card's margins are measured


@dataclass(frozen=True)
class DpoSettings:
    """How a policy is fitted to comparisons; the defaults are for models of a few million parameters at most."""

    loss: str = "dpo"  # dpo, ipo, robust or hinge
    beta: float = 0.1  # strength of the reference (tau of IPO)
    label_smoothing: float = 0.0  # assumed share of flipped labels; robust only
    epochs: int = 1  # passes over the pairs; direct methods over-optimise within one
    batch_size: int = 64  # pairs per optimizer step
    lr: float = 1e-4  # peak learning rate, cosine to 0
    held_out: float = 0.1  # share of the problems whose pairs only measure accuracy
    seed: int = 0  # of the data order

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}, expected one of {', '.join(LOSSES)}")
        if self.beta <= 0:
            raise ValueError(f"beta is {self.beta}, expected a positive number")
        if bool(self.label_smoothing) != (self.loss == "robust") or not 0 <= self.label_smoothing < 0.5:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing} with loss {self.loss!r}: "
                "it must lie in (0, 0.5) with loss 'robust', and be 0 with any other"
            )
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")


@dataclass(frozen=True)
class DpoCard:
    """What the fit did; shares are None where no pair could tell.

    Attributes:
        num_pairs, num_held_out: comparisons trained on, and kept apart.
        steps: optimizer steps.
        margin_before, margin_after: mean h over (a sample of) the training pairs, nats.
        chosen_shift: mean log pi(chosen) - log ref(chosen); often negative: both sides fall, the rejected one faster.
        accuracy: share of held-out pairs with h > 0 after the fit.
        tokens_trained: prompt and completion tokens passed forward and backward.
        interrupted: a stop was requested before the last step.
    """

    num_pairs: int
    num_held_out: int
    steps: int
    margin_before: float
    margin_after: float
    chosen_shift: float
    accuracy: float | None
    tokens_trained: int
    seconds: float
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def fit_dpo(
    policy_folder: Path | str,
    comparisons: Sequence[Comparison],
    settings: DpoSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    reference_folder: Path | str | None = None,
    stage: str = "dpo",
    checkpoints: Path | None = None,
) -> DpoCard:
    """Fits the policy in `policy_folder` to `comparisons` and writes it, with its card, to `out_folder`.

    After a requested stop no policy is written and the card says `interrupted`; called again with the same
    `checkpoints`, the fit goes on and ends bit for bit as in one go.

    Args:
        reference_folder: the start policy that h is measured from; None: `policy_folder` itself.
        checkpoints: folder for those of the fit, removed when it is done; None: a stopped fit begins anew.
    Raises:
        ValueError: no comparison is left to train on.
    """
    from policies.causal import load_policy

    began = time.perf_counter()
    recorder.rewind(stage, steps_done(checkpoints))
    with quiet_transformers():
        policy = load_policy(policy_folder)
        reference = load_policy(reference_folder or policy_folder)
        train, held_out = split_by_problem(comparisons, settings.held_out, settings.seed)
        if not train:
            raise ValueError(f"{len(comparisons)} comparisons, {len(held_out)} held out: none is left to train on")
        pairs = [token_pairs(c, policy) for c in train]
        held_out_pairs = [token_pairs(c, policy) for c in held_out]
        sample = keyed_rng("dpo sample", settings.seed).sample(pairs, min(len(pairs), SCORED_PAIRS))
        before = log_ratios(policy, reference, sample)
        steps, finished = _train(policy, reference, pairs, settings, recorder, stage, checkpoints)
        after = log_ratios(policy, reference, sample)
        held_out_after = log_ratios(policy, reference, held_out_pairs)
    card = DpoCard(
        num_pairs=len(pairs),
        num_held_out=len(held_out),
        steps=steps,
        margin_before=_mean([c - r for c, r in before]),
        margin_after=_mean([c - r for c, r in after]),
        chosen_shift=_mean([c for c, _ in after]),
        accuracy=_mean([float(c > r) for c, r in held_out_after]) if held_out_after else None,
        tokens_trained=sum(len(p) + len(c) for pair in pairs for p, c in pair) * settings.epochs,
        seconds=time.perf_counter() - began,
        interrupted=not finished,
    )
    if card.interrupted:
        return card
    with quiet_transformers():
        policy.save(out_folder)
    (Path(out_folder) / CARD_FILE).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
    return card


def log_ratios(
    policy: CausalPolicy, reference: CausalPolicy, pairs: Sequence[PairOfPairs]
) -> list[tuple[float, float]]:
    """(log pi/ref of the chosen, of the rejected completion) for each pair, nats summed over completion tokens."""
    ratios = completion_log_ratios(policy, reference, [side for pair in pairs for side in pair])
    return list(zip(ratios[::2], ratios[1::2]))


def _train(
    policy: CausalPolicy,
    reference: CausalPolicy,
    pairs: Sequence[PairOfPairs],
    settings: DpoSettings,
    recorder: Recorder,
    stage: str,
    checkpoints: Path | None,
) -> tuple[int, bool]:
    """Trains `policy` in place; the optimizer steps taken, and whether they are all."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    with contained_trainer(settings.seed, checkpoints) as folder:
        arguments = training_arguments(
            folder, epochs=settings.epochs, batch_size=settings.batch_size, lr=settings.lr, seed=settings.seed
        )
        trainer = pretokenized(DPOTrainer)(
            model=policy.model,
            # given as an object: left alone, trl loads it from the path in the model's config, which a model in memory
            # does not have and a model that moved on has outgrown
            ref_model=reference.model,
            args=DPOConfig(
                **arguments,
                beta=settings.beta,
                loss_type=[LOSSES[settings.loss]],
                label_smoothing=settings.label_smoothing,
            ),
            train_dataset=Dataset.from_dict(_columns(pairs)),
            processing_class=policy.tokenizer,
            callbacks=[report_to(recorder, stage, "dpo", LOGS)],
        )
        done = train_quietly(trainer)
    for model in (policy.model, reference.model):
        restore_forward(model)
        model.eval()
    return done


def _columns(pairs: Sequence[PairOfPairs]) -> dict[str, list[Any]]:
    return {
        "prompt_ids": [list(chosen[0]) for chosen, _ in pairs],
        "chosen_ids": [list(chosen[1]) for chosen, _ in pairs],
        "rejected_ids": [list(rejected[1]) for _, rejected in pairs],
        "length": [len(c[0]) + max(len(c[1]), len(r[1])) for c, r in pairs],
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
