"""The charts of a report as inline SVG: one colour per policy everywhere, the same axes for the same quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np

from experiments.report.charts_reward import fidelity_chart, proxy_chart, reliability_chart
from experiments.report.drawing import (
    ANSWERS,
    COLOURS,
    HUMAN_COLOUR,
    SIZE_COLOURS,
    START_COLOUR,
    STYLE,
    Chart,
    band,
    chart,
    legend,
    legend_of,
    make_axes,
)
from experiments.results.read import START, StudyResults


def study_charts(results: StudyResults, figures: Mapping[str, Any]) -> dict[str, Chart]:
    """The charts by name; a chart that has nothing to show is left out."""
    colours = {START: START_COLOUR}
    colours |= {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(results.arms)}
    with mpl.rc_context(STYLE):
        charts = {
            "levels": _levels(figures, colours),
            "held_out": _held_out(figures, colours),
            "proxy": proxy_chart(figures, colours),
            "reliability": reliability_chart(figures),
            "fidelity": fidelity_chart(figures, colours),
            "costs": _costs(figures, colours),
            "step_sizes": _step_sizes(figures),
            "pass_at": _pass_at(figures, colours),
            "health": _health(figures, colours),
        }
    return {name: found for name, found in charts.items() if found is not None}


def _levels(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    table, trained = figures["levels"], figures["trained_levels"]
    figure, (sampled, greedy) = make_axes(2, "sampled at T = 1", "greedy")
    levels = table["levels"]
    for axes, kind in ((sampled, "sampled"), (greedy, "greedy")):
        if trained["beyond"]:
            axes.axvspan(min(trained["beyond"]) - 0.5, max(levels) + 0.3, color="#f3f4f6", zorder=0)
            axes.text(min(trained["beyond"]) - 0.4, 1.06, "beyond training", fontsize=8, color="#6b7280")
        if trained["demonstrations"] and max(trained["demonstrations"]) < max(levels):
            axes.axvline(max(trained["demonstrations"]) + 0.5, color="#9ca3af", linestyle=":", linewidth=1.2)
        human = [(lv, v["value"]) for lv, v in zip(levels, table["demonstrator"]) if v is not None]
        if human:
            axes.plot(*zip(*human), color=HUMAN_COLOUR, linestyle="--", linewidth=1.3, label="demonstrator")
        for name, colour in colours.items():
            if name not in table or table[name][kind] is None:
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
    legend(figure, sampled)
    return chart(figure, "Accuracy by level")


def _held_out(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    curves = {name: c for name, c in figures["held_out"].items() if any(len(s["step"]) for s in c.values())}
    if not curves:
        return None
    figure, (axes,) = make_axes(1, "held-out problems of the trained levels, during training")
    for name, seeds in curves.items():
        band(axes, seeds, "tokens", "solution", colours[name], figures["labels"][name], scale=1e-6)
    table, trained = figures["levels"], figures["trained_levels"]["rl"]
    inside = [i for i, lv in enumerate(table["levels"]) if lv in trained]
    human = [v["value"] for i in inside if (v := table["demonstrator"][i]) is not None]
    ends = [0.0, 1e-6 * max(x for c in curves.values() for s in c.values() for x in s["tokens"] if x is not None)]
    if human:
        axes.plot(ends, [np.mean(human)] * 2, color=HUMAN_COLOUR, linestyle="--", linewidth=1.2, label="demonstrator")
    if inside:
        start = np.mean([table[START]["sampled"][i]["value"] for i in inside])
        axes.plot(ends, [start] * 2, color=START_COLOUR, linestyle="--", linewidth=1.2, label=START)
    axes.set_xlabel("sampled tokens (millions)")
    axes.set_ylabel("step-verified accuracy")
    axes.set_ylim(-0.03, 1.05)
    legend(figure, axes)
    return chart(figure, "Accuracy on held-out problems over sampled tokens")


def _step_sizes(figures: Mapping[str, Any]) -> Chart | None:
    shown = {
        name: next(iter(seeds.values()))
        for name, seeds in figures["held_out"].items()
        if any(len(s["step"]) > 1 and set().union(*s["step_sizes"]) - {"1"} for s in seeds.values())
    }
    if not shown:
        return None
    figure, panels = make_axes(len(shown), *(figures["labels"][name] for name in shown))
    for axes, curve in zip(panels, shown.values()):
        shares = [[sizes.get(key, 0.0) for sizes in curve["step_sizes"]] for key in SIZE_COLOURS]
        axes.stackplot(curve["step"], shares, colors=list(SIZE_COLOURS.values()), labels=list(SIZE_COLOURS))
        for key, share in zip(SIZE_COLOURS, shares):  # invisible: what the areas stand for, for words and CSV
            colour = SIZE_COLOURS[key]
            axes.plot(curve["step"], share, alpha=0, color=colour, label=_size_name(key), scalex=False, scaley=False)
        axes.set_xlabel("training step")
        axes.set_ylim(0, 1)
        axes.margins(x=0)
    panels[0].set_ylabel("share of solution steps")
    handles, labels = panels[0].get_legend_handles_labels()
    areas = [(handle, _size_name(text)) for handle, text in zip(handles, labels) if text in SIZE_COLOURS]
    legend_of(figure, *zip(*areas))
    return chart(figure, "Share of solution steps by their size")


def _size_name(key: str) -> str:
    return "malformed" if key == "0" else f"{key} at once"


def _pass_at(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    ks, levels = figures["pass_at"]["ks"], figures["pass_at"]["levels"]
    if len(ks) < 2:
        return None
    figure, panels = make_axes(len(levels), *(f"level {level}" for level in levels))
    for axes, curves in zip(panels, levels.values()):
        for name, colour in colours.items():
            if name in curves:
                axes.plot(ks, curves[name]["solution"], color=colour, label=figures["labels"][name], marker="o", ms=3)
                label = f"{figures['labels'][name]}{ANSWERS}"
                axes.plot(ks, curves[name]["answer"], color=colour, linestyle=":", linewidth=1.2, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(ks, [str(k) for k in ks])
        axes.set_ylim(-0.03, 1.05)
        axes.set_xlabel("k")
    panels[0].set_ylabel("pass@k")
    legend(figure, panels[0])
    return chart(figure, "Chance that one of k samples is right")


def _health(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    shown = {name: seeds for name, seeds in figures["curves"].items() if any(s["step"] for s in seeds.values())}
    if not shown:
        return None
    titles = {
        "entropy": "entropy (nats per token)",
        "length": "tokens per completion",
        "no_signal": "groups without signal",
    }
    figure, panels = make_axes(len(titles), *titles.values())
    for axes, key in zip(panels, titles):
        for name, seeds in shown.items():
            band(axes, seeds, "step", key, colours[name], figures["labels"][name], smooth=3)
        axes.set_xlabel("training step")
        axes.set_ylim(bottom=0)
    legend(figure, panels[0])
    return chart(figure, "Entropy, length and groups without signal over training")


def _costs(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    """Accuracy over what an answer costs; nothing where all answers cost the same."""
    names = {label: name for name, label in figures["labels"].items()}
    rows = [row for row in figures["costs"] if row["flop_per_answer"] and "/" not in names[row["arm"]]]
    if not rows or max(r["flop_per_answer"] for r in rows) < 1.5 * min(r["flop_per_answer"] for r in rows):
        return None
    figure, (axes,) = make_axes(1, "what an answer is worth, and what it costs")
    for row in rows:
        colour = colours[names[row["arm"]]]
        axes.plot(row["flop_per_answer"], row["accuracy"], "o", color=colour, label=row["arm"], alpha=0.85)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_ylim(-0.03, 1.08)
    axes.set_xlabel("floating-point operations per answer")
    axes.set_ylabel("step-verified accuracy")
    legend(figure, axes)
    return chart(figure, "Accuracy over the cost of an answer")
