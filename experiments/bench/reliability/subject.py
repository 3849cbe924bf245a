"""The small studies that are attacked, and what of a study's folder must be equal however it came about."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from experiments.bench.reliability.processes import Started

FIRST_VERSION = 1 << 32  # weights that are published outside of training are numbered by the process
CLOCKS = {"wall_seconds", "seconds", "cpu_seconds", "speed", "seconds_per_step"}
CLOCK_FAMILIES = ("time/", "speed/", "workers/", "expert_iteration/seconds")
OF_THE_MACHINE = re.compile(r"no result for \d+ s; waiting|step \d+: worker-\d+ (died and was replaced|is given up)")
SMALL = (
    *("rl.steps=6", "rl.checkpoint_every=2", "rl.evaluate_every=3", "rl.problems_per_step=4", "rl.group_size=4"),
    *("evaluation.problems_per_level=2", "evaluation.num_samples=2", "evaluation.validation_problems=4"),
    *("imitation.steps=40", "imitation.num_demonstrations=200", "imitation.step_accuracy=0", "preference.num_pairs=40"),
)
# Files that tell of times, or of how a study came about; the checksums in a manifest are of files with times.
APART = {"provenance.json", "status.json", "manifest.json", "study.json", ".lock", "failure.txt", "stacks.txt"}


def command(folder: Path, settings: Sequence[str], *, resume: bool = False, verb: str = "study") -> list[str]:
    """The words of `beyond study` for a small study, without the program's name."""
    words = [word for setting in (*SMALL, *settings) for word in ("-s", setting)]
    return [verb, "smoke", "-o", str(folder), "--quiet", *words, *(["--resume"] if resume else [])]


def start(folder: Path, settings: Sequence[str], *, resume: bool = False) -> Started:
    """A study in a process and a session of its own, so that a signal reaches it and nobody else."""
    return Started(command(folder, settings, resume=resume), folder.parent)


def content(folder: Path, *, without: str = "") -> dict[str, Any]:
    """What a study came to, by path: digests of weights and rollouts, JSON values and rows without times.

    Checkpoints are left out (how many there are depends on the kills), and so are reports (they tell of times).

    Args:
        without: a path that is left out.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        parts = path.relative_to(folder).parts
        is_apart = path.name in APART or parts[0].startswith(("report", ".")) or "checkpoints" in parts
        if not path.is_file() or is_apart or name == without:
            continue
        found[name] = _value(path)
    return found


def _value(path: Path) -> Any:
    raw = path.read_bytes()
    try:
        if path.suffix == ".jsonl":
            rows = [without_clocks(json.loads(line)) for line in raw.decode().splitlines()]
            return [row for row in rows if not (path.name == "warnings.jsonl" and _is_of_the_machine(row))]
        if path.suffix == ".json":
            return without_clocks(json.loads(raw))
    except ValueError:  # damaged, and left so
        pass
    return hashlib.sha256(raw).hexdigest()


def _is_of_the_machine(row: Any) -> bool:
    """Whether a warning tells of a wait or of a worker's life, which no result depends on."""
    return isinstance(row, Mapping) and OF_THE_MACHINE.match(str(row.get("message"))) is not None


def without_clocks(value: Any) -> Any:
    """A JSON value without its times."""
    if isinstance(value, Mapping):
        return {
            key: without_clocks(item)
            for key, item in value.items()
            if key not in CLOCKS
            and not key.startswith(CLOCK_FAMILIES)
            and not (key == "version" and isinstance(item, int) and item >= FIRST_VERSION)
        }
    return [without_clocks(item) for item in value] if isinstance(value, list) else value


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Paths at which two contents differ, each with how."""
    told = [f"{name} is missing" for name in expected.keys() - found.keys()]
    told += [f"{name} is left over" for name in found.keys() - expected.keys()]
    for name in expected.keys() & found.keys():
        if expected[name] != found[name]:
            told.append(f"{name} differs{_where(expected[name], found[name])}")
    return sorted(told)


def _where(expected: Any, found: Any) -> str:
    """The first of a file's rows that differ; nothing for other files."""
    if not isinstance(expected, list) or not isinstance(found, list):
        return ""
    one, other = next((pair for pair in zip_longest(expected, found) if pair[0] != pair[1]), (None, None))
    return f": {json.dumps(one)[:200]} was expected, {json.dumps(other)[:200]} found"
