"""How far a policy has moved from a reference on given completions: what direct methods call their implicit reward."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from policies.causal import CausalPolicy
from policies.scoring.logprobs import score_tokens
from rl.learning.collate import collate_examples
from rl.types import TokenPair

SCORE_BATCH = 64  # rows in one forward pass


def completion_log_ratios(policy: CausalPolicy, reference: CausalPolicy, rows: Sequence[TokenPair]) -> list[float]:
    """log pi/ref of each completion given its prompt, nats summed over completion tokens."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    ratios = [0.0] * len(rows)
    for start in range(0, len(order), SCORE_BATCH):
        part = order[start : start + SCORE_BATCH]
        for index, ratio in zip(part, _batch_log_ratios(policy, reference, [rows[i] for i in part])):
            ratios[index] = ratio
    return ratios


def _batch_log_ratios(policy: CausalPolicy, reference: CausalPolicy, rows: Sequence[TokenPair]) -> list[float]:
    batch = collate_examples(rows, policy.pad_id)
    with torch.no_grad():
        sums = [
            (score_tokens(p.model, part.tokens, part.attention).logprobs * part.mask).sum(1).cpu()
            for p, part in ((policy, batch.to(policy.device)), (reference, batch.to(reference.device)))
        ]
    ratios: list[float] = (sums[0] - sums[1]).tolist()
    return ratios
