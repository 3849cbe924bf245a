"""Grade a file of responses: the library behind `beyond verify`.

References are checked before the first response is graded, so a bad one costs a second, not a night. Where the file
carries labels, the summary says how far the verifier agrees with them and lists every disagreement.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from experiments.cli.verify_rows import Row, read_gsm8k_solutions, read_jsonl
from experiments.run.terminal import printable
from rl.files import write_whole
from verifiers.equivalence.reference import words_for_mathematics
from verifiers.grader import VerifierGrader
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.registry import make
from verifiers.types import Outcome, Verdict, Verifier

READERS = ("symbolic", "steps")  # verifiers that read a reference as an expression, or else as words
MAX_UNREAD = 5  # references compared as words that are shown
HAVE_MODES = ("symbolic", "numeric")
CHUNK = 4096  # rows handed to the pool at a time: bounds memory, and progress is reported between chunks
PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass
class Agreement:
    """Counts of verdict (CORRECT or not) against label."""

    true_positive: int = 0
    true_negative: int = 0
    false_positive: int = 0  # paid, though the label says wrong
    false_negative: int = 0  # refused, though the label says right

    @property
    def total(self) -> int:
        """Labelled rows."""
        return self.true_positive + self.true_negative + self.false_positive + self.false_negative

    @property
    def accuracy(self) -> float:
        """Share of labelled rows where verdict and label agree; 1.0 of none."""
        return (self.true_positive + self.true_negative) / self.total if self.total else 1.0

    def add(self, is_correct: bool, label: bool) -> None:
        """Count one labelled row."""
        kind = ("true" if is_correct == label else "false") + ("_positive" if is_correct else "_negative")
        setattr(self, kind, getattr(self, kind) + 1)


@dataclass
class Summary:
    """What grading a file found; `to_json` gives plain values.

    Attributes:
        rows: graded rows.
        outcomes, reasons: counts by name.
        groups: outcomes by group (e.g. by system), where the file names groups.
        agreement: verdicts against labels; None where the file has none.
        disagreements: rows where verdict and label differ.
        seconds: wall time of grading; `per_verification_ms`: percentiles of the time of one.
        pool: the pool's counters.
        unread: references that look like mathematics and are compared as words, each with its line.
    """

    path: str
    verifier: str
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    agreement: Agreement | None = None
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    per_verification_ms: dict[str, float] = field(default_factory=dict)
    pool: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Share of rows judged CORRECT."""
        return self.outcomes[Outcome.CORRECT.value] / self.rows if self.rows else 0.0

    def add(self, row: Row, verdict: Verdict) -> None:
        """Count one graded row; it joins the disagreements where its label says otherwise."""
        self.rows += 1
        self.outcomes[verdict.outcome.value] += 1
        if verdict.reason is not None:
            self.reasons[verdict.reason.value] += 1
        if row.group:
            self.groups.setdefault(row.group, Counter())[verdict.outcome.value] += 1
        if row.label is None:
            return
        self.agreement = self.agreement or Agreement()
        self.agreement.add(verdict.is_correct, row.label)
        if verdict.is_correct != row.label:
            self.disagreements.append(record(row, verdict))

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        data = {name: value for name, value in vars(self).items() if name != "agreement"}
        data["outcomes"], data["reasons"] = dict(self.outcomes), dict(self.reasons)
        data["groups"] = {name: dict(counts) for name, counts in self.groups.items()}
        data["accuracy"] = self.accuracy
        if self.agreement is not None:
            data["agreement"] = asdict(self.agreement) | {"accuracy": self.agreement.accuracy}
        return data


def record(row: Row, verdict: Verdict) -> dict[str, Any]:
    """One line of the output file."""
    head = {"line": row.line, "group": row.group, "reference": row.answer, "label": row.label}
    return {key: value for key, value in head.items() if value not in (None, "")} | {"verdict": verdict.to_json()}


# --- grading


