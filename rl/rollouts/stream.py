"""Where the loop gets its groups: sampled now, or ahead of time. (Or read back from the rollout log: replay.py.)

A step is trained on the groups of its own problems, in order, however it was scheduled. Sampling ahead by `eta` steps
means: while the learner works on step s, workers may work on steps up to s + eta, so at most (eta + s + 1) P problems
have ever been admitted (Fu et al. 2025, AReaL, arXiv:2505.24298), and no sample is older than eta updates when it is
used. Weights change between shards only, so all tokens of a completion carry the completion's version.

With a fixed staleness, step s is sampled by the weights that were the newest when it was admitted, at step s - eta,
whichever worker comes to it when. Then an asynchronous run is a function of its seed alone, like a synchronous one: on
any number of workers, whatever dies, stopped and resumed. Without it a shard takes the newest weights there are when it
starts: fresher where workers are the bottleneck, and to be repeated from the rollout log only. eta = 0 is the
synchronous run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from envs.types import Problem
from policies.types import Sampling
from rl.rollouts.log import group_from_json, group_to_json
from rl.rollouts.shards import SHARD_PROBLEMS, make_shards, step_of
from rl.rollouts.wait import wait_for
from rl.types import Group
from rl.workers.types import Shard, ShardResult, Workers

if TYPE_CHECKING:
    from torch import Tensor


class ProblemSource(Protocol):
    """Where problems come from (rl/curriculum): a function of (seed, step, position) and of its own state."""

    def problems(self, step: int, num: int, *, first: int = 0) -> Sequence[Problem]:
        """Problems `first` to `first + num` of a step; later rounds of the same step ask for later positions."""
        ...

    def observe(self, groups: Sequence[Group]) -> None:
        """Told what became of the problems, once per step."""
        ...

    def metrics(self) -> Mapping[str, float]:
        """Numbers for the record, such as the weight of each level."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken."""
        ...


class RolloutSource(Protocol):
    """Gives a step its graded groups.

    Until `release` was called for a step, nothing of it is forgotten: a state that is taken in between goes back to the
    beginning of the step, and draws no problem twice.
    """

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """The learner's newest weights; the tensors may be kept."""
        ...

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """Groups of problems `first` to `first + num` of a step, graded.

        Args:
            first: 0, then where the last call for this step ended.
            version: of the learner that will use them.
            waiting: see `rl.rollouts.wait.wait_for`.
        """
        ...

    def release(self, step: int) -> None:
        """The step was learned from: what is kept of it may go."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """A tree of JSON values and tensors."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken. `publish` follows before the next `groups`."""
        ...

    def close(self) -> None:
        """Gives up what was begun for later steps."""
        ...


