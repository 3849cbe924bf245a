"""The vocabulary of the training loop.

Axes: P problems per step, G completions per problem, B = P*G rows, T tokens. Column t of every [B, T] tensor
speaks about tokens[:, t]; `mask` is 1 on tokens that the policy sampled (the end token included) and 0 on prompt,
padding and tool output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from envs.types import Message, Problem, StopReason
from policies.types import Completion, FinishReason
from verifiers.types import Verdict


@dataclass(frozen=True)
class Trajectory:
    """One completion of one problem, graded and rewarded.

    Attributes:
        uid: names the rollout in the whole run; keys its randomness.
        prompt_tokens, completion: what was read and written.
        verdict: the gold verdict: always recorded, whatever the reward is made of.
        reward: what the algorithm sees; equals the sum of `parts`.
        parts: named reward parts, already weighted (e.g. {"correct": 1.0, "format": 0.1} or {"proxy": -0.3}).
        action_mask: 1 per completion token that the policy sampled, 0 for tool output; None means all 1.
        token_rewards: dense rewards, one per completion token, in addition to `reward`; None when there are none.
        transcript: the whole conversation of a multi-turn environment; None for a single turn.
        stop: why the conversation ended; None for a single turn.
    """

    uid: int
    problem: Problem
    prompt_tokens: tuple[int, ...]
    completion: Completion
    verdict: Verdict
    reward: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)
    action_mask: tuple[int, ...] | None = None
    token_rewards: tuple[float, ...] | None = None
    transcript: tuple[Message, ...] | None = None
    stop: StopReason | None = None

    @property
    def response(self) -> str | tuple[Message, ...]:
        """What the verifier judges: the text, or the conversation where there was more than one turn."""
        return self.completion.text if self.transcript is None else self.transcript

    @property
    def is_truncated(self) -> bool:
        """True when the length limit ended the completion."""
        return self.completion.finish is FinishReason.LENGTH

    @property
    def num_sampled(self) -> int:
        """Tokens that the policy sampled: tool output is not among them."""
        return len(self.completion.tokens) if self.action_mask is None else sum(self.action_mask)

    def rewarded(self, parts: Mapping[str, float]) -> Trajectory:
        """The same trajectory with these reward parts; the reward is their sum.

        Args:
            parts: numbers of Python, numpy or torch. NaN: nothing is known of this completion; it takes no part.
        Raises:
            TypeError: a part is no number.
        """
        numbers = {name: as_number(value, f"reward part {name!r} of {self.named}") for name, value in parts.items()}
        return replace(self, parts=numbers, reward=float(sum(numbers.values())))

    @property
    def named(self) -> str:
        """Which row this is, for messages."""
        prompt = self.problem.prompt if isinstance(self.problem.prompt, str) else self.problem.prompt[-1].content
        return f"completion {self.uid} of the problem {' '.join(prompt.split())[:60]!r}"


def as_number(value: Any, what: str) -> float:
    """The Python float of a number of Python, numpy or torch.

    Raises:
        TypeError: `what` is something else; an array of one element counts as a number.
    """
    plain = value
    if hasattr(value, "item") and math.prod(getattr(value, "shape", (2,))) == 1:  # of numpy and torch
        plain = value.item()
    if isinstance(plain, Real):
        return float(plain)
    raise TypeError(f"{what} is {value!r:.60} ({type(value).__name__}), expected a number")


TokenPair = tuple[tuple[int, ...], tuple[int, ...]]  # prompt tokens, completion tokens


class Example(NamedTuple):
    """A completion to imitate."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    mask: tuple[int, ...] | None = None  # 1 on what its writer wrote, 0 on tool output; None: all of it is written

    @property
    def num_written(self) -> int:
        """Completion tokens that carry loss."""
        return len(self.completion) if self.mask is None else sum(self.mask)


@dataclass(frozen=True)
class Group:
    """The G trajectories of one problem."""

    problem: Problem
    trajectories: tuple[Trajectory, ...]

    @property
    def rewards(self) -> list[float]:
        """The G rewards, in the order of the trajectories."""
        return [t.reward for t in self.trajectories]

    @property
    def has_signal(self) -> bool:
        """False when every reward that is known is equal: a group-centred advantage is then exactly zero."""
        return len({reward for reward in self.rewards if not math.isnan(reward)}) > 1


