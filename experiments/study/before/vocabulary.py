"""Whether the policy's vocabulary has the words of the prompts: what it has not all reads as one unknown token.

And whether the model has what its tokenizer writes: a token added to the tokenizer alone ends a run in its first step.
"""

from __future__ import annotations

from collections.abc import Iterable

from envs.environment import Environment
from envs.types import Problem
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from policies.causal import CausalPolicy
from rl.workers.conversations import encode_prompt

MANY = 0.1  # of all tokens of the prompts: with so many unknown ones the policy reads something else than it is asked
SHOWN = 12  # characters that a message lists


def check_vocabulary(reader: CausalPolicy, problems: Iterable[tuple[Environment, Problem]]) -> None:
    """Warns where single characters of prompts are unknown to the policy.

    Raises:
        UserError: so many are that the prompts cannot be told apart, or the model lacks a token of a prompt.
    """
    problems = list(problems)
    _check_embeddings(reader, problems)
    unknown = reader.tokenizer.unk_token_id
    if unknown is None:
        return
    num_tokens = num_unknown = num_prompts = total = 0
    texts: list[str] = []
    for env, problem in problems:
        shown = env.write_prompt(problem)
        tokens = encode_prompt(reader, shown)
        found = tokens.count(unknown)
        total, num_tokens, num_unknown = total + 1, num_tokens + len(tokens), num_unknown + found
        if found:
            num_prompts += 1
            texts.append(shown.text)
    if not num_unknown:
        return
    characters = sorted({c for text in texts[:100] for c in text if unknown in reader.encode_completion(c)})
    listed = "".join(characters[:SHOWN]) + ("..." if len(characters) > SHOWN else "")
    told = f"{num_prompts:,} of {total:,} prompts hold what the policy's vocabulary has not ({listed!r})"
    if num_unknown >= MANY * num_tokens:
        raise UserError(
            f"policy: {told}, {num_unknown / num_tokens:.0%} of all their tokens: it reads these as one and the same "
            "unknown token. Give a policy of other words (policy.tiny makes one with the environment's own), or "
            "another environment"
        )
    tell(f"warning: policy: {told}: it reads these as one and the same unknown token")


def _check_embeddings(reader: CausalPolicy, problems: Iterable[tuple[Environment, Problem]]) -> None:
    size = reader.num_tokens
    if size is None or len(reader.tokenizer) <= size:
        return
    for env, problem in problems:
        worst = max(encode_prompt(reader, env.write_prompt(problem)), default=0)
        if worst >= size:
            name = reader.tokenizer.convert_ids_to_tokens(worst)
            raise UserError(
                f"policy: the tokenizer writes token {worst} ({name!r}) in the prompt of {env.place_of(problem)}, "
                f"and the model has {size:,} tokens: give the model a row for it "
                "(model.resize_token_embeddings(len(tokenizer))), or use the tokenizer that it was trained with"
            )