@dataclass(frozen=True)
class RolloutSettings:
    """What a step samples, and how the work is cut and scheduled."""

    problems_per_step: int = 48  # P
    group_size: int = 8  # G, completions per problem
    sampling: Sampling = field(default_factory=Sampling)
    shard_size: int = SHARD_PROBLEMS  # problems per unit of work; part of nothing that is sampled
    max_staleness: int = 0  # eta, updates that may happen between sampling and training; 0: synchronous
    fixed_staleness: bool = True  # sample ahead with weights exactly max_staleness updates old; False: with the newest

    def __post_init__(self) -> None:
        for name in ("problems_per_step", "group_size", "shard_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.max_staleness < 0:
            raise ValueError(f"max_staleness is {self.max_staleness}, expected 0 (synchronous) or more")

    def admitted(self, step: int, num_steps: int) -> range:
        """Steps, of `num_steps` in all, that may be sampled while the learner works on `step`."""
        return range(step, max(step + 1, min(step + self.max_staleness + 1, num_steps)))


class ProblemBuffer:
    """Problems that were drawn and not yet learned from: the curriculum has moved past them, so they are kept here."""

    def __init__(self, problems: ProblemSource) -> None:
        self.problems = problems
        self.rows: dict[int, list[Problem]] = {}  # step -> its problems, by position

    def take(self, step: int, num: int, first: int = 0) -> list[Problem]:
        """Problems `first` to `first + num` of a step, drawn now unless they were."""
        row = self.rows.setdefault(step, [])
        if len(row) < first + num:
            row += self.problems.problems(step, first + num - len(row), first=len(row))
        return row[first : first + num]


class RolloutStream:
    """Groups sampled by workers, up to `settings.max_staleness` steps ahead. Implements `RolloutSource`.

    Args:
        num_steps: nothing is sampled for this step and beyond.
    Attributes:
        num_dropped: completions that were too old when their step came, and were sampled again.
    """

    def __init__(self, workers: Workers, problems: ProblemSource, settings: RolloutSettings, *, num_steps: int) -> None:
        self.workers, self.settings, self.num_steps = workers, settings, num_steps
        self.num_dropped = 0
        self._buffer = ProblemBuffer(problems)
        self._versions: dict[int, int] = {}  # step -> newest version when it was admitted
        self._flying: dict[int, Shard] = {}  # submitted and not come back
        self._results: dict[int, ShardResult] = {}  # come back for steps that are not done
        self._weights: dict[int, Mapping[str, Tensor]] = {}  # those that shards in flight must be sampled by
        self._newest = -1

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Hands the weights to the workers, and with them what a resumed run has left to be sampled by them."""
        self.workers.publish(weights, version)
        self._newest = version
        if self._is_fixed and self.settings.max_staleness:
            self._weights[version] = weights
            for step in [step for step, admitted_at in self._versions.items() if admitted_at == version]:
                self._launch(self._shards(step, self.settings.problems_per_step))
            self._forget_weights()

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """Groups of problems `first` to `first + num` of a step, sampled by weights at most eta versions old."""
        if first == 0:
            for ahead in self.settings.admitted(step, self.num_steps):
                self._versions.setdefault(ahead, version)
                self._launch(self._shards(ahead, self.settings.problems_per_step))
        wanted = self._shards(step, num, first)
        while missing := self._too_old(wanted, version):
            self._launch(missing)
            for shard_id, result in wait_for(self.workers, [shard.id for shard in missing], **waiting).items():
                self._come_back(shard_id, result)
        return [group for shard in wanted for group in self._results[shard.id].groups]

    def release(self, step: int) -> None:
        """Forgets the step."""
        self._buffer.rows.pop(step, None)
        self._versions.pop(step, None)
        self._results = {i: result for i, result in self._results.items() if step_of(i) != step}
        self._forget_weights()

    def state_dict(self) -> dict[str, Any]:
        """The generation buffer: what was drawn, what came back for it, and the weights that sample the rest."""
        for result in self.workers.poll(0.0, set(self._flying)) if self._flying else ():
            self._come_back(result.shard_id, result)
        unfinished = {shard.version for shard in self._flying.values()} - {self._newest, None}
        return {
            "drawn": {str(step): [p.to_json() for p in row] for step, row in self._buffer.rows.items()},
            "versions": {str(step): version for step, version in self._versions.items()},
            "results": [_result_to_json(result) for result in self._results.values()],
            "weights": {str(version): self._weights[version] for version in unfinished if version is not None},
            "num_dropped": self.num_dropped,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken; what was in flight is sampled again, by the weights of then."""
        self.close()
        self._buffer.rows = {int(step): [Problem.from_json(p) for p in row] for step, row in state["drawn"].items()}
        self._versions = {int(step): int(version) for step, version in state["versions"].items()}
        self._results = {result.shard_id: result for result in map(_result_from_json, state["results"])}
        self.num_dropped = int(state["num_dropped"])
        for version in sorted(map(int, state["weights"])):
            self.publish(state["weights"][str(version)], version)

    def close(self) -> None:
        """Has the workers forget what was submitted for steps to come."""
        self.workers.cancel(list(self._flying))
        self._flying.clear()

    @property
    def _is_fixed(self) -> bool:
        return self.settings.fixed_staleness or not self.settings.max_staleness

    def _shards(self, step: int, num: int, first: int = 0) -> list[Shard]:
        version = self._newest if first else self._versions.get(step, self._newest)
        return make_shards(
            self._buffer.take(step, num, first),
            group_size=self.settings.group_size,
            step=step,
            shard_size=self.settings.shard_size,
            sampling=self.settings.sampling,
            version=version if self._is_fixed else None,
            first_position=first,
        )

    def _launch(self, shards: Sequence[Shard]) -> None:
        """Submits those that neither fly nor came back."""
        for shard in shards:
            if shard.id not in self._flying and not self._has(shard):
                self.workers.submit(shard)
                self._flying[shard.id] = shard

    def _has(self, shard: Shard) -> bool:
        """True when the shard came back, cut as it is now."""
        result = self._results.get(shard.id)
        return result is not None and len(result.groups) == len(shard.problems)

    def _come_back(self, shard_id: int, result: ShardResult) -> None:
        self._flying.pop(shard_id, None)
        self._results[shard_id] = result

    def _too_old(self, shards: Sequence[Shard], version: int) -> list[Shard]:
        """Shards that have not come back, or came back too old: these are dropped."""
        for shard in shards:
            if self._has(shard) and version - self._results[shard.id].version > self.settings.max_staleness:
                del self._results[shard.id]
                self.num_dropped += sum(map(len, shard.uids))
        return [shard for shard in shards if not self._has(shard)]

    def _forget_weights(self) -> None:
        needed = {self._newest, *self._versions.values()}
        self._weights = {version: weights for version, weights in self._weights.items() if version in needed}


def _result_to_json(result: ShardResult) -> dict[str, Any]:
    groups = [group_to_json(group) for group in result.groups]
    return {"shard": result.shard_id, "version": result.version, "worker": result.worker, "groups": groups}


def _result_from_json(row: Mapping[str, Any]) -> ShardResult:
    groups = tuple(map(group_from_json, row["groups"]))
    return ShardResult(int(row["shard"]), groups, int(row["version"]), str(row["worker"]))
