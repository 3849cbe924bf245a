"""What is watched while an arm maximises a learned proxy: whether the proxy still means anything, and what stopping
earlier would have given.

Earlier policies of the arm are kept and tested beside the last one, so that it is no straw man: the one that gold would
have chosen (the best on the validation problems by the verifier, which a real RLHF run cannot see), the one that had
moved as far from the start as the arm that was trained against the verifier, and, where the arm buys judgements for it,
the one that its own annotator prefers most often to the start: early stopping as people without ground truth do it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from statistics import fmean

from experiments.run.evaluations import BEST_BY_ANNOTATOR, BEST_BY_VERIFIER, KL_MATCHED
from experiments.run.folders import RunFolder, append_jsonl
from experiments.run.sealed import read_sealed
from experiments.stages.kept.beside import CARD, check_set_aside, set_aside
from policies.causal import CausalPolicy
from rl.learning.learner import Learner
from rl.preference.labels.annotators import Annotator
from rl.preference.labels.win_rate import win_rate
from rl.preference.models.fidelity import fidelity
from rl.records.distance import kl_from
from rl.rewards.proxy import ProxyReward
from rl.rollouts.log import group_from_json, group_to_json
from rl.types import Group

KEPT = (BEST_BY_VERIFIER, KL_MATCHED, BEST_BY_ANNOTATOR)
START_ANSWERS = "start_answers.json"  # of the validation problems, to compare with


class OveroptimisationMonitor:
    """Looks at every held-out evaluation of an arm whose reward is, or contains, the learned proxy.

    Args:
        folder: of the arm; the kept policies go into folders within it.
        start: the policy that the arm started from.
        proxy: the whole reward model, also where the arm's reward mixes others in.
        annotator: judges pairs anew; None where labels were recorded and nobody is there to ask.
        temperature: at which the evaluations sample.
        target_kl: of the policy to keep that moved as far as the verifier's arm; None: there is no such arm.
        judgements: bought of each validation problem at every evaluation; 0: none.
        is_one_proxy: False where the reward model is fitted anew, so that its scores at different steps do not compare.
    Raises:
        CheckpointError, UserError: a policy that was kept, or its card, is damaged.
    """

    def __init__(
        self,
        folder: RunFolder,
        learner: Learner,
        *,
        start: CausalPolicy,
        proxy: ProxyReward,
        annotator: Annotator | None,
        temperature: float,
        target_kl: float | None,
        seed: int,
        judgements: int = 0,
        is_one_proxy: bool = True,
    ) -> None:
        self.folder = folder
        self.learner = learner
        self.start = start
        self.proxy = proxy
        self.annotator = annotator
        self.temperature = temperature
        self.target_kl = target_kl
        self.seed = seed
        self.judgements = judgements
        self.is_one_proxy = is_one_proxy
        self._groups: Sequence[Group] = ()
        for name in KEPT:
            check_set_aside(folder.path / name)

    def look(self, groups: Sequence[Group]) -> None:
        """The completions of the evaluation that `observe` will speak about."""
        self._groups = groups

    def observe(self, step: int, figures: Mapping[str, float]) -> dict[str, float]:
        """What the evaluation says about the proxy; keeps the policy when it is one worth keeping."""
        rewarded = self.proxy.compute_rewards(self._groups)
        rows = [t.parts["proxy"] for group in rewarded for t in group.trajectories]
        by_problem = [fmean(t.parts["proxy"] for t in group.trajectories) for group in rewarded]
        if self.is_one_proxy:
            append_jsonl(self.folder.path / "proxy.jsonl", [{"step": step, "scores": by_problem}])
        kl = kl_from(self.start, self._groups, temperature=self.temperature)
        found = fidelity(self.proxy, self._groups, self.annotator, random.Random(f"fidelity {self.seed} {step}"))
        gold = figures["mean_solution"]
        self._keep(BEST_BY_VERIFIER, step, gold, {"gold": gold, "kl": kl})
        if self.target_kl is not None:
            self._keep(
                KL_MATCHED, step, -abs(kl - self.target_kl), {"gold": gold, "kl": kl, "target_kl": self.target_kl}
            )
        return {"proxy": sum(rows) / len(rows), "kl": kl, **found.metrics(), **self._ask(step, kl, gold)}

    def _ask(self, step: int, kl: float, gold: float) -> dict[str, float]:
        """Buys the annotator's preference for the policy over the start; at step 0, keeps the start's answers."""
        if not self.judgements or self.annotator is None:
            return {}
        path = self.folder.path / START_ANSWERS
        if step == 0:
            path.write_text(json.dumps([group_to_json(group) for group in self._groups]), encoding="utf-8")
        answers = [group_from_json(row) for row in json.loads(path.read_text(encoding="utf-8"))]
        rng = random.Random(f"win rate {self.seed} {step}")
        found = win_rate(self._groups, answers, self.annotator, rng, per_problem=self.judgements)
        self._keep(BEST_BY_ANNOTATOR, step, found.rate, {**found.to_json(), "gold": gold, "kl": kl})
        return {"win_rate": found.rate, "win_rate_judgements": float(found.num_judgements)}

    def _keep(self, name: str, step: int, merit: float, facts: Mapping[str, float]) -> None:
        """Saves the policy if none before it was as good; of equals, the first stays.

        A resumed run repeats steps and comes to the same policies, so what was kept before stays right.
        """
        folder = self.folder.path / name
        if (folder / CARD).exists() and read_sealed(folder / CARD, "merit")["merit"] >= merit:
            return
        set_aside(self.learner.policy, folder, {"step": step, "merit": merit, **facts})


def snapshots(folder: RunFolder) -> dict[str, RunFolder]:
    """The earlier policies that an arm kept, by name."""
    kept = (RunFolder(folder.path / name) for name in KEPT if (folder.path / name / CARD).exists())
    return {found.path.name: found for found in kept}
