"""What each rule of the symbolic verifier is worth: it is switched off, and all labelled pairs are judged again.

    python -m experiments.bench.verifiers --ablate --cases ../shared/verifiers/cases.jsonl \\
        --pairs ../shared/verifiers/fresh.jsonl --own tests/verifiers/data/notations.jsonl \\
        tests/verifiers/data/labelled_*.jsonl --output results/bench_verifier_rules.json

A rule earns its place by rows from elsewhere, or by wrong answers that it does not let be paid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.bench.graders.labelled_cases import CERTAIN
from verifiers.equivalence import rule_names
from verifiers.judges.symbolic import SymbolicVerifier


@dataclass(frozen=True)
class Pair:
    """A labelled pair, and whether another project wrote it."""

    name: str
    response: str
    reference: str
    expected: bool
    is_foreign: bool


@dataclass(frozen=True)
class Worth:
    """What goes wrong without one rule: names of rows, foreign and own, and how many of them would be paid wrongly."""

    rule: str
    foreign: tuple[str, ...]
    own: tuple[str, ...]
    wrongly_paid: int


def read_pairs(path: Path, *, is_foreign: bool) -> list[Pair]:
    """The pairs of a JSONL file whose label is not in doubt: `gold`, `answer`, and `expected` or `label`.

    Raises:
        ValueError: a row without a label.
    """
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        row = json.loads(line)
        if set(row.get("flags", ())) - CERTAIN:
            continue
        expected = row.get("expected", row.get("label"))
        if not isinstance(expected, bool) or not {"gold", "answer"} <= row.keys():
            raise ValueError(f"{path}, row {number} is no labelled pair: expected gold, answer, and expected or label")
        pairs.append(Pair(f"{path.stem}:{row.get('id', number)}", row["answer"], row["gold"], expected, is_foreign))
    return pairs


def wrong_rows(pairs: Iterable[Pair], without: Sequence[str] = ()) -> dict[str, bool]:
    """Names of the rows that are judged otherwise than labelled, and whether they are paid, with some rules off."""
    verifier = SymbolicVerifier(mode="evaluation", without=tuple(without))
    wrong = {}
    for pair in pairs:
        try:
            is_paid = verifier.verify(pair.response, pair.reference).is_correct
        except ValueError:  # an unusable reference: nothing is paid
            is_paid = False
        if is_paid != pair.expected:
            wrong[pair.name] = is_paid
    return wrong


def ablate(pairs: Sequence[Pair], rules: Iterable[str] = ()) -> list[Worth]:
    """What each rule is worth on the pairs, the least foreign rows first.

    Args:
        rules: names of rules; all by default.
    """
    foreign = {pair.name for pair in pairs if pair.is_foreign}
    before = wrong_rows(pairs)
    found = []
    for rule in tuple(rules) or rule_names():
        after = {name: paid for name, paid in wrong_rows(pairs, (rule,)).items() if name not in before}
        mine = tuple(name for name in after if name not in foreign)
        theirs = tuple(name for name in after if name in foreign)
        found.append(Worth(rule, theirs, mine, sum(after.values())))
    return sorted(found, key=lambda worth: (len(worth.foreign), len(worth.own)))


def summary(found: Sequence[Worth], pairs: Sequence[Pair]) -> dict[str, Any]:
    """The table as counts: rows that go wrong without each rule, those from elsewhere, own ones, and those paid."""
    num_foreign = sum(pair.is_foreign for pair in pairs)
    return {
        "foreign_pairs": num_foreign,
        "own_pairs": len(pairs) - num_foreign,
        "rules": {
            worth.rule: {"foreign": len(worth.foreign), "own": len(worth.own), "paid": worth.wrongly_paid}
            for worth in found
        },
    }


def render(found: Sequence[Worth], pairs: Sequence[Pair], shown: int = 3) -> str:
    """The table, with a few of the rows that go wrong."""
    num_foreign = sum(pair.is_foreign for pair in pairs)
    lines = [
        f"without it, of {num_foreign} pairs from elsewhere and {len(pairs) - num_foreign} own ones, go wrong",
        f"{'rule':26}{'foreign':>9}{'own':>6}{'paid':>6}  rows",
    ]
    for worth in found:
        rows = ", ".join((*worth.foreign, *worth.own)[:shown])
        lines.append(f"{worth.rule:26}{len(worth.foreign):>9}{len(worth.own):>6}{worth.wrongly_paid:>6}  {rows}")
    return "\n".join(lines)
