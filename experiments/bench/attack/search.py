"""Machine-made wrong neighbours and right rewritings of references: what the verifier pays, and what it refuses.

    python -m experiments.bench.verifiers --attack --trials 200000 --output results/bench_verifier_attack.json

Two wrong neighbours for every right rewriting. What is right and what is wrong is known from how a text was made, or
decided by exact arithmetic on trees that the search built itself (`answers`, `intervals`, `structures`,
`trees`), or by the text that the answer is put into (`places`); the verifier's own reader has no part in it. References
are drawn, taken from the environments of this project, and, with `--cases`, from a file of other projects' references:
those that a small reader of its own, below, understands as a whole.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from envs.builtin import PROCEDURAL
from envs.registry import make
from experiments.bench.attack import places
from experiments.bench.attack.answers import Family, Functions, Numbers, Surds
from experiments.bench.attack.intervals import Interval, Intervals
from experiments.bench.attack.structures import Amounts, Bases, Collections, Lines, Matrices, Options, Words
from experiments.study.provenance import provenance
from verifiers.judges.combine import warm_up_all
from verifiers.judges.symbolic import SymbolicVerifier

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Numbers(), Surds(), Intervals(), Functions(), Collections(), Matrices(), Amounts(), Bases(), Options(),
        Lines(), Words()
    )
}  # fmt: skip
MANNERS = {
    "lenient": SymbolicVerifier(mode="evaluation"),
    "strict": SymbolicVerifier(),
}
WRONG_SHARE = 2 / 3
ALONE_SHARE = 1 / 5
PLACED_SHARE = 1 / 4  # of the trials are about where the answer stands
DEBATED = frozenset(("rounding",))  # an exact answer that rounds to a decimal reference: a setting decides
MAX_EXAMPLES = 5
PROBLEMS_PER_ENVIRONMENT = 25


@dataclass(frozen=True)
class Trial:
    """One answer beside one reference, and whether it is right."""

    source: str
    family: str
    kind: str
    reference: str
    answer: str
    is_right: bool
    is_alone: bool = False  # the whole response, and not in a box behind some words
    text: str = ""  # the response, where it is about the place of the answer

    @property
    def response(self) -> str:
        """What the verifier sees."""
        if self.text:
            return self.text
        return self.answer if self.is_alone else f"so the answer is \\boxed{{{self.answer}}}"


def trials(num: int, seed: int, known: Sequence[tuple[str, str, Any]] = ()) -> Iterator[Trial]:
    """`num` trials; half of them beside references of `known` (source, family, value), where there are any."""
    rng = random.Random(seed)
    names = list(FAMILIES)
    made = 0
    while made < num:
        if known and rng.random() < 0.5:
            source, name, value = rng.choice(known)
        else:
            source, name = "drawn", names[made % len(names)]
            value = FAMILIES[name].draw(rng)
        family = FAMILIES[name]
        is_right = rng.random() >= WRONG_SHARE
        if rng.random() < PLACED_SHARE:
            placed = _placed(family, value, rng, is_right=is_right)
            if placed is not None:
                made += 1
                yield Trial(source, name, placed[0], family.write(value, rng), placed[1], is_right, text=placed[1])
            continue
        change = family.right(value, rng) if is_right else family.wrong(value, rng)
        if change is not None:
            made += 1
            is_alone = rng.random() < ALONE_SHARE
            yield Trial(source, name, change[0], family.write(value, rng), change[1], is_right, is_alone)


def _placed(family: Family, value: Any, rng: random.Random, *, is_right: bool) -> tuple[str, str] | None:
    """(kind, response) with a right and a wrong answer in it; None where no certainly wrong one was made."""
    change = family.wrong(value, rng)
    if change is None or change[0] in DEBATED:
        return None
    written = family.write(value, rng)
    kind, text = (
        places.right(written, change[1], rng) if is_right else places.wrong(written, change[1], family.name, rng)
    )
    return f"place: {kind}", text


def run(num: int, seed: int, known: Sequence[tuple[str, str, Any]] = ()) -> dict[str, Any]:
    """Wrong payments and wrong refusals per 100,000, by manner, family and kind of change."""
    warm_up_all(list(MANNERS.values()))
    counts: dict[str, dict[tuple[str, str, bool], Counter[str]]] = {name: defaultdict(Counter) for name in MANNERS}
    examples: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    sources: Counter[str] = Counter()
    started = time.process_time()
    for trial in trials(num, seed, known):
        sources[trial.source] += 1
        for manner, verifier in MANNERS.items():
            paid = verifier.verify(trial.response, trial.reference).is_correct
            key = (trial.family, trial.kind, trial.is_right)
            counts[manner][key]["trials"] += 1
            if paid != trial.is_right:
                counts[manner][key]["faults"] += 1
                said = f"{trial.answer}{' (alone)' if trial.is_alone else ''}  for  {trial.reference}"
                if trial.source != "shared" and len(examples[key]) < MAX_EXAMPLES and said not in examples[key]:
                    examples[key].append(said)
    return {
        "trials": num,
        "seed": seed,
        "references": dict(sources),
        "cpu_seconds": round(time.process_time() - started, 1),
        **{manner: _summary(table) for manner, table in counts.items()},
        "faults": _faults(counts, examples),
    }


def _summary(table: dict[tuple[str, str, bool], Counter[str]]) -> dict[str, Any]:
    """Payments of wrong answers, and refusals of right ones, in all and by kind of change."""
    summary: dict[str, Any] = {}
    for name, is_right in (("wrong_payments", False), ("wrong_refusals", True)):
        by_kind: dict[str, Counter[str]] = defaultdict(Counter)
        for (_, kind, right), count in table.items():
            if right == is_right:
                by_kind[kind].update(count)
        certain = [count for kind, count in by_kind.items() if kind not in DEBATED]
        total = sum((count["trials"] for count in certain), 0)
        faults = sum((count["faults"] for count in certain), 0)
        summary[name] = {
            "trials": total,
            "faults": faults,
            "per_100_000": round(1e5 * faults / total, 1) if total else 0.0,
            "by_kind": {
                kind: {"trials": count["trials"], "faults": count["faults"]} for kind, count in sorted(by_kind.items())
            },
        }
    return summary


def _faults(
    counts: dict[str, dict[tuple[str, str, bool], Counter[str]]], examples: dict[tuple[str, str, bool], list[str]]
) -> list[dict[str, Any]]:
    """Every family and kind with a fault: how many in each manner, with a few of its texts."""
    keys = sorted({key for table in counts.values() for key, count in table.items() if count["faults"]})
    return [
        {
            "family": family, "kind": kind, "fault": "refused" if right else "paid",
            **{manner: table[family, kind, right]["faults"] for manner, table in counts.items()},
            "trials": counts["strict"][family, kind, right]["trials"], "examples": examples[family, kind, right],
        }
        for family, kind, right in keys
    ]  # fmt: skip


# --- references of others -------------------------------------------------------------------------------------------

_INTEGER = r"-?\d{1,7}"
_ITEM = rf"{_INTEGER}|-?\\frac\{{\d{{1,4}}\}}\{{\d{{1,4}}\}}"
_READERS = {
    "number": re.compile(rf"(?P<value>{_ITEM}|-?\d{{1,5}}/\d{{1,4}}|-?\d{{1,4}}\.\d{{1,3}})"),
    "collection": re.compile(
        rf"(?P<open>\(|\\\{{|)(?P<value>(?:{_ITEM})(?:,\s+(?:{_ITEM})){{1,4}})(?P<close>\)|\\\}}|)"),
    "interval": re.compile(
        rf"(?P<open>[\[(])(?P<low>{_INTEGER}|-\\infty),\s*(?P<high>{_INTEGER}|\\infty)(?P<close>[\])])"
    ),
    "surd": re.compile(r"(?P<factor>-?\d{0,2})\\sqrt\{?(?P<root>2|3|5|6|7|10|11|13)\}?"),
}  # fmt: skip


def read_reference(text: str) -> tuple[str, Any] | None:
    """(family, value) of a reference in a plain form; None of any other: nothing is guessed."""
    text = text.strip().strip("$").strip()
    for name, pattern in _READERS.items():
        found = pattern.fullmatch(text)
        if found and (value := _VALUES[name](found)) is not None:
            return name, value
    return None


def _fraction(text: str) -> Fraction | None:
    plain = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", text)
    return Fraction(plain) if not re.fullmatch(r".*/0+", plain) else None


def _collection(found: re.Match[str]) -> Any:
    kind = {"(": "tuple", "\\{": "set", "": "list"}[found["open"]]
    items = [_fraction(item.strip()) for item in found["value"].split(",")]
    matches = (found["open"], found["close"]) in (("(", ")"), ("\\{", "\\}"), ("", ""))
    distinct = kind == "tuple" or len(set(items)) == len(items)
    return (kind, tuple(items)) if matches and distinct and None not in items else None


def _interval(found: re.Match[str]) -> Any:
    if found["open"] == "(" and found["close"] == ")" and "infty" not in found[0]:
        return None  # a point or an interval
    low = None if "infty" in found["low"] else Fraction(found["low"])
    high = None if "infty" in found["high"] else Fraction(found["high"])
    if (low is None and high is None) or (low is not None and high is not None and low >= high):
        return None
    if (low is None and found["open"] == "[") or (high is None and found["close"] == "]"):
        return None
    return (Interval(low, high, found["open"] == "[", found["close"] == "]"),)


def _surd(found: re.Match[str]) -> Any:
    factor = {"": 1, "-": -1}.get(found["factor"]) or int(found["factor"])
    return (0, factor, int(found["root"])) if factor else None


_VALUES = {
    "number": lambda found: _fraction(found["value"]),
    "collection": _collection,
    "interval": _interval,
    "surd": _surd,
}


def environment_references(seed: int) -> list[tuple[str, str, Any]]:
    """(source, family, value) of what the project's environments ask for, where the form is plain."""
    known: list[tuple[str, str, Any]] = []
    for name in sorted(PROCEDURAL):
        env = make(name)
        for index in range(PROBLEMS_PER_ENVIRONMENT):
            problem = env.problem(seed * PROBLEMS_PER_ENVIRONMENT + index, level=env.levels[index % len(env.levels)])
            if (found := read_reference(problem.answer)) is not None:
                known.append(("environments", *found))
    return known


