"""Best-of-n: nothing is learned; n completions are sampled for every answer, and a scorer picks one.

With the proxy as scorer it is what the reward model can do without RL, with `majority` it is self-consistency, with the
verifier it is the ceiling of any choice.
"""

from __future__ import annotations

from collections.abc import Sequence

from envs.environment import Environment
from experiments.arms.cost import TrainingCost, cost_of_reward_model, write_cost
from experiments.arms.method import Method
from experiments.config.arms.base import START
from experiments.config.arms.kinds import BestOfNArm
from experiments.config.components import sampling_of
from experiments.run.evaluations import record_evaluation
from experiments.run.folders import RunFolder, write_json
from experiments.stages.evaluation import architecture_of
from experiments.stages.rewards import build_reward, check_reward
from experiments.stages.services import Services
from experiments.stages.training import ArmRun
from rl.imitation.best_of_n import best_of_n, pick_best, reward_scores
from rl.records.evaluate import Evaluation, evaluate, problem_row, problem_set_hash, solution_right
from rl.types import Group, Trajectory


class BestOfN(Method[BestOfNArm]):
    """Samples the start (or a trained arm) n times per answer."""

    @property
    def num_answers(self) -> int:
        """Answers per test problem: as many as the completions of the other arms' evaluation hold, at least one."""
        return max(1, self.shared.evaluation.num_samples // self.arm.n)

    def check(self, env: Environment) -> None:
        """Builds what picks."""
        super().check(env)
        check_reward(self.arm.reward, env, where=f"arms.{self.name}.reward")

    def plan(self) -> str:
        """n, whose completions, and what picks; that nothing is trained."""
        arm = self.arm
        return f"best of {arm.n} completions of {arm.policy} by {arm.reward.name}; nothing is trained"

    def run(self, run: ArmRun, services: Services) -> bool:
        """Notes what the reward model cost, where one picks; there is nothing to train."""
        preferences, cost = services.preferences.get(self.name), TrainingCost()
        if preferences is not None:
            cost = cost_of_reward_model(preferences.folder, preferences.reward_model)
        write_cost(run.folder, cost, 0.0)
        return True

    def test(self, folder: RunFolder, services: Services) -> None:
        """Picks among the completions of each test problem; the curve over n goes into best_of_n.json."""
        section, test, n = self.shared.evaluation, services.evaluator.test, self.arm.n
        sampled = services.folders.stage(self.arm.policy)
        policy = services.server.load(sampled.policy)
        workers, version = services.server.serve(policy, architecture_of(sampled))
        groups: list[Group] = []
        evaluate(
            workers,
            test,
            num_samples=n * self.num_answers,
            sampling=sampling_of(section.sampling),
            include_greedy=False,
            version=version,
            on_groups=groups.extend,
        )
        preferences = services.preferences.get(self.name)
        model = None if preferences is None else preferences.reward_model
        reward = build_reward(self.arm.reward, services.folders.start_policy, model, self.shared.policy.device)
        scores = reward_scores(groups, reward.compute_rewards(groups))
        chosen = [pick_best(group, row, n, seed=services.seed) for group, row in zip(groups, scores)]
        rows = tuple(problem_row(problem, group, None) for problem, group in zip(test, chosen))
        found = Evaluation(rows, problem_set_hash(test), self.num_answers, sampling_of(section.sampling))
        curve = best_of_n(groups, scores, _powers(n * self.num_answers), gold=_solution)
        prompt_tokens = sum(len(g.trajectories[0].prompt_tokens) for g in groups) / len(groups)
        is_start = self.arm.policy == START
        facts = {
            "parameters": policy.num_parameters,
            "prompt_tokens": prompt_tokens,
            "tokens_per_answer": n * curve[0].tokens,
            "kl": next((p.kl for p in best_of_n(groups, scores, [n])), None) if is_start else None,
        }
        record_evaluation(folder.path, found, policy=self.name, split=section.split, facts=facts)
        write_json(folder.path / "best_of_n.json", [point.to_json() for point in curve])


def _powers(largest: int) -> Sequence[int]:
    return [1 << k for k in range(largest.bit_length()) if 1 << k <= largest]


def _solution(trajectory: Trajectory) -> float:
    return float(solution_right(trajectory))
