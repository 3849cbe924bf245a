"""Margins that are reckoned from texts hold what matplotlib itself measures."""

from itertools import pairwise

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from experiments.report.drawing import STYLE, legend, make_axes
from experiments.report.layout import MAX_COLUMNS, columns_of, place

TOLERANCE = 2.0  # pixels of a hundredth of an inch


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("has_twin", [False, True])
@pytest.mark.parametrize("top", [1.0, 0.025, 20_000.0, -12.5])
@pytest.mark.parametrize("names", [2, 6, 15])
def test_no_text_leaves_the_chart_or_lies_on_another_panel(count, has_twin, top, names):
    with mpl.rc_context(STYLE):
        figure, panels = make_axes(count, *(f"panel {i}" for i in range(count)))
        shown = [*panels]
        for axes in panels:
            for i in range(names):
                axes.plot([0, 1], [0, top / (i + 1)], label=f"an arm of some length {i}")
            axes.set_xlabel("training step")
            axes.set_ylabel("a measure")
            if has_twin:
                right = axes.twinx()
                right.plot([0, 1], [0, 3 * top], label="on the right")
                right.set_ylabel("another measure")
                shown.append(right)
        legend(figure, *panels)
        place(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
        (above,) = [found.get_window_extent(renderer) for found in figure.legends]
        assert above.x0 >= -TOLERANCE
        assert above.x1 <= figure.bbox.width + TOLERANCE
        boxes = [[axes.get_tightbbox(renderer) for axes in shown[i::count]] for i in range(count)]
        for own in boxes:
            for box in own:
                assert box.x0 >= -TOLERANCE
                assert box.y0 >= -TOLERANCE
                assert box.x1 <= figure.bbox.width + TOLERANCE
                assert box.y1 <= above.y0 + TOLERANCE
        for before, after in pairwise(boxes):
            assert max(box.x1 for box in before) <= min(box.x0 for box in after) + TOLERANCE
        assert len({round(axes.get_position().width, 6) for axes in shown}) == 1


def test_a_legend_has_as_many_columns_as_fit():
    assert columns_of(["rl", "rlhf"]) == 2
    assert columns_of(["x"] * 20) == MAX_COLUMNS
    assert columns_of(["a name that is longer than most " * 2] * 3) == 1
    assert columns_of(["y" * 500]) == 1
