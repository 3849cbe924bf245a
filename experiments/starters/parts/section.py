from collections.abc import Mapping
from typing import Any

from experiments.report.own import ReportSection


def mine(figures: Mapping[str, Any]) -> ReportSection:
    """A section of the report, made of its figures; they are those of report.json."""
    rows = [[row["arm"], f"{row['sampled']['value']:.3f}"] for row in figures["headline"]]
    best = max(rows, key=lambda row: row[1])
    return ReportSection("The best policy", f"{best[0]} is right most often.", [["policy", "sampled"], *rows])
