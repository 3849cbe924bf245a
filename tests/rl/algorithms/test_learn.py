"""Every algorithm solves the identity environment within its budget, over five seeds; broken advantages do not.

Four problems, five tokens: the right completion is the problem's own token followed by the end token. The policy is a
table of logits, so a run takes a fraction of a second and the success probability is exact.

`python tests/rl/algorithms/test_learn.py` prints the learning curves of docs/algorithms/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rl.algorithms import ALGORITHMS, Algorithm, Scores, make
from rl.types import Batch, Totals

pytestmark = pytest.mark.learning

PROBLEMS, GROUP, VOCABULARY, END, LENGTH = 4, 16, 5, 4, 2
STEPS, LEARNING_RATE = 25, 0.3
SOLVED = 0.9  # success probability; 0.04 at the start
SEEDS = range(5)

CreditHook = Callable[[Batch, torch.Generator], Batch]
# one learning rate for all: Adam does not see what a loss is divided by
RL = sorted(set(ALGORITHMS) - {"sft", "distill"})


class TablePolicy:
    """Logits [problem, state, token]; the state is 0 before the first token and 1 + first token after it."""

    def __init__(self) -> None:
        self.logits = torch.zeros(PROBLEMS, 1 + VOCABULARY, VOCABULARY, requires_grad=True)
        self.values = torch.zeros(PROBLEMS, 1 + VOCABULARY, requires_grad=True)

    def scores(self, batch: Batch) -> Scores:
        problems, states = batch.groups.unsqueeze(1), states_of(batch.tokens)
        distribution = self.logits[problems, states].log_softmax(-1)
        logprobs = distribution.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1)
        entropy = -(distribution.exp() * distribution).sum(-1)
        return Scores(logprobs, entropy, self.values[problems, states])

    def success(self) -> float:
        """Exact mean probability of the right completion."""
        p = self.logits.detach().softmax(-1)
        index = torch.arange(PROBLEMS)
        return float((p[index, 0, index] * p[index, 1 + index, END]).mean())


def states_of(tokens: Tensor) -> Tensor:
    return torch.stack([torch.zeros_like(tokens[:, 0]), 1 + tokens[:, 0]], dim=1)


@torch.no_grad()
def rollouts(policy: TablePolicy, generator: torch.Generator, *, logits: Tensor | None = None) -> Batch:
    """Completions sampled from `logits` (the policy's own when None), scored by both."""
    groups = torch.arange(PROBLEMS).repeat_interleave(GROUP)
    sampler = policy.logits if logits is None else logits
    p = sampler.softmax(-1)
    first = torch.multinomial(p[groups, 0], 1, generator=generator)
    second = torch.multinomial(p[groups, 1 + first.squeeze(1)], 1, generator=generator)
    tokens = torch.cat([first, second], 1)
    mask = torch.ones(len(groups), LENGTH)
    mask[:, 1] = (first.squeeze(1) != END).float()  # an end token first: the completion has one token
    rewards = ((tokens[:, 0] == groups) & (tokens[:, 1] == END)).float()
    empty = torch.zeros(len(groups), LENGTH)
    batch = Batch(tokens, mask.bool(), mask, empty, rewards, groups, torch.zeros(len(groups), dtype=torch.bool))
    scores = policy.scores(batch)
    sampled = sampler.log_softmax(-1)[groups.unsqueeze(1), states_of(tokens), tokens]
    return replace(batch, sampler_logprobs=sampled, old_logprobs=scores.logprobs, values=scores.values)


def train(
    algorithm: Algorithm,
    seed: int,
    *,
    hook: CreditHook | None = None,
    reward: str = "gold",
    curve: list[float] | None = None,
    staleness: int = 0,
    steps: int = STEPS,
) -> float:
    """Success probability after the budget; before every step it is appended to `curve`.

    With `staleness` the sampler is that many updates behind the learner.
    """
    generator = torch.Generator().manual_seed(seed)
    policy = TablePolicy()
    optimizer = torch.optim.Adam([policy.logits, policy.values], lr=LEARNING_RATE)
    versions: list[Tensor] = []
    for _ in range(steps):
        if curve is not None:
            curve.append(policy.success())
        versions.append(policy.logits.detach().clone())
        batch = rollouts(policy, generator, logits=versions[max(0, len(versions) - 1 - staleness)])
        if reward == "random":
            batch = replace(batch, rewards=torch.randint(0, 2, batch.rewards.shape, generator=generator).float())
        batch = algorithm.compute_advantages(batch)
        if hook is not None:
            batch = hook(batch, generator)
        for _ in range(algorithm.epochs):
            order = torch.randperm(batch.num_rows, generator=generator)
            for rows in order.tensor_split(algorithm.minibatches):
                part = batch.rows(rows)
                totals = Totals(float(part.mask.sum()), float(len(rows)), LENGTH)
                optimizer.zero_grad()
                algorithm.loss(part, policy.scores(part), totals).loss.backward()
                optimizer.step()
    return policy.success()


@pytest.mark.parametrize("name", RL)
def test_every_algorithm_solves_the_identity_environment(name: str) -> None:
    assert min(train(make(name), seed) for seed in SEEDS) > SOLVED


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("grpo", {"scale": "batch_std", "aggregation": "token_mean"}),  # the setting of the flagship study
        ("grpo", {"epochs": 2, "minibatches": 2}),
        ("grpo", {"entropy_coefficient": 0.01}),
    ],
)
def test_the_settings_of_the_studies_learn_too(name: str, settings: dict) -> None:
    assert min(train(make(name, **settings), seed) for seed in SEEDS) > SOLVED


