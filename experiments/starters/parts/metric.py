from collections.abc import Mapping, Sequence

from rl.types import Group


def mine(groups: Sequence[Group]) -> Mapping[str, float]:
    """What is measured of the rewarded groups of every training step, recorded as `own/<name>`."""
    rows = [row for group in groups for row in group.trajectories]
    numbers = sum(row.completion.text.count("=") for row in rows)
    return {"equations_per_completion": numbers / len(rows)}
