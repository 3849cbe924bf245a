"""How the charts of a report are drawn: colours, axes, bands over seeds, inline SVG."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from experiments.report.layout import HEIGHT, LEGEND_SIZE, SIZE, TITLE_SIZE, WIDTH, columns_of, place
from experiments.report.live import live_data

COLOURS = (
    *("#1a7f5a", "#c2410c", "#6d4bb8", "#0b6fa4", "#a1620a", "#b02a5b", "#4d6b1f", "#555f6d"),
    *("#2aa198", "#e07b39", "#9b7fd4", "#56a3d9", "#d4a017", "#e07fa8", "#8fae4b"),  # for studies of many arms
)
START_COLOUR, HUMAN_COLOUR, GUESS_COLOUR = "#6b7280", "#111827", "#c4c9d1"
SIZE_COLOURS = {"0": "#d1d5db", "1": "#1a7f5a", "2": "#7fb88f", "3": "#e9b35f", "4+": "#c2410c"}
ANSWERS = ", answer alone"  # of a policy's second, dotted line: its colour says whose, and the legend names it once
PAGE_COLOURS = {  # of the charts -> variables of the page, which has them for light and dark
    "#111827": "--ink",
    "#374151": "--chart-label",
    "#4b5563": "--chart-tick",
    "#9ca3af": "--chart-edge",
    "#eceef1": "--chart-grid",
    "#f3f4f6": "--tint",
    "#6b7280": "--chart-start",
    **{colour: f"--chart-{i}" for i, colour in enumerate(COLOURS[:8])},
}
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": "#374151",
    "axes.titlesize": TITLE_SIZE,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#eceef1",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.color": "#111827",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",  # text stays text: it can be found, read aloud and copied
    "svg.hashsalt": "beyond-imitation",  # equal figures give equal files
}


def make_axes(count: int, *titles: str) -> tuple[Figure, list[Axes]]:
    """A figure of the report's width with `count` panels side by side."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    panels = figure.subplots(1, count, squeeze=False)[0]
    for axes, title in zip(panels, titles):
        axes.set_title(title)
    return figure, list(panels)


def band(
    axes: Axes,
    seeds: Mapping[str, Mapping[str, Sequence[float | None]]],
    x: str,
    y: str,
    colour: str,
    label: str,
    *,
    smooth: int = 1,
    scale: float = 1.0,
    style: str = "-",
    is_spread_shown: bool = True,
) -> None:
    """The mean over seeds of a curve, and the area from the lowest to the highest seed.

    Over KL, which goes to and fro, points alone: a line would scribble, and seeds are not equally far at a step.
    """
    lines = []
    for curve in seeds.values():
        points = [(a * scale, b) for a, b in zip(curve[x], curve[y]) if a is not None and b is not None]
        if points:
            lines.append((np.array([p[0] for p in points]), _smoothed(np.array([p[1] for p in points]), smooth)))
    if not lines:
        return
    shortest = min(len(xs) for xs, _ in lines)
    all_xs, all_ys = (np.array([line[i][:shortest] for line in lines]) for i in (0, 1))
    xs, ys = all_xs.mean(axis=0), all_ys.mean(axis=0)
    if x == "kl":
        fill = colour if style == "-" else "none"
        axes.plot(xs, ys, "o", color=colour, markersize=3.5, markerfacecolor=fill, label=label)
        return
    if len(lines) > 1 and is_spread_shown:
        axes.fill_between(xs, all_ys.min(axis=0), all_ys.max(axis=0), color=colour, alpha=0.13, linewidth=0)
    axes.plot(xs, ys, color=colour, linestyle=style, label=label)


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Trailing mean over `window` points."""
    if window == 1 or len(values) < window:
        return values
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(0, ends - window)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins))


def legend(figure: Figure, *panels: Axes) -> None:
    """One legend above all panels, of the lines of these; of equal names the first."""
    found = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels())]
    named = {label: line for line, label in reversed(found) if not label.endswith(ANSWERS)}
    labels = [label for label in dict.fromkeys(label for _, label in found) if label in named]
    legend_of(figure, [named[label] for label in labels], labels)


def legend_of(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """A legend above all panels, in as many columns as fit."""
    figure.legend(handles, labels, loc="upper center", ncols=columns_of(labels), fontsize=LEGEND_SIZE)


@dataclass(frozen=True)
class Chart:
    """A drawn chart, and what it shows in words and numbers.

    Attributes:
        svg: an <svg> element that names itself to readers who cannot see it; colours follow the page.
        sentence: where every line begins and ends, panel by panel.
        rows: (panel, line, x, y) of every point that is drawn.
        live: what the page's script draws it from.
    """

    svg: str
    sentence: str
    rows: tuple[tuple[str, str, float, float], ...]
    live: tuple[Mapping[str, Any], ...] = ()

    @property
    def csv(self) -> str:
        """The points as CSV, a header first."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([("panel", "line", "x", "y"), *self.rows])
        return text.getvalue()


def chart(figure: Figure, name: str) -> Chart:
    """The figure as a chart; equal figures give equal text.

    Args:
        figure: placed as those of the report are, unless it has a layout of its own.
        name: what the chart is about, the beginning of its sentence.
    """
    if figure.get_layout_engine() is None:
        place(figure)
    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in PAGE_COLOURS.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    rows = tuple(_points(figure))
    sentence = f"{name}. {_in_words(rows)}"
    named = text.replace("<svg", f'<svg role="img" aria-label="{html.escape(sentence)}"', 1)
    return Chart(named, sentence, rows, tuple(live_data(figure)))


def _points(figure: Figure) -> Iterator[tuple[str, str, float, float]]:
    """Every point of every named line, with the title and measure of its panel."""
    titles: dict[object, str] = {}
    for axes in figure.axes:  # a second measure on the right is of the panel that it shares
        title = titles.setdefault(axes.get_subplotspec(), axes.get_title(loc="left"))
        measure = axes.get_ylabel()
        panel = ": ".join(part for part in (title, measure) if part)
        for line in axes.get_lines():
            label = str(line.get_label())
            if not label.startswith("_"):
                for x, y in zip(np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)):
                    yield panel, label, float(x), float(y)


def _in_words(rows: Sequence[tuple[str, str, float, float]]) -> str:
    """`panel: line from 0.50 at 1 to 0.93 at 6`, for every line."""
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for panel, label, x, y in rows:
        lines.setdefault((panel, label), []).append((x, y))
    panels: dict[str, list[str]] = {}
    for (panel, label), points in lines.items():
        (x, y), (last_x, last_y) = points[0], points[-1]
        words = (
            f"{label} {y:.2f} at {x:g}"
            if len(points) == 1
            else f"{label} from {y:.2f} at {x:g} to {last_y:.2f} at {last_x:g}"
        )
        panels.setdefault(panel, []).append(words)
    return "; ".join(f"{panel}: {', '.join(words)}" for panel, words in panels.items())
