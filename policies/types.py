"""What a policy takes and gives back.

One alignment everywhere: column t of any [B, T] array speaks about tokens[:, t], and
logprobs[:, t] = log pi(tokens[t] | tokens[<t]) at the sampling temperature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a completion ended."""

    STOP = "stop"  # the policy wrote an end token or a stop text: its last token, which carries a log-probability
    LENGTH = "length"  # truncated at max_new_tokens


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn. temperature 0 is greedy."""

    max_new_tokens: int = 128
    temperature: float = 1.0
    top_k: int = 0  # 0: all tokens
    top_p: float = 1.0  # 1: all tokens
    stop: tuple[str, ...] = ()  # texts that end a completion, beside the end token; left out of its text

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}, expected at least 1")
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, expected 0 (greedy) or a positive number")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}, expected 0 (off) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}, expected a number in (0, 1]")
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise ValueError(f"stop is {self.stop!r}, expected texts of at least one character")
        object.__setattr__(self, "stop", tuple(self.stop))  # JSON has lists


@dataclass(frozen=True)
class Request:
    """One prompt and the uids of the completions wanted for it.

    Attributes:
        max_new_tokens: what these completions have room for, where that is less than the sampling's limit; the tokens
            are those of the longer limit, cut. None: the sampling's.

    A uid is a non-negative integer below 2**63 that names the rollout in the whole run. The token at position t
    is drawn with randomness that depends on (seed, uid, t) alone: not on the batch, the order or the worker.
    """

    prompt: tuple[int, ...]
    uids: tuple[int, ...]
    max_new_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.max_new_tokens is not None and self.max_new_tokens < 1:
            raise ValueError(f"a request has max_new_tokens {self.max_new_tokens}, expected at least 1 or None")

    def limit(self, sampling: Sampling) -> int:
        """Most tokens of each of its completions."""
        if self.max_new_tokens is None:
            return sampling.max_new_tokens
        return min(self.max_new_tokens, sampling.max_new_tokens)


@dataclass(frozen=True)
class Completion:
    """What the policy wrote after one prompt.

    Attributes:
        tokens: sampled token ids, the end token included when there is one.
        logprobs: log pi of each token at the sampling temperature, over the full vocabulary.
        text: decoded tokens, without the end token, up to a stop text.
        finish: why it ended.
        version: number of the policy weights that wrote it.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    finish: FinishReason
    version: int = 0
