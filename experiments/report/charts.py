"""The charts of a report as inline SVG: one colour per policy everywhere, the same axes for the same quantity."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.results import START, StudyResults

COLOURS = ("#1a7f5a", "#c2410c", "#6d4bb8", "#0b6fa4", "#a1620a", "#b02a5b", "#4d6b1f", "#555f6d")
START_COLOUR, HUMAN_COLOUR, GUESS_COLOUR = "#6b7280", "#111827", "#c4c9d1"
LEAP_COLOURS = {"0": "#d1d5db", "1": "#1a7f5a", "2": "#7fb88f", "3": "#e9b35f", "4+": "#c2410c"}
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": "#374151",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#eceef1",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "beyond-imitation",  # equal figures give equal files
}


def study_charts(results: StudyResults, figures: Mapping[str, Any]) -> dict[str, str]:
    """SVG text by name; a chart that has nothing to show is left out."""
    colours = {START: START_COLOUR}
    colours |= {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(results.arms)}
    with mpl.rc_context(STYLE):
        charts = {
            "levels": _levels(figures, colours),
            "held_out": _held_out(figures, colours),
            "proxy": _proxy(figures, colours),
            "leaps": _leaps(figures),
            "pass_at": _pass_at(figures, colours),
            "health": _health(figures, colours),
        }
    return {name: svg for name, svg in charts.items() if svg}


def _levels(figures: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    table, trained = figures["levels"], figures["trained_levels"]
    figure, (sampled, greedy) = _axes(2, "sampled at T = 1", "greedy")
    levels = table["levels"]
    for axes, kind in ((sampled, "sampled"), (greedy, "greedy")):
        if trained["beyond"]:
            axes.axvspan(min(trained["beyond"]) - 0.5, max(levels) + 0.3, color="#f3f4f6", zorder=0)
            axes.text(min(trained["beyond"]) - 0.4, 1.06, "beyond practice", fontsize=8, color="#6b7280")
        if trained["demonstrations"] and max(trained["demonstrations"]) < max(levels):
            axes.axvline(max(trained["demonstrations"]) + 0.5, color="#9ca3af", linestyle=":", linewidth=1.2)
        human = [(lv, v) for lv, v in zip(levels, table["demonstrator"]) if v is not None]
        if human:
            axes.plot(*zip(*human), color=HUMAN_COLOUR, linestyle="--", linewidth=1.3, label="demonstrator")
        for name, colour in colours.items():
            if name not in table:
                continue
            rows = table[name][kind]
            values = [row["value"] for row in rows] if kind == "sampled" else rows
            if kind == "sampled":
                low, high = ([row[key] for row in rows] for key in ("low", "high"))
                axes.fill_between(levels, low, high, color=colour, alpha=0.13, linewidth=0)
            axes.plot(levels, values, color=colour, marker="o", markersize=3.5, label=figures["labels"][name])
        axes.set_xlabel("level (operations in the problem)")
        axes.set_xticks(levels)
        axes.set_ylim(-0.03, 1.12)
    sampled.set_ylabel("step-verified accuracy")
    _legend(figure, sampled)
    return _svg(figure)


def _held_out(figures: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    curves = {name: c for name, c in figures["held_out"].items() if any(len(s["step"]) for s in c.values())}
    if not curves:
        return ""
    figure, (axes,) = _axes(1, "held-out problems of the trained levels, while practising")
    for name, seeds in curves.items():
        _band(axes, seeds, "tokens", "verified", colours[name], figures["labels"][name], scale=1e-6)
    table, trained = figures["levels"], figures["trained_levels"]["rl"]
    inside = [i for i, lv in enumerate(table["levels"]) if lv in trained]
    human = [table["demonstrator"][i] for i in inside if table["demonstrator"][i] is not None]
    if human:
        axes.axhline(np.mean(human), color=HUMAN_COLOUR, linestyle="--", linewidth=1.2)
        axes.text(0, np.mean(human) + 0.015, "demonstrator", fontsize=8.5, color=HUMAN_COLOUR)
    if inside:
        start = np.mean([table[START]["sampled"][i]["value"] for i in inside])
        axes.axhline(start, color=START_COLOUR, linestyle="--", linewidth=1.2)
        axes.text(0, start + 0.015, "imitation", fontsize=8.5, color=START_COLOUR)
    axes.set_xlabel("sampled tokens (millions)")
    axes.set_ylabel("step-verified accuracy")
    axes.set_ylim(-0.03, 1.05)
    _legend(figure, axes)
    return _svg(figure)


def _proxy(figures: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    if not figures["proxy_arms"]:
        return ""
    figure, panels = _axes(2, "over training", "over distance from the start")
    for axes, x, label in zip(panels, ("step", "kl"), ("optimiser step", "KL from the start (nats per completion)")):
        right = axes.twinx()
        right.spines["right"].set_visible(True)
        right.grid(False)
        for name in figures["proxy_arms"]:
            seeds = figures["curves"][name]
            gold = "verified" if any(v is not None for s in seeds.values() for v in s["verified"]) else "gold"
            _band(axes, seeds, x, gold, colours[name], f"{name}: gold", smooth=5)
            _band(right, seeds, x, "proxy", colours[name], f"{name}: proxy", smooth=5, style=":")
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("gold: verified share (solid)")
        right.set_ylabel("proxy (dotted, s.d. of the start)")
    return _svg(figure)


def _leaps(figures: Mapping[str, Any]) -> str:
    shown = {
        name: next(iter(seeds.values()))
        for name, seeds in figures["held_out"].items()
        if any(len(s["step"]) > 1 and s["leaps"][0] for s in seeds.values())
    }
    if not shown:
        return ""
    figure, panels = _axes(len(shown), *(figures["labels"][name] for name in shown))
    for axes, curve in zip(panels, shown.values()):
        shares = [[leaps.get(key, 0.0) for leaps in curve["leaps"]] for key in LEAP_COLOURS]
        axes.stackplot(curve["step"], shares, colors=list(LEAP_COLOURS.values()), labels=list(LEAP_COLOURS))
        axes.set_xlabel("optimiser step")
        axes.set_ylim(0, 1)
        axes.margins(x=0)
    panels[0].set_ylabel("share of solution lines")
    handles, labels = panels[0].get_legend_handles_labels()
    names = [{"0": "malformed"}.get(text, f"leap {text}") for text in labels]
    figure.legend(handles, names, loc="outside upper center", ncols=5, fontsize=9)
    return _svg(figure)


def _pass_at(figures: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    ks, levels = figures["pass_at"]["ks"], figures["pass_at"]["levels"]
    if len(ks) < 2:
        return ""
    figure, panels = _axes(len(levels), *(f"level {level}" for level in levels))
    for axes, curves in zip(panels, levels.values()):
        for name, colour in colours.items():
            if name in curves:
                axes.plot(ks, curves[name]["verified"], color=colour, label=figures["labels"][name], marker="o", ms=3)
                axes.plot(ks, curves[name]["answer"], color=colour, linestyle=":", linewidth=1.2)
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.set_ylim(-0.03, 1.05)
        axes.set_xlabel("k")
    panels[0].set_ylabel("pass@k: verified (solid), answer (dotted)")
    _legend(figure, panels[0])
    return _svg(figure)


def _health(figures: Mapping[str, Any], colours: Mapping[str, str]) -> str:
    shown = {name: seeds for name, seeds in figures["curves"].items() if any(s["step"] for s in seeds.values())}
    if not shown:
        return ""
    titles = {
        "entropy": "entropy (nats per token)",
        "length": "tokens per completion",
        "no_signal": "groups without signal",
    }
    figure, panels = _axes(len(titles), *titles.values())
    for axes, key in zip(panels, titles):
        for name, seeds in shown.items():
            _band(axes, seeds, "step", key, colours[name], figures["labels"][name], smooth=3)
        axes.set_xlabel("optimiser step")
        axes.set_ylim(bottom=0)
    _legend(figure, panels[0])
    return _svg(figure)


def _axes(count: int, *titles: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(8.6, 3.2), layout="constrained")
    panels = figure.subplots(1, count, squeeze=False)[0]
    for axes, title in zip(panels, titles):
        axes.set_title(title)
    return figure, list(panels)


def _band(
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
) -> None:
    """A line per seed: thin ones, and the mean over seeds where all have the same number of points."""
    lines = []
    for curve in seeds.values():
        points = [(a * scale, b) for a, b in zip(curve[x], curve[y]) if a is not None and b is not None]
        if points:
            lines.append((np.array([p[0] for p in points]), _smoothed(np.array([p[1] for p in points]), smooth)))
    if not lines:
        return
    if len(lines) > 1:
        for xs, ys in lines:
            axes.plot(xs, ys, color=colour, alpha=0.3, linewidth=0.9, linestyle=style)
    shortest = min(len(xs) for xs, _ in lines)
    xs, ys = (np.mean([line[i][:shortest] for line in lines], axis=0) for i in (0, 1))
    axes.plot(xs, ys, color=colour, linestyle=style, label=label)


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Trailing mean over `window` points."""
    if window == 1 or len(values) < window:
        return values
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    begins = np.maximum(0, ends - window)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins))


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(6, len(labels)), fontsize=9)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
