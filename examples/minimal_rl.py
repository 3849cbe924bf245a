"""One reinforcement-learning step in one place: sample, verify, centre, one optimizer step, print.

    python examples/minimal_rl.py

A policy of 15,000 random weights learns which digit follows which from nothing but right and wrong: it prints
0.04 right answers at step 0 and about 0.95 from step 40 on. Everything here is the public interface. What
`rl.train.Training` adds to these steps:

 1. Any environment with its train, validation and test problems, and a curriculum over them (envs, rl/curriculum)
 2. Verifiers in processes that can be killed: model output is hostile, and may hang (verifiers/pool)
 3. Rollouts in shards on many workers, ahead of the learner where wished (rl/rollouts, rl/workers)
 4. Conversations: tokens of tools and environments are read and not trained on (rl/workers/conversations.py)
 5. Advantages and losses by name: clipped ratios, value models, a KL to a reference (rl/algorithms)
 6. Importance weights where the sampler was older or less exact than the learner (rl/functional/correction.py)
 7. Micro-batches of packed prefixes, several minibatches, gradient clipping, a schedule (rl/learning)
 8. Groups that teach nothing sampled again, or left out of the backward pass (rl/train.py, dapo)
 9. Checkpoints from which a killed run ends bit for bit as if it had not been (rl/learning/checkpoint.py)
10. Metrics with a meaning each, warnings, and an honest test at the end (rl/records, experiments)
"""

from __future__ import annotations

import argparse
import random
from functools import partial

import torch
from torch import Tensor

from policies.causal import CausalPolicy
from policies.sampling.engine import SamplingEngine
from policies.scoring.logprobs import score_tokens
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, Request, Sampling
from verifiers import verify

DIGITS = [str(digit) for digit in range(10)]


def make_policy(seed: int) -> CausalPolicy:
    """A fresh policy that knows ten digits."""
    return build_tiny(TinyConfig(layers=1, hidden=32, heads=2, context=16), vocabulary=DIGITS, seed=seed)


def make_problems(num: int, rng: random.Random) -> list[tuple[str, str]]:
    """Prompts and right answers, such as ("7", "8") and ("9", "0")."""
    digits = [rng.randrange(10) for _ in range(num)]
    return [(str(digit), str((digit + 1) % 10)) for digit in digits]


def centre(rewards: Tensor) -> Tensor:
    """[P, G] advantages: each reward over the mean of its problem's completions. Rows of equal rewards become 0."""
    return rewards - rewards.mean(1, keepdim=True)


def policy_loss(
    policy: CausalPolicy, prompts: list[tuple[int, ...]], groups: list[tuple[Completion, ...]], advantages: Tensor
) -> Tensor:
    """-sum_t A_i log pi(a_it), a mean over completions; its gradient is the policy gradient (Williams 1992)."""
    rows = [(prompt, completion.tokens) for prompt, group in zip(prompts, groups) for completion in group]
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    tokens = torch.full((len(rows), width), policy.pad_id)  # [B, T]
    real = torch.zeros(len(rows), width, dtype=torch.bool)
    sampled = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        tokens[row, :end] = torch.tensor([*prompt, *answer])
        real[row, :end] = True
        sampled[row, len(prompt) : end] = True
    logprobs = score_tokens(policy.model, tokens, real, where=sampled).logprobs  # 0 where not sampled
    return -(advantages.reshape(-1, 1) * logprobs).sum() / len(rows)


def train(steps: int, *, num_problems: int = 32, group_size: int = 8, lr: float = 1e-2, seed: int = 0) -> list[float]:
    """The share of right answers at each step."""
    policy, rng, accuracies = make_policy(seed), random.Random(seed), []
    engine = SamplingEngine(policy)
    optimizer = torch.optim.Adam(policy.model.parameters(), lr)
    for step in range(steps):
        problems = make_problems(num_problems, rng)

        # sample: a uid names each completion, and keys its randomness
        prompts = [policy.encode(prompt) for prompt, _ in problems]
        first = step * num_problems * group_size
        uids = [tuple(range(first + p * group_size, first + (p + 1) * group_size)) for p in range(num_problems)]
        groups = engine.generate(list(map(Request, prompts, uids)), Sampling(max_new_tokens=2), seed=seed)

        # verify: 1 for a right answer, 0 for anything else (a bare number is an answer here; nothing announces it)
        judge = partial(verify, verifier="numeric", mode="evaluation")
        rewards = torch.tensor(
            [[judge(c.text, answer).score for c in group] for (_, answer), group in zip(problems, groups)]
        )  # [P, G]

        # centre, and one optimizer step
        optimizer.zero_grad()
        policy_loss(policy, prompts, groups, centre(rewards)).backward()
        optimizer.step()

        accuracies.append(float(rewards.mean()))
        if step % 20 == 0 or step == steps - 1:
            print(f"step {step:4d}  right {accuracies[-1]:.2f}", flush=True)
    return accuracies


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Reinforcement learning from a verifier, as small as it can be.")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    train(options.steps, seed=options.seed)
