"""Charts about learned rewards: what the proxy does to gold, and how far the reward model can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

from experiments.report.drawing import (
    COLOURS,
    GUESS_COLOUR,
    HUMAN_COLOUR,
    START_COLOUR,
    Chart,
    band,
    chart,
    legend,
    make_axes,
)
from experiments.results.statistics.intervals import wilson

KL_LABEL = "KL from the start (nats per completion)"


def proxy_chart(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    """Gold and the proxy on validation problems while the proxy is maximised, over steps and over distance."""
    if not any(s["step"] for name in figures["proxy_arms"] for s in figures["fidelity"][name].values()):
        return None
    figure, panels = make_axes(2, "over training", "over distance from the start")
    rights = [axes.twinx() for axes in panels]
    for axes, right, x, label in zip(panels, rights, ("step", "kl"), ("training step", KL_LABEL)):
        right.spines["right"].set_visible(True)
        right.grid(False)
        for name in figures["proxy_arms"]:
            seeds = figures["fidelity"][name]
            band(axes, seeds, x, "solution", colours[name], f"{name}: gold", is_spread_shown=False)
            if x == "step":
                curve = figures["validation"][name]
                low, high = ([row[key] for row in curve["solution"]] for key in ("low", "high"))
                axes.fill_between(curve["step"], low, high, color=colours[name], alpha=0.13, linewidth=0)
            band(right, seeds, x, "proxy", colours[name], f"{name}: proxy", style=":", is_spread_shown=False)
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        kinds = ("solid", "dotted") if x == "step" else ("filled", "hollow")
        axes.set_ylabel(f"gold: verified share ({kinds[0]})")
        right.set_ylabel(f"proxy ({kinds[1]}, s.d. of the start)")
    legend(figure, panels[0], rights[0])
    return chart(figure, "Verified share and proxy")


def reliability_chart(figures: Mapping[str, Any]) -> Chart | None:
    """How often the reward model's more probable side is preferred, over how sure it is; and accuracy by level."""
    card = figures["reward_model"]
    if not card or not card.get("calibration"):
        return None
    figure, (bins, levels) = make_axes(2, "held-out pairs: sure, and right?", "held-out pairs, by level")
    bins.plot([0.5, 1], [0.5, 1], color=GUESS_COLOUR, linewidth=1, label="as right as it is sure")
    for key, label, colour in (
        ("calibration", "the labels", COLOURS[1]),
        ("gold_calibration", "gold (decisive pairs)", COLOURS[0]),
    ):
        found = card.get(key)
        if not found:
            continue
        by_level = sorted((int(level), part) for level, part in found["by_level"].items())
        places = [(b["confidence"], b) for b in found["bins"]]
        for axes, rows, name in ((bins, places, label), (levels, by_level, f"agrees with {label}")):
            xs = [x for x, _ in rows]
            shares = [wilson(part["accuracy"] * part["num_pairs"], part["num_pairs"]) for _, part in rows]
            axes.plot(xs, [s.value for s in shares], color=colour, marker="o", markersize=3.5, label=name)
            axes.fill_between(xs, [s.low for s in shares], [s.high for s in shares], color=colour, alpha=0.13, lw=0)
    bins.set_xlabel("probability that the model gives its favourite")
    bins.set_ylabel("how often it is preferred")
    bins.set_ylim(-0.03, 1.05)
    levels.axhline(0.5, color=GUESS_COLOUR, linewidth=1)
    levels.set_ylim(-0.03, 1.05)
    levels.set_xlabel("level")
    levels.set_xticks(sorted(int(level) for level in card["calibration"]["by_level"]))
    legend(figure, levels)
    return chart(figure, "Reliability of the reward model")


def fidelity_chart(figures: Mapping[str, Any], colours: Mapping[str, str]) -> Chart | None:
    """Accuracy of the reward model on fresh pairs of the policy that is trained to please it."""
    shown = {name: seeds for name, seeds in figures["fidelity"].items() if any(s["step"] for s in seeds.values())}
    if not shown:
        return None
    figure, panels = make_axes(2, "over training", "over distance from the start")
    for axes, x, label in zip(panels, ("step", "kl"), ("training step", KL_LABEL)):
        axes.axhline(0.5, color=GUESS_COLOUR, linewidth=1)
        for (name, seeds), shade in zip(shown.items(), cycle((HUMAN_COLOUR, START_COLOUR, GUESS_COLOUR))):
            band(axes, seeds, x, "gold", colours[name], f"{name}: as gold")
            band(axes, seeds, x, "labels", colours[name], f"{name}: as the annotator", style=":", is_spread_shown=False)
            band(axes, seeds, x, "misled", shade, f"{name}: annotator misled", style="--", is_spread_shown=False)
        axes.set_xlabel(label)
        axes.set_ylim(-0.03, 1.05)
    if not panels[0].get_legend_handles_labels()[0]:  # nobody was asked, and no pair had exactly one right side
        return None
    panels[0].set_ylabel("share of pairs")
    legend(figure, panels[0])
    return chart(figure, "Agreement of the reward model on fresh pairs of the policy")
