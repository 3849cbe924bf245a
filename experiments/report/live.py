"""A chart as data for the page's script, which draws it anew with values under the pointer, zoom and lines on and off.

The picture stays in the page for readers without scripts, for print and for copying; both come from one figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

DASHES = {":": [2, 3], "--": [6, 4], "-.": [6, 3, 2, 3]}  # of the picture's lines, pixels


def live_data(figure: Figure) -> list[dict[str, Any]]:
    """One entry for each panel: title, axes, and lines with their points and bands.

    Axes that share a place (a second measure on the right) are one panel.
    """
    panels: list[tuple[Any, dict[str, Any]]] = []
    for axes in figure.axes:
        place = np.round(axes.get_position().bounds, 6).tolist()
        twin = next((panel for where, panel in panels if where == place), None)
        if twin is not None:
            twin |= {"right": axes.get_ylabel(), "right_range": list(axes.get_ylim())}
            twin["lines"] += list(_lines(axes, "right"))
            continue
        lines = list(_lines(axes, "left"))
        if lines:
            shaded = [bar.get_x() for bar in axes.patches if isinstance(bar, Rectangle)]
            panel = {
                "title": axes.get_title(loc="left"),
                "x": axes.get_xlabel(),
                "y": axes.get_ylabel(),
                "range": list(axes.get_ylim()),
                "log": axes.get_xscale() == "log",
                "grey": min(shaded, default=None),
                "marks": list(_marks(axes)),
                "right": None,
                "lines": lines,
            }
            panels.append((place, panel))
    return [panel for _, panel in panels]


def _lines(axes: Axes, side: str) -> Iterator[dict[str, Any]]:
    """Named lines; the band of a line is the filled area of its colour."""
    bands = {colour: (low, high) for colour, low, high in _bands(axes)}
    for line in axes.get_lines():
        label, colour = str(line.get_label()), to_hex(line.get_color())  # type: ignore[arg-type]
        xs, ys = (np.asarray(data, float) for data in (line.get_xdata(), line.get_ydata()))
        if label.startswith("_"):
            continue
        found: dict[str, Any] = {
            "label": label,
            "colour": colour,
            "side": side,
            "dash": DASHES.get(str(line.get_linestyle())),
            "points": line.get_linestyle() == "None",
            "hollow": line.get_linestyle() in DASHES or line.get_markerfacecolor() == "none",
        }
        found |= {"x": _plain(xs.tolist()), "y": _plain(ys.tolist())}
        low, high = bands.get(colour, ({}, {}))
        if low and set(low) >= set(found["x"]):
            found |= {"low": [low[x] for x in found["x"]], "high": [high[x] for x in found["x"]]}
        yield found


def _marks(axes: Axes) -> Iterator[float]:
    """Where a vertical line stands."""
    for line in axes.get_lines():
        xs = np.asarray(line.get_xdata(), float)
        if len(xs) == 2 and xs[0] == xs[1] and str(line.get_label()).startswith("_"):
            yield float(xs[0])


def _bands(axes: Axes) -> Iterator[tuple[str, dict[float, float], dict[float, float]]]:
    """(colour, x -> low, x -> high) of each filled area between two curves."""
    for area in axes.collections:
        if not isinstance(area, PolyCollection) or not area.get_paths():
            continue
        low: dict[float, float] = {}
        high: dict[float, float] = {}
        for x, y in np.asarray(area.get_paths()[0].vertices, float):
            key = round(float(x), 6)
            low[key], high[key] = min(low.get(key, y), float(y)), max(high.get(key, y), float(y))
        yield to_hex(np.asarray(area.get_facecolor())[0].tolist()), low, high


def _plain(values: Sequence[float]) -> list[float]:
    return [round(float(value), 6) for value in values]
