"""KTO: the policy is fitted to single completions that were called good or bad, with no pairs (2402.01306, eq. 8).

    good  lambda_D (1 - sigmoid(beta (h - z)))      bad  lambda_U (1 - sigmoid(beta (z - h)))

h is log pi/ref of the completion, z an estimate of KL(pi || ref) from mismatched prompts and completions, through which
no gradient flows. The reference is the start policy. Loss and gradient are trl's (rl/functional/preference.py has them
as a pure function, equal to trl's on a frozen batch).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl.imitation.demonstrations import encode_prompt
from rl.preference.feedback import Feedback
from rl.preference.log_ratios import completion_log_ratios, restore_forward
from rl.preference.trl_support import (
    contained_trainer,
    pretokenized,
    quiet_transformers,
    report_to,
    split_by_problem,
    steps_done,
    train_quietly,
    training_arguments,
)
from rl.recorder import Recorder
from rl.types import TokenPair

if TYPE_CHECKING:
    from policies.causal import CausalPolicy

LOGS = ("loss", "rewards/chosen", "rewards/rejected", "rewards/margins", "kl", "grad_norm")
CARD_FILE = "kto.json"


@dataclass(frozen=True)
class KtoSettings:
    """How a policy is fitted to thumbs; the defaults are for models of a few million parameters at most."""

    beta: float = 0.1  # strength of the reference
    desirable_weight: float | None = None  # lambda_D; None: balances the numbers of good and bad completions
    undesirable_weight: float | None = None  # lambda_U; None: 1
    epochs: int = 1  # passes over the completions
    batch_size: int = 128  # completions per optimizer step
    lr: float = 1e-4  # peak learning rate, cosine to 0
    held_out: float = 0.1  # share of the problems whose completions only measure accuracy
    seed: int = 0  # of the data order

    def __post_init__(self) -> None:
        for name in ("beta", "desirable_weight", "undesirable_weight"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}, expected a positive number")
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError("epochs and batch_size must be at least 1")


@dataclass(frozen=True)
class KtoCard:
    """What the fit did; None where no completion could tell.

    Attributes:
        num_good, num_bad, num_held_out: completions trained on, and kept apart.
        desirable_weight, undesirable_weight: in force.
        steps: optimizer steps.
        good_shift, bad_shift: mean log pi/ref of the good and of the bad held-out completions after the fit, nats.
        accuracy: probability that a good held-out completion has a larger log pi/ref than a bad one (ties count half).
        tokens_trained: prompt and completion tokens passed forward and backward.
        interrupted: a stop was requested before the last step.
    """

    num_good: int
    num_bad: int
    num_held_out: int
    desirable_weight: float
    undesirable_weight: float
    steps: int
    good_shift: float | None
    bad_shift: float | None
    accuracy: float | None
    tokens_trained: int
    seconds: float
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def fit_kto(
    policy_folder: Path | str,
    feedback: Sequence[Feedback],
    settings: KtoSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    stage: str = "kto",
    checkpoints: Path | None = None,
) -> KtoCard:
    """Fits the policy in `policy_folder` to `feedback` and writes it, with its card, to `out_folder`.

    After a requested stop no policy is written and the card says `interrupted`; called again with the same
    `checkpoints`, the fit goes on and ends bit for bit as in one go.

    Args:
        checkpoints: folder for those of the fit, removed when it is done; None: a stopped fit begins anew.
    Raises:
        ValueError: no good or no bad completion is left to train on, or all of them belong to one prompt.
    """
    from policies.causal import load_policy

    began = time.perf_counter()
    recorder.rewind(stage, steps_done(checkpoints))
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
        steps, finished = _train(policy, reference, rows, weights, settings, recorder, stage, checkpoints)
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
    if not card.interrupted:
        with quiet_transformers():
            policy.save(out_folder)
        (Path(out_folder) / CARD_FILE).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
    return card


def balanced_weights(num_good: int, num_bad: int, settings: KtoSettings) -> tuple[float, float]:
    """(lambda_D, lambda_U): as set, or such that lambda_D n_D = lambda_U n_U.

    The paper wants lambda_D n_D / (lambda_U n_U) within [1, 4/3] (eq. 9); the balance is its lower end.
    """
    undesirable = settings.undesirable_weight if settings.undesirable_weight is not None else 1.0
    if settings.desirable_weight is not None:
        return settings.desirable_weight, undesirable
    return undesirable * num_bad / num_good, undesirable


def _train(
    policy: CausalPolicy,
    reference: CausalPolicy,
    rows: Sequence[tuple[TokenPair, bool]],
    weights: tuple[float, float],
    settings: KtoSettings,
    recorder: Recorder,
    stage: str,
    checkpoints: Path | None,
) -> tuple[int, bool]:
    """Trains `policy` in place; the optimizer steps taken, and whether they are all."""
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    with contained_trainer(settings.seed, checkpoints) as folder:
        arguments = training_arguments(
            folder, epochs=settings.epochs, batch_size=settings.batch_size, lr=settings.lr, seed=settings.seed
        )
        trainer = pretokenized(KTOTrainer)(
            model=policy.model,
            # given as an object: left alone, trl loads it from the path in the model's config, which a model in memory
            # does not have and a model that moved on has outgrown
            ref_model=reference.model,
            args=KTOConfig(
                **arguments,
                beta=settings.beta,
                loss_type="kto",
                desirable_weight=weights[0],
                undesirable_weight=weights[1],
            ),
            train_dataset=Dataset.from_dict(kto_columns(rows)),
            processing_class=policy.tokenizer,
            callbacks=[report_to(recorder, stage, "kto", LOGS)],
        )
        done = train_quietly(trainer)
    for model in (policy.model, reference.model):
        restore_forward(model)
        model.eval()
    return done


def kto_columns(rows: Sequence[tuple[TokenPair, bool]]) -> dict[str, list[Any]]:
    """The trainer's columns; the KL baseline pairs each prompt with a completion of the next different prompt.

    Raises:
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
