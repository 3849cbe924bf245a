"""What the loop and its rollout workers say to each other.

The unit of work is a shard: a fixed number of problems whose size does not depend on how many workers there are. A
shard says everything that its samples depend on, so any worker, at any time, again and again, gives the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from envs.types import Problem
from policies.types import Sampling
from rl.types import Group

if TYPE_CHECKING:
    from torch import Tensor

    from envs.types import EnvSpec


@dataclass(frozen=True)
class PolicySpec:
    """Where a worker finds its policy. Weights published later replace those of the folder."""

    folder: str  # Hugging Face folder (or hub id), loaded once per worker
    dtype: str = "float32"  # of the sampler; the learner's own may differ
    device: str = "cpu"
    trust_remote_code: bool = False


@dataclass(frozen=True)
class WorkerSpec:
    """Everything that a rollout worker is built from; picklable, resolved inside the worker.

    Workers of one run share one spec: that is what makes their results interchangeable.
    """

    policy: PolicySpec
    env: EnvSpec
    seed: int = 0  # keys all sampling, together with the rollout's uid
    threads: int = 1  # torch threads of the sampler; part of the result, since it can change the last bit of a sum
    backend: str = "engine"  # sampling backend: engine, generate, continuous, vllm, or one of your own
    max_rows: int = 512  # most completions in one forward pass of the sampler
    deadline_seconds: float = 2.0  # for one verification; longer ones end as Verdict TIMEOUT
    memory_bytes: int = 1 << 30  # address space of a verifier process
    grader_workers: int = 1  # verifier processes per rollout worker


@dataclass(frozen=True)
class Shard:
    """Work for one worker: problems with the uids of the completions wanted for each.

    Attributes:
        id: unique among the shards in flight; a pure function of the position in the run.
        step: training step that asked for it.
        uids: one tuple of G uids per problem.
        version: policy weights that must sample it, those published last when it is submitted, whenever and wherever
            it then runs. None: the newest that are known when it starts.
    """

    id: int
    step: int
    problems: tuple[Problem, ...]
    uids: tuple[tuple[int, ...], ...]
    sampling: Sampling
    version: int | None = None

    def __post_init__(self) -> None:
        if len(self.problems) != len(self.uids):
            raise ValueError(f"shard {self.id} has {len(self.problems)} problems and uids for {len(self.uids)}")


@dataclass(frozen=True)
class ShardResult:
    """A finished shard. Groups are graded and unrewarded: reward 0, no parts.

    Attributes:
        version: policy weights that sampled it, echoed by the worker.
        worker: name of the worker.
        seconds: wall time by phase: generate, grade (waiting for verdicts), idle (before this shard).
        tokens: tokens that the policy sampled.
    """

    shard_id: int
    groups: tuple[Group, ...]
    version: int
    worker: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    tokens: int = 0


class WorkerState(StrEnum):
    """Life of a worker. Only HEALTHY ones are given work."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"  # alive at last sight, its heartbeat is late
    DEAD = "dead"  # its process is gone, or was killed for being silent too long
    RESTARTING = "restarting"  # a new process is loading
    RETIRED = "retired"  # died too often; see its last error


@dataclass(frozen=True)
class WorkerHealth:
    """What is known about a worker.

    Attributes:
        version: weights that sampled its last shard; -1 before the first.
        restarts: processes that replaced a dead one.
        shards: shards that it finished.
        doing: what it works on, or what is waited for, and since when.
        last_error: why it died last; empty when it never did.
        busy_seconds, idle_seconds: wall time with and without work, over its whole life.
    """

    name: str
    state: WorkerState
    version: int = -1
    restarts: int = 0
    shards: int = 0
    doing: str = ""
    last_error: str = ""
    busy_seconds: float = 0.0
    idle_seconds: float = 0.0


class WorkersLost(RuntimeError):
    """No worker is left to do the work; the message carries each one's last error."""


class NoRoomError(ValueError):
    """The cluster has not what the workers ask for; the message says what was asked for and what there is."""


class ShardFailed(RuntimeError):
    """A shard raised each time it was tried, in another process too: a defect of the task, not of a worker."""


def check_submission(shard: Shard, *, in_flight: bool, version: int) -> None:
    """Raises ValueError for a shard that may not be submitted now.

    Args:
        in_flight: a shard with its id was submitted and has not come back.
        version: of the weights published last.
    """
    if in_flight:
        raise ValueError(f"shard {shard.id} is in flight already; a shard may be submitted again after its result")
    if shard.version not in (None, version):
        raise ValueError(f"shard {shard.id} is for the weights of version {shard.version}; published is {version}")


class Workers(Protocol):
    """Executors of shards. Methods may be called from one thread only."""

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """The weights of `version`, for the shards that are submitted from now on; earlier ones keep theirs."""
        ...

    def submit(self, shard: Shard) -> None:
        """Queues a shard; its result comes from `poll`, exactly once.

        Raises:
            ValueError: a shard with this id is in flight already, or it must be sampled by a version that is not the
                one published last.
        """
        ...

    def poll(self, timeout_seconds: float, wanted: Collection[int] | None = None) -> list[ShardResult]:
        """Shards that finished; waits at most about `timeout_seconds` for the first of them.

        Args:
            timeout_seconds: 0: what has come back already, with no work done for it and nothing raised.
            wanted: ids to return; results of others stay for a later call. None: all.

        Raises:
            WorkersLost: work is queued and no worker is left.
            ShardFailed: a shard raised an exception each time it was tried.
        """
        ...

    def health(self) -> list[WorkerHealth]:
        """One row per worker."""
        ...

    def cancel(self, shard_ids: Collection[int]) -> None:
        """Forgets shards: those waiting are not started, results of those running are dropped."""
        ...

    def stacks(self) -> str:
        """What every worker's threads are doing now, for a person who wonders why nothing moves."""
        ...

    def close(self) -> None:
        """Ends all workers and their verifier processes. Safe to call twice."""
        ...
