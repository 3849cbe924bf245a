"""Completions side by side: the same fixed test problems for every policy, each line ticked or crossed."""

from __future__ import annotations

from typing import Any

from experiments.results.read import START, StudyResults
from experiments.run.folders import read_jsonl

SHOWN_PROBLEMS = 8
SEPARATORS = ";\n"


def side_by_side(results: StudyResults) -> list[dict[str, Any]]:
    """For each shown problem: prompt, answer, and every policy's greedy completion with its lines judged.

    The problems are the first of every level (two of a headline that is one level): never picked by outcome.
    """
    seed = results.seeds[0]
    found = {
        name: {row["problem"]: row for row in read_jsonl(results.folder / f"seed-{seed}" / name / "test_samples.jsonl")}
        for name in results.policies
    }
    rows = list(found.get(START, {}).values())
    single = results.headline[0] if len(results.headline) == 1 else None
    rows.sort(key=lambda row: (row["level"] != single, row["level"]))
    first: dict[int, int] = {}
    chosen = []
    for row in rows:
        limit = 2 if row["level"] == single else 1
        first[row["level"]] = first.get(row["level"], 0) + 1
        if first[row["level"]] <= limit:
            chosen.append(row)
    return [
        {
            "level": row["level"],
            "prompt": row["prompt"],
            "answer": row["answer"],
            "completions": [
                _judged(name, rows[row["problem"]]) for name, rows in found.items() if row["problem"] in rows
            ],
        }
        for row in chosen[:SHOWN_PROBLEMS]
    ]


def _judged(name: str, row: dict[str, Any]) -> dict[str, Any]:
    verdict = row["verdict"]
    verified = verdict["parts"].get("verified")
    return {
        "policy": name,
        "lines": _lines(row["completion"], verdict["info"].get("line_right")),
        "is_right": verdict["outcome"] == "correct",
        "is_verified": verdict["outcome"] == "correct" if verified is None else verified >= 1,
        "detail": verdict["detail"],
        "finish": row["finish"],
    }


def _lines(text: str, marks: list[bool] | None) -> list[dict[str, Any]]:
    """The lines of a completion with a mark each: True, False, or None where nothing judges lines."""
    lines = [text]
    for separator in SEPARATORS:
        lines = [part for line in lines for part in line.split(separator)]
    lines = [line.strip() for line in lines if line.strip()]
    marks = marks or []
    return [{"text": line, "right": marks[i] if i < len(marks) else None} for i, line in enumerate(lines)]
