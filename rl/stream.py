"""Where the loop gets its groups: sampled now, sampled ahead of time, or read back from the rollout log.

A step is trained on the groups of its own problems, in order, however it was scheduled. Sampling ahead by `eta` steps
means: while the learner works on step s, workers may work on steps up to s + eta, so at most (eta + s + 1) P problems
have ever been admitted (Fu et al. 2025, AReaL, arXiv:2505.24298), and no sample is older than eta updates when it is
used. What is older all the same (its worker died and came back late) is dropped and sampled again. Weights change
between shards only, so all tokens of a completion carry the completion's version. eta = 0 is the synchronous run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from envs.types import Problem
from policies.types import Sampling
from rl.rollout import SHARD_PROBLEMS, gather, make_shards
from rl.rollout_log import RolloutLog
from rl.types import Group
from rl.workers.types import Shard, Workers


class RolloutSource(Protocol):
    """Gives a step its graded groups."""

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """Groups of problems `first` to `first + num` of a step, graded.

        Args:
            version: of the learner that will use them.
            waiting: see `rl.rollout.gather`.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        ...

    def close(self) -> None:
        """Gives up what was begun for later steps."""
        ...


class DrawsProblems(Protocol):
    """The part of a curriculum that a stream needs."""

    def problems(self, step: int, num: int, *, first: int = 0) -> Sequence[Problem]:
        """Problems `first` to `first + num` of a step."""
        ...


@dataclass(frozen=True)
class Pace:
    """How a stream cuts and schedules work.

    Attributes:
        num_steps: nothing is sampled for this step and beyond.
        max_staleness: eta, steps that may be sampled ahead.
    """

    num_steps: int
    problems_per_step: int
    group_size: int
    sampling: Sampling
    shard_size: int = SHARD_PROBLEMS
    max_staleness: int = 0


class RolloutStream:
    """Groups sampled by workers, up to `pace.max_staleness` steps ahead. Implements `RolloutSource`.

    Attributes:
        num_dropped: completions that were too old when their step came, and were sampled again.
    """

    def __init__(self, workers: Workers, problems: DrawsProblems, pace: Pace) -> None:
        self.workers, self.problems, self.pace = workers, problems, pace
        self.num_dropped = 0
        self._ahead: dict[int, list[Problem]] = {}  # problems of steps that were drawn and not consumed
        self._submitted: dict[int, list[Shard]] = {}

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """Groups of problems `first` to `first + num` of a step, sampled by weights at most eta versions old."""
        if first or num != self.pace.problems_per_step:
            shards = self._submit(step, self.problems.problems(step, num, first=first), version, first)
            return self._consume(shards, version, waiting)
        self._admit(step, version)
        del self._ahead[step]
        return self._consume(self._submitted.pop(step), version, waiting)

    def state_dict(self) -> dict[str, Any]:
        """Problems drawn for steps to come: the curriculum has moved past them."""
        ahead = {str(step): [p.to_json() for p in problems] for step, problems in self._ahead.items()}
        return {"ahead": ahead, "num_dropped": self.num_dropped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken; what was in flight is sampled again, by the weights of then."""
        self.close()
        self._ahead = {int(step): [Problem.from_json(p) for p in rows] for step, rows in state["ahead"].items()}
        self.num_dropped = int(state["num_dropped"])

    def close(self) -> None:
        """Has the workers forget what was submitted for steps to come."""
        self.workers.cancel([shard.id for shards in self._submitted.values() for shard in shards])
        self._submitted.clear()

    def _admit(self, step: int, version: int) -> None:
        """Submits this step and those that may be sampled ahead of it, unless they were."""
        last = min(step + self.pace.max_staleness, self.pace.num_steps - 1)
        for ahead in range(step, max(step, last) + 1):
            if ahead not in self._ahead:
                self._ahead[ahead] = list(self.problems.problems(ahead, self.pace.problems_per_step))
            if ahead not in self._submitted:
                self._submitted[ahead] = self._submit(ahead, self._ahead[ahead], version, 0)

    def _submit(self, step: int, problems: Sequence[Problem], version: int, first: int) -> list[Shard]:
        shards = make_shards(
            problems,
            group_size=self.pace.group_size,
            step=step,
            shard_size=self.pace.shard_size,
            sampling=self.pace.sampling,
            version=version,
            first_position=first,
        )
        for shard in shards:
            self.workers.submit(shard)
        return shards

    def _consume(self, shards: Sequence[Shard], version: int, waiting: Mapping[str, Any]) -> list[Group]:
        results = {}
        wanted = list(shards)
        while wanted:
            found = gather(self.workers, [shard.id for shard in wanted], **waiting)
            stale = [i for i, result in found.items() if version - result.version > self.pace.max_staleness]
            results.update(found)
            wanted = [shard for shard in wanted if shard.id in stale]
            for shard in wanted:
                self.num_dropped += sum(map(len, shard.uids))
                self.workers.submit(shard)
        return [group for shard in shards for group in results[shard.id].groups]


class Replay:
    """Groups read back from a rollout log: the learner sees what it saw then. Implements `RolloutSource`.

    The problems of each step are drawn as well, and compared, so that the curriculum moves on as it did.
    """

    def __init__(self, log: RolloutLog, problems: DrawsProblems, pace: Pace) -> None:
        self.log, self.problems, self.pace = log, problems, pace
        self._ahead: dict[int, list[str]] = {}

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """The logged groups.

        Raises:
            FileNotFoundError, DamagedLogError: see `RolloutLog.read`.
            ValueError: the log is of another run: other problems, or consumed by another version.
        """
        record = self.log.read(step)
        if record.version != version:
            raise ValueError(f"step {step} was consumed by version {record.version}, replayed by {version}")
        groups = list(record.groups[first : first + num])
        if [group.problem.id for group in groups] != self._draw(step, num, first):
            raise ValueError(f"the log's problems of step {step} are not those of this configuration and seed")
        return groups

    def state_dict(self) -> dict[str, Any]:
        """Ids of problems drawn for steps to come."""
        return {"ahead": {str(step): ids for step, ids in self._ahead.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken, by a replay or by the run itself."""
        self._ahead = {
            int(step): [row if isinstance(row, str) else row["id"] for row in rows]
            for step, rows in state["ahead"].items()
        }

    def close(self) -> None:
        """Nothing was begun."""

    def _draw(self, step: int, num: int, first: int) -> list[str]:
        """Ids of the problems, drawn in the order in which the run drew them: ahead of time where it did."""
        if first or num != self.pace.problems_per_step:
            return [problem.id for problem in self.problems.problems(step, num, first=first)]
        last = min(step + self.pace.max_staleness, self.pace.num_steps - 1)
        for ahead in range(step, max(step, last) + 1):
            if ahead not in self._ahead:
                self._ahead[ahead] = [p.id for p in self.problems.problems(ahead, num)]
        return self._ahead.pop(step)
