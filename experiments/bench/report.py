"""How long `beyond report` takes for a finished study, in fresh processes.

    python -m experiments.bench.report runs/demo [--repeats 5]

Medians of the whole command, imports and charts included, after one run that fills the file caches. Every run must
write the same bytes. Writes results/bench_report.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.bench.measuring import write_report
from experiments.bench.startup import measure
from experiments.results.read import load_study

WRITTEN = ("report.html", "report.md", "report.json")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Time the report of a study.")
    parser.add_argument("study", type=Path, help="folder of a finished study; it is copied, and left as it is")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/bench_report.json"))
    options = parser.parse_args(arguments)
    report = time_report(options.study, options.repeats)
    print(json.dumps(report, indent=1))
    write_report(options.out, report)


def time_report(study: Path, repeats: int) -> dict[str, Any]:
    """Seconds of the command on a copy of the study, and how much it had to read and to draw.

    Raises:
        UserError: the folder holds no evaluated study.
        RuntimeError: two runs wrote different bytes.
    """
    results = load_study(study)
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(study, Path(place) / study.name))
        command = [sys.executable, "-m", "experiments", "report", str(copy)]
        first = measure(command, 1)
        before = [(copy / name).read_bytes() for name in WRITTEN]
        seconds = measure(command, repeats) if repeats > 1 else first
        if before != [(copy / name).read_bytes() for name in WRITTEN]:
            raise RuntimeError(f"the report of {study} was not the same twice")
        return {
            "study": results.experiment.name,
            "seeds": len(results.seeds),
            "policies": len(results.policies),
            "charts": before[0].count(b"<svg role="),
            "report_bytes": len(before[0]),
            **seconds,
        }


if __name__ == "__main__":
    main()
