"""Where the panels of a chart lie: margins from the lengths of the texts in them, nothing drawn to be measured.

matplotlib's own layouts draw every label twice first, which was half of the time that charts take.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

INCH = 72.0  # points
WIDTH, HEIGHT = 8.6, 3.2  # of a chart, inches
SIZE, TITLE_SIZE, LEGEND_SIZE = 9.5, 10.5, 9.0  # of texts, points
DIGIT, LETTER, LINE = 0.64, 0.58, 1.17  # width of a digit, of a letter on average, height of a line: in sizes of text
TICK, GAP = 7.0, 4.0  # points from an axis to its numbers, and from those to its name
ROW, FRAME, HANDLE = 1.65, 1.3, 4.8  # of a legend: height of a row, around all rows, beside a text: in LEGEND_SIZE
MAX_COLUMNS = 6


def place(figure: Figure) -> None:
    """Gives every panel its place: equal widths side by side, room for numbers, names, titles and the legend."""
    panels: dict[object, list[Axes]] = {}
    for axes in figure.axes:  # those with a second axis on the right share a place
        panels.setdefault(axes.get_subplotspec(), []).append(axes)
    width, height = (float(size) * INCH for size in figure.get_size_inches())
    bottom = TICK + SIZE * LINE + GAP
    bottom += GAP + SIZE * LINE if any(axes.get_xlabel() for axes in figure.axes) else 0.0
    top = GAP + sum(_legend_height([text.get_text() for text in legend.get_texts()]) for legend in figure.legends)
    top += GAP + TITLE_SIZE * LINE if any(axes.get_title(loc="left") for axes in figure.axes) else 0.0
    upright = (bottom / height, (height - bottom - top) / height)
    for axes, *_ in panels.values():
        axes.set_position((0.0, upright[0], 1.0, upright[1]))  # how many numbers an axis has depends on its height
    left = [_beside(axes.yaxis) for axes, *_ in panels.values()]
    right = [_beside(twin[0].yaxis) if twin else 10.0 for _, *twin in panels.values()]
    each = (width - sum(left) - sum(right)) / len(panels)
    at = 0.0
    for (axes, *_), before, after in zip(panels.values(), left, right):
        axes.set_position(((at + before) / width, upright[0], each / width, upright[1]))
        at += before + each + after


def _beside(axis: Axis) -> float:
    """Points that the numbers and the name of a vertical axis need."""
    low, high = sorted(axis.get_view_interval())
    texts = axis.get_major_formatter().format_ticks([at for at in axis.get_majorticklocs() if low <= at <= high])
    widest = max((len(text) for text in texts), default=0)
    return GAP + TICK + SIZE * DIGIT * widest + (GAP + SIZE * LINE if axis.get_label_text() else 0.0)


def columns_of(labels: Sequence[str]) -> int:
    """In how many columns a legend fits a chart of the report's width: at most six, at least one."""
    for count in range(min(MAX_COLUMNS, len(labels)), 1, -1):
        parts = np.array_split(np.array([len(label) for label in labels]), count)
        if sum(LEGEND_SIZE * (HANDLE + LETTER * part.max()) for part in parts) <= WIDTH * INCH:
            return count
    return 1


def _legend_height(labels: Sequence[str]) -> float:
    """Points."""
    return LEGEND_SIZE * (FRAME + ROW * math.ceil(len(labels) / columns_of(labels)))
