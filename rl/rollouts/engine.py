"""From problems to graded groups: shards, the engine that runs one, and the one place where the loop waits.

A rollout's uid is a pure function of its position in the run, and keys its randomness. Nothing here depends on the
number of workers, on which of them ran a shard, or on how often it was tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envs.types import Environment, Problem
from policies.types import Request, Sampling
from rl.rollouts.conversations import Written, converse, encode_prompt
from rl.types import Group, Trajectory
from rl.workers.types import Shard, ShardResult, Workers, WorkerSpec
from verifiers.types import Verdict

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_BITS = 14
POSITION_BITS = 20
STEP_BITS = 29  # 63 in all: a uid is a non-negative int64
EVALUATION_STEP = 1 << (STEP_BITS - 1)  # steps from here on belong to evaluation: its uids are never those of training
SHARD_PROBLEMS = 8  # default size of a shard
WARN_SECONDS = 30.0  # how often a waiting loop says what it waits for


def rollout_uid(step: int, position: int, sample: int) -> int:
    """The uid of completion `sample` of problem `position` of `step`: (step << 34) | (position << 14) | sample.

    Raises:
        ValueError: an index does not fit its field.
    """
    for name, value, bits in (("step", step, STEP_BITS), ("position", position, POSITION_BITS)):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} is {value}, expected 0 to {(1 << bits) - 1}")
    if not 0 <= sample < 1 << SAMPLE_BITS:
        raise ValueError(f"sample is {sample}, expected 0 to {(1 << SAMPLE_BITS) - 1}")
    return (step << (POSITION_BITS + SAMPLE_BITS)) | (position << SAMPLE_BITS) | sample


def step_of(uid: int) -> int:
    """The step of a rollout, or of a shard: a shard's id is its first uid."""
    return uid >> (POSITION_BITS + SAMPLE_BITS)


def make_shards(
    problems: Sequence[Problem],
    *,
    group_size: int,
    step: int,
    shard_size: int = SHARD_PROBLEMS,
    sampling: Sampling,
    version: int | None = None,
    first_position: int = 0,
    first_sample: int = 0,
) -> list[Shard]:
    """The problems of a step cut into shards of `shard_size` problems, in order.

    Args:
        group_size: G, completions per problem.
        version: see `Shard`.
        first_position: position of the first problem in its step, when a step asks for problems in several rounds.
        first_sample: sample index of the first completion of each problem.
    Raises:
        ValueError: a size below 1, or an index outside the uid's fields.
    """
    if group_size < 1 or shard_size < 1:
        raise ValueError(f"group_size is {group_size} and shard_size {shard_size}, expected at least 1 each")
    shards = []
    for start in range(0, len(problems), shard_size):
        part = tuple(problems[start : start + shard_size])
        uids = tuple(
            tuple(rollout_uid(step, first_position + start + i, first_sample + j) for j in range(group_size))
            for i in range(len(part))
        )
        shards.append(Shard(id=uids[0][0], step=step, problems=part, uids=uids, sampling=sampling, version=version))
    return shards


@dataclass(frozen=True)
class PendingShard:
    """A shard whose completions are written and whose verdicts are on their way."""

    shard: Shard
    prompts: tuple[tuple[int, ...], ...]
    written: tuple[tuple[Written, ...], ...]
    verdicts: Future[list[Verdict]]
    version: int
    generate_seconds: float
    idle_seconds: float

    @property
    def num_tokens(self) -> int:
        """Tokens that the policy sampled."""
        return sum(w.num_sampled for group in self.written for w in group)


class RolloutEngine:
    """Policy, sampler, environment and verifier processes of one worker.

    `start` writes completions and hands them to the verifiers; `finish` waits for the verdicts. A caller that starts
    the next shard before it finishes the last one has verification overlap generation.
    """

    def __init__(self, spec: WorkerSpec, *, name: str = "inline") -> None:
        from envs.grading import EnvGrader
        from policies.causal import load_policy
        from policies.sampling.engine import SamplingEngine
        from verifiers.pool.verifier_pool import VerifierPool

        self.spec = spec
        self.name = name
        self.version = 0
        self.env: Environment = spec.env.build()
        with torch_threads(spec.threads):
            self.policy = load_policy(
                spec.policy.folder,
                dtype=spec.policy.dtype,
                device=spec.policy.device,
                trust_remote_code=spec.policy.trust_remote_code,
            )
            self.sampler = SamplingEngine(self.policy, backend=spec.backend, max_rows=spec.max_rows)
        self.pool = VerifierPool(
            EnvGrader(spec.env),
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
            written=tuple(written),
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
            pending.shard.problems, pending.shard.uids, pending.prompts, pending.written
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
    ) -> list[tuple[Written, ...]]:
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
        return [tuple(map(Written, group)) for group in written]

    def close(self) -> None:
        """Ends the verifier processes."""
        self.pool.close()


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Runs a block with a number of torch threads, then restores the process's own."""
    import torch

    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        if before != threads:
            torch.set_num_threads(before)


def collect(workers: Workers, shards: Iterable[Shard], **waiting: Any) -> list[Group]:
    """The groups of all shards, in the order of the shards.

    Args:
        waiting: see `gather`.
    """
    listed = list(shards)
    for shard in listed:
        workers.submit(shard)
    results = gather(workers, [shard.id for shard in listed], **waiting)
    return [group for shard in listed for group in results[shard.id].groups]


def gather(
    workers: Workers,
    shard_ids: Iterable[int],
    *,
    timeout_seconds: float = 3600.0,
    on_wait: Callable[[str], None] | None = None,
    on_result: Callable[[ShardResult], None] | None = None,
) -> dict[int, ShardResult]:
    """The results of submitted shards by id; the one place where a loop waits. Results of other shards stay.

    Args:
        timeout_seconds: for everything together.
        on_wait: told what is waited for, and since when, each half minute without a result.
        on_result: told each result as it comes (timings, progress).
    Raises:
        TimeoutError: some shards are missing; says which, what the workers are doing, and shows their stacks.
        WorkersLost, ShardFailed: see `Workers.poll`.
    """
    missing, done = set(shard_ids), {}
    began = last_news = last_warning = time.monotonic()
    while missing:
        now = time.monotonic()
        if now - began > timeout_seconds:
            raise TimeoutError(f"{describe_wait(workers, missing, now - began)}\n{workers.stacks()}")
        for result in workers.poll(min(1.0, began + timeout_seconds - now), missing):
            missing.discard(result.shard_id)
            done[result.shard_id] = result
            last_news = last_warning = time.monotonic()
            if on_result:
                on_result(result)
        if on_wait and missing and time.monotonic() - last_warning > WARN_SECONDS:
            last_warning = time.monotonic()
            on_wait(describe_wait(workers, missing, last_warning - last_news))
    return done


def describe_wait(workers: Workers, missing: Iterable[int], seconds: float) -> str:
    """One paragraph: which shards are waited for, since when, and what each worker is doing."""
    named = sorted(missing)
    shown = ", ".join(map(str, named[:4])) + (" ..." if len(named) > 4 else "")
    rows = "; ".join(
        f"{h.name} {h.state.value}, {h.doing or 'idle'}" + (f" (last error: {h.last_error})" if h.last_error else "")
        for h in workers.health()
    )
    return f"no result for {seconds:.0f} s; waiting for {len(named)} shard(s) [{shown}]; workers: {rows or 'none'}"
