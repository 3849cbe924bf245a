import random
from pathlib import Path

from experiments.starters.samples import graded_groups
from rl.preference.labels.annotators import make_annotator
from rl.preference.labels.comparisons import collect_comparisons

MINE = f"{Path(__file__).parent / 'mine.py'}:Mine"


def test_it_labels_pairs_with_probabilities() -> None:
    comparisons, card = collect_comparisons(graded_groups(), make_annotator(MINE), 4, random.Random(0))
    assert comparisons
    assert card.annotator == "Mine"
    assert 0 <= card.false_positive_rate <= 1  # type: ignore[operator]
