"""Labelled rows for graders of answers: cases of other projects, pairs, hostile inputs, and plain numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

CERTAIN = frozenset({"llm-labelled"})  # flags that leave the label beyond doubt; any other flag puts it in doubt
USUAL_PLACES = 6  # to which Math-Verify rounds, unless a test says otherwise


@dataclass(frozen=True)
class Case:
    """One row: a response, a reference, and whether it must be accepted (None: either will do)."""

    id: str
    kind: str
    response: str
    reference: str
    expected: bool | None
    is_core: bool = True
    tolerance: float | None = None  # absolute difference that the source of the case allows


def read_cases(path: Path, *, bare: bool = False) -> list[Case]:
    """Labelled pairs: `gold`, `answer`, `expected` or `label`, and where they are known `id`, `kind`, `flags`.

    A pair is a whole response where `extraction` says `response` or its `note` begins with `resp`; else an expression.

    Args:
        bare: give an expression as it stands, and not in a box.
    Raises:
        KeyError: a row without gold, answer or label.
    """
    cases = []
    for number, row in enumerate(_rows(path), start=1):
        note = row.get("note", "")
        is_whole = bare or row.get("extraction") == "response" or note.startswith("resp")
        response = row["answer"] if is_whole else f"\\boxed{{{row['answer']}}}"
        core = not (set(row.get("flags", ())) - CERTAIN)
        tolerance = stated_tolerance(row.get("settings") or {})
        expected = row["expected"] if "expected" in row else row["label"]
        name = row.get("id", f"{path.stem}:{number}")
        cases.append(Case(name, row.get("kind", note), response, row["gold"], expected, core, tolerance))
    return cases


def stated_tolerance(settings: Mapping[str, Any]) -> float | None:
    """The absolute difference that a case allows: `precision_abs`, or rounding to other than Math-Verify's 6 places."""
    stated = settings.get("precision_abs")
    if stated is not None:
        return float(stated[0] if isinstance(stated, list) else stated)
    places = settings.get("precision", USUAL_PLACES)
    return None if places == USUAL_PLACES else 0.5 * 10.0**-places


def read_hostile(path: Path) -> list[Case]:
    """Hostile inputs: `gold`, `must` (not_correct, correct, any, policy), and a whole response in `answer`, or in
    `answer_parts` as pairs of a text and how often it is repeated."""
    must = {"not_correct": False, "correct": True}
    cases = []
    for row in _rows(path):
        response = row["answer"] if "answer" in row else "".join(text * count for text, count in row["answer_parts"])
        cases.append(Case(row["id"], row["category"], response, row["gold"], must.get(row["must"])))
    return cases


def plain_cases(num: int, seed: int = 0) -> list[Case]:
    """Integers and fractions, half of them right: what most of a training run grades."""
    rng = random.Random(seed)
    cases = []
    for index in range(num):
        value = Fraction(rng.randrange(-999, 1000), rng.choice((1, 1, rng.randrange(2, 30))))
        expected = rng.random() < 0.5
        said = value if expected else value + 1
        text = str(said) if said.denominator == 1 else f"\\frac{{{said.numerator}}}{{{said.denominator}}}"
        cases.append(Case(str(index), "plain", f"so the answer is \\boxed{{{text}}}.", str(value), expected))
    return cases


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
