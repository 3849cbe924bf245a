"""The engine that a worker runs: a shard of problems in, graded groups out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.environment import Environment
from envs.graders import EnvGrader
from envs.registry import make
from envs.types import Problem
from policies.causal import load_policy
from policies.sampling.engine import BACKENDS, SamplingEngine
from policies.sampling.references import Sampler
from policies.types import Request, Sampling
from rl.types import Group, Trajectory
from rl.workers.conversations import Rollout, converse, encode_prompt
from rl.workers.types import Shard, ShardResult, WorkerSpec
from verifiers.parts import find_part
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Verdict


@dataclass(frozen=True)
class PendingShard:
    """A shard whose completions are written and whose verdicts are on their way."""

    shard: Shard
    prompts: tuple[tuple[int, ...], ...]
    rollouts: tuple[tuple[Rollout, ...], ...]
    verdicts: Future[list[Verdict]]
    version: int
    generate_seconds: float
    idle_seconds: float

    @property
    def num_tokens(self) -> int:
        """Tokens that the policy sampled."""
        return sum(w.num_sampled for group in self.rollouts for w in group)


class RolloutEngine:
    """Policy, sampler, environment and verifier processes of one worker.

    `start` writes completions and hands them to the verifiers; `finish` waits for the verdicts. A caller that starts
    the next shard before it finishes the last one has verification overlap generation.
    """

    def __init__(self, spec: WorkerSpec, *, name: str = "inline") -> None:
        self.spec = spec
        self.name = name
        self.version = 0
        self.env: Environment = make(spec.env)
        with torch_threads(spec.threads):
            self.policy = load_policy(
                spec.policy.folder,
                dtype=spec.policy.dtype,
                device=spec.policy.device,
                trust_remote_code=spec.policy.trust_remote_code,
            )
            self.sampler = SamplingEngine(
                self.policy,
                backend=find_backend(spec.backend),
                max_rows=spec.max_rows,
                folder=spec.policy.folder,
            )
        self.pool = VerifierPool(
            EnvGrader(spec.env, salt=f"run {spec.seed}"),
            workers=spec.grader_workers,
            deadline_seconds=spec.deadline_seconds,
            memory_bytes=spec.memory_bytes,
        )
        self._idle_since = time.perf_counter()

    @property
    def progress(self) -> int | None:
        """A number that grows while the sampler works, pass by pass; None: its backend does not tell."""
        return self.sampler.num_passes if self.spec.backend == "engine" else None

    def load_weights(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Takes the weights of `version`: shards that start from now on are sampled by them, and say so."""
        self.policy.load_weights(weights)
        self.sampler.refresh()
        self.version = version

    def start(self, shard: Shard) -> PendingShard:
        """Writes the completions of a shard with the weights at hand, and hands them to the verifiers."""
        began = time.perf_counter()
        idle = began - self._idle_since
        prompts = tuple(self.encode(problem) for problem in shard.problems)
        requests = [Request(prompt, uids) for prompt, uids in zip(prompts, shard.uids)]
        written = self._write(shard.problems, requests, shard.sampling)
        items = [
            (problem, w.completion.text if w.transcript is None else w.transcript)
            for problem, group in zip(shard.problems, written)
            for w in group
        ]
        self._idle_since = time.perf_counter()
        return PendingShard(
            shard=shard,
            prompts=prompts,
            rollouts=tuple(written),
            verdicts=self.pool.submit(items),
            version=self.version,
            generate_seconds=self._idle_since - began,
            idle_seconds=idle,
        )

    def finish(self, pending: PendingShard, timeout_seconds: float | None = None) -> ShardResult:
        """Waits for the verdicts of a started shard.

        Raises:
            TimeoutError: no verdicts within `timeout_seconds`.
        """
        began = time.perf_counter()
        verdicts = iter(pending.verdicts.result(timeout_seconds))
        waited = time.perf_counter() - began
        groups = []
        for problem, uids, prompt, written in zip(
            pending.shard.problems, pending.shard.uids, pending.prompts, pending.rollouts
        ):
            rows = tuple(
                Trajectory(uid=uid, problem=problem, prompt_tokens=prompt, verdict=next(verdicts), **vars(w))
                for uid, w in zip(uids, written)
            )
            groups.append(Group(problem, rows))
        seconds = {"generate": pending.generate_seconds, "grade": waited, "idle": pending.idle_seconds}
        return ShardResult(
            shard_id=pending.shard.id,
            groups=tuple(groups),
            version=pending.version,
            worker=self.name,
            seconds=seconds,
            tokens=pending.num_tokens,
        )

    def run(self, shard: Shard) -> ShardResult:
        """A whole shard, without overlap."""
        return self.finish(self.start(shard))

    def encode(self, problem: Problem) -> tuple[int, ...]:
        """The prompt's tokens; messages go through the model's chat template."""
        return encode_prompt(self.policy, problem)

    def _write(
        self, problems: Sequence[Problem], requests: Sequence[Request], sampling: Sampling
    ) -> list[tuple[Rollout, ...]]:
        with torch_threads(self.spec.threads):
            if self.env.max_turns > 1:
                return converse(
                    self.env,
                    self.policy,
                    self.sampler,
                    list(zip(problems, requests)),
                    sampling,
                    seed=self.spec.seed,
                    version=self.version,
                )
            written = self.sampler.generate(requests, sampling, seed=self.spec.seed, version=self.version)
        return [tuple(map(Rollout, group)) for group in written]

    def close(self) -> None:
        """Ends the verifier processes."""
        self.pool.close()


def find_backend(name: str) -> str | Sampler:
    """The name of a built-in backend as it is, or the sampler of one's own that it means.

    Raises:
        ValueError: there is none, or it cannot be called.
    """
    found: str | Sampler = find_part("backend", name, {each: each for each in BACKENDS})
    if name not in BACKENDS and not callable(found):
        raise ValueError(f"backend {name!r} is {found!r:.60}, expected a function (policy, prompts, sampling)")
    return found


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Runs a block with a number of torch threads, then restores the process's own."""
    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if before != threads:
            torch.set_num_threads(before)
