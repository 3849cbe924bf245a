from pathlib import Path

from experiments.starters.samples import graded_groups
from rl.rewards.checked import checked_rewards
from rl.rewards.registry import make_reward

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_every_completion_gets_a_number_and_a_right_one_gets_more() -> None:
    groups = graded_groups()  # of each problem a right completion and a wrong one
    for group in checked_rewards(MINE, make_reward(MINE).compute_rewards, groups):
        right, wrong = group.rewards
        assert right > wrong
