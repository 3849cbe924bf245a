from collections.abc import Mapping
from typing import Any

from experiments.arms import OwnMethod
from experiments.arms.cost import TrainingCost, write_cost
from experiments.stages.services import Services
from experiments.stages.training import ArmRun


class Mine(OwnMethod):
    """The average of the start's weights and of another arm's, which costs no training (Wortsman et al. 2203.05482)."""

    @classmethod
    def builds_on(cls, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Arms that must be trained before this one."""
        return (settings["other"],)

    def plan(self) -> str:
        """What it will do, in one line of `beyond check`."""
        return f"{self.settings.get('share', 0.5):.0%} of {self.settings['other']}, the rest of the start"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Leaves a policy in `run.folder.policy`; False when it was interrupted and can be resumed."""
        policy = services.server.load(services.folders.start_policy, trainable=True)
        other = services.server.load(services.folders.stage(self.settings["other"]).policy).weights()
        share = self.settings.get("share", 0.5)
        policy.load_weights({name: w + share * (other[name] - w) for name, w in policy.weights().items()})
        policy.save(run.folder.policy)
        write_cost(run.folder, TrainingCost(), seconds=0.0)
        return True
