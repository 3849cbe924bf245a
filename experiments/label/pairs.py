"""Which pairs people are shown, and their answers: appended as they are given, resumable, readable by a study.

Every answer, ties and withdrawn ones included, is a line of `NAME.answers.jsonl`; `NAME.jsonl` holds the preferences
among them in the form that `preference: {comparisons: ...}` reads.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rl.files import write_whole
from rl.preference.labels.comparisons import Pair, different_pairs
from rl.records.lines import save_records
from rl.rollouts.log import RolloutLog
from rl.types import Comparison, Group, Trajectory

ANSWERS = ("first", "second", "tie")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
MAX_REASON = 2000  # characters


def logged_step(log: RolloutLog, step: int | None) -> int:
    """The step itself, or the last one that was logged.

    Raises:
        ValueError: nothing was logged, or not that step.
    """
    steps = log.steps()
    if not steps:
        raise ValueError(f"{log.folder} holds no rollouts")
    chosen = steps[-1] if step is None else step
    if chosen not in steps:
        raise ValueError(f"step {chosen} of {log.folder} was not logged; there are {steps[0]} to {steps[-1]}")
    return chosen


def pairs_of(log: RolloutLog, step: int | None, *, num: int | None, seed: int) -> list[Pair]:
    """At most `num` pairs of different texts from a step's rollouts: one of every problem, then a second, and so on.

    Equal seeds give equal pairs in an equal order, so several annotators answer the same ones; which completion is
    shown first is drawn, so that a habit of choosing the left one rewards nothing.

    Args:
        step: None: the last one that was logged.
        num: None: all.
    Raises:
        ValueError: nothing was logged, not that step, or the step holds no two different texts of a problem.
    """
    chosen = logged_step(log, step)
    groups: Sequence[Group] = log.read(chosen).groups
    rng = random.Random(seed)
    columns = [different_pairs(group, rng) for group in groups]
    for column in columns:
        rng.shuffle(column)
    rng.shuffle(columns)
    deepest = max(map(len, columns), default=0)
    found = [column[i] for i in range(deepest) for column in columns if i < len(column)][:num]
    if not found:
        raise ValueError(f"step {chosen} of {log.folder} holds no two different completions of one problem")
    return found


@dataclass
class Answers:
    """One annotator's answers to a list of pairs.

    Attributes:
        given: position of a pair -> its answer, the withdrawn ones left out.
    """

    folder: Path
    name: str
    pairs: Sequence[Pair]
    given: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"annotator is {self.name!r}, expected up to 40 letters, digits, _ or -")
        self.folder.mkdir(parents=True, exist_ok=True)
        for row in self._logged():
            if row["pair"] != self._key(row["position"]):
                raise ValueError(
                    f"{self._log} answers other pairs (position {row['position']}): go on with the arm, step, number "
                    "and seed of before, or choose another --annotator"
                )
            if row["answer"] is None:
                self.given.pop(row["position"], None)
            else:
                self.given[row["position"]] = row

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.answers.jsonl"

    @property
    def file(self) -> Path:
        """The preferences, as a study reads them."""
        return self.folder / f"{self.name}.jsonl"

    @property
    def position(self) -> int | None:
        """The first pair without an answer; None when all have one."""
        return next((i for i in range(len(self.pairs)) if i not in self.given), None)

    def answer(self, position: int, answer: str, *, seconds: float, reason: str = "") -> None:
        """Keeps an answer to a pair.

        Raises:
            ValueError: no such pair or answer.
        """
        if not 0 <= position < len(self.pairs):
            raise ValueError(f"pair {position} is not one of {len(self.pairs)}")
        if answer not in ANSWERS:
            raise ValueError(f"answer is {answer!r}, expected one of {', '.join(ANSWERS)}")
        row = {"answer": answer, "seconds": round(max(0.0, float(seconds)), 2), "reason": reason[:MAX_REASON]}
        self.given[position] = self._append(position, row)
        self._save()

    def withdraw(self) -> int | None:
        """Takes the latest answer back; the position of its pair, None when nothing was answered."""
        if not self.given:
            return None
        position = max(self.given, key=lambda each: self.given[each]["at"])
        self._append(position, {"answer": None})
        del self.given[position]
        self._save()
        return position

    def comparisons(self) -> list[Comparison]:
        """The preferences among the answers, in the order of the pairs."""
        found = []
        for position, row in sorted(self.given.items()):
            if row["answer"] == "tie":
                continue
            pair = self.pairs[position]
            chosen, rejected = (pair.first, pair.second) if row["answer"] == "first" else (pair.second, pair.first)
            truth = (chosen.verdict.is_correct, rejected.verdict.is_correct)
            found.append(
                Comparison(
                    problem=chosen.problem,
                    chosen=chosen.completion.text,
                    rejected=rejected.completion.text,
                    annotator=self.name,
                    agrees_with_gold=None if truth[0] == truth[1] else truth[0],
                    chosen_tokens=chosen.completion.tokens,
                    rejected_tokens=rejected.completion.tokens,
                )
            )
        return found

    def _key(self, position: int) -> list[int] | None:
        """What names a pair: the uids of its completions, in the order in which they are shown."""
        if not 0 <= position < len(self.pairs):
            return None
        pair = self.pairs[position]
        return [pair.first.uid, pair.second.uid]

    def _append(self, position: int, row: dict[str, Any]) -> dict[str, Any]:
        full = {"position": position, "pair": self._key(position), "at": time.time(), **row}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(full, ensure_ascii=False) + "\n")
            file.flush()
        return full

    def _logged(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        text = self._log.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # a line that was being written when its process ended
            write_whole(self._log, whole.encode())
        return [json.loads(line) for line in whole.splitlines()]

    def _save(self) -> None:
        writing = self.file.with_suffix(".writing")
        save_records(self.comparisons(), writing)
        writing.replace(self.file)


def agreement_with_truth(answers: Answers) -> tuple[int, int]:
    """(how often the better completion was chosen, of how many): preferences where exactly one is right."""
    known = [row.agrees_with_gold for row in answers.comparisons() if row.agrees_with_gold is not None]
    return sum(known), len(known)


def agreement_between(one: Answers, two: Answers) -> tuple[int, int]:
    """(equal answers, of how many) over the pairs that both annotators answered; ties are answers."""
    shared = one.given.keys() & two.given.keys()
    return sum(one.given[i]["answer"] == two.given[i]["answer"] for i in shared), len(shared)


def shown(trajectory: Trajectory) -> str:
    """What a person reads of a completion: its text, or the turns of its conversation."""
    if trajectory.transcript is None:
        return trajectory.completion.text
    return "\n\n".join(f"{message.role}: {message.content}" for message in trajectory.transcript)
