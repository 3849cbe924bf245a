"""An environment whose grader misbehaves: what it does stands in the reference answer of the problem."""

import os
import time

from envs.environment import Environment
from envs.types import Problem
from verifiers.types import Outcome, Verdict


class Trouble(Environment):
    """Grading that crashes, hangs or raises, by the problem's answer."""

    name = "trouble"

    def generate(self, rng, level):
        return Problem(prompt=f"{rng.randrange(31)} + {rng.randrange(31)} ?", answer="fine", level=level)

    def grade(self, problem, response):
        if problem.answer == "crash":
            os._exit(3)
        if problem.answer == "hang":
            time.sleep(600)
        if problem.answer == "raise":
            raise RuntimeError("broken verifier")
        return Verdict(Outcome.CORRECT, 1.0)
