"""What is watched while an arm maximises a learned proxy: whether the proxy still means anything, and what stopping
earlier would have given.

Two earlier policies of the arm are kept and tested beside the last one, so that it is no straw man: the one that gold
would have chosen (the best on the validation problems by the verifier, which a real RLHF run cannot see), and the one
that had moved as far from the start as the arm that practised against the verifier.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.run.folders import RunFolder, read_json, write_json
from experiments.study.context import SeedContext
from experiments.study.evaluation import final_evaluations
from experiments.study.preferences import annotator_of
from rl.preference.fidelity import fidelity
from rl.preference.reward_model import load_reward
from rl.records.distance import kl_from
from rl.rewards.sources import ProxyReward, RewardSource
from rl.types import Group

if TYPE_CHECKING:
    from rl.learning.learner import Learner

BEST_GOLD, SAME_KL = "best-gold", "same-kl"  # folders of the two earlier policies
CARD = "snapshot.json"


class ProxyWatch:
    """Looks at every held-out evaluation of an arm whose reward is, or contains, the learned proxy."""

    def __init__(self, context: SeedContext, name: str, reward: RewardSource, learner: Learner) -> None:
        self.folder = context.folder(name)
        self.learner = learner
        self.start = context.load(context.start_policy)
        self.temperature = context.experiment.evaluation.sampling.temperature
        self.proxy = reward if isinstance(reward, ProxyReward) else _whole_proxy(context)
        recorded = context.experiment.preference.comparisons is not None  # nobody is there to ask
        self.annotator = None if recorded else annotator_of(context)
        self.target_kl = practised_kl(context)
        self.seed = context.seed
        self._groups: Sequence[Group] = ()

    def look(self, groups: Sequence[Group]) -> None:
        """The completions of the evaluation that `observe` will speak about."""
        self._groups = groups

    def observe(self, step: int, figures: Mapping[str, float]) -> dict[str, float]:
        """What the evaluation says about the proxy; keeps the policy when it is one worth keeping."""
        priced = self.proxy.price(self._groups)
        rows = [t.parts["proxy"] for group in priced for t in group.trajectories]
        kl = kl_from(self.start, self._groups, temperature=self.temperature)
        found = fidelity(self.proxy, self._groups, self.annotator, random.Random(f"fidelity {self.seed} {step}"))
        gold = figures["mean_verified"]
        self._keep(BEST_GOLD, step, gold, {"gold": gold, "kl": kl})
        if self.target_kl is not None:
            self._keep(SAME_KL, step, -abs(kl - self.target_kl), {"gold": gold, "kl": kl, "target_kl": self.target_kl})
        return {"proxy": sum(rows) / len(rows), "kl": kl, **found.metrics()}

    def _keep(self, name: str, step: int, merit: float, facts: Mapping[str, float]) -> None:
        """Saves the policy if none before it was as good; of equals, the first stays.

        A resumed run repeats steps and comes to the same policies, so what was kept before stays right.
        """
        folder = RunFolder(self.folder.path / name)
        card = folder.path / CARD
        if card.exists() and read_json(card)["merit"] >= merit:
            return
        self.learner.policy.save(folder.policy)
        write_json(card, {"step": step, "merit": merit, **facts})


def snapshots(folder: RunFolder) -> dict[str, RunFolder]:
    """The earlier policies that an arm kept, by name."""
    kept = (RunFolder(folder.path / name) for name in (BEST_GOLD, SAME_KL) if (folder.path / name / CARD).exists())
    return {found.path.name: found for found in kept}


def practised_kl(context: SeedContext) -> float | None:
    """How far the first arm of this seed that was rewarded by the verifier alone ended from the start; None without."""
    for name, arm in context.experiment.arms.items():
        reward: Any = getattr(arm, "reward", None)
        if arm.method == "rl" and reward is not None and reward.name == "verifier":
            tests = final_evaluations(context.root / name)
            if tests and tests[-1].get("kl") is not None:
                return float(tests[-1]["kl"])
    return None


def _whole_proxy(context: SeedContext) -> ProxyReward:
    return load_reward(context.root / "preferences" / "reward_model", device=context.experiment.policy.device)
