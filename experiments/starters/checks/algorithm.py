from pathlib import Path

import torch

from rl.algorithms import make
from rl.learning.collate import collate_examples

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_its_advantages_are_rewards_over_the_median_of_the_group() -> None:
    batch = collate_examples([((0,), (token,)) for token in (0, 1, 2)], 0)
    batch = batch.__class__(**{**vars(batch), "groups": torch.zeros(3, dtype=torch.long)})
    rewards = torch.tensor([0.0, 1.0, 3.0])
    assert make(MINE).row_advantages(rewards, batch).tolist() == [-1.0, 0.0, 2.0]  # type: ignore[attr-defined]
