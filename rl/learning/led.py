"""A learner on several processes: rank 0 runs the loop, and each of its calls is made on every rank.

learner = LedLearner(models, algorithm, settings)  # on every rank
if learner.is_main:
    Training(learner=learner, ...).run()
    learner.close()
else:
    learner.follow()
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor

from rl.learning.learner import Learner, NonFiniteLossError
from rl.types import Batch


class RankLost(RuntimeError):
    """A process of the learner ended; the message has its last lines."""


class LedLearner(Learner):
    """A learner whose calls on rank 0 are echoed by the other ranks, which `follow`."""

    def update(self, batch: Batch, *, max_tokens: int | None = None) -> dict[str, float]:
        """See `Learner.update`."""
        self._lead("update", batch, max_tokens=max_tokens)
        return super().update(batch, max_tokens=max_tokens)

    def step(self, batch: Batch, *, max_tokens: int | None = None) -> dict[str, float]:
        """See `Learner.step`."""
        self._lead("step", batch, max_tokens=max_tokens)
        return super().step(batch, max_tokens=max_tokens)

    def weights(self) -> dict[str, Tensor]:
        """See `Learner.weights`."""
        self._lead("weights")
        return super().weights()

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        self._lead("state_dict")
        return super().state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Learner.load_state_dict`."""
        self._lead("load_state_dict", dict(state))
        super().load_state_dict(state)

    @property
    def is_main(self) -> bool:
        """True in the process that runs the loop; the others call `follow`."""
        return self.processes.is_main

    def follow(self) -> None:
        """Makes every call that rank 0 makes, until it closes."""
        while True:
            name, arguments, options = self.processes.receive()
            if name == "close":
                return
            with suppress(NonFiniteLossError):  # rank 0 raises it as well, and says so
                getattr(Learner, name)(self, *arguments, **options)

    def close(self) -> None:
        """Lets the other ranks return from `follow`."""
        self._lead("close")

    def _lead(self, name: str, *arguments: Any, **options: Any) -> None:
        """Has the other ranks, which are in `follow`, call the same."""
        self.processes.send((name, arguments, options))
