"""What one worker asks a cluster for. No import of Ray: a run says it before it joins one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PLACEMENTS = ("any", "colocated", "apart")


@dataclass(frozen=True)
class Demand:
    """What one worker asks Ray for.

    Attributes:
        cpus, gpus: may be fractions.
        custom: amounts of resources that the cluster's nodes declare, by name.
        placement: "any" node, spread; "colocated": on the learner's own node; "apart": on any node but that one.
    """

    cpus: float
    gpus: float = 0.0
    custom: Mapping[str, float] = field(default_factory=dict)
    placement: str = "any"

    def __post_init__(self) -> None:
        if self.placement not in PLACEMENTS:
            raise ValueError(f"placement is {self.placement!r}, expected one of {', '.join(PLACEMENTS)}")
        amounts = {"CPU": self.cpus, "GPU": self.gpus, **self.custom}
        wrong = next((name for name, amount in amounts.items() if amount < 0), None)
        if wrong is not None:
            raise ValueError(f"a worker asks for {amounts[wrong]:g} {wrong}, expected 0 or more")

    @property
    def bundle(self) -> dict[str, float]:
        """Amounts by Ray's names, those of 0 left out."""
        amounts = {"CPU": self.cpus, "GPU": self.gpus, **self.custom}
        return {name: float(amount) for name, amount in amounts.items() if amount > 0}
