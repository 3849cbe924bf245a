from pathlib import Path

from envs import make
from experiments.starters.samples import graded_groups
from rl.curriculum import make_curriculum

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_problems_depend_on_the_seed_and_the_state_alone() -> None:
    env = make("addition")
    first, second = (make_curriculum(MINE, env, seed=3) for _ in range(2))
    first.problems(0, 4)
    first.observe(graded_groups())
    second.load_state_dict(first.state_dict())
    assert [p.id for p in first.problems(1, 8)] == [p.id for p in second.problems(1, 8)]
