from collections.abc import Sequence

import torch

from policies.causal import CausalPolicy
from policies.types import Sampling


def mine(policy: CausalPolicy, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[list[int]]:
    """The tokens after each prompt, one prompt after the other and without a cache: slow, and easy to read."""
    rows = []
    for prompt in prompts:
        row: list[int] = []
        while len(row) < sampling.max_new_tokens and (not row or row[-1] not in policy.stop_ids):
            logits = policy.model(torch.tensor([[*prompt, *row]])).logits[0, -1]
            chances = (logits / max(sampling.temperature, 1e-4)).softmax(-1)
            row.append(int(chances.argmax() if sampling.temperature == 0 else chances.multinomial(1)))
        rows.append(row)
    return rows  # log-probabilities are worked out for whatever comes back
