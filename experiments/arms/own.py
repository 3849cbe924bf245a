"""Arms of one's own: a subclass of OwnMethod, named in a config by `method: my_file.py:Soup`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from experiments.arms.method import Method
from experiments.config.arms.kinds import OwnArm


@dataclass(frozen=True)
class OwnMethod(Method[OwnArm]):
    """Base of an arm of one's own: it defines `plan` and `run`, and says here what it needs.

    `run(run, services)` starts from `services.folders.start_policy` (a folder), and leaves a policy in
    `run.folder.policy` and its cost in `experiments.arms.cost.write_cost`.
    """

    own_rl: ClassVar[frozenset[str]] = frozenset()  # fields of `rl` that it reads
    uses_comparisons: ClassVar[bool] = False  # labelled pairs of the start: services.preferences[self.name]
    uses_reward_model: ClassVar[bool] = False  # and the reward model fitted to them

    @classmethod
    def builds_on(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Arms whose trained policy it needs."""
        return ()

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the config says beside `method`, `rl` and `preference`."""
        return self.arm.settings

    @property
    def reads_rl(self) -> frozenset[str]:
        """The fields of `rl` that it reads."""
        return self.own_rl
