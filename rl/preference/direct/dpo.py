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

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trl

from envs.splits import keyed_rng
from policies.causal import CausalPolicy, load_policy
from rl.preference.direct.base import DirectCard, DirectSettings, save_fit, train_direct
from rl.preference.direct.log_ratios import completion_log_ratios
from rl.preference.fit_checkpoints import FitCheckpoints, going_on
from rl.preference.models.reward_card import PairOfPairs
from rl.preference.trl_support import quiet_transformers, report_to, split_by_problem, token_pairs
from rl.records.recorder import Recorder
from rl.types import Comparison

LOSSES = {"dpo": "sigmoid", "ipo": "ipo", "robust": "robust", "hinge": "hinge"}  # ours -> trl's
LOGS = ("loss", "rewards/accuracies", "rewards/margins", "rewards/chosen", "rewards/rejected", "grad_norm")
CARD_FILE = "dpo.json"
SCORED_PAIRS = 500  # pairs on which the card's margins are measured


@dataclass(frozen=True)
class DpoSettings(DirectSettings):
    """How a policy is fitted to comparisons."""

    loss: str = "dpo"  # dpo, ipo, robust or hinge
    label_smoothing: float = 0.0  # assumed share of flipped labels; robust only

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}, expected one of {', '.join(LOSSES)}")
        if bool(self.label_smoothing) != (self.loss == "robust") or not 0 <= self.label_smoothing < 0.5:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing} with loss {self.loss!r}: "
                "it must lie in (0, 0.5) with loss 'robust', and be 0 with any other"
            )


@dataclass(frozen=True, kw_only=True)
class DpoCard(DirectCard):
    """What the fit did.

    Attributes:
        num_pairs, num_held_out: comparisons trained on, and kept apart.
        margin_before, margin_after: mean h over (a sample of) the training pairs, nats.
        chosen_shift: mean log pi(chosen) - log ref(chosen); often negative: both sides fall, the rejected one faster.
        accuracy: share of held-out pairs with h > 0 after the fit; None where there is none.
    """

    num_pairs: int
    num_held_out: int
    margin_before: float
    margin_after: float
    chosen_shift: float


def fit_dpo(
    policy_folder: Path | str,
    comparisons: Sequence[Comparison],
    settings: DpoSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    reference_folder: Path | str | None = None,
    stage: str = "dpo",
    checkpoints: FitCheckpoints | None = None,
) -> DpoCard:
    """Fits the policy in `policy_folder` to `comparisons` and writes it, with its card, to `out_folder`.

    After a requested stop no policy is written and the card says `interrupted`; called again with the same
    `checkpoints`, the fit goes on and ends bit for bit as in one go.

    Args:
        reference_folder: the start policy that h is measured from; None: `policy_folder` itself.
        checkpoints: of the fit, removed when it is done; None: a stopped fit begins anew.
    Raises:
        CheckpointError: no checkpoint is whole, or one is of another fit.
        ValueError: no comparison is left to train on.
    """
    began = time.perf_counter()
    begin_at = going_on(checkpoints, recorder, stage)
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
        steps, finished = train_direct(
            policy,
            reference,
            _columns(pairs),
            settings,
            trainer_class=trl.DPOTrainer,
            config_class=trl.DPOConfig,
            options={"loss_type": [LOSSES[settings.loss]], "label_smoothing": settings.label_smoothing},
            callback=report_to(recorder, stage, "dpo", LOGS),
            checkpoints=checkpoints,
            begin_at=begin_at,
        )
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
    save_fit(policy, card, out_folder, CARD_FILE)
    return card


def log_ratios(
    policy: CausalPolicy, reference: CausalPolicy, pairs: Sequence[PairOfPairs]
) -> list[tuple[float, float]]:
    """(log pi/ref of the chosen, of the rejected completion) for each pair, nats summed over completion tokens."""
    ratios = completion_log_ratios(policy, reference, [side for pair in pairs for side in pair])
    return list(zip(ratios[::2], ratios[1::2]))


def _columns(pairs: Sequence[PairOfPairs]) -> dict[str, list[Any]]:
    return {
        "prompt_ids": [list(chosen[0]) for chosen, _ in pairs],
        "chosen_ids": [list(chosen[1]) for chosen, _ in pairs],
        "rejected_ids": [list(rejected[1]) for _, rejected in pairs],
        "length": [len(c[0]) + max(len(c[1]), len(r[1])) for c, r in pairs],
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
