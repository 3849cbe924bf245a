"""Completions side by side: the same fixed test problems for every policy, each line ticked or crossed."""

from __future__ import annotations

from typing import Any

from experiments.results.read import START, StudyResults
from experiments.run.folders import read_jsonl
from verifiers.types import StepVerdict, Verdict

SHOWN_PROBLEMS = 8


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
    verdict = Verdict.from_json(row["verdict"])
    return {
        "policy": name,
        "lines": _lines(row["completion"], verdict),
        "is_right": verdict.is_correct,
        "holds": verdict.solution_share >= 1,
        "detail": verdict.detail,
        "finish": row["finish"],
    }


def _lines(text: str, verdict: Verdict) -> list[dict[str, Any]]:
    """The steps of a completion with a mark each: True, False, or None where nothing judged them."""
    steps = sorted(verdict.steps, key=lambda step: step.span) or [StepVerdict((0, len(text)), None)]
    return [{"text": text[slice(*step.span)].rstrip(" ;"), "right": step.is_right} for step in steps]
