"""What a study's folder says, as JSON for the page: curves, state, differences of configs, flips of problems."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from experiments.run.errors import UserError
from experiments.run.folders import read_json, read_jsonl
from rl.records.names import meaning

STALE_SECONDS = 120.0  # without a heartbeat, after which a running stage is said to be silent
AXES = {"step": "step", "tokens": "tokens/sampled_total", "seconds": "wall_seconds", "kl": "policy/kl"}


def stage_folders(study: Path) -> list[tuple[str, str, Path]]:
    """(seed, stage, folder) of every stage that has metrics or a status, in the order of their paths."""
    found = {
        path.parent
        for name in ("metrics.jsonl", "status.json")
        for path in study.rglob(name)
        if ".view" not in path.parts
    }
    rows = []
    for folder in sorted(found):
        parts = folder.relative_to(study).parts
        seed = parts[0].removeprefix("seed-") if parts and parts[0].startswith("seed-") else ""
        rows.append((seed, "/".join(parts[1:] if seed else parts) or ".", folder))
    return rows


def size_of_metrics(study: Path) -> int:
    """Bytes of all logs of metrics: another number where there is something new."""
    return sum(path.stat().st_size for path in study.rglob("metrics.jsonl"))


def metric_names(study: Path) -> dict[str, str]:
    """Every metric that some stage recorded, with what it is ("" of an own one)."""
    names: set[str] = set()
    for _, _, folder in stage_folders(study):
        for row in _metrics(folder):
            names |= {key for key, value in row.items() if _is_number(value)}
    return {name: meaning(name) for name in sorted(names - {"step", "wall_seconds"})}


def curve(study: Path, metric: str, axis: str = "step") -> list[dict[str, Any]]:
    """One series a stage and seed: {arm, seed, x, y, step}; of a step that was repeated after a resume the last row.

    Args:
        axis: "step", "tokens", "seconds" or "kl"; a row without it is left out.
    Raises:
        ValueError: an unknown axis.
    """
    if axis not in AXES:
        raise ValueError(f"axis is {axis!r}, expected one of {', '.join(AXES)}")
    series = []
    for seed, arm, folder in stage_folders(study):
        latest: dict[int, dict[str, Any]] = {}
        last: dict[str, float] = {}
        for row in _metrics(folder):
            last |= {key: row[key] for key in AXES.values() if _is_number(row.get(key))}
            if _is_number(row.get(metric)) and AXES[axis] in last:
                latest[int(row["step"])] = {"x": last[AXES[axis]], "y": row[metric]}
        if latest:
            points = [(point["x"], point["y"], step) for step, point in sorted(latest.items())]
            x, y, steps = zip(*points)
            series.append({"arm": arm, "seed": seed, "x": x, "y": y, "step": steps})
    return series


def now(study: Path) -> dict[str, Any]:
    """State of the study and of its stages, the last warnings, and the newest samples."""
    state = _json(study / "study.json")
    stages, warnings, samples = [], [], []
    for seed, stage, folder in stage_folders(study):
        status = _json(folder / "status.json")
        if status:
            beat = status.get("heartbeat")
            silent = _is_number(beat) and time.time() - beat > STALE_SECONDS and status.get("state") == "running"
            if status.get("state") == "done":
                status["note"] = ""  # what its last step came to stands in its log, which has a checksum
            stages.append({"seed": seed, "stage": stage, **status, "silent": silent})
        warnings += [{"seed": seed, "stage": stage, **row} for row in _rows(folder / "warnings.jsonl")[-20:]]
        if (log := folder / "samples.jsonl").exists():
            samples.append((log.stat().st_mtime, seed, stage, log))
    newest = max(samples, default=None)
    last = [] if newest is None else [{"seed": newest[1], "stage": newest[2], **r} for r in _rows(newest[3])[-4:]]
    return {
        "name": state.get("name", study.name),
        "state": state.get("state", "running" if stages else "empty"),
        "message": state.get("message", ""),
        "stages": stages,
        "warnings": warnings[-50:],
        "samples": last,
    }


def config_difference(left: Path, right: Path) -> list[dict[str, Any]]:
    """Settings in which two studies' resolved configs differ: {key, left, right}; null where one has none."""
    flat = [flatten(_yaml(folder / "config.yaml")) for folder in (left, right)]
    keys = sorted(flat[0].keys() | flat[1].keys())
    rows = [{"key": key, "left": flat[0].get(key), "right": flat[1].get(key)} for key in keys]
    return [row for row in rows if row["left"] != row["right"]]


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys; lists and scalars stay as they are."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value} if prefix else {}
    found: dict[str, Any] = {}
    for key, item in value.items():
        found |= flatten(item, f"{prefix}.{key}" if prefix else str(key))
    return found