@pytest.mark.parametrize("name", sorted(set(RL) - {"reinforce", "gpg"}))
def test_several_passes_over_a_batch_learn_faster_than_one(name: str) -> None:
    # 2 epochs x 2 minibatches: ratios leave 1 and the clips act; gspo's bounds are made for long completions
    wide = {"clip_low": 0.2, "clip_high": 0.28} if name == "gspo" else {}
    one = make(name, epochs=1, minibatches=1, **wide)
    several = make(name, epochs=2, minibatches=2, **wide)
    assert train(several, 0, steps=6) > train(one, 0, steps=6) + 0.1


@pytest.mark.parametrize("name", ["reinforce", "grpo", "rloo", "cispo", "ppo"])
def test_a_sampler_two_updates_behind_still_teaches(name: str) -> None:
    correction = {"level": "sequence"} if name == "rloo" else {"level": "token"}
    assert min(train(make(name, correction=correction), seed, staleness=2, steps=40) for seed in range(3)) > SOLVED


def test_imitation_and_distillation_reach_what_they_are_shown() -> None:
    groups = torch.arange(PROBLEMS)
    tokens = torch.stack([groups, torch.full_like(groups, END)], 1)
    ones = torch.ones(PROBLEMS, LENGTH)
    shown = Batch(tokens, ones.bool(), ones, ones, ones[:, 0], groups, torch.zeros(PROBLEMS, dtype=torch.bool))
    student, algorithm = TablePolicy(), make("sft")
    optimizer = torch.optim.Adam([student.logits], lr=LEARNING_RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        algorithm.loss(shown, student.scores(shown), Totals(8, 4, LENGTH)).loss.backward()
        optimizer.step()
    assert student.success() > SOLVED

    def teach(batch: Batch) -> Batch:
        return replace(batch, reference_logprobs=student.scores(batch).logprobs.detach())

    for seed in SEEDS:
        generator, pupil, distill = torch.Generator().manual_seed(seed), TablePolicy(), make("distill")
        optimizer = torch.optim.Adam([pupil.logits], lr=LEARNING_RATE)
        for _ in range(STEPS):
            batch = distill.compute_advantages(teach(rollouts(pupil, generator)))
            optimizer.zero_grad()
            totals = Totals(float(batch.mask.sum()), float(batch.num_rows), LENGTH)
            distill.loss(batch, pupil.scores(batch), totals).loss.backward()
            optimizer.step()
        assert pupil.success() > SOLVED


def flipped(batch: Batch, generator: torch.Generator) -> Batch:
    assert batch.advantages is not None
    return replace(batch, advantages=-batch.advantages)


def shuffled(batch: Batch, generator: torch.Generator) -> Batch:
    assert batch.advantages is not None
    return replace(batch, advantages=batch.advantages[torch.randperm(batch.num_rows, generator=generator)])


@pytest.mark.parametrize("name", ["reinforce", "grpo", "ppo"])
@pytest.mark.parametrize("broken", ["flipped", "shuffled", "random"])
def test_broken_credit_does_not_solve_it(name: str, broken: str) -> None:
    hook = {"flipped": flipped, "shuffled": shuffled, "random": None}[broken]
    reward = "random" if broken == "random" else "gold"
    reached = [train(make(name), seed, hook=hook, reward=reward) for seed in SEEDS]
    # a table that drifts to one certain token per problem is right by luck on one problem in four at most
    assert max(reached) < 0.5
    assert sum(reached) / len(reached) < 0.15


def print_learning_curves() -> None:
    """Median and smallest success probability over the seeds, after some of the steps, as a Markdown table."""
    shown = (5, 10, 15, 25)
    print("| algorithm |", " | ".join(f"{step} steps" for step in shown), "|")
    print("|---|", "---|" * len(shown), sep="")
    for name in RL:
        curves: list[list[float]] = []
        for seed in SEEDS:
            curve: list[float] = []
            curve.append(train(make(name), seed, curve=curve))
            curves.append(curve)
        columns = [sorted(curve[step] for curve in curves) for step in shown]
        print(f"| {name} |", " | ".join(f"{c[len(c) // 2]:.2f} (min {c[0]:.2f})" for c in columns), "|")


if __name__ == "__main__":
    torch.set_num_threads(1)
    print_learning_curves()
