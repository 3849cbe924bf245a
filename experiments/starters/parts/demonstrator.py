import random

from envs import Problem
from envs.environment import Environment


class Mine:
    """Writes the reference solution, and forgets its last step with probability `forgets`."""

    def __init__(self, env: Environment, forgets: float = 0.2) -> None:
        self.env, self.forgets, self.levels = env, forgets, tuple(env.levels)

    def covers(self, problem: Problem) -> bool:
        """False for problems that it never solves."""
        return problem.level in self.levels

    def write(self, problem: Problem, rng: random.Random) -> str:
        """A solution as the text of a response; drawn with `rng` alone."""
        steps = problem.solution[:-1] if rng.random() < self.forgets else problem.solution
        answer = steps[-1].rpartition("=")[2].strip() if steps else problem.answer
        return self.env.render_solution(steps, answer)
