"""Charts about reward models where little was measured."""

import pytest

from experiments.report.charts_reward import fidelity_chart

NOTHING = {"step": [0], "kl": [0.0], "gold": [None], "labels": [None], "misled": [None]}


@pytest.mark.parametrize(("measured", "is_drawn"), [({}, False), ({"gold": [0.8]}, True)])
def test_where_nobody_was_asked_and_no_pair_was_decisive_there_is_no_chart(measured, is_drawn):
    """Recorded labels have no annotator to ask, and a start that solves nothing gives no decisive pair."""
    figures = {"fidelity": {"rlhf": {"0": {**NOTHING, **measured}}}}
    assert (fidelity_chart(figures, {"rlhf": "#123456"}) is not None) == is_drawn
