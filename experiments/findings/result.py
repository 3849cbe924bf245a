"""What a study came to, as one JSON file in results/findings: verdicts, figure, costs, and where it all comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.config.arms.base import START
from experiments.findings.figure import figure_data
from experiments.hypotheses.keeping import Kept
from experiments.hypotheses.measuring import NotMeasured, Studies, estimate
from experiments.hypotheses.verdicts import judge
from experiments.hypotheses.vocabulary import Design
from experiments.results.read import StudyResults
from experiments.results.spending import training_flop, watt_hours
from experiments.run.folders import finite
from experiments.run.sealed import read_sealed


def finding_of(name: str, kept: Kept, studies: Studies, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Everything that the page says about a study, as plain JSON values.

    Args:
        kept: the hypotheses as they were when the first of the studies began.
        studies: results of every variant that was run.
        overrides: of the config, in every variant.
    """
    some = next(iter(studies.values()))
    provenance = read_sealed(some.folder / "provenance.json", "commit", "machine")
    design = kept.design
    found: dict[str, Any] = finite(
        {
            "name": name,
            "question": design.question,
            "seeds": list(some.seeds),
            "overrides": list(overrides),
            "commit": provenance["commit"],
            "uncommitted": provenance.get("uncommitted", False),
            "machine": provenance["machine"],
            "began": provenance.get("began"),
            "hypotheses_sha256": kept.digest,
            "hypotheses": [judgement.to_json() for judgement in judge(design, studies)],
            "sceptic": sceptic(design, studies),
            "figure": figure_data(design.figure, studies),
            "costs": [row for variant, study in studies.items() for row in cost_rows(variant, study)],
            "seconds": sum(row["seconds"] for study in studies.values() for row in study.study["stages"]),
        }
    )
    return found


def sceptic(design: Design, studies: Studies) -> dict[str, Any]:
    """The figure that a reader who doubts asks for."""
    row: dict[str, Any] = {"asks": design.sceptic.asks, "value": None, "low": None, "high": None, "num_seeds": 0}
    try:
        found = estimate(design.sceptic.measure, studies)
    except NotMeasured as error:
        return {**row, "reason": str(error)}
    return {
        **row,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "num_seeds": found.num_seeds,
        "reason": "",
    }


def cost_rows(variant: str, study: StudyResults) -> list[dict[str, Any]]:
    """What every arm of a study took beyond the start, mean over seeds, and what that is for a point of accuracy.

    A point is a hundredth of the headline's verified share, gained over the start; null where nothing was gained.
    """
    start = study.policies[START].mean(levels=study.headline)
    rows = []
    for arm in study.arms:
        cost = study.training_cost(arm)
        if cost is None:
            continue
        flops = [training_flop(study, arm, seed) for seed in study.seeds]
        seconds = cpu_seconds(study, arm)
        amounts = {
            "tokens": cost["tokens_sampled"] + cost["tokens_trained"],
            "flop": None if None in flops else float(np.mean([f for f in flops if f is not None])),
            "cpu_seconds": seconds,
            "watt_hours": None if seconds is None else watt_hours(seconds),
            "labels": cost["labels"],
            "verdicts": cost["verdicts"],
        }
        points = 100 * (study.policies[arm].mean(levels=study.headline) - start)
        rows.append(
            {
                "policy": f"{variant}:{arm}" if variant else arm,
                "accuracy": study.policies[arm].mean(levels=study.headline),
                "points": points,
                **amounts,
                "per_point": {name: per_point(amount, points) for name, amount in amounts.items()},
            }
        )
    return rows


def per_point(amount: float | None, points: float) -> float | None:
    """An amount for each point gained; None where none was gained, or nothing was noted."""
    return None if amount is None or points < 0.5 else amount / points


def cpu_seconds(study: StudyResults, arm: str) -> float | None:
    """CPU seconds of the process that trained an arm, mean over seeds; those of Ray's workers are not in it."""
    found = [row["cpu_seconds"] for row in study.study["stages"] if row["stage"] == arm and "cpu_seconds" in row]
    return float(np.mean(found)) if found else None
