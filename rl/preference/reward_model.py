"""Bradley-Terry reward models from comparisons, trained by trl from the start policy's own trunk.

    loss = -log sigmoid(r_chosen - r_rejected) + c (r_chosen + r_rejected)^2

One model, or an ensemble whose members differ in their head and in the order of the data. Scores mean nothing in
themselves: each member is normalised to mean 0, standard deviation 1 on completions of the start policy.
"""

from __future__ import annotations

import copy
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envs.splits import keyed_rng
from rl.imitation.demonstrations import TokenPair
from rl.preference.trl_support import (
    contained_trainer,
    pretokenized,
    quiet_transformers,
    report_to,
    split_by_problem,
    token_pairs,
    train_quietly,
    training_arguments,
)
from rl.recorder import Recorder
from rl.rewards import COMBINATIONS, ProxyReward
from rl.types import Comparison

if TYPE_CHECKING:
    from policies.reward_model import RewardModel

PairOfPairs = tuple[TokenPair, TokenPair]  # chosen, rejected
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
    combine: str = "mean"  # mean, min or mean_minus_std over the members
    penalty: float = 1.0  # lambda of mean_minus_std
    seed: int = 0  # of heads and data order; member i uses seed + i

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.members) < 1:
            raise ValueError("epochs, batch_size and members must be at least 1")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out}, expected a share in [0, 1)")
        if self.combine not in COMBINATIONS:
            raise ValueError(f"combine is {self.combine!r}, expected one of {', '.join(COMBINATIONS)}")


@dataclass(frozen=True)
class RewardModelCard:
    """What the reward model learned; shares are None where no pair could tell.

    Attributes:
        num_pairs, num_held_out: comparisons trained on, and kept apart.
        train_accuracy, accuracy: share of pairs ranked as labelled, among those trained on (a sample of SAMPLE_PAIRS)
            and those kept apart.
        num_decisive, gold_accuracy: held-out pairs with exactly one gold-correct side, and the share of them in which
            the gold-correct side scores higher, whatever the label says.
        label_gold_agreement: share of those in which the label itself agrees with gold: the ceiling of skill.
        spread: mean over held-out completions of the members' standard deviation, in normalised units.
        normalisers: (mean, std) of each member on start-policy completions.
        tokens_trained: prompt and completion tokens passed forward and backward, all epochs and members.
        interrupted: a stop was requested before the last step.
    """

    num_pairs: int
    num_held_out: int
    train_accuracy: float
    accuracy: float | None
    num_decisive: int
    gold_accuracy: float | None
    label_gold_agreement: float | None
    spread: float | None
    normalisers: tuple[tuple[float, float], ...]
    combine: str
    penalty: float
    tokens_trained: int
    seconds: float
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)


def fit_reward_model(
    policy_folder: Path | str,
    comparisons: Sequence[Comparison],
    settings: RewardModelSettings,
    out_folder: Path | str,
    recorder: Recorder,
    *,
    start_completions: Sequence[TokenPair] = (),
    stage: str = "reward_model",
) -> RewardModelCard:
    """Fits reward models to `comparisons` and writes them, their normalisers and the card to `out_folder`.

    After a requested stop nothing is written and the card says `interrupted`: the fit begins anew next time.

    Args:
        policy_folder: the start policy, in Hugging Face form; every member starts from its trunk.
        start_completions: (prompt tokens, completion tokens) sampled by the start policy, for normalisation; a
            thousand are plenty. Without them, a sample of the compared completions serves.
    Raises:
        ValueError: no comparison is left to train on.
    """
    from policies.causal import load_policy
    from policies.reward_model import RewardModel

    began = time.perf_counter()
    with quiet_transformers():
        policy = load_policy(policy_folder)
        train, held_out = split_by_problem(comparisons, settings.held_out, settings.seed)
        if not train:
            raise ValueError(f"{len(comparisons)} comparisons, {len(held_out)} held out: none is left to train on")
        pairs = [token_pairs(c, policy) for c in train]
        members: list[RewardModel] = []
        for seed in range(settings.seed, settings.seed + settings.members):
            if recorder.stop_requested and members:
                break
            members.append(RewardModel.from_policy(policy, seed))
            fit_bradley_terry(members[-1], pairs, settings, recorder, seed=seed, stage=stage)
        sample = keyed_rng("reward sample", settings.seed).sample(pairs, min(len(pairs), SAMPLE_PAIRS))
        reference = list(start_completions) or [side for pair in sample for side in pair]
        reward = ProxyReward(
            members,
            normalisers=tuple(normaliser(member.score(reference)) for member in members),
            combine=settings.combine,
            penalty=settings.penalty,
        )
        tokens = sum(len(p) + len(c) for pair in pairs for p, c in pair) * settings.epochs * settings.members
        card = _card(
            reward,
            num_pairs=len(pairs),
            sample=sample,
            held_out=held_out,
            held_out_pairs=[token_pairs(c, policy) for c in held_out],
            tokens=tokens,
            began=began,
            interrupted=recorder.stop_requested,
        )
        if not card.interrupted:
            _save(members, card, Path(out_folder))
    return card


