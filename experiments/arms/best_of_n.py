"""Best-of-n: nothing is learned; n completions are sampled for every answer, and a scorer picks one.

With the proxy as scorer it is what the reward model can do without RL, with `majority` it is self-consistency, with the
verifier it is the ceiling of any choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.arms.base import Arm
from experiments.config.sections import Component, Positive
from experiments.study.rewards import needs_reward_model

if TYPE_CHECKING:
    from experiments.config.experiment import Experiment
    from experiments.study.context import SeedContext
    from rl.types import Group

START = "start"


class BestOfNArm(Arm):
    """Samples the start (or a trained arm) n times per answer."""

    method: Literal["best_of_n"]
    n: Positive = 4  # completions per answer
    reward: Component = Component(name="proxy")  # what picks: proxy, majority, verifier, or another reward
    policy: str = START  # whose completions: the start's, or those of an arm before this one

    has_policy: ClassVar[bool] = False

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The arm whose completions are chosen among; nothing for the start's."""
        return () if self.policy == START else (self.policy,)

    @property
    def uses_reward_model(self) -> bool:
        """True when the proxy is among what picks."""
        return needs_reward_model(self.reward)

    def answers(self, experiment: Experiment) -> int:
        """Answers per test problem: as many as the completions of the other arms' evaluation hold, at least one."""
        return max(1, experiment.evaluation.num_samples // self.n)

    def check(self, experiment: Experiment, name: str, env: Any) -> None:
        """Builds what picks."""
        super().check(experiment, name, env)
        from experiments.study.rewards import check_reward

        check_reward(self.reward, env)

    def plan(self, experiment: Experiment, name: str) -> str:
        """n, whose completions, and what picks; that nothing is trained."""
        return f"best of {self.n} completions of {self.policy} by {self.reward.name}; nothing is trained"

    def run(self, context: SeedContext, name: str) -> bool:
        """Notes what the reward model cost, where one picks; there is nothing to train."""
        from experiments.study.cost import Spent, on_reward_model, write_spent

        spent = on_reward_model(context) if self.uses_reward_model else Spent()
        write_spent(context.folder(name), spent, 0.0)
        return True

    def test(self, context: SeedContext, name: str) -> None:
        """Picks among the completions of each test problem; the curve over n goes into best_of_n.json."""
        from experiments.run.folders import write_json
        from experiments.study.context import sampling_of
        from experiments.study.evaluation import architecture_of, record_evaluation
        from experiments.study.rewards import build_reward
        from rl.imitation.best_of_n import best_of_n, pick_best, reward_scores
        from rl.records.evaluate import Evaluation, evaluate, problem_row, problem_set_hash

        folder = context.folder(name)
        section = context.experiment.evaluation
        answers = self.answers(context.experiment)
        policy = context.load(context.folder(self.policy).policy)
        workers, version = context.serve(policy, architecture_of(context.folder(self.policy)))
        groups: list[Group] = []
        evaluate(
            workers,
            context.test,
            num_samples=self.n * answers,
            sampling=sampling_of(section.sampling),
            include_greedy=False,
            version=version,
            on_groups=groups.extend,
        )
        scores = reward_scores(groups, build_reward(context, self.reward).price(groups))
        chosen = [pick_best(group, row, self.n, seed=context.seed) for group, row in zip(groups, scores)]
        rows = tuple(problem_row(p, group, None) for p, group in zip(context.test, chosen))
        found = Evaluation(rows, problem_set_hash(context.test), answers, sampling_of(section.sampling))
        curve = best_of_n(groups, scores, _powers(self.n * answers), gold=_verified)
        prompt_tokens = sum(len(g.trajectories[0].prompt_tokens) for g in groups) / len(groups)
        facts = {
            "parameters": policy.num_parameters,
            "prompt_tokens": prompt_tokens,
            "tokens_per_answer": self.n * curve[0].tokens,
            "kl": next((p.kl for p in best_of_n(groups, scores, [self.n])), None) if self.policy == START else None,
        }
        record_evaluation(folder.path, found, policy=name, split=section.split, facts=facts)
        write_json(folder.path / "best_of_n.json", [point.to_json() for point in curve])


def _powers(largest: int) -> Sequence[int]:
    return [1 << k for k in range(largest.bit_length()) if 1 << k <= largest]


def _verified(trajectory: Any) -> float:
    from rl.records.evaluate import solution_verified

    return float(solution_verified(trajectory))
