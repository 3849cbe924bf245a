"""Graded completions without a policy, to try a reward, metric, annotator or selector on."""

from __future__ import annotations

import random

from envs import make
from policies.types import Completion, FinishReason
from rl.types import Group, Trajectory


def graded_groups(env: str = "word_problems", num: int = 4, seed: int = 0) -> list[Group]:
    """Groups of two completions, the environment's own solution and a wrong one, with their verdicts.

    Texts are encoded a character a token, and every token has probability 1.
    """
    source, rng = make(env), random.Random(seed)
    groups = []
    for index, problem in enumerate(source.problems(num, seed=seed)):
        texts = [source.render_solution(problem.solution, problem.answer), *source.corrupt(problem, rng)]
        rows = []
        for place, text in enumerate(texts):
            tokens = tuple(map(ord, text))
            written = Completion(tokens, (0.0,) * len(tokens), text, FinishReason.STOP)
            prompt = tuple(map(ord, problem.text))
            verdict = source.grade(problem, text)
            rows.append(Trajectory(2 * index + place, problem, prompt, verdict=verdict, completion=written))
        groups.append(Group(problem, tuple(rows)))
    return groups
