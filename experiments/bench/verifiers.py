"""How right and how fast graders of mathematical answers are: ours and its peers, on the same rows, in one run.

    python -m experiments.bench.verifiers --cases ../shared/verifiers/cases.jsonl \\
        --pairs ../shared/verifiers/fresh.jsonl --hostile ../shared/verifiers/adversarial.jsonl \\
        --output results/bench_verifiers.json

`--attack` looks for wrong answers that ours pays instead (see `attack.search`).
`--ablate` prints which rows go wrong without each rule of the symbolic verifier (see `rule_ablation`).

Every peer runs in grading processes with a deadline, so a hang is measured and not suffered; a peer that is not
installed is left out. A bare expression is put into a box for all of them, and given as it stands in a second pass
("bare"). CPU seconds are of the grading call in a warm process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from experiments.bench.attack import search
from experiments.bench.graders import rule_ablation
from experiments.bench.graders.labelled_cases import Case, plain_cases, read_cases, read_hostile
from experiments.bench.graders.peer_graders import OURS, OURS_STRICT, PEERS, PLAIN_ONLY, TimedGrader, is_installed
from experiments.run.folders import write_json
from experiments.study.provenance import processor, provenance
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict

DEADLINE_SECONDS = 10.0  # peers stop themselves after 5 s, where they can
MEMORY_BYTES = 4 << 30
NUM_PLAIN = 2_000
PLAIN_PEERS_SHARE = 10  # slow peers get a tenth of the plain pairs


def grade_all(peer: str, cases: Sequence[Case], *, workers: int) -> list[Verdict]:
    """One pass of one peer over the cases, in fresh processes: what a peer remembers of an answer does not count."""
    grader = TimedGrader(peer)
    with VerifierPool(grader, workers=workers, deadline_seconds=DEADLINE_SECONDS, memory_bytes=MEMORY_BYTES) as pool:
        return pool.grade([(case.response, case.reference, case.tolerance) for case in cases])


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


@dataclass(frozen=True)
class Rows:
    """What graders are measured on.

    Attributes:
        cases: with an expression in a box, and `bare`: the same as it stands.
        pairs: further labelled pairs, by the name of their file.
        hostile: inputs that must not be paid, and controls.
    """

    cases: Sequence[Case] = ()
    bare: Sequence[Case] = ()
    pairs: Mapping[str, Sequence[Case]] = field(default_factory=dict)
    hostile: Sequence[Case] = ()


def measure(peer: str, rows: Rows, plain: list[Case], workers: int) -> dict[str, Any]:
    """All measurements of one peer; of one that reads plain numbers only, those of plain numbers."""
    result: dict[str, Any] = {}
    if peer in PLAIN_ONLY:
        rows = Rows()
    if rows.cases:
        verdicts = grade_all(peer, rows.cases, workers=workers)
        result |= score(rows.cases, verdicts) | {"cpu": timing(verdicts)}
        if peer == OURS:
            result["disagreements"] = disagreements(rows.cases, verdicts)
    if rows.bare:
        result["bare"] = score(rows.bare, grade_all(peer, rows.bare, workers=workers))["core"]
    for name, pairs in rows.pairs.items():
        verdicts = grade_all(peer, pairs, workers=workers)
        result.setdefault("pairs", {})[name] = score(pairs, verdicts)["all"]
        if peer in (OURS, OURS_STRICT):
            result["pairs"][name]["disagreements"] = disagreements(pairs, verdicts)
    if rows.hostile:
        result["hostile"] = hostile_score(rows.hostile, grade_all(peer, rows.hostile, workers=workers))
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
    packages = (
        "math-verify",
        "latex2sympy2_extended",
        "trl",
        "sympy",
        "mpmath",
        "verl",
        "mathruler",
        "tinker-cookbook",
    )
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "processor": processor(),
        "cpus": os.cpu_count(),
        "packages": {name: _version(name) for name in packages},
    }


def render(report: dict[str, Any]) -> str:
    """The report as a table of text."""
    columns = (
        "core %",
        "FP",
        "FN",
        "bare %",
        "pairs %",
        "FP",
        "p50 ms",
        "p99 ms",
        "per s",
        "plain/s",
        "paid",
        "refused",
        "hangs",
    )
    lines = [f"{'grader':36}" + "".join(f"{column:>9}" for column in columns)]
    for name, row in report["graders"].items():
        core, cpu, hostile = row.get("core", {}), row.get("cpu", {}), row.get("hostile", {})
        pairs = row.get("pairs", {}).values()
        num_pairs = sum(of["n"] for of in pairs)
        right = num_pairs - sum(of["false_positives"] + of["false_negatives"] for of in pairs)
        cells = (
            f"{core.get('accuracy', math.nan):.2f}", core.get("false_positives", ""), core.get("false_negatives", ""),
            f"{row.get('bare', {}).get('accuracy', math.nan):.2f}",
            f"{100 * right / num_pairs:.2f}" if num_pairs else "", sum(of["false_positives"] for of in pairs),
            f"{cpu.get('p50_ms', math.nan):.3f}",
            f"{cpu.get('p99_ms', math.nan):.2f}", f"{cpu.get('per_second', math.nan):,.0f}",
            f"{row.get('plain', {}).get('per_second', math.nan):,.0f}", hostile.get("false_rewards", ""),
            hostile.get("controls_refused", ""), hostile.get("hangs", ""),
        )  # fmt: skip
        lines.append(f"{name:36}" + "".join(f"{cell!s:>9}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=Path, help="answer-equivalence cases (JSONL)")
    parser.add_argument("--hostile", type=Path, help="hostile inputs (JSONL)")
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="further labelled pairs (JSONL)")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), help="graders to measure; all by default")
    parser.add_argument("--plain", type=int, default=NUM_PLAIN, help="generated pairs of integers and fractions")
    parser.add_argument("--workers", type=int, default=1, help="grading processes")
    parser.add_argument("--output", type=Path, help="where to write the report (JSON)")
    parser.add_argument("--update", action="store_true", help="keep the report's other graders; measure only --peers")
    parser.add_argument("--attack", action="store_true", help="search for wrong neighbours that ours pays, and no more")
    parser.add_argument("--trials", type=int, default=150_000, help="texts of the search, two thirds of them wrong")
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--ablate", action="store_true", help="switch off each rule of the symbolic verifier instead")
    parser.add_argument(
        "--own", type=Path, nargs="*", default=[], help="with --ablate: the project's own pairs (JSONL)"
    )
    options = parser.parse_args(arguments)
    if options.attack:
        return _attack(options)
    if options.ablate:
        return _ablate(options)
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"unknown graders {sorted(unknown)}; known: {', '.join(PEERS)}")
    rows = Rows(
        cases=read_cases(options.cases) if options.cases else [],
        bare=read_cases(options.cases, bare=True) if options.cases else [],
        pairs={path.stem: read_cases(path) for path in options.pairs},
        hostile=read_hostile(options.hostile) if options.hostile else [],
    )
    report: dict[str, Any] = {
        "environment": environment(), "cases": len(rows.cases), "hostile": len(rows.hostile),
        "pairs": {name: len(pairs) for name, pairs in rows.pairs.items()}, "graders": {},
    }  # fmt: skip
    if options.update:
        report["graders"] |= _graders_of(options.output, report)
    load_before = os.getloadavg()[0]
    # some peers run what hostile answers say: files that these write land in a folder that goes away
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        for peer in options.peers:
            if not is_installed(peer):
                print(f"{peer}: not installed, left out", file=sys.stderr)
                continue
            start = time.perf_counter()
            plain = plain_cases(options.plain if _is_fast(peer) else options.plain // PLAIN_PEERS_SHARE)
            report["graders"][peer] = measure(peer, rows, plain, options.workers)
            print(f"{peer}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    report["load_average"] = [round(load_before, 2), round(os.getloadavg()[0], 2)]  # before, and at the end
    print(render(report))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _attack(options: argparse.Namespace) -> int:
    """The mutation search of `attack.search`, printed and written."""
    command = ["python", "-m", "experiments.bench.verifiers", *sys.argv[1:]]
    report = search.attack(options.trials, options.seed, options.cases, command)
    print(search.render(report))
    if options.output:
        write_json(options.output, report)
    return 0


def _ablate(options: argparse.Namespace) -> int:
    """What each rule is worth, printed and written."""
    foreign = [path for path in (options.cases, *options.pairs) if path]
    paths = [*((path, True) for path in foreign), *((path, False) for path in options.own)]
    try:
        pairs = [pair for path, is_foreign in paths for pair in rule_ablation.read_pairs(path, is_foreign=is_foreign)]
    except ValueError as error:
        sys.exit(f"error: {error}")
    found = rule_ablation.ablate(pairs)
    print(rule_ablation.render(found, pairs))
    if options.output:
        command = ["python", "-m", "experiments.bench.verifiers", *sys.argv[1:]]
        write_json(options.output, rule_ablation.summary(found, pairs) | {"provenance": provenance(command)})
    return 0


def _graders_of(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """The graders of an earlier report over the same rows and packages.

    Raises:
        ValueError: it was made of others, so its numbers cannot stand beside new ones.
    """
    earlier = json.loads(path.read_text())
    for name in ("environment", "cases", "hostile", "pairs"):
        if earlier.get(name) != report[name]:
            raise ValueError(
                f"{path} was measured with {name} {earlier.get(name)}, now it is {report[name]}; run all anew"
            )
    graders: dict[str, Any] = earlier["graders"]
    return graders


def _is_fast(peer: str) -> bool:
    return peer.startswith(("beyond", "string"))


if __name__ == "__main__":
    sys.exit(main())
