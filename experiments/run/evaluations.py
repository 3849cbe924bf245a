"""evals.jsonl of a run folder: a row for every evaluation of a policy, with a row per problem in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.run.errors import UserError
from experiments.run.folders import append_jsonl, filter_jsonl, read_jsonl

BEST_BY_VERIFIER, KL_MATCHED = (
    "best-by-verifier",
    "kl-matched",
)  # folders of earlier policies of an arm, tested beside the last
BEST_BY_ANNOTATOR = "best-by-annotator"  # the same: the one that the arm's annotator prefers most often to the start
PASS_AT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
SUPPORT = "support.jsonl"  # of a tested policy: its right solutions, with their log-probability under the start


def record_evaluation(
    folder: Path,
    evaluation: Any,
    *,
    policy: str,
    split: str,
    step: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Appends an evaluation to evals.jsonl: summary, summaries by level, and a row per problem.

    Args:
        facts: what else is to be known about the policy or about what it cost to answer.
    """
    ks = [k for k in PASS_AT if k <= evaluation.num_samples]
    row = {
        "policy": policy,
        "split": split,
        "step": step,
        "summary": evaluation.summary(ks),
        "levels": {str(level): figures for level, figures in evaluation.by_level(ks).items()},
        "parts": evaluation.by_part(ks),
        **evaluation.to_json(),
        **(facts or {}),
    }
    append_jsonl(folder / "evals.jsonl", [row])


def final_evaluations(folder: Path) -> list[dict[str, Any]]:
    """Rows of evals.jsonl that belong to no step of training: the policy's answers to the frozen problems."""
    return [row for row in read_jsonl(folder / "evals.jsonl") if row["step"] is None]


def forget_final_evaluation(folder: Path, policy: str) -> None:
    """Removes a policy's answers to the frozen problems: it is about to answer them again."""
    filter_jsonl(folder / "evals.jsonl", lambda row: row["policy"] != policy or row["step"] is not None)


def is_evaluated(folder: Path, split: str) -> bool:
    """True when a run folder holds an evaluation on a split."""
    return any(row["split"] == split for row in read_jsonl(folder / "evals.jsonl"))


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The last final evaluation of a run folder.

    Raises:
        UserError: there is none.
    """
    found = final_evaluations(folder)
    if not found:
        what = "holds no final evaluation (evals.jsonl)" if folder.is_dir() else "is not a folder"
        raise UserError(f"{folder} {what}: give the folder of a study (runs/demo) or of a run (runs/demo/seed-0/rl)")
    return found[-1]
