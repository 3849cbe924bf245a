"""A reward model: the policy's trunk with one score per sequence, in the Hugging Face form that trl trains.

A score is read at the last *real* token, known from lengths. Hugging Face's own pooling looks for the last token that
is not the padding id, which is one token early when the padding id doubles as the end token.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from policies.causal import CausalPolicy
from policies.saving import quiet, saving
from policies.scoring.packed.packing import trunk_states

BATCH_TOKENS = 1 << 14  # padded tokens in one forward pass

TokenPair = tuple[Sequence[int], Sequence[int]]  # prompt tokens, completion tokens


class RewardModel:
    """Scores (prompt, completion) pairs.

    Attributes:
        model: an `AutoModelForSequenceClassification` module with one label.
        tokenizer: the policy's tokenizer, saved beside it.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        if model.config.num_labels != 1:
            raise ValueError(f"the model has {model.config.num_labels} labels, expected 1 (a scalar score)")
        self.model = model.eval()
        self.tokenizer = tokenizer

    @classmethod
    def from_policy(cls, policy: CausalPolicy, seed: int, layers: int = 0) -> RewardModel:
        """The policy's trunk (copied, adapters merged) under a fresh score head drawn from `seed`.

        Args:
            layers: how many of the trunk's blocks are kept, from the first on: a smaller reward model; 0: all.
        Raises:
            ValueError: the trunk has fewer blocks.
        """
        source: Any = copy.deepcopy(policy.model)
        if policy.is_lora:
            source = source.merge_and_unload()
        config = copy.deepcopy(source.config)
        config.num_labels, config.pad_token_id = 1, policy.pad_id
        config.architectures = None  # names the causal class; saving writes the right one
        if layers:
            _keep_layers(config, layers)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = transformers.AutoModelForSequenceClassification.from_config(config)
        trunk = source.base_model.state_dict()
        model.base_model.load_state_dict({name: trunk[name] for name in model.base_model.state_dict()})
        weight = next(source.parameters())
        return cls(model.to(device=weight.device, dtype=weight.dtype), policy.tokenizer)

    @classmethod
    def load(cls, folder: str | Path, *, device: str | torch.device = "cpu") -> RewardModel:
        """The reward model that `save` (or trl's `RewardTrainer`) wrote."""
        with quiet():
            model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
        return cls(model.to(device), transformers.AutoTokenizer.from_pretrained(folder))

    def save(self, folder: str | Path) -> None:
        """Write a folder that `load` and `AutoModelForSequenceClassification` read."""
        with saving(folder) as writing, quiet():
            self.model.save_pretrained(writing)
            self.tokenizer.save_pretrained(writing)

    @torch.no_grad()
    def score(self, pairs: Sequence[TokenPair]) -> list[float]:
        """One score per pair, in order; the batches are sorted by length and bounded in padded tokens.

        Raises:
            ValueError: a pair without tokens.
        """
        rows = _rows(pairs)
        scores = [0.0] * len(rows)
        for batch in _batches([len(row) for row in rows]):
            for index, score in zip(batch, self._score_rows([rows[i] for i in batch]).tolist(), strict=True):
                scores[index] = score
        return scores

    @torch.no_grad()
    def token_scores(self, pairs: Sequence[TokenPair]) -> list[list[float]]:
        """What the head says after the prompt and after each token of the completion: n + 1 scores per pair, in order.

        The last is the score of `score`; the model was fitted to that one alone. Without a prompt the first is 0.

        Raises:
            ValueError: a pair without tokens.
        """
        rows = _rows(pairs)
        found: list[list[float]] = [[] for _ in rows]
        for batch in _batches([len(row) for row in rows]):
            scores = self._scores([rows[i] for i in batch])
            for index, row in zip(batch, scores.tolist(), strict=True):
                prompt = len(pairs[index][0])
                found[index] = [row[prompt - 1] if prompt else 0.0, *row[prompt : len(rows[index])]]
        return found

    def _score_rows(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """[N] float32 scores of non-empty rows."""
        lengths = torch.tensor([len(row) for row in rows], device=self.model.device)
        return self._scores(rows, lengths - 1)

    def _scores(self, rows: Sequence[Sequence[int]], at: Tensor | None = None) -> Tensor:
        """[N] float32 scores at one position of each row, or [N, longest row] at all (arbitrary behind a row's end).

        Shared beginnings are passed once where the trunk can be packed.
        """
        device = self.model.device
        lengths = torch.tensor([len(row) for row in rows], device=device)
        width = max(len(row) for row in rows)
        pad = self.model.config.pad_token_id or 0
        tokens = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=device)
        attention = torch.arange(width, device=device)[None] < lengths[:, None]
        states, nodes = trunk_states(self.model.base_model, tokens, attention)
        wanted = nodes if at is None else nodes[torch.arange(len(rows), device=device), at]
        return self.model.score(states[wanted]).squeeze(-1).float()


def _rows(pairs: Sequence[TokenPair]) -> list[list[int]]:
    """Prompt and completion of each pair in one row."""
    rows = [[*prompt, *completion] for prompt, completion in pairs]
    if any(not row for row in rows):
        raise ValueError(f"pair {rows.index([])} has no tokens")
    return rows


def _keep_layers(config: Any, layers: int) -> None:
    if layers > config.num_hidden_layers:
        raise ValueError(f"layers is {layers}, and the policy has {config.num_hidden_layers} blocks")
    kinds = getattr(config, "layer_types", None)  # of models whose blocks differ in kind
    config.num_hidden_layers = layers
    if kinds is not None:
        config.layer_types = kinds[:layers]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices in batches, longest rows first, each within BATCH_TOKENS when padded (or a single row)."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batches: list[list[int]] = []
    for index in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
