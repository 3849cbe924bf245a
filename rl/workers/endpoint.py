"""An executor whose policy is behind an OpenAI-compatible server. For evaluation: nothing can be published to it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from envs.environment import Environment
from envs.graders import EnvGrader
from envs.registry import make
from envs.types import EnvSpec, Problem
from policies.endpoint import Answer, Endpoint, EndpointClient
from policies.types import Completion
from rl.types import Group, Trajectory
from rl.workers.types import Shard, ShardResult, WorkerHealth, WorkerState, check_submission
from verifiers.pool.verifier_pool import VerifierPool

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWN = -1  # id of a token that only the server knows


class EndpointWorkers:
    """Shards answered by a server, graded here. Implements `Workers`, `publish` apart.

    Args:
        seed: sent with every request, mixed with the rollout's uid.
    Raises:
        ValueError: the environment speaks with its policy over several turns.
        ImportError: httpx is not installed.
    """

    def __init__(
        self, endpoint: Endpoint, env_spec: EnvSpec, *, seed: int = 0, deadline_seconds: float = 2.0, graders: int = 1
    ) -> None:
        self.env: Environment = make(env_spec)
        if self.env.max_turns > 1:
            raise ValueError(f"environment {env_spec.name!r} has several turns, and an endpoint is asked for one")
        self.client = EndpointClient(endpoint)
        self.pool = VerifierPool(EnvGrader(env_spec), workers=graders, deadline_seconds=deadline_seconds)
        self.seed = seed
        self._queue: deque[Shard] = deque()
        self._done = 0
        self._busy_seconds = 0.0

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Refused.

        Raises:
            ValueError: always.
        """
        raise ValueError("an endpoint's weights are its own: it can be evaluated and asked for labels, not trained")

    def submit(self, shard: Shard) -> None:
        """Queues the shard; it is answered when `poll` comes to it."""
        check_submission(shard, in_flight=any(shard.id == other.id for other in self._queue), version=0)
        self._queue.append(shard)

    def poll(self, timeout_seconds: float, wanted: Collection[int] | None = None) -> list[ShardResult]:
        """Answers the next queued shard."""
        if timeout_seconds <= 0:
            return []
        shard = next((s for s in self._queue if wanted is None or s.id in wanted), None)
        if shard is None:
            return []
        result = self._run(shard)
        self._queue.remove(shard)
        self._done += 1
        return [result]

    def _run(self, shard: Shard) -> ShardResult:
        began = time.perf_counter()
        asked = [(problem, uid) for problem, uids in zip(shard.problems, shard.uids) for uid in uids]
        answers = self.client.ask_all(
            [prompt_of(problem) for problem, _ in asked], shard.sampling, seeds=[self.seed ^ uid for _, uid in asked]
        )
        written = time.perf_counter()
        verdicts = self.pool.grade([(problem, a.text) for (problem, _), a in zip(asked, answers)])
        rows = iter(
            Trajectory(
                uid=uid, problem=problem, prompt_tokens=(UNKNOWN,) * a.num_read, completion=_completion(a), verdict=v
            )
            for (problem, uid), a, v in zip(asked, answers, verdicts)
        )
        groups = tuple(Group(p, tuple(next(rows) for _ in uids)) for p, uids in zip(shard.problems, shard.uids))
        seconds = {"generate": written - began, "grade": time.perf_counter() - written}
        self._busy_seconds += sum(seconds.values())
        return ShardResult(
            shard.id, groups, version=0, worker="endpoint", seconds=seconds, tokens=sum(a.num_written for a in answers)
        )

    def health(self) -> list[WorkerHealth]:
        """One row: the server, as far as it is known."""
        doing = f"{len(self._queue)} shard(s) queued" if self._queue else ""
        return [
            WorkerHealth(
                "endpoint",
                WorkerState.HEALTHY,
                version=0,
                shards=self._done,
                doing=doing,
                busy_seconds=self._busy_seconds,
            )
        ]

    def cancel(self, shard_ids: Collection[int]) -> None:
        """Forgets the shards."""
        gone = set(shard_ids)
        self._queue = deque(shard for shard in self._queue if shard.id not in gone)

    def stacks(self) -> str:
        """Nothing is known of the server's threads."""
        return f"waiting for {self.client.endpoint.url}"

    def close(self) -> None:
        """Ends connections and verifier processes."""
        self.client.close()
        self.pool.close()


def prompt_of(problem: Problem) -> str | list[dict[str, str]]:
    """The prompt as the API takes it."""
    if isinstance(problem.prompt, str):
        return problem.prompt
    return [{"role": m.role, "content": m.content} for m in problem.prompt]


def _completion(answer: Answer) -> Completion:
    unknown = (UNKNOWN,) * answer.num_written
    return Completion(unknown, (0.0,) * len(unknown), answer.text, answer.finish)
