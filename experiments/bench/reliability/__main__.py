"""Runs the kill matrix and the damage matrix, or goes on with them; see the package."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from experiments.bench.measuring import write_report
from experiments.bench.reliability.damage import FAILURES, DamageMatrix, summary
from experiments.bench.reliability.done import Done
from experiments.bench.reliability.kills import MODES, kill_matrix
from experiments.bench.reliability.subject import SMALL
from experiments.bench.reliability.subjects import STUDIES, make_subject
from experiments.bench.reliability.verbs import VERBS

UNDAMAGED = "undamaged"  # beside the rows of files


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what failed, writes JSON, and ends with 1 where something did or is still to be done."""
    parser = argparse.ArgumentParser(description="Kills and damages small studies; called again, it goes on.")
    parser.add_argument("--modes", nargs="*", default=list(MODES), choices=list(MODES), help="of the kill matrix")
    parser.add_argument("--studies", nargs="*", default=list(STUDIES), choices=list(STUDIES), help="to damage")
    parser.add_argument("--files", default="*", help="pattern of the files to damage")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing after that many")
    parser.add_argument("--anew", action="store_true", help="also what is done already")
    parser.add_argument("--work", type=Path, default=Path("build/attack"), help="folder of what is done")
    parser.add_argument("--out", type=Path, default=Path("results/reliability.json"))
    asked = parser.parse_args(arguments)
    until = time.monotonic() + 60 * asked.minutes
    done = Done(asked.work.resolve(), anew=asked.anew)
    try:
        kill(done, asked.modes, until)
        for study in asked.studies:
            damage(done, study, asked.files, until)
    except OutOfTime:
        say("no more time: call it again to go on")
    report = report_of(done)
    write_report(asked.out, report)
    say(f"{report['num_kills']} kills, {report['num_cells']} cells; {report['num_failures']} failures")
    say("complete" if report["is_complete"] else "not complete")
    sys.exit(0 if report["is_complete"] and not report["num_failures"] else 1)


class OutOfTime(Exception):
    """Nothing more is begun."""


def kill(done: Done, modes: Sequence[str], until: float) -> None:
    """One row of the kill matrix for each mode that has none yet, or a failed one."""
    for mode in modes:
        if done.has("kills", mode):
            continue
        _check(until)
        began = time.monotonic()
        (row,) = kill_matrix(done.fresh_folder(f"kills-{mode}"), [mode], say)
        done.add("kills", mode, row | {"seconds": round(time.monotonic() - began)}, is_failed=bool(row["troubles"]))


def damage(done: Done, study: str, pattern: str, until: float) -> None:
    """The cells of each file that has none yet, or a failed one."""
    is_made = done.is_current(study) and done.has(study, UNDAMAGED)
    folder = done.folder / study if is_made else done.fresh_folder(study)
    if not is_made:
        _check(until)
        began = time.monotonic()
        troubles = make_subject(study, folder)
        say(f"{study}: made in {time.monotonic() - began:.0f} s; resumed undamaged: {troubles or 'no difference'}")
        done.add(study, UNDAMAGED, {"troubles": troubles}, is_failed=bool(troubles))
        done.set_current(study)
    matrix: DamageMatrix | None = None
    subject = STUDIES[study].subject(folder)
    done.add(study, "", {"files": subject.files()}, is_failed=False)
    for number, name in enumerate(subject.files()):
        if done.has(study, name) or not fnmatch(name, pattern):
            continue
        _check(until)
        began = time.monotonic()
        matrix = matrix or DamageMatrix(subject, STUDIES[study].verbs(list(VERBS)))
        cells = matrix.cells(name)
        for cell in cells:
            if "text" in cell:
                cell["text"] = cell["text"].replace(f"{done.folder}/", "")  # of this machine
        failed = [c for c in cells if c["outcome"] in FAILURES]
        told = "".join(f"\n    {c['verb']} {c['fault']}: {c['outcome']}: {c['text'][-300:]}" for c in failed)
        say(f"{study} {number + 1}/{len(subject.files())} {name}: {len(failed)} failures{told}")
        done.add(study, name, {"cells": cells, "seconds": round(time.monotonic() - began, 1)}, is_failed=bool(failed))


def _check(until: float) -> None:
    if time.monotonic() > until:
        raise OutOfTime


def report_of(done: Done) -> dict[str, Any]:
    """What is done by now, whichever call did it; `commits` says with which code."""
    kills = done.rows("kills")
    report: dict[str, Any] = {"study": {"config": "smoke", "settings": list(SMALL)}}
    report["kills"] = list(kills.values())
    report["damage"] = {study: _damage_report(done, study) for study in STUDIES}
    parts = report["damage"].values()
    troubles = [trouble for row in kills.values() for trouble in row["troubles"]]
    troubles += [trouble for part in parts for trouble in part["troubles_undamaged"]]
    return {
        "is_complete": kills.keys() == MODES.keys() and all(0 < p["files"] == p["files_done"] for p in parts),
        "num_kills": sum(k["end"] == "killed" for row in kills.values() for k in row["kills"]),
        "num_cells": sum(part["cells"] for part in parts),
        "num_failures": len(troubles) + sum(len(part["failures"]) for part in parts),
        **report,
    }


def _damage_report(done: Done, study: str) -> dict[str, Any]:
    rows = done.rows(study)
    files = rows.pop("", {"files": []})["files"]
    troubles = rows.pop(UNDAMAGED, {"troubles": []})["troubles"]
    rows = {name: row for name, row in rows.items() if name in files}  # of files that this code writes
    cells = [cell for row in rows.values() for cell in row["cells"]]
    return {
        "settings": list(STUDIES[study].settings),
        "left": STUDIES[study].left,
        "commits": sorted({row["commit"] for row in rows.values()}),
        "seconds": round(sum(row["seconds"] for row in rows.values())),
        "troubles_undamaged": troubles,
        "files": len(files),
        "files_done": len(rows),
        "cells": len(cells),
        "outcomes": summary(cells),
        "failures": [cell for cell in cells if cell["outcome"] in FAILURES],
    }


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
