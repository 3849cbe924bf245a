"""The pictures of results/learning_curves.json: one small chart per algorithm, the others in grey behind it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from experiments.report.drawing import COLOURS, GUESS_COLOUR, HUMAN_COLOUR, STYLE


def draw_all(results: Mapping[str, Any], folder: Path) -> None:
    """Writes NAME.svg for every algorithm that has curves."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({**STYLE, "svg.fonttype": "none"}):  # text as text: a tenth of the size
        for name in results["curves"]:
            (folder / f"{name}.svg").write_text(_picture(results, name))


def _picture(results: Mapping[str, Any], name: str) -> str:
    """Median over the seeds with the range of all, over the share of the budget that is spent."""
    figure = Figure(figsize=(5.2, 2.5), layout="constrained")
    axes = figure.subplots()
    for other in results["curves"]:
        if other != name:
            x, curves = _points(results, other)
            axes.plot(x, np.median(curves, axis=0), color=GUESS_COLOUR, linewidth=0.7)
    x, curves = _points(results, name)
    axes.fill_between(x, curves.min(0), curves.max(0), color=COLOURS[0], alpha=0.18, linewidth=0)
    axes.plot(x, np.median(curves, axis=0), color=COLOURS[0], label=f"{name}, median of {len(curves)} seeds and range")
    error_rate = float(results["demonstrator"]["error_rate"])
    axes.axhline(1 - error_rate, color=HUMAN_COLOUR, linestyle="--", linewidth=1, label="demonstrator")
    axes.set_ylim(0.3, 1.03)
    axes.set_xlabel("share of the budget")
    axes.set_ylabel("held-out accuracy")
    axes.legend(loc="lower right", fontsize=8)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _points(results: Mapping[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    curves: Sequence[Sequence[float]] = list(results["curves"][name].values())
    return np.linspace(0, 1, len(curves[0])), np.array(curves)