def final_rows(study: Path, arm: str, seed: str) -> dict[str, dict[str, Any]]:
    """Problem id -> the row of a policy's last evaluation on the final problems."""
    folder = study / (f"seed-{seed}" if seed else ".") / arm
    found: dict[str, dict[str, Any]] = {}
    for path in (folder / "test" / "evals.jsonl", folder / "evals.jsonl"):
        for row in _rows(path):
            if row.get("step") is None:
                found = {problem["id"]: problem for problem in row.get("rows", ())}
        if found:
            return found
    return found


def flips(left: tuple[Path, str, str], right: tuple[Path, str, str], *, limit: int = 500) -> dict[str, Any]:
    """Problems that two policies solve unequally often, the largest differences first.

    Args:
        left, right: (study, arm, seed) of each policy; problems are paired by their identity.
    Returns:
        `shared` and `differing` problems as counts, and `rows` with each share and, where it was kept, the greedy
        completion of each side.
    """
    texts = [_greedy_texts(*side) for side in (left, right)]
    one, two = final_rows(*left), final_rows(*right)
    prompts = _prompts(left[0]) | _prompts(right[0])
    rows: list[dict[str, Any]] = []
    for name in one.keys() & two.keys():
        if not (one[name].get("n") and two[name].get("n")):
            continue
        shares = [_solved(row) for row in (one[name], two[name])]
        if shares[0] != shares[1]:
            facts = {"problem": name, "level": one[name].get("level"), "prompt": prompts.get(name, "")}
            greedy = {"left_text": texts[0].get(name), "right_text": texts[1].get(name)}
            rows.append({**facts, "left": shares[0], "right": shares[1], **greedy})
    rows.sort(key=lambda row: (-abs(row["right"] - row["left"]), row["problem"]))
    return {"shared": len(one.keys() & two.keys()), "differing": len(rows), "rows": rows[:limit]}


def tested_policies(study: Path) -> list[dict[str, str]]:
    """{arm, seed} of every policy with an evaluation on the final problems."""
    found = []
    for path in sorted(study.rglob("evals.jsonl")):
        if _has_final_row(path, *_stamp(path)):
            parts = [part for part in path.parent.relative_to(study).parts if part != "test"]
            seed = parts[0].removeprefix("seed-") if parts and parts[0].startswith("seed-") else ""
            entry = {"arm": "/".join(parts[1:] if seed else parts) or ".", "seed": seed}
            found += [entry] if entry not in found else []
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does: its time, ns, and its bytes; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4096)
def _has_final_row(path: Path, changed: int, size: int) -> bool:
    return any(row.get("step") is None for row in _rows(path))


def _metrics(folder: Path) -> list[dict[str, Any]]:
    path = folder / "metrics.jsonl"
    return _metrics_as_of(path, *_stamp(path))


@lru_cache(maxsize=1024)  # files, of sixty seeds of the demo: a page asks for one metric of all, then for another
def _metrics_as_of(path: Path, changed: int, size: int) -> list[dict[str, Any]]:
    return _rows(path)


def _solved(row: Mapping[str, Any]) -> float:
    """Share of a problem's samples whose whole solution holds."""
    return float(row.get("c_solution", row.get("c_verified", 0)) / row["n"])


def _greedy_texts(study: Path, arm: str, seed: str) -> dict[str, str]:
    """Problem -> greedy completion, of the test problems whose completions were kept."""
    folder = study / (f"seed-{seed}" if seed else "") / arm
    rows = _rows(folder / "test_samples.jsonl")
    return {row["problem"]: str(row["completion"]) for row in rows if "problem" in row and "completion" in row}


def _prompts(study: Path) -> dict[str, str]:
    rows = _rows(study / "problems" / "test.jsonl")
    return {row["id"]: _text(row.get("prompt", "")) for row in rows if "id" in row}


def _text(prompt: str | Sequence[Any]) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(str(part) for part in prompt)


def _rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a log, or none where there is no readable one: a page that looks on must not end for it."""
    try:
        return [row for row in read_jsonl(path) if isinstance(row, dict)] if path.exists() else []
    except (OSError, ValueError, UserError):
        return []


def _json(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path) if path.exists() else {}
    except (OSError, ValueError, UserError):
        return {}
    return value if isinstance(value, dict) else {}


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
