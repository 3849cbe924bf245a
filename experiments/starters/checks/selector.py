import random
from pathlib import Path

from experiments.starters.samples import graded_groups
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import make_selector

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_it_chooses_among_different_texts() -> None:
    for group in graded_groups():
        pairs = make_selector(MINE).select(group, make_annotator("careful"), random.Random(0))
        assert pairs
        assert all(pair.first.completion.text != pair.second.completion.text for pair in pairs)