def verify_file(
    path: str | Path,
    *,
    response_field: str = "response",
    answer_field: str = "answer",
    label_field: str | None = None,
    format: str = "jsonl",
    verifier: str = "symbolic",
    settings: Mapping[str, Any] | None = None,
    workers: int = 1,
    deadline: float = 2.0,
    output: str | Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Grade every response of a file and sum up.

    Args:
        path: the file.
        response_field, answer_field, label_field: dotted paths, for the format "jsonl".
        format: "jsonl", or "gsm8k-solutions" (which also sets the place of the answer to what follows `A:`).
        verifier, settings: a registered verifier and its settings.
        workers: grading processes.
        deadline: seconds per response.
        output: where to write one verdict per line; nowhere when None.
        progress: called with the number of rows graded so far.
    Raises:
        FileNotFoundError: no file at `path`.
        ValueError: a line or a reference cannot be used, with file and line; or there is no such verifier or setting.
    """
    path = Path(path)
    settings = evaluation_settings(verifier, settings)
    if format == "gsm8k-solutions":
        rows = list(read_gsm8k_solutions(path))
        settings = {"places": ("announced",), "strict": False, **settings}
    elif format == "jsonl":
        rows = list(read_jsonl(path, response_field=response_field, answer_field=answer_field, label_field=label_field))
    else:
        raise ValueError(f"unknown format {format!r}; expected 'jsonl' or 'gsm8k-solutions'")
    make(verifier, **settings)  # a wrong name or setting is said here, not by every grading process
    grader = VerifierGrader(verifier, **settings)
    with VerifierPool(grader, workers=workers, deadline_seconds=deadline, key=lambda item: item) as pool:
        check_references(pool, rows, path)
        before = pool.stats
        summary = Summary(str(path), verifier, unread=unread_references(rows, path) if verifier in READERS else [])
        start = time.perf_counter()
        verdicts = list(_graded(pool, rows, progress))
        summary.seconds = time.perf_counter() - start
        summary.pool = {name: count - before[name] for name, count in pool.stats.items()}
    for row, verdict in zip(rows, verdicts, strict=True):
        summary.add(row, verdict)
    summary.per_verification_ms = _percentiles_ms([verdict.seconds for verdict in verdicts])
    if output is not None:
        write_verdicts(Path(output), rows, verdicts)
    return summary


def evaluation_settings(verifier: str | Verifier, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings, with mode "evaluation" where the verifier has modes and none is chosen."""
    chosen = dict(settings or {})
    return {"mode": "evaluation", **chosen} if verifier in HAVE_MODES else chosen


def check_references(pool: VerifierPool, rows: Sequence[Row], path: Path | None) -> None:
    """Raise ValueError for the first reference that the verifier cannot use, with file and line.

    A verifier raises ValueError for such a reference; the pool reports that as ERROR, whatever the response.
    """
    first_line: dict[str, int] = {}
    for row in rows:
        first_line.setdefault(row.answer, row.line)
    for (answer, line), verdict in zip(
        first_line.items(), pool.grade([("", answer) for answer in first_line]), strict=True
    ):
        if verdict.outcome in (Outcome.ERROR, Outcome.TIMEOUT):
            place = "" if path is None else f"{path}:{line}: "
            cause = verdict.detail.removeprefix("the grader raised ValueError: ")
            raise ValueError(f"{place}the reference {answer!r:.200} cannot be used: {cause}")


def unread_references(rows: Sequence[Row], path: Path) -> list[str]:
    """What the verifier says of references that look like mathematics and that it compares as words, in order."""
    first_line: dict[str, int] = {}
    for row in rows:
        first_line.setdefault(row.answer, row.line)
    doubts = ((line, answer, words_for_mathematics(answer)) for answer, line in first_line.items())
    return [f"{path}:{line}: reference {answer!r:.120}: {doubt}" for line, answer, doubt in doubts if doubt is not None]


def _graded(pool: VerifierPool, rows: Sequence[Row], progress: Callable[[int], None] | None) -> Iterable[Verdict]:
    for first in range(0, len(rows), CHUNK):
        chunk = rows[first : first + CHUNK]
        yield from pool.grade([(row.response, row.answer) for row in chunk])
        if progress is not None:
            progress(first + len(chunk))


def _percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and maximum, in milliseconds, by nearest rank."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    ranks = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in PERCENTILES.items()}
    return {name: 1000 * value for name, value in (ranks | {"max": ordered[-1]}).items()}


def write_verdicts(path: Path, rows: Sequence[Row], verdicts: Sequence[Verdict]) -> None:
    """One JSON object per row, in the order of the file."""
    pairs = zip(rows, verdicts, strict=True)
    text = "".join(json.dumps(record(row, verdict), ensure_ascii=False) + "\n" for row, verdict in pairs)
    write_whole(path, text.encode(), durable=False)


class ExplainingGrader(VerifierGrader):
    """Grades a pair and adds what the verifier can tell about it, as `info["explanation"]`."""

    def __call__(self, item: tuple[str, str]) -> Verdict:
        """The verdict, explained."""
        verdict = super().__call__(item)
        explain = getattr(self._made, "explain", None)
        if explain is None:
            return verdict
        return replace(verdict, info={**verdict.info, "explanation": explain(*item)})


def verify_pair(
    response: str,
    answer: str,
    *,
    verifier: str | Verifier = "symbolic",
    settings: Mapping[str, Any] | None = None,
    deadline: float = 2.0,
) -> Verdict:
    """The verdict on one response, under the deadline; what a verifier can explain is in `info["explanation"]`.

    Raises:
        ValueError: the reference cannot be used.
    """
    settings = evaluation_settings(verifier, settings)
    if isinstance(verifier, str):
        make(verifier, **settings)
    with VerifierPool(ExplainingGrader(verifier, **settings), deadline_seconds=deadline) as pool:
        check_references(pool, [Row(1, response, answer)], None)
        return pool.grade([(response, answer)])[0]


# --- showing


def render_summary(summary: Summary, *, max_disagreements: int = 10) -> Any:
    """The summary as a rich renderable."""

    table = Table(title=f"{summary.path} · {summary.verifier}", title_justify="left")
    groups = {**summary.groups, "all": summary.outcomes} if len(summary.groups) > 1 else {"all": summary.outcomes}
    outcomes = [outcome.value for outcome in Outcome if summary.outcomes[outcome.value]]
    table.add_column("")
    for outcome in outcomes:
        table.add_column(outcome, justify="right")
    table.add_column("correct %", justify="right")
    for name, counts in groups.items():
        share = 100 * counts[Outcome.CORRECT.value] / max(1, counts.total())
        table.add_row(name, *(f"{counts[outcome]:,}" for outcome in outcomes), f"{share:.1f}")
    lines: list[Any] = [table]
    lines += [Text(told, style="yellow") for told in summary.unread[:MAX_UNREAD]]
    if len(summary.unread) > MAX_UNREAD:
        lines.append(
            Text(f"... and {len(summary.unread) - MAX_UNREAD} more references compared as words", style="yellow")
        )
    if summary.reasons:
        lines.append(Text("reasons: " + ", ".join(f"{name} {n:,}" for name, n in summary.reasons.most_common())))
    lines.append(Text(_speed_line(summary), style="dim"))
    if summary.agreement is not None:
        lines.append(Text(_agreement_line(summary.agreement), style="green" if not summary.disagreements else "yellow"))
        lines += [_disagreement_line(row) for row in summary.disagreements[:max_disagreements]]
        if len(summary.disagreements) > max_disagreements:
            lines.append(Text(f"... and {len(summary.disagreements) - max_disagreements} more", style="dim"))
    return Group(*lines)


def _speed_line(summary: Summary) -> str:
    times = ", ".join(f"{name} {value:.2f} ms" for name, value in summary.per_verification_ms.items())
    rate = summary.rows / summary.seconds if summary.seconds else 0.0
    return f"{summary.rows:,} responses in {summary.seconds:.1f} s ({rate:,.0f}/s); per verification {times}"


def _agreement_line(agreement: Agreement) -> str:
    agreed = agreement.true_positive + agreement.true_negative
    return (
        f"labels: {agreed:,} of {agreement.total:,} reproduced ({100 * agreement.accuracy:.2f} %), "
        f"{agreement.false_positive} false positives, {agreement.false_negative} false negatives"
    )


def _disagreement_line(row: Mapping[str, Any]) -> Any:

    verdict = row["verdict"]
    where = f"line {row['line']}" + (f" ({row['group']})" if row.get("group") else "")
    said = f"{verdict['outcome']}, label {'right' if row['label'] else 'wrong'}"
    return Text(f"  {where}: {said}: reference {row.get('reference', '')!r}, answer {verdict['answer']!r}")


def render_verdict(verdict: Verdict, answer: str) -> Any:
    """One verdict, explained: what was read out of the response, and why it was judged so."""

    table = Table.grid(padding=(0, 2))
    colour = {Outcome.CORRECT: "bold green", Outcome.ERROR: "bold magenta"}.get(verdict.outcome, "bold red")
    table.add_row("verdict", Text(verdict.outcome.value.upper(), style=colour))
    table.add_row("score", f"{verdict.score:g}")
    table.add_row("reference", Text(printable(answer)))
    table.add_row("answer", Text("none" if verdict.answer is None else printable(verdict.answer)))
    for name, told in verdict.info.get("explanation", {}).items():
        table.add_row(name, Text(printable(told)))
    table.add_row("because", Text(printable(verdict.detail)))
    if verdict.reason is not None:
        table.add_row("reason", verdict.reason.value)
    if verdict.first_wrong_step is not None:
        table.add_row("first wrong step", str(verdict.first_wrong_step + 1))
    for name, value in verdict.parts.items():
        table.add_row(f"part {name}", f"{value:g}")
    table.add_row("took", f"{1000 * verdict.seconds:.2f} ms")
    return table
