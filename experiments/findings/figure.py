"""The figure of a study: its data from results, and the drawing from its data alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from experiments.hypotheses.measuring import NotMeasured, Side, Studies, of_table, side_of
from experiments.hypotheses.vocabulary import Figure, split_reference
from experiments.results.statistics.intervals import Interval
from experiments.results.tables import short

LARGEST_K = 1024
LEAST_GAP = 0.07  # of the width, between two ticks


def figure_data(figure: Figure, studies: Studies) -> dict[str, Any]:
    """What is drawn, as plain values: lines with points, each with its interval where it has one.

    Policies that were not tested are left out.
    """
    lines = _LINES[figure.kind](figure, studies)
    names = {"levels": "level", "pass_at": "samples", "proxy": "KL from the start, nats", "costs": "FLOP per answer"}
    return {
        "kind": figure.kind,
        "x": figure.x or names[figure.kind],
        "y": "share of right solutions",
        "scale": "log" if figure.kind in ("pass_at", "costs") else figure.scale,
        "lines": {label: points for label, points in lines.items() if points},
    }


def _levels(figure: Figure, studies: Studies) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [_point(level, _at(side, figure.metric, (level,))) for level in side.policy.levels()]
        for name, side in _tested(figure.policies, studies)
    }


def _points(figure: Figure, studies: Studies) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, line in figure.series.items():
        sides = [(x, side) for x, policy in line.items() for _, side in _tested([policy], studies)]
        found[name] = [_point(x, _at(side, figure.metric, figure.levels)) for x, side in sides]
    return found


def _pass_at(figure: Figure, studies: Studies) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, side in _tested(figure.policies, studies):
        most = side.policy.evaluations[0]["num_samples"]
        ks = [2**i for i in range(LARGEST_K.bit_length()) if 2**i <= most]
        levels = tuple(side.levels(figure.levels))
        found[name] = [_point(k, _at(side, f"pass@{k}", levels)) for k in ks]
        found[f"{name}, answers alone"] = [_point(k, _at(side, f"answer_pass@{k}", levels)) for k in ks]
    return found


def _proxy(figure: Figure, studies: Studies) -> dict[str, list[dict[str, Any]]]:
    """Gold against KL at the evaluations of an arm: means over seeds at the same step, without intervals."""
    found: dict[str, list[dict[str, Any]]] = {}
    for reference in figure.policies:
        variant, arm = split_reference(reference)
        if variant not in studies or arm not in studies[variant].arms:
            continue
        study = studies[variant]
        for metric, label in (("eval/mean_solution", reference), ("eval/proxy", f"{reference}: proxy")):
            kl, y = ([dict(study.curve(arm, m, seed)) for seed in study.seeds] for m in ("eval/kl", metric))
            steps = sorted(set.intersection(*(set(c) for c in (*kl, *y))))
            found[label] = [
                {"x": float(np.mean([c[s] for c in kl])), "value": float(np.mean([c[s] for c in y])), "step": s}
                for s in steps
            ]
    return found


def _costs(figure: Figure, studies: Studies) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, side in _tested(figure.policies, studies):
        if (flop := side.policy.flop_per_answer) is not None:
            found[name] = [_point(flop, _at(side, figure.metric, figure.levels))]
    return found


_LINES: Mapping[str, Callable[[Figure, Studies], dict[str, list[dict[str, Any]]]]] = {
    "levels": _levels,
    "points": _points,
    "pass_at": _pass_at,
    "proxy": _proxy,
    "costs": _costs,
}


def _tested(policies: Sequence[str], studies: Studies) -> list[tuple[str, Side]]:
    found = []
    for reference in policies:
        try:
            found.append((reference, side_of(studies, reference)))
        except NotMeasured:
            continue
    return found


def _at(side: Side, metric: str, levels: Any) -> Interval:
    return of_table(side.table(metric, levels), side.policy.strata(side.levels(levels)), kind="share")


def _point(x: float, interval: Interval) -> dict[str, Any]:
    return {"x": x, "value": interval.value, "low": interval.low, "high": interval.high}


def draw(data: Mapping[str, Any], name: str) -> str:
    """The figure as SVG; equal data give equal text.

    Args:
        name: what it is about, the beginning of its description.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import COLOURS, STYLE, chart  # matplotlib

    with mpl.rc_context(STYLE):
        drawing = Drawing(figsize=(7.2, 3.6), layout="constrained")
        axes = drawing.subplots()
        right = axes.twinx() if any(label.endswith(": proxy") for label in data["lines"]) else None
        shown = [label for label in data["lines"] if not label.endswith((": proxy", ", answers alone"))]
        for label, points in data["lines"].items():
            plain = label.removesuffix(": proxy").removesuffix(", answers alone")
            colour = COLOURS[shown.index(plain) % len(COLOURS)] if plain in shown else COLOURS[-1]
            style = "-" if label in shown else ":"
            xs, ys = ([point[key] for point in points] for key in ("x", "value"))
            own = right if label.endswith(": proxy") and right is not None else axes
            own.plot(xs, ys, style, color=colour, label=label, marker="o", markersize=3)
            if all(point.get("low") is not None for point in points):
                low, high = ([point[key] for point in points] for key in ("low", "high"))
                if len(points) > 1:
                    own.fill_between(xs, low, high, color=colour, alpha=0.12, linewidth=0)
                else:
                    own.vlines(xs, low, high, color=colour, linewidth=1)
        axes.set_xlabel(data["x"])
        axes.set_ylabel(data["y"])
        axes.set_ylim(-0.02, 1.02)
        if data["scale"] == "log":
            axes.set_xscale("log")
        if ticks := _ticks(data):
            axes.set_xticks(ticks, [_told(x) for x in ticks])
            axes.set_xticks([], minor=True)
        if right is not None:
            right.set_ylabel("proxy, standard deviations")
            right.grid(visible=False)
        handles, labels = axes.get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside right upper", fontsize=8)
        return chart(drawing, name).svg


def _ticks(data: Mapping[str, Any]) -> list[float]:
    """Where the points are, if they are few and lie apart; none: where the drawing likes them."""
    found = sorted({point["x"] for points in data["lines"].values() for point in points})
    if data["kind"] not in ("levels", "points") or not found or (data["scale"] == "log" and found[0] <= 0):
        return []
    places = [math.log(x) for x in found] if data["scale"] == "log" else found
    gaps = [after - before for before, after in pairwise(places)]
    return found if all(gap >= LEAST_GAP * (places[-1] - places[0]) for gap in gaps) else []


def _told(x: float) -> str:
    return short(x) if x >= 1000 else f"{x:g}"