def fit_bradley_terry(
    model: RewardModel,
    pairs: Sequence[PairOfPairs],
    settings: RewardModelSettings,
    recorder: Recorder,
    *,
    seed: int,
    stage: str = "reward_model",
) -> None:
    """Trains `model` in place on (chosen, rejected) token pairs with trl's RewardTrainer."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    chosen, rejected = ([[*pair[side][0], *pair[side][1]] for pair in pairs] for side in (0, 1))
    lengths = [max(len(c), len(r)) for c, r in zip(chosen, rejected)]
    dataset = Dataset.from_dict({"chosen_ids": chosen, "rejected_ids": rejected, "length": lengths})
    tokenizer = _padded_tokenizer(model, [*chosen, *rejected])
    with contained_trainer(seed), tempfile.TemporaryDirectory() as folder:
        arguments = training_arguments(
            folder, epochs=settings.epochs, batch_size=settings.batch_size, lr=settings.lr, seed=seed
        )
        trainer = pretokenized(RewardTrainer)(
            model=model.model,
            args=RewardConfig(**arguments, center_rewards_coefficient=settings.center or None),
            train_dataset=dataset,
            processing_class=tokenizer,
            callbacks=[report_to(recorder, stage, "reward_model", LOGS)],
        )
        train_quietly(trainer)
    model.model.eval()


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
    """The reward source that `fit_reward_model` wrote; `changes` replace combine, penalty, weight, no_end_penalty."""
    from policies.reward_model import RewardModel

    card = json.loads((Path(folder) / CARD_FILE).read_text(encoding="utf-8"))
    members = [RewardModel.load(Path(folder) / f"member_{i}", device=device) for i in range(len(card["normalisers"]))]
    settings = {"combine": card["combine"], "penalty": card["penalty"], **changes}
    return ProxyReward(members, normalisers=tuple((m, s) for m, s in card["normalisers"]), **settings)


def ranking_accuracy(reward: ProxyReward, pairs: Sequence[PairOfPairs]) -> float | None:
    """Share of (chosen, rejected) pairs in which the chosen side scores higher; None without pairs."""
    margins = _margins(reward, pairs)
    return sum(m > 0 for m in margins) / len(margins) if margins else None


def gold_pairs(groups: Sequence[Any], per_group: int = 4) -> list[PairOfPairs]:
    """(gold-correct, gold-wrong) token pairs within each group: to measure a reward model on a policy's completions.

    Accuracy falls as the policy moves away from the completions that were labelled; measure it by checkpoint.
    """
    pairs: list[PairOfPairs] = []
    for group in groups:
        right = [t for t in group.trajectories if t.verdict.is_correct]
        wrong = [t for t in group.trajectories if not t.verdict.is_correct]
        for good, bad in list(zip(right, wrong))[:per_group]:
            sides = [(t.prompt_tokens, t.completion.tokens) for t in (good, bad)]
            pairs.append((sides[0], sides[1]))
    return pairs


def _margins(reward: ProxyReward, pairs: Sequence[PairOfPairs]) -> list[float]:
    scores = reward.scores([side for pair in pairs for side in pair]) if pairs else []
    return [chosen - rejected for chosen, rejected in zip(scores[::2], scores[1::2])]


def _card(
    reward: ProxyReward,
    *,
    num_pairs: int,
    sample: Sequence[PairOfPairs],
    held_out: Sequence[Comparison],
    held_out_pairs: Sequence[PairOfPairs],
    tokens: int,
    began: float,
    interrupted: bool,
) -> RewardModelCard:
    margins = _margins(reward, held_out_pairs)
    decisive = [(c.agrees_with_gold, m > 0) for c, m in zip(held_out, margins) if c.agrees_with_gold is not None]
    train_accuracy = ranking_accuracy(reward, sample)
    assert train_accuracy is not None  # there are pairs
    return RewardModelCard(
        num_pairs=num_pairs,
        num_held_out=len(held_out),
        train_accuracy=train_accuracy,
        accuracy=sum(m > 0 for m in margins) / len(margins) if margins else None,
        num_decisive=len(decisive),
        gold_accuracy=sum(agrees == ranks for agrees, ranks in decisive) / len(decisive) if decisive else None,
        label_gold_agreement=sum(agrees for agrees, _ in decisive) / len(decisive) if decisive else None,
        spread=_spread(reward, [side for pair in held_out_pairs for side in pair]),
        normalisers=tuple(reward.normalisers),
        combine=reward.combine,
        penalty=reward.penalty,
        tokens_trained=tokens,
        seconds=time.perf_counter() - began,
        interrupted=interrupted,
    )


def _spread(reward: ProxyReward, completions: list[TokenPair]) -> float | None:
    if len(reward.members) < 2 or not completions:
        return None
    columns = [
        [(score - mean) / std for score in member.score(completions)]
        for member, (mean, std) in zip(reward.members, reward.normalisers)
    ]
    return statistics.fmean(statistics.pstdev(row) for row in zip(*columns))


def _save(members: Sequence[RewardModel], card: RewardModelCard, folder: Path) -> None:
    for index, member in enumerate(members):
        member.save(folder / f"member_{index}")
    (folder / CARD_FILE).write_text(json.dumps(card.to_json(), indent=2) + "\n", encoding="utf-8")
