"""Bradley-Terry reward models from comparisons, trained by trl from the start policy's own trunk.

    loss = -log sigmoid(r_chosen - r_rejected) + c (r_chosen + r_rejected)^2

One model, or an ensemble whose members differ in their head and in the order of the data. Scores mean nothing in
themselves: each member is normalised to mean 0, standard deviation 1 on completions of the start policy.
"""

from __future__ import annotations

import copy
import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trl

from envs.splits import keyed_rng
from policies.causal import CausalPolicy, load_policy
from policies.scoring.reward_model import RewardModel
from rl.preference.fit_checkpoints import FitCheckpoints, going_on
from rl.preference.models.reward_card import PairOfPairs, RewardModelCard, reward_model_card
from rl.preference.trl_support import (
    contained_trainer,
    dataset_of,
    pretokenized,
    quiet_transformers,
    report_to,
    split_by_problem,
    token_pairs,
    train_quietly,
    training_arguments,
)
from rl.records.recorder import Recorder
from rl.rewards.proxy import COMBINATIONS, ProxyReward
from rl.types import Comparison, TokenPair

CARD_FILE = "reward.json"
SAMPLE_PAIRS = 500  # training pairs scored for the train accuracy and, without start completions, the normaliser
LOGS = ("loss", "accuracy", "margin", "mean_reward", "grad_norm")


@dataclass(frozen=True)
class RewardModelSettings:
    """How a reward model is fitted; the defaults are for models of a few million parameters at most."""

    epochs: int = 2  # passes over the pairs; more than a few memorise them
    batch_size: int = 64  # pairs per optimizer step
    lr: float = 5e-4  # peak learning rate, cosine to 0
    center: float = 1e-3  # weight of (r_chosen + r_rejected)^2, which keeps scores around 0
    held_out: float = 0.1  # share of the problems whose pairs only measure accuracy
    members: int = 1  # size of the ensemble
    layers: int = 0  # blocks of the policy's trunk that a member keeps; 0: all
    combine: str = "mean"  # mean, min or mean_minus_std over the members
    penalty: float = 1.0  # lambda of mean_minus_std, >= 0
    seed: int = 0  # of heads and data order; member i uses seed + i
    autocast: str | None = None  # None or "bf16": see `training_arguments`

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.members) < 1:
            raise ValueError("epochs, batch_size and members must be at least 1")
        if self.layers < 0:
            raise ValueError(f"layers is {self.layers}, expected a number of blocks, or 0 for all")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out}, expected a share in [0, 1)")
        if self.combine not in COMBINATIONS:
            raise ValueError(f"combine is {self.combine!r}, expected one of {', '.join(COMBINATIONS)}")
        if self.penalty != 1.0 and self.combine != "mean_minus_std":
            raise ValueError(f"penalty only acts with combine 'mean_minus_std', and combine is {self.combine!r}")


