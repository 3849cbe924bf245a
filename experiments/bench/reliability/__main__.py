"""Runs the kill matrix and the damage matrix; see the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from experiments.bench.measuring import write_report
from experiments.bench.reliability.damage import FAILURES, Subject, damage_matrix, summary
from experiments.bench.reliability.kills import MODES, Moment, _kill_at, kill_matrix
from experiments.bench.reliability.subject import start
from experiments.bench.reliability.verbs import VERBS

STUDIES = {  # what is damaged -> (settings, when the study is killed; None: it is finished)
    "finished": (("rl.steps=2", "rl.checkpoint_every=1"), None),
    "half-way": (("rl.steps=4", "rl.checkpoint_every=1"), Moment("rlhf/metrics.jsonl", 3)),
}


def main() -> None:
    """Prints what failed, writes JSON, and ends with 1 where something did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES), help="of the kill matrix")
    parser.add_argument("--studies", nargs="*", default=list(STUDIES), choices=list(STUDIES), help="to damage")
    parser.add_argument("--verbs", nargs="*", default=list(VERBS), choices=list(VERBS))
    parser.add_argument("--files", default="*", help="pattern of the files to damage")
    parser.add_argument("--out", type=Path, default=Path("results/reliability.json"))
    asked = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="beyond-attack-") as folder:
        began = time.time()
        kills = kill_matrix(Path(folder), asked.modes, say)
        report["kills"] = {"seconds": time.time() - began, "rows": kills}
        for study in asked.studies:
            began = time.time()
            verbs = asked.verbs if study == "finished" else [verb for verb in asked.verbs if verb == "resume"]
            subject = make_subject(study, Path(folder) / study)
            files = [name for name in subject.files() if fnmatch(name, asked.files)]
            cells = damage_matrix(subject, files, verbs, say)
            report[study] = {
                "seconds": time.time() - began,
                "files": len(files),
                "cells": len(cells),
                "outcomes": summary(cells),
                "failures": [cell for cell in cells if cell["outcome"] in FAILURES],
            }
    write_report(asked.out, report)
    failures = [t for row in kills for t in row["troubles"]] + [f for s in asked.studies for f in report[s]["failures"]]
    for study in asked.studies:
        say(f"{study}: {report[study]['cells']} cells, {report[study]['outcomes']}")
    say(f"{sum(k['end'] == 'killed' for row in kills for k in row['kills'])} kills; {len(failures)} failures")
    sys.exit(1 if failures else 0)


def make_subject(study: str, folder: Path) -> Subject:
    """Runs the study that is damaged, and one of another seed."""
    folder.mkdir()
    settings, moment = STUDIES[study]
    place = folder / "work" / "study"  # where it will be damaged: paths are part of what verbs say
    place.parent.mkdir()
    process = start(place, settings)
    if moment is None:
        _end(process)
    else:
        _kill_at(process, moment, place)
    place.rename(folder / "master")
    _end(start(folder / "other", [*settings, "seeds=[1]"]))
    return Subject(folder, settings)


def _end(process: Any) -> None:
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a study to damage ended with {process.returncode}: {output[-1000:]}")


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