def shared_references(path: Path) -> list[tuple[str, str, Any]]:
    """(source, family, value) of the references of a file of cases, where the form is plain."""
    texts = {json.loads(line)["gold"] for line in path.read_text(encoding="utf-8").splitlines()}
    return [("shared", *found) for text in sorted(texts) if (found := read_reference(text)) is not None]


def attack(num: int, seed: int, cases: Path | None, command: Sequence[str]) -> dict[str, Any]:
    """The whole search, with where its numbers come from."""
    known = environment_references(seed) + (shared_references(cases) if cases else [])
    return run(num, seed, known) | {"provenance": provenance(command)}


def render(report: dict[str, Any]) -> str:
    """The report as text: rates first, then every fault."""
    lines = []
    for manner in MANNERS:
        for name in ("wrong_payments", "wrong_refusals"):
            found = report[manner][name]
            lines.append(
                f"{manner:8} {name:15} {found['faults']:6} of {found['trials']:7}  {found['per_100_000']:8} per 100,000"
            )
    for fault in report["faults"]:
        told = "; ".join(fault["examples"][:3])
        found_by = f"{fault['lenient']:6}{fault['strict']:6} of {fault['trials']:6}"
        lines.append(f"  {fault['fault']:8}{fault['family']:12}{fault['kind']:15}{found_by}  {told}")
    return "\n".join(lines)
