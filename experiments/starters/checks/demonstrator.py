import random
from pathlib import Path

from envs import make
from envs.demonstrators.writers import make_demonstrator

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_its_solutions_can_be_read() -> None:
    env = make("word_problems")
    writer = make_demonstrator(env, name=MINE, forgets=0.0)
    for problem in env.problems(20):
        assert writer.covers(problem)
        assert env.grade(problem, writer.write(problem, random.Random(0))).is_correct
