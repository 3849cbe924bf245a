"""The hypotheses in the folder of a study: their text as it was when the study began, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.hypotheses.loading import KEPT, read_design, text_digest
from experiments.hypotheses.verdicts import judge
from experiments.hypotheses.vocabulary import Design
from experiments.results.read import StudyResults
from experiments.run.sealed import read_sealed
from rl.files import write_whole


@dataclass(frozen=True)
class Kept:
    """The hypotheses of a study's folder.

    Attributes:
        digest: of the text when the study began, as its provenance has it.
        is_changed: the text was edited since.
    """

    design: Design
    digest: str
    is_changed: bool


def keep_hypotheses(folder: Path, text: str) -> str:
    """Writes the text into a study's folder where none is, and returns the digest of the one that is there.

    A resumed study keeps what it began with.
    """
    path = folder / KEPT
    if not path.exists():
        write_whole(path, text.encode())
    return text_digest(path.read_text(encoding="utf-8"))


def kept_hypotheses(folder: Path) -> Kept | None:
    """What a study's folder has of them; None where it began without any.

    Raises:
        UserError: the file is not readable any more.
    """
    path = folder / KEPT
    if not path.exists():
        return None
    digest = read_sealed(folder / "provenance.json").get("hypotheses", "")
    return Kept(read_design(path), digest, text_digest(path.read_text(encoding="utf-8")) != digest)


def report_of(results: StudyResults) -> Mapping[str, Any] | None:
    """For the report of one study: its question and what its hypotheses came to.

    None where it has none, or where they are about several variants, of which this is one.
    """
    kept = kept_hypotheses(results.folder)
    if kept is None or kept.design.variants:
        return None
    return {
        "question": kept.design.question,
        "digest": kept.digest,
        "is_changed": kept.is_changed,
        "rows": [found.to_json() for found in judge(kept.design, {"": results})],
    }