@dataclass(frozen=True)
class Batch:
    """Tensors of one update; rows keep the order of the groups until collate sorts them.

    Attributes:
        tokens: [B, T] int64, prompt then completion, padded on the right.
        attention: [B, T] bool, True on real tokens.
        mask: [B, T] float, 1 on sampled tokens.
        sampler_logprobs: [B, T] what the sampler used; 0 where mask is 0.
        rewards: [B] scalar reward of each trajectory.
        groups: [B] int64, index of the row's problem.
        truncated: [B] bool, True where the length limit ended the completion.
        token_rewards: [B, T] dense rewards in addition to `rewards`, or None.
        old_logprobs: [B, T] log pi at the start of the update (proximal policy), or None: the behaviour serves.
        reference_logprobs: [B, T] of the frozen reference policy, or None.
        values: [B, T] value of the state before tokens[:, t], or None.
        advantages, returns: [B, T], filled by the algorithm.
        staleness: [B] int64, learner version minus the version that sampled the row.
    """

    tokens: Tensor
    attention: Tensor
    mask: Tensor
    sampler_logprobs: Tensor
    rewards: Tensor
    groups: Tensor
    truncated: Tensor
    token_rewards: Tensor | None = None
    old_logprobs: Tensor | None = None
    reference_logprobs: Tensor | None = None
    values: Tensor | None = None
    advantages: Tensor | None = None
    returns: Tensor | None = None
    staleness: Tensor | None = None

    @property
    def num_rows(self) -> int:
        """B."""
        return int(self.tokens.shape[0])

    @property
    def longest_completion(self) -> int:
        """Sampled tokens of the row with most of them, at least 1."""
        return max(1, int(self.mask.sum(1).max()))

    def rows(self, index: Tensor) -> Batch:
        """The rows at `index` [N] int64, columns cut to the longest real row among them."""
        width = int(self.attention[index].sum(1).max()) if index.numel() else 0
        cut: dict[str, Any] = {}
        for name, value in vars(self).items():
            if value is None:
                cut[name] = None
            elif value.dim() == 2:
                cut[name] = value[index, :width]
            else:
                cut[name] = value[index]
        return Batch(**cut)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        moved: dict[str, Any] = {k: None if v is None else v.to(device) for k, v in vars(self).items()}
        return Batch(**moved)


@dataclass(frozen=True)
class Totals:
    """What a loss is divided by: counts over the *whole* optimizer step, all micro-batches and ranks.

    A micro-batch's loss is its partial sum over these totals, so that the sum of micro-batch losses does not depend
    on how the step was split.
    """

    num_tokens: float  # sum of mask
    num_sequences: float  # rows with at least one sampled token
    max_tokens: int  # the length limit, for losses with a constant divisor (Dr. GRPO)

    @classmethod
    def of(cls, batch: Batch, max_tokens: int) -> Totals:
        """The totals of an optimizer step on a batch: all of its rows, those that will be skipped included."""
        num_tokens = float(batch.mask.sum(dtype=torch.float64))
        return cls(num_tokens, float((batch.mask.sum(1) > 0).sum()), max_tokens)


@dataclass(frozen=True)
class Comparison:
    """Two completions of one problem and the annotator's choice.

    Attributes:
        agrees_with_gold: True/False when exactly one of the two is gold-correct; None when gold has no opinion.
        chosen_tokens, rejected_tokens: what the policy sampled, the end token included when there was one; None for
            texts from elsewhere. Encoding the text again may give other tokens, and hides that a text was truncated.
    """

    problem: Problem
    chosen: str
    rejected: str
    annotator: str
    agrees_with_gold: bool | None = None
    chosen_tokens: tuple[int, ...] | None = None
    rejected_tokens: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return {
            "problem": self.problem.to_json(),
            "chosen": self.chosen,
            "rejected": self.rejected,
            "annotator": self.annotator,
            "agrees_with_gold": self.agrees_with_gold,
            "chosen_tokens": None if self.chosen_tokens is None else list(self.chosen_tokens),
            "rejected_tokens": None if self.rejected_tokens is None else list(self.rejected_tokens),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_json` wrote."""
        chosen_tokens, rejected_tokens = row.get("chosen_tokens"), row.get("rejected_tokens")
        return cls(
            Problem.from_json(row["problem"]),
            row["chosen"],
            row["rejected"],
            row["annotator"],
            row.get("agrees_with_gold"),
            None if chosen_tokens is None else tuple(chosen_tokens),
            None if rejected_tokens is None else tuple(rejected_tokens),
        )
