import random

from rl.preference.labels.annotators import Annotator
from rl.preference.labels.comparisons import Pair, different_pairs
from rl.types import Group


class Mine:
    """Pairs of very different length first: cheap to tell apart."""

    def select(self, group: Group, annotator: Annotator, rng: random.Random) -> list[Pair]:
        """Pairs of different texts of one problem, the best first, each in the order in which it is shown."""
        pairs = different_pairs(group, rng)
        return sorted(pairs, key=lambda pair: -abs(pair.first.num_sampled - pair.second.num_sampled))
