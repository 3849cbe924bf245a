"""How right and how fast graders of mathematical answers are: ours and its peers, on the same rows, in one run.

    python -m experiments.bench.verifiers --cases ../shared/verifiers/cases.jsonl \\
        --hostile ../shared/verifiers/adversarial.jsonl --output results/bench_verifiers.json

Every peer runs in grading processes with a deadline, so a hang is measured and not suffered. A bare expression is put
into a box for all of them. CPU seconds are of the grading call in a warm process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.bench.peer_graders import OURS, PEERS, TimedGrader
from verifiers.pool import VerifierPool
from verifiers.types import Outcome, Verdict

DEADLINE_SECONDS = 10.0  # peers stop themselves after 5 s, where they can
CERTAIN = frozenset({"llm-labelled"})  # flags that leave the label beyond doubt; any other flag puts it in doubt
MEMORY_BYTES = 4 << 30
NUM_PLAIN = 2_000
PLAIN_PEERS_SHARE = 10  # slow peers get a tenth of the plain pairs


@dataclass(frozen=True)
class Case:
    """One row: a response, a reference, and whether it must be accepted (None: either will do)."""

    id: str
    kind: str
    response: str
    reference: str
    expected: bool | None
    is_core: bool = True


def read_cases(path: Path) -> list[Case]:
    """Answer-equivalence cases: `gold`, `answer`, `expected`, `kind`, `flags`, `extraction`."""
    cases = []
    for row in _rows(path):
        response = row["answer"] if row["extraction"] == "response" else f"\\boxed{{{row['answer']}}}"
        core = not (set(row["flags"]) - CERTAIN)
        cases.append(Case(row["id"], row["kind"], response, row["gold"], row["expected"], core))
    return cases


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


def grade_all(peer: str, cases: Sequence[Case], *, workers: int) -> list[Verdict]:
    """One pass of one peer over the cases, in fresh processes: what a peer remembers of an answer does not count."""
    grader = TimedGrader(peer)
    with VerifierPool(grader, workers=workers, deadline_seconds=DEADLINE_SECONDS, memory_bytes=MEMORY_BYTES) as pool:
        return pool.grade([(case.response, case.reference) for case in cases])


def score(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Accuracy, false positives and false negatives: all, core, and core by kind."""
    tallies: dict[str, Counter[str]] = defaultdict(Counter)
    for case, verdict in zip(cases, verdicts, strict=True):
        if case.expected is None:
            continue
        found = "right" if verdict.is_correct == case.expected else "fp" if verdict.is_correct else "fn"
        names = ["all", *(["core", f"kind:{case.kind}"] if case.is_core else [])]
        for name in names:
            tallies[name][found] += 1
    kinds = {name[5:]: _rates(tally) for name, tally in sorted(tallies.items()) if name.startswith("kind:")}
    return {"all": _rates(tallies["all"]), "core": _rates(tallies["core"]), "core_by_kind": kinds}


def _rates(tally: Counter[str]) -> dict[str, Any]:
    total = tally.total()
    accuracy = round(100 * tally["right"] / total, 2) if total else math.nan
    return {"n": total, "accuracy": accuracy, "false_positives": tally["fp"], "false_negatives": tally["fn"]}


