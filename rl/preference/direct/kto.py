"""KTO: the policy is fitted to single completions that were called good or bad, with no pairs (2402.01306, eq. 8).

    good  lambda_D (1 - sigmoid(beta (h - z)))      bad  lambda_U (1 - sigmoid(beta (z - h)))

h is log pi/ref of the completion, z an estimate of KL(pi || ref) from mismatched prompts and completions, through which
no gradient flows. The reference is the start policy. Loss and gradient are trl's, and a test holds them to
the formula.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trl

from policies.causal import CausalPolicy, load_policy
from rl.imitation.demonstrations import encode_prompt
from rl.preference.direct.base import DirectCard, DirectSettings, save_fit, train_direct
from rl.preference.direct.log_ratios import completion_log_ratios
from rl.preference.fit_checkpoints import FitCheckpoints, going_on
from rl.preference.labels.feedback import Feedback
from rl.preference.trl_support import quiet_transformers, report_to, split_by_problem
from rl.records.recorder import Recorder
from rl.types import TokenPair

LOGS = ("loss", "rewards/chosen", "rewards/rejected", "rewards/margins", "kl", "grad_norm")
CARD_FILE = "kto.json"


@dataclass(frozen=True)
class KtoSettings(DirectSettings):
    """How a policy is fitted to thumbs."""

    batch_size: int = 128  # completions per optimizer step
    desirable_weight: float | None = None  # lambda_D; None: balances the numbers of good and bad completions
    undesirable_weight: float | None = None  # lambda_U; None: 1

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("desirable_weight", "undesirable_weight"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}, expected a positive number")


@dataclass(frozen=True, kw_only=True)
class KtoCard(DirectCard):
    """What the fit did; None where no completion could tell.

    Attributes:
        num_good, num_bad, num_held_out: completions trained on, and kept apart.
        desirable_weight, undesirable_weight: in force.
        good_shift, bad_shift: mean log pi/ref of the good and of the bad held-out completions after the fit, nats.
        accuracy: probability that a good held-out completion has a larger log pi/ref than a bad one (ties count half).
    """

    num_good: int
    num_bad: int
    num_held_out: int
    desirable_weight: float
    undesirable_weight: float
    good_shift: float | None
    bad_shift: float | None


def fit_kto(
    policy_folder: Path | str,
    feedback: Sequence[Feedback],
    settings: KtoSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    stage: str = "kto",
    checkpoints: FitCheckpoints | None = None,
) -> KtoCard:
    """Fits the policy in `policy_folder` to `feedback` and writes it, with its card, to `out_folder`.

    After a requested stop no policy is written and the card says `interrupted`; called again with the same
    `checkpoints`, the fit goes on and ends bit for bit as in one go.

    Args:
        checkpoints: of the fit, removed when it is done; None: a stopped fit begins anew.
    Raises:
        CheckpointError: no checkpoint is whole, or one is of another fit.
        ValueError: no good or no bad completion is left to train on, or all of them belong to one prompt.
    """
    began = time.perf_counter()
    begin_at = going_on(checkpoints, recorder, stage)
    with quiet_transformers():
        policy, reference = load_policy(policy_folder), load_policy(policy_folder)
        train, held_out = split_by_problem(feedback, settings.held_out, settings.seed)
        good = sum(row.is_good for row in train)
        if not 0 < good < len(train):
            raise ValueError(
                f"{len(train)} completions to train on, {good} of them good: KTO needs good and bad ones; "
                "buy more judgements, or choose another annotator"
            )
        weights = balanced_weights(good, len(train) - good, settings)
        rows = [(_tokens(row, policy), row.is_good) for row in train]
        steps, finished = train_direct(
            policy,
            reference,
            kto_columns(rows),
            settings,
            trainer_class=trl.KTOTrainer,
            config_class=trl.KTOConfig,
            options={"loss_type": "kto", "desirable_weight": weights[0], "undesirable_weight": weights[1]},
            callback=report_to(recorder, stage, "kto", LOGS),
            checkpoints=checkpoints,
            begin_at=begin_at,
        )
        shifts = completion_log_ratios(policy, reference, [_tokens(row, policy) for row in held_out])
    up = [shift for row, shift in zip(held_out, shifts) if row.is_good]
    down = [shift for row, shift in zip(held_out, shifts) if not row.is_good]
    card = KtoCard(
        num_good=good,
        num_bad=len(train) - good,
        num_held_out=len(held_out),
        desirable_weight=weights[0],
        undesirable_weight=weights[1],
        steps=steps,
        good_shift=sum(up) / len(up) if up else None,
        bad_shift=sum(down) / len(down) if down else None,
        accuracy=_ranked(up, down),
        tokens_trained=sum(len(p) + len(c) for (p, c), _ in rows) * settings.epochs,
        seconds=time.perf_counter() - began,
        interrupted=not finished,
    )
    save_fit(policy, card, out_folder, CARD_FILE)
    return card


def balanced_weights(num_good: int, num_bad: int, settings: KtoSettings) -> tuple[float, float]:
    """(lambda_D, lambda_U): as set, or such that lambda_D n_D = lambda_U n_U.

    The paper wants lambda_D n_D / (lambda_U n_U) within [1, 4/3] (eq. 9); the balance is its lower end.
    """
    undesirable = settings.undesirable_weight if settings.undesirable_weight is not None else 1.0
    if settings.desirable_weight is not None:
        return settings.desirable_weight, undesirable
    return undesirable * num_bad / num_good, undesirable


def kto_columns(rows: Sequence[tuple[TokenPair, bool]]) -> dict[str, list[Any]]:
    """The trainer's columns; the KL baseline pairs each prompt with a completion of the next different prompt.

    Raises:
        CheckpointError: no checkpoint is whole, or one is of another fit.
        ValueError: all rows have one prompt.
    """
    mismatched = []
    for index, ((prompt, _), _) in enumerate(rows):
        others = (rows[(index + k) % len(rows)][0] for k in range(1, len(rows)))
        other = next((completion for own, completion in others if own != prompt), None)
        if other is None:
            raise ValueError("KTO needs completions of at least two different prompts for its KL baseline")
        mismatched.append(list(other))
    return {
        "prompt_ids": [list(prompt) for (prompt, _), _ in rows],
        "completion_ids": [list(completion) for (_, completion), _ in rows],
        "KL_completion_ids": mismatched,
        "label": [is_good for _, is_good in rows],
        "length": [len(prompt) + len(completion) for (prompt, completion), _ in rows],
    }


def _tokens(row: Feedback, policy: CausalPolicy) -> TokenPair:
    """The sampled tokens where they spell the recorded text; else the text encoded and closed by the end token."""
    sampled = row.tokens is not None and policy.decode(row.tokens) == row.response
    completion = row.tokens if sampled and row.tokens is not None else policy.encode_completion(row.response)
    return encode_prompt(policy, row.problem), completion


def _ranked(up: Sequence[float], down: Sequence[float]) -> float | None:
    if not up or not down:
        return None
    wins = sum((a > b) + 0.5 * (a == b) for a in up for b in down)
    return wins / (len(up) * len(down))
