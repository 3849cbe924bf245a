"""Charts about reward models where little was measured."""

import re

import matplotlib as mpl
import pytest

from experiments.report.charts_reward import fidelity_chart, proxy_chart
from experiments.report.drawing import STYLE

NOTHING = {"step": [0], "kl": [0.0], "gold": [None], "labels": [None], "misled": [None]}


@pytest.mark.parametrize(("measured", "is_drawn"), [({}, False), ({"gold": [0.8]}, True)])
def test_where_nobody_was_asked_and_no_pair_was_decisive_there_is_no_chart(measured, is_drawn):
    """Recorded labels have no annotator to ask, and a start that solves nothing gives no decisive pair."""
    figures = {"fidelity": {"rlhf": {"0": {**NOTHING, **measured}}}}
    assert (fidelity_chart(figures, {"rlhf": "#123456"}) is not None) == is_drawn


def test_the_picture_of_gold_and_proxy_names_every_line_and_its_data_name_the_panel():
    """The picture is all that a reader without scripts, or of paper, has."""
    curve = {"step": [0, 1], "kl": [0.0, 2.0], "solution": [0.3, 0.6], "proxy": [0.0, 1.5]}
    interval = [{"value": 0.3, "low": 0.2, "high": 0.4}, {"value": 0.6, "low": 0.5, "high": 0.7}]
    figures = {
        "proxy_arms": ["tight", "loose"],
        "fidelity": {name: {"0": curve} for name in ("tight", "loose")},
        "validation": {name: {"step": [0, 1], "solution": interval} for name in ("tight", "loose")},
    }
    with mpl.rc_context(STYLE):
        drawn = proxy_chart(figures, {"tight": "#123456", "loose": "#654321"})
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn.svg)
    for name in ("tight: gold", "tight: proxy", "loose: gold", "loose: proxy"):
        assert texts.count(name) == 1
    points = {(panel, line): [] for panel, line, *_ in drawn.rows}
    for panel, line, *point in drawn.rows:
        points[panel, line].append(tuple(point))
    assert points["over training: proxy (dotted, s.d. of the start)", "tight: proxy"] == [(0, 0), (1, 1.5)]
    assert points["over distance from the start: proxy (hollow, s.d. of the start)", "loose: proxy"] == [
        (0, 0),
        (2, 1.5),
    ]
