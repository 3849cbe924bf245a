"""How well a policy predicts a text that nobody trained it on: what fine-tuning forgot of the language it came with.

The text is read in windows that overlap by half; a token is scored where at least half a window stands before it, but
for those of the first window (the sliding window of Hugging Face's "Perplexity of fixed-length models").
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from policies.causal import CausalPolicy
from policies.scoring.logprobs import score_tokens

WINDOW = 512  # tokens
BATCH_TOKENS = 1 << 12  # in one pass


@dataclass(frozen=True)
class TextScore:
    """What a policy makes of a text.

    Attributes:
        nats: minus the log-probability of the scored tokens of each window.
        tokens: how many those are.
        num_bytes: of the whole text in UTF-8, its first token apart, which nothing stands before.
    """

    nats: tuple[float, ...]
    tokens: tuple[int, ...]
    num_bytes: int

    @property
    def nats_per_token(self) -> float:
        """Cross-entropy; comparable between policies of one tokenizer."""
        return sum(self.nats) / sum(self.tokens)

    @property
    def perplexity(self) -> float:
        """exp of it."""
        return math.exp(self.nats_per_token)

    @property
    def bits_per_byte(self) -> float:
        """Comparable between tokenizers."""
        return sum(self.nats) / math.log(2) / self.num_bytes


@torch.no_grad()
def score_text(policy: CausalPolicy, text: str, *, window: int = WINDOW) -> TextScore:
    """Scores a text.

    Args:
        window: tokens that the policy sees at a time, at most its context.
    Raises:
        ValueError: a text of fewer than two tokens, or a window below 2 or beyond the context.
    """
    tokens = policy.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    if len(tokens) < 2:
        raise ValueError(f"the text has {len(tokens)} token(s), expected at least two: the first has nothing before it")
    if window < 2 or (policy.context is not None and window > policy.context):
        raise ValueError(f"window is {window}, expected 2 to the model's context, {policy.context}")
    rows = list(windows(tokens, window))
    nats: list[float] = []
    per_pass = max(1, BATCH_TOKENS // window)
    for first in range(0, len(rows), per_pass):
        part = rows[first : first + per_pass]
        width = max(len(row) for row, _ in part)
        batch = torch.tensor([[*row, *[policy.pad_id] * (width - len(row))] for row, _ in part], device=policy.device)
        columns = torch.arange(width, device=policy.device)[None]
        lengths, seen = torch.tensor([[len(row), seen] for row, seen in part], device=policy.device).T[:, :, None]
        attention = columns < lengths
        scores = score_tokens(policy.model, batch, attention, where=attention & (columns >= seen))
        nats += (-scores.logprobs.double().sum(1)).tolist()
    first_bytes = len(policy.tokenizer.decode(tokens[:1]).encode())
    return TextScore(tuple(nats), tuple(len(row) - seen for row, seen in rows), len(text.encode()) - first_bytes)


def windows(tokens: Sequence[int], window: int) -> Iterator[tuple[Sequence[int], int]]:
    """(tokens of a window, how many of them were scored before), so that all but the first are scored once."""
    stride = window - window // 2
    yield tokens[:window], 1
    end = window
    while end < len(tokens):
        begin = end - window // 2
        yield tokens[begin : begin + window], window // 2
        end += stride
