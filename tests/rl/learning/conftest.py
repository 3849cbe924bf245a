"""A world in which a policy learns in seconds: repeat the letter of the prompt. Nothing here starts a process."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

LETTERS = ("a", "b", "c", "d")


class LetterProblems:
    """Draws letters, and what happened to them changes what is drawn: a resume that forgets its state is found out."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.right = dict.fromkeys(LETTERS, 0.5)

    def problems(self, step: int, num: int, *, first: int = 0) -> list[Any]:
        from envs.types import Problem

        weights = [0.05 + p * (1 - p) for p in self.right.values()]
        letters = [
            random.Random(f"{self.seed} {step} {position}").choices(LETTERS, weights)[0]
            for position in range(first, first + num)
        ]
        return [Problem(prompt=letter, answer=letter, level=1 + LETTERS.index(letter)) for letter in letters]

    def observe(self, groups: Sequence[Any]) -> None:
        for group in groups:
            share = sum(row.verdict.is_correct for row in group.trajectories) / len(group.trajectories)
            letter = group.problem.answer
            self.right[letter] = 0.9 * self.right[letter] + 0.1 * share

    def metrics(self) -> dict[str, float]:
        return dict(self.right)

    def state_dict(self) -> dict[str, Any]:
        return {"right": dict(self.right)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.right = dict(state["right"])


class LetterWorkers:
    """Samples in this process, when it is polled, and grades by comparison with the answer."""

    def __init__(self, policy: Any, seed: int = 0) -> None:
        from policies.sampling.engine import SamplingEngine

        self.policy = policy
        self.seed = seed
        self.engine = SamplingEngine(policy)
        self.version = -1
        self.weights: dict[int, Any] = {}
        self.queue: list[Any] = []
        self.done: list[Any] = []

    def publish(self, weights: Mapping[str, Any], version: int) -> None:
        self.weights[version] = weights
        self.version = version

    def submit(self, shard: Any) -> None:
        assert shard.id not in {s.id for s in self.queue} | {r.shard_id for r in self.done}
        assert shard.version in (None, self.version)
        self.queue.append(shard)

    def work(self, num: int = 1) -> None:
        """Runs the next shards in the queue, by the weights that they ask for."""
        for _ in range(min(num, len(self.queue))):
            self.done.append(self.run(self.queue.pop(0)))

    def poll(self, timeout_seconds: float, wanted: Any = None) -> list[Any]:
        if timeout_seconds > 0 and not self._ready(wanted):
            self.work()
        ready = self._ready(wanted)
        self.done = [r for r in self.done if r not in ready]
        return ready

    def _ready(self, wanted: Any) -> list[Any]:
        return [r for r in self.done if wanted is None or r.shard_id in wanted]

    def run(self, shard: Any) -> Any:
        from policies.types import Request
        from rl.types import Group, Trajectory
        from rl.workers.types import ShardResult

        version = self.version if shard.version is None else shard.version
        self.policy.load_weights(self.weights[version])
        requests = [Request(self.policy.encode(p.prompt), uids) for p, uids in zip(shard.problems, shard.uids)]
        written = self.engine.generate(requests, shard.sampling, seed=self.seed, version=version)
        groups = tuple(
            Group(p, tuple(Trajectory(uid, p, r.prompt, c, verdict(c.text, p.answer)) for uid, c in zip(uids, row)))
            for p, uids, r, row in zip(shard.problems, shard.uids, requests, written)
        )
        return ShardResult(shard.id, groups, version, "test", {"generate": 0.0}, 0)

    def health(self) -> list[Any]:
        return []

    def cancel(self, shard_ids: Sequence[int]) -> None:
        self.queue = [shard for shard in self.queue if shard.id not in shard_ids]
        self.done = [result for result in self.done if result.shard_id not in shard_ids]

    def stacks(self) -> str:
        return ""

    def close(self) -> None:
        pass


def verdict(text: str, answer: str) -> Any:
    from verifiers.types import Outcome, Verdict

    right = text.strip() == answer
    return Verdict(
        Outcome.CORRECT if right else Outcome.WRONG, float(right), answer=text, parts={"answer": float(right)}
    )


def letter_policy(seed: int = 0, *, layers: int = 1, hidden: int = 32) -> Any:
    from policies.tiny import TinyConfig, build_tiny

    return build_tiny(TinyConfig(layers=layers, hidden=hidden, heads=2, context=64), vocabulary=LETTERS, seed=seed)


def ragged_groups(
    num: int = 6, size: int = 4, *, seed: int = 0, longest: int = 12, rewards: str = "random"
) -> list[Any]:
    """Rewarded groups of random tokens, as a sampler would have written them."""
    from envs.types import Problem
    from policies.types import Completion, FinishReason
    from rl.types import Group, Trajectory
    from verifiers.types import Outcome, Verdict

    rng = random.Random(seed)
    groups = []
    for index in range(num):
        problem = Problem(prompt=f"p{index}", answer="a")
        prompt = tuple(rng.randrange(4, 8) for _ in range(rng.randint(2, 5)))
        rows = []
        for sample in range(size):
            tokens = tuple(rng.randrange(4, 8) for _ in range(rng.randint(1, longest)))
            logprobs = tuple(-2.0 + 0.2 * rng.random() for _ in tokens)
            right = rng.random() < 0.5 if rewards == "random" else rewards == "ones" or sample % 2 == 0
            done = Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right))
            completion = Completion(tokens, logprobs, "x", FinishReason.STOP)
            rows.append(
                Trajectory(100 * index + sample, problem, prompt, completion, done).rewarded({"correct": right})
            )
        groups.append(Group(problem, tuple(rows)))
    return groups


@pytest.fixture
def world() -> SimpleNamespace:
    """The parts of the letter world, by name."""
    return SimpleNamespace(
        letters=LETTERS,
        Problems=LetterProblems,
        Workers=LetterWorkers,
        policy=letter_policy,
        groups=ragged_groups,
        verdict=verdict,
    )
