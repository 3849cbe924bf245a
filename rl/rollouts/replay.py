"""A run again from its rollout log: the learner sees what it saw then, and ends with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from envs.types import Problem
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import ProblemBuffer, ProblemSource, RolloutSettings
from rl.types import Group
from rl.workers.types import Workers

if TYPE_CHECKING:
    from torch import Tensor


class Replay:
    """Groups read back from a rollout log: the learner sees what it saw then. Implements `RolloutSource`.

    The problems of each step are drawn as well, and compared, so that the curriculum moves on as it did.

    Args:
        workers: given the weights, for evaluations.
    """

    def __init__(
        self, log: RolloutLog, workers: Workers, problems: ProblemSource, settings: RolloutSettings, *, num_steps: int
    ) -> None:
        self.log, self.workers, self.settings, self.num_steps = log, workers, settings, num_steps
        self._buffer = ProblemBuffer(problems)

    def publish(self, weights: Mapping[str, Tensor], version: int) -> None:
        """Hands the weights to the workers."""
        self.workers.publish(weights, version)

    def groups(self, step: int, num: int, *, first: int = 0, version: int, **waiting: Any) -> list[Group]:
        """The logged groups.

        Raises:
            FileNotFoundError, DamagedLogError: see `RolloutLog.read`.
            ValueError: the log is of another run: other problems, or consumed by another version.
        """
        record = self.log.read(step)
        if record.version != version:
            raise ValueError(f"step {step} was consumed by version {record.version}, replayed by {version}")
        if first == 0:
            for ahead in self.settings.admitted(step, self.num_steps):  # in the order in which the run drew them
                self._buffer.take(ahead, self.settings.problems_per_step)
        drawn = self._buffer.take(step, num, first)
        groups = list(record.groups[first : first + num])
        if [group.problem.id for group in groups] != [problem.id for problem in drawn]:
            raise ValueError(f"the log's problems of step {step} are not those of this configuration and seed")
        return groups

    def release(self, step: int) -> None:
        """Forgets the step."""
        self._buffer.rows.pop(step, None)

    def state_dict(self) -> dict[str, Any]:
        """Problems drawn for steps to come."""
        return {"drawn": {str(step): [p.to_json() for p in row] for step, row in self._buffer.rows.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to where `state_dict` was taken, by a replay or by the run itself."""
        self._buffer.rows = {int(step): [Problem.from_json(p) for p in row] for step, row in state["drawn"].items()}

    def close(self) -> None:
        """Nothing was begun."""
