"""Conversations with an environment: the policy writes a turn, the environment answers, until one of them ends it.

Token in, token out: what the policy sampled is never decoded and encoded again; the environment's words are encoded
once and appended with action mask 0. Every turn draws with its own seed, since a uid names one stream of random
numbers per seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from envs.environment import Environment
from envs.turns import step_after
from envs.types import Message, Problem, StopReason
from policies.types import Completion, FinishReason, Request, Sampling

if TYPE_CHECKING:
    from policies.causal import CausalPolicy
    from policies.sampling.engine import SamplingEngine


@dataclass(frozen=True)
class Rollout:
    """What became of one rollout: a completion, and for conversations which of its tokens are whose.

    Attributes:
        action_mask, token_rewards, transcript, stop: as in `rl.types.Trajectory`.
    """

    completion: Completion
    action_mask: tuple[int, ...] | None = None
    token_rewards: tuple[float, ...] | None = None
    transcript: tuple[Message, ...] | None = None
    stop: StopReason | None = None

    @property
    def num_sampled(self) -> int:
        """Tokens that the policy sampled."""
        return len(self.completion.tokens) if self.action_mask is None else sum(self.action_mask)


@dataclass
class _Conversation:
    """A conversation in progress."""

    problem: Problem
    prompt: tuple[int, ...]
    uid: int
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    turns: list[Message] = field(default_factory=list)
    finish: FinishReason = FinishReason.STOP
    stop: StopReason | None = None  # None: it goes on

    @property
    def is_over(self) -> bool:
        """True once nobody speaks any more."""
        return self.stop is not None

    def request(self, limit: int) -> Request:
        """What is asked of the policy: its next turn, in the room that this conversation has left."""
        return Request((*self.prompt, *self.tokens), (self.uid,), max_new_tokens=limit - len(self.tokens))

    def add_turn(self, completion: Completion) -> None:
        """The policy's turn."""
        self.tokens += completion.tokens
        self.logprobs += completion.logprobs
        self.mask += [1] * len(completion.tokens)
        self.rewards += [0.0] * len(completion.tokens)
        self.turns.append(Message("assistant", completion.text))
        if completion.finish is FinishReason.LENGTH:
            self.finish, self.stop = FinishReason.LENGTH, StopReason.MAX_TOKENS

    def add_observation(self, text: str, tokens: Sequence[int], limit: int) -> None:
        """The environment's answer; the conversation ends when it leaves the policy no room."""
        if len(self.tokens) + len(tokens) >= limit:
            self.finish, self.stop = FinishReason.LENGTH, StopReason.MAX_TOKENS
            return
        self.turns.append(Message("tool", text))
        self.tokens += tokens
        self.logprobs += [0.0] * len(tokens)
        self.mask += [0] * len(tokens)
        self.rewards += [0.0] * len(tokens)

    def rollout(self, policy: CausalPolicy, version: int) -> Rollout:
        """The finished conversation; its text is all that stands in it, the environment's words included."""
        text = policy.decode(self.tokens)
        return Rollout(
            completion=Completion(tuple(self.tokens), tuple(self.logprobs), text, self.finish, version),
            action_mask=tuple(self.mask),
            token_rewards=tuple(self.rewards) if any(self.rewards) else None,
            transcript=tuple(self.turns),
            stop=self.stop,
        )


def converse(
    env: Environment,
    policy: CausalPolicy,
    sampler: SamplingEngine,
    requests: Sequence[tuple[Problem, Request]],
    sampling: Sampling,
    *,
    seed: int,
    version: int,
) -> list[tuple[Rollout, ...]]:
    """Plays every rollout of every request to its end.

    Args:
        sampling: `max_new_tokens` is for the whole conversation, the environment's words included.
        seed: of the first turn; later turns draw with seeds derived from it.
    """
    conversations = [[_Conversation(problem, r.prompt, uid) for uid in r.uids] for problem, r in requests]
    everyone = [conversation for group in conversations for conversation in group]
    limit = sampling.max_new_tokens
    for turn in range(env.max_turns):
        live = [conversation for conversation in everyone if not conversation.is_over]
        if not live:
            break
        asked = [conversation.request(limit) for conversation in live]
        if turn == 0:  # one prefill for all rollouts of a problem
            asked = [request for _, request in requests]
        answers = sampler.generate(asked, sampling, seed=turn_seed(seed, turn), version=version)
        for conversation, completion in zip(live, [c for group in answers for c in group], strict=True):
            _take_turn(conversation, completion, env, policy, limit, is_last=turn + 1 == env.max_turns)
    return [tuple(conversation.rollout(policy, version) for conversation in group) for group in conversations]


def _take_turn(
    conversation: _Conversation,
    completion: Completion,
    env: Environment,
    policy: CausalPolicy,
    limit: int,
    *,
    is_last: bool,
) -> None:
    conversation.add_turn(completion)
    if conversation.is_over:
        return
    step = step_after(env, conversation.problem, conversation.turns)
    conversation.rewards[-1] += step.reward
    if step.observation is None or step.stop is not None:
        conversation.stop = step.stop or StopReason.COMPLETED
    elif is_last:
        conversation.stop = StopReason.MAX_TURNS
    else:
        has_end = conversation.tokens[-1] in policy.stop_ids
        tokens = observation_tokens(policy, conversation.problem, step.observation, after_end=has_end)
        conversation.add_observation(step.observation, tokens, limit)


def turn_seed(seed: int, turn: int) -> int:
    """Seed of a turn: the run's own for the first, then a hash of both."""
    if turn == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{turn}".encode()).digest()[:7], "big")


class Encoder(Protocol):
    """The part of policies.causal.CausalPolicy that turns text into tokens."""

    @property
    def stop_ids(self) -> Sequence[int]:
        """Tokens that end a turn."""
        ...

    def encode(self, prompt: Any, tools: Sequence[Mapping[str, Any]] = ()) -> tuple[int, ...]:
        """Tokens of a prompt: text, or messages."""
        ...

    def encode_completion(self, text: str) -> tuple[int, ...]:
        """Tokens of a completion, with the end token."""
        ...


def encode_prompt(policy: Encoder, problem: Problem) -> tuple[int, ...]:
    """A problem's prompt as the policy reads it: text, or messages (and tools) through its chat template."""
    if isinstance(problem.prompt, str):
        return tuple(policy.encode(problem.prompt))
    messages = [{"role": m.role, "content": m.content} for m in problem.prompt]
    return tuple(policy.encode(messages, problem.info.get("tools", ())))


def observation_tokens(
    policy: Encoder, problem: Problem, observation: str, *, after_end: bool = True
) -> tuple[int, ...]:
    """Tokens between the policy's turn and its next one.

    After a text prompt: the observation itself. After messages: what the chat template writes for a tool's message
    and the assistant's next turn.

    Args:
        after_end: the turn ended with an end token; False: with a stop text, so the template's end token is missing.
    Raises:
        ValueError: the template does not continue a conversation where it stopped.
    """
    if isinstance(problem.prompt, str):
        return tuple(policy.encode_completion(observation)[:-1])
    opening: list[dict[str, Any]] = [{"role": "user", "content": "."}]
    answer = [{"role": "assistant", "content": "."}, {"role": "tool", "content": observation}]
    before, after = policy.encode(opening), policy.encode([*opening, *answer])
    spoken = len(before) + len(policy.encode_completion("."))
    if after[: len(before)] != before or after[spoken - 1] not in policy.stop_ids:
        raise ValueError(
            "the chat template does not write a tool's message as a continuation of the conversation before it; "
            "multi-turn environments need one that does"
        )
    return tuple(after[spoken - (not after_end) :])