def fit_reward_model(
    policy_folder: Path | str,
    comparisons: Sequence[Comparison],
    settings: RewardModelSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    start_completions: Sequence[TokenPair] = (),
    stage: str = "reward_model",
    identity: Mapping[str, Any] | None = None,
) -> RewardModelCard:
    """Fits reward models to `comparisons` and writes them, their normalisers and the card to `out_folder`.

    After a requested stop the card is not written and says `interrupted`: next time the members that are done are read
    back, and the one that was being fitted goes on from its last checkpoint.

    Args:
        policy_folder: the start policy, in Hugging Face form; every member starts from its trunk.
        start_completions: (prompt tokens, completion tokens) sampled by the start policy, for normalisation; a
            thousand are plenty. Without them, a sample of the compared completions serves.
        identity: of this fit, which checkpoints must have.
    Raises:
        CheckpointError: no checkpoint of the member that was being fitted is whole, or one is of another fit.
        ValueError: no comparison is left to train on.
    """
    began = time.perf_counter()
    with quiet_transformers():
        policy = load_policy(policy_folder)
        train, held_out = split_by_problem(comparisons, settings.held_out, settings.seed)
        if not train:
            raise ValueError(f"{len(comparisons)} comparisons, {len(held_out)} held out: none is left to train on")
        pairs = [token_pairs(c, policy) for c in train]
        members, finished = _fit_members(policy, pairs, settings, Path(out_folder), recorder, stage, identity)
        sample = keyed_rng("reward sample", settings.seed).sample(pairs, min(len(pairs), SAMPLE_PAIRS))
        reference = list(start_completions) or [side for pair in sample for side in pair]
        reward = ProxyReward(
            members,
            normalisers=tuple(normaliser(member.score(reference)) for member in members),
            combine=settings.combine,
            penalty=settings.penalty,
        )
        card = reward_model_card(
            reward,
            num_pairs=len(pairs),
            sample=sample,
            held_out=held_out,
            held_out_pairs=[token_pairs(c, policy) for c in held_out],
            steps=settings.epochs * -(-len(pairs) // settings.batch_size) * len(members),
            tokens=sum(len(p) + len(c) for pair in pairs for p, c in pair) * settings.epochs * len(members),
            seconds=time.perf_counter() - began,
            interrupted=not finished,
        )
    if not card.interrupted:
        (Path(out_folder) / CARD_FILE).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
    return card


def _fit_members(
    policy: CausalPolicy,
    pairs: Sequence[PairOfPairs],
    settings: RewardModelSettings,
    folder: Path,
    recorder: Recorder,
    stage: str,
    identity: Mapping[str, Any] | None,
) -> tuple[list[RewardModel], bool]:
    """The members, saved as they are done and read back when they are there; and whether they are all done."""
    members: list[RewardModel] = []
    for index in range(settings.members):
        target = folder / f"member_{index}"
        if target.exists():
            members.append(RewardModel.load(target))
            continue
        if recorder.stop_requested and members:
            return members, False
        seed, whose = settings.seed + index, None if identity is None else {**identity, "member": index}
        own_stage = f"{stage}_{index}" if settings.members > 1 else stage
        members.append(RewardModel.from_policy(policy, seed, settings.layers))
        checkpoints = FitCheckpoints(folder / f"checkpoints_{index}", whose)
        if not fit_bradley_terry(
            members[-1], pairs, settings, recorder, seed=seed, stage=own_stage, checkpoints=checkpoints
        ):
            return members, False
        members[-1].save(target)  # whole or not at all
    return members, True


def fit_bradley_terry(
    model: RewardModel,
    pairs: Sequence[PairOfPairs],
    settings: RewardModelSettings,
    recorder: Recorder,
    *,
    seed: int,
    stage: str = "reward_model",
    checkpoints: FitCheckpoints | None = None,
) -> bool:
    """Trains `model` in place on (chosen, rejected) token pairs with trl's RewardTrainer; False when it was stopped.

    Args:
        checkpoints: of the fit; None: a stopped one begins anew.
    Raises:
        CheckpointError: no checkpoint is whole, or one is of another fit.
    """
    begin_at = going_on(checkpoints, recorder, stage)
    chosen, rejected = ([[*pair[side][0], *pair[side][1]] for pair in pairs] for side in (0, 1))
    lengths = [max(len(c), len(r)) for c, r in zip(chosen, rejected)]
    dataset = dataset_of({"chosen_ids": chosen, "rejected_ids": rejected, "length": lengths})
    tokenizer = _padded_tokenizer(model, [*chosen, *rejected])
    with contained_trainer(seed, checkpoints) as folder:
        arguments = training_arguments(
            folder,
            saves=checkpoints is not None,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            seed=seed,
            autocast=settings.autocast,
        )
        trainer = pretokenized(trl.RewardTrainer)(
            model=model.model,
            args=trl.RewardConfig(**arguments, center_rewards_coefficient=settings.center or None),
            train_dataset=dataset,
            processing_class=tokenizer,
            callbacks=[report_to(recorder, stage, "reward_model", LOGS)],
        )
        _, finished = train_quietly(trainer, checkpoints, begin_at)
    model.model.eval()
    return finished


def _padded_tokenizer(model: RewardModel, rows: Sequence[Sequence[int]]) -> Any:
    """A copy of the tokenizer whose padding token ends no row.

    Hugging Face's pooling reads the score at the last token that is not padding; were the padding also the end token,
    it would read one token early.
    """
    tokenizer = copy.deepcopy(model.tokenizer)
    last = {row[-1] for row in rows}
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in last:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(next(i for i in range(len(tokenizer)) if i not in last))
    return tokenizer


def normaliser(scores: Sequence[float]) -> tuple[float, float]:
    """(mean, population standard deviation) of raw scores.

    Raises:
        ValueError: all scores are equal: the model tells no completion from another.
    """
    std = statistics.pstdev(scores)
    if std == 0:
        raise ValueError(f"the reward model gives {scores[0]:.4g} to all {len(scores)} start-policy completions")
    return statistics.fmean(scores), std


def load_reward(folder: Path | str, *, device: str = "cpu", **changes: Any) -> ProxyReward:
    """The reward function that `fit_reward_model` wrote; `changes` replace combine, penalty, weight, no_end_penalty."""
    card = json.loads((Path(folder) / CARD_FILE).read_text(encoding="utf-8"))
    members = [RewardModel.load(Path(folder) / f"member_{i}", device=device) for i in range(len(card["normalisers"]))]
    fitted = {"combine": card["combine"], "penalty": card["penalty"]}
    settings = {**(fitted if changes.get("combine", card["combine"]) == card["combine"] else {}), **changes}
    return ProxyReward(members, normalisers=tuple((m, s) for m, s in card["normalisers"]), **settings)