def timing(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """CPU milliseconds per verification and verifications per second; rows that hung or failed are counted apart."""
    seconds = sorted(verdict.info["cpu_seconds"] for verdict in verdicts if "cpu_seconds" in verdict.info)
    outcomes = [verdict.outcome for verdict in verdicts]
    return {
        "p50_ms": _rank(seconds, 0.50),
        "p95_ms": _rank(seconds, 0.95),
        "p99_ms": _rank(seconds, 0.99),
        "max_ms": _rank(seconds, 1.0),
        "per_second": round(len(seconds) / sum(seconds), 1) if seconds else math.nan,
        "timeouts": outcomes.count(Outcome.TIMEOUT),
        "errors": outcomes.count(Outcome.ERROR),
    }


def _rank(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile, in milliseconds."""
    return round(1000 * ordered[max(0, math.ceil(share * len(ordered)) - 1)], 3) if ordered else math.nan


def hostile_score(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """What hostile inputs achieve: false rewards, controls refused, hangs, and the longest wall time."""
    refused = [case.id for case, v in zip(cases, verdicts, strict=True) if case.expected is True and not v.is_correct]
    paid = [case.id for case, v in zip(cases, verdicts, strict=True) if case.expected is False and v.is_correct]
    return {
        "n": len(cases),
        "must_not_be_paid": sum(case.expected is False for case in cases),
        "false_rewards": len(paid),
        "controls_refused": len(refused),
        "hangs": sum(v.outcome is Outcome.TIMEOUT for v in verdicts),
        "errors": sum(v.outcome is Outcome.ERROR for v in verdicts),
        "slow_over_2_s": sum(v.seconds > 2 for v in verdicts),
        "max_wall_s": round(max(v.seconds for v in verdicts), 3),
    }


def measure(peer: str, cases: list[Case], hostile: list[Case], plain: list[Case], workers: int) -> dict[str, Any]:
    """All measurements of one peer."""
    result: dict[str, Any] = {}
    if cases:
        verdicts = grade_all(peer, cases, workers=workers)
        result |= score(cases, verdicts) | {"cpu": timing(verdicts)}
        if peer == OURS:
            result["disagreements"] = disagreements(cases, verdicts)
    if hostile:
        result["hostile"] = hostile_score(hostile, grade_all(peer, hostile, workers=workers))
    if plain:
        verdicts = grade_all(peer, plain, workers=workers)
        result["plain"] = {"accuracy": score(plain, verdicts)["all"]["accuracy"], **timing(verdicts)}
    return result


def disagreements(cases: Sequence[Case], verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Ids of rows that our verifier judges otherwise than their label, with its reason; never the rows themselves."""
    return [
        {"id": case.id, "kind": case.kind, "core": case.is_core, "expected": case.expected, "said": v.outcome.value}
        for case, v in zip(cases, verdicts, strict=True)
        if case.expected is not None and v.is_correct != case.expected
    ]


def _version(package: str) -> str | None:
    """The installed version; None for a peer that is not installed (its rows are then left out)."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def environment() -> dict[str, Any]:
    """What the numbers depend on."""
    packages = ("math-verify", "latex2sympy2_extended", "trl", "sympy", "mpmath")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
    }


def render(report: dict[str, Any]) -> str:
    """The report as a table of text."""
    head = f"{'grader':30} {'core %':>7} {'FP':>4} {'FN':>4} {'p50 ms':>8} {'p99 ms':>8} {'per s':>9} {'plain/s':>9} "
    lines = [head + f"{'hostile paid':>12} {'refused':>8} {'hangs':>6}"]
    for name, row in report["graders"].items():
        core, cpu = row.get("core", {}), row.get("cpu", {})
        hostile, plain = row.get("hostile", {}), row.get("plain", {})
        lines.append(
            f"{name:30} {core.get('accuracy', math.nan):7.2f} {core.get('false_positives', 0):4} "
            f"{core.get('false_negatives', 0):4} {cpu.get('p50_ms', math.nan):8.3f} {cpu.get('p99_ms', math.nan):8.2f} "
            f"{cpu.get('per_second', math.nan):9,.0f} {plain.get('per_second', math.nan):9,.0f} "
            f"{hostile.get('false_rewards', 0):12} {hostile.get('controls_refused', 0):8} {hostile.get('hangs', 0):6}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=Path, help="answer-equivalence cases (JSONL)")
    parser.add_argument("--hostile", type=Path, help="hostile inputs (JSONL)")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="graders to measure; all by default")
    parser.add_argument("--plain", type=int, default=NUM_PLAIN, help="generated pairs of integers and fractions")
    parser.add_argument("--workers", type=int, default=1, help="grading processes")
    parser.add_argument("--output", type=Path, help="where to write the report (JSON)")
    parser.add_argument("--update", action="store_true", help="keep the report's other graders; measure only --peers")
    options = parser.parse_args(arguments)
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"unknown graders {sorted(unknown)}; known: {', '.join(PEERS)}")
    cases = read_cases(options.cases) if options.cases else []
    hostile = read_hostile(options.hostile) if options.hostile else []
    report: dict[str, Any] = {"environment": environment(), "cases": len(cases), "hostile": len(hostile), "graders": {}}
    if options.update:
        report["graders"] |= _graders_of(options.output, report)
    for peer in options.peers:
        start = time.perf_counter()
        plain = plain_cases(options.plain if _is_fast(peer) else options.plain // PLAIN_PEERS_SHARE)
        report["graders"][peer] = measure(peer, cases, hostile, plain, options.workers)
        print(f"{peer}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(render(report))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _graders_of(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """The graders of an earlier report over the same rows and packages.

    Raises:
        ValueError: it was made of others, so its numbers cannot stand beside new ones.
    """
    earlier = json.loads(path.read_text())
    for name in ("environment", "cases", "hostile"):
        if earlier[name] != report[name]:
            raise ValueError(f"{path} was measured with {name} {earlier[name]}, now it is {report[name]}; run all anew")
    graders: dict[str, Any] = earlier["graders"]
    return graders


def _is_fast(peer: str) -> bool:
    return peer == OURS or peer.startswith("string")


if __name__ == "__main__":
    sys.exit(main())
