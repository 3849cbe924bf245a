from pathlib import Path

from experiments.starters.samples import graded_groups
from rl.records.own_metrics import find_metrics, own_metrics

MINE = f"{Path(__file__).parent / 'mine.py'}:mine"


def test_it_measures_numbers() -> None:
    assert own_metrics(find_metrics([MINE]), graded_groups())
