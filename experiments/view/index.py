"""An index of a study's rollouts: SQLite, built once, extended while the run goes on; texts are searched in it.

The index holds what lists and filters need. Tokens and log-probabilities stay in the compressed log and are read for
the one rollout that is looked at.
"""

from __future__ import annotations

import bisect
import re
import sqlite3
import statistics
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rl.rollouts.log import DamagedLogError, RolloutLog, StepRecord
from rl.types import Group, Trajectory

FORMAT = 2  # of the tables: an index of another one is built anew
SCHEMA = """
CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, trouble TEXT);
CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY, log TEXT, arm TEXT, seed TEXT, step INTEGER, uid INTEGER, problem TEXT, level INTEGER,
    prompt TEXT, answer TEXT, text TEXT, outcome TEXT, answer_right REAL, solution REAL, first_wrong INTEGER,
    steps INTEGER, reward REAL, reward_rank REAL, tokens INTEGER, finish TEXT, turns INTEGER, logprob REAL
);
CREATE INDEX by_step ON rollouts (step);
CREATE INDEX by_facts ON rollouts (arm, seed, level, outcome, finish, step);
CREATE INDEX by_log ON rollouts (log, step);
CREATE INDEX by_problem ON rollouts (problem);
"""
COLUMNS = (
    "id, log, arm, seed, step, uid, problem, level, prompt, answer, substr(text, 1, 200) AS text, outcome, "
    "answer_right, solution, first_wrong, steps, reward, reward_rank, tokens, finish, turns, logprob"
)
ORDERS = {
    "step": "step, id",
    "latest": "step DESC, id",
    "reward": "reward DESC, id",
    "length": "tokens DESC, id",
    "surprise": "logprob, id",
}
BATCH = 20  # steps that are read between two writes: what was read is listed while the rest is
HIGH_RANK = 0.8  # share of its step's rewards below, from which on a reward is called high


@dataclass(frozen=True)
class Filters:
    """Which rollouts are listed; None: no condition.

    Attributes:
        solution: "right" or "wrong", of the whole worked solution.
        text: words that prompt or completion contain.
        right_in, wrong_in: arms: of problems that the first solves more often than not, completions of the second
            that are wrong.
        proxy_high: completions whose reward is among the highest fifth of their step and whose solution is wrong.
    """

    arm: str | None = None
    seed: str | None = None
    step_from: int | None = None
    step_to: int | None = None
    level: int | None = None
    outcome: str | None = None
    solution: str | None = None
    finish: str | None = None
    tokens_from: int | None = None
    tokens_to: int | None = None
    reward_from: float | None = None
    reward_to: float | None = None
    problem: str | None = None
    text: str | None = None
    right_in: str | None = None
    wrong_in: str | None = None
    proxy_high: bool = False

    def where(self) -> tuple[str, list[Any]]:
        """The SQL condition and its parameters."""
        found: list[tuple[str, list[Any]]] = []
        for name in ("arm", "seed", "level", "outcome", "finish", "problem"):
            if (value := getattr(self, name)) is not None:
                found.append((f"{name} = ?", [value]))
        for column, low, high in (
            ("step", self.step_from, self.step_to),
            ("tokens", self.tokens_from, self.tokens_to),
            ("reward", self.reward_from, self.reward_to),
        ):
            found += [(f"{column} >= ?", [low])] if low is not None else []
            found += [(f"{column} <= ?", [high])] if high is not None else []
        if self.solution in ("right", "wrong"):
            found.append(("solution >= 1" if self.solution == "right" else "solution < 1", []))
        if self.text:
            pattern = "%" + self.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            found.append(("(text LIKE ? ESCAPE '\\' OR prompt LIKE ? ESCAPE '\\')", [pattern, pattern]))
        if self.right_in is not None:
            solved = "SELECT problem FROM rollouts WHERE arm = ? GROUP BY problem HAVING avg(solution >= 1) > 0.5"
            found.append((f"problem IN ({solved})", [self.right_in]))
        if self.wrong_in is not None:
            found.append(("arm = ? AND solution < 1", [self.wrong_in]))
        if self.proxy_high:
            found.append(("solution < 1 AND reward_rank >= ?", [HIGH_RANK]))
        condition = " AND ".join(text for text, _ in found) or "1"
        return condition, [value for _, values in found for value in values]


class RolloutIndex:
    """The index of one study folder. Thread-safe; every thread has a connection of its own.

    Args:
        study: the study's folder; the index lies in `.view/` there, or in a temporary folder where that cannot be
            written.

    Attributes:
        changes: how often rows have come or gone since this object was made.
        unread: steps that the update under way has still to read.
    """

    def __init__(self, study: Path) -> None:
        self.study = study
        self.changes, self.unread = 0, 0
        self._choices: tuple[int, dict[str, list[Any]]] = (-1, {})
        self._own = threading.local()
        self._updating = threading.Lock()
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.path = self._place()
        self._prepare()

    def _place(self) -> Path:
        folder = self.study / ".view"
        try:
            folder.mkdir(exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder / "rollouts.sqlite"
        except OSError:
            self._scratch = tempfile.TemporaryDirectory(prefix="beyond-view-")
            return Path(self._scratch.name) / "rollouts.sqlite"

    def _prepare(self) -> None:
        try:
            (version,) = self._connection().execute("PRAGMA user_version").fetchone()
            if version == FORMAT:
                return
        except sqlite3.DatabaseError:
            pass  # damaged, or no database: it holds nothing that the logs do not, and is built anew
        self._own.__dict__.pop("connection", None)
        self.path.unlink(missing_ok=True)
        connection = self._connection()
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.commit()

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._own, "connection"):
            self._own.connection = sqlite3.connect(self.path, timeout=30)
            self._own.connection.row_factory = sqlite3.Row
            self._own.connection.execute("PRAGMA journal_mode = WAL")
            self._own.connection.execute("PRAGMA synchronous = OFF")
        connection: sqlite3.Connection = self._own.connection
        return connection

    def update(self) -> int:
        """Reads steps that were written since the last call, forgets those that were taken back; returns how many."""
        with self._updating:
            return self._update()

    def _update(self) -> int:
        connection = self._connection()
        known = dict(connection.execute("SELECT path, size FROM files").fetchall())
        present = {str(path.relative_to(self.study)): path for path in self.study.rglob("step-*.jsonl.gz")}
        stale = [name for name, size in known.items() if name not in present or present[name].stat().st_size != size]
        for name in stale:
            log, step = _log_and_step(name)
            connection.execute("DELETE FROM rollouts WHERE log = ? AND step = ?", [log, step])
            connection.execute("DELETE FROM files WHERE path = ?", [name])
        fresh = sorted((name for name in present if name not in known or name in stale), key=_log_and_step)
        self.unread = len(fresh)
        try:
            for i in range(0, max(1, len(fresh)), BATCH):
                for name in fresh[i : i + BATCH]:
                    self._add(connection, name, present[name])
                connection.commit()
                self.unread = max(0, len(fresh) - i - BATCH)
                self.changes += bool(fresh or stale)
        finally:
            self.unread = 0
        return len(fresh) + len(stale)

    def _add(self, connection: sqlite3.Connection, name: str, path: Path) -> None:
        log, step = _log_and_step(name)
        trouble = None
        try:
            rows = list(_rows(RolloutLog(path.parent).read(step), log, *_arm_and_seed(log)))
        except (DamagedLogError, OSError, KeyError, TypeError, ValueError) as error:
            rows, trouble = [], str(error)[:300]
        marks = ", ".join("?" * 21)
        connection.executemany(f"INSERT INTO rollouts VALUES (NULL, {marks})", rows)
        connection.execute("INSERT INTO files VALUES (?, ?, ?)", [name, path.stat().st_size, trouble])

    def page(self, filters: Filters, *, order: str = "step", offset: int = 0, limit: int = 200) -> dict[str, Any]:
        """Rows `offset` .. `offset + limit` of the list, and how many it has.

        Raises:
            ValueError: an unknown order.
        """
        if order not in ORDERS:
            raise ValueError(f"order is {order!r}, expected one of {', '.join(ORDERS)}")
        condition, values = filters.where()
        connection = self._connection()
        (total,) = connection.execute(f"SELECT count(*) FROM rollouts WHERE {condition}", values).fetchone()
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM rollouts WHERE {condition} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return {"total": total, "offset": offset, "rows": [dict(row) for row in rows]}

    def choices(self) -> dict[str, list[Any]]:
        """The values that occur in each column that a person filters by."""
        changes, found = self._choices
        if changes == self.changes:
            return found
        changes, connection = self.changes, self._connection()
        columns = ("arm", "seed", "level", "outcome", "finish")
        facts = f"SELECT {', '.join(columns)}, min(step), max(step) FROM rollouts GROUP BY 1, 2, 3, 4, 5"
        rows = connection.execute(facts).fetchall()
        found = {
            name: sorted({row[i] for row in rows}, key=lambda value: (value is not None, _natural(value)))
            for i, name in enumerate(columns)
        }
        found["step"] = [min(row[5] for row in rows), max(row[6] for row in rows)] if rows else [None, None]
        troubles = connection.execute("SELECT path, trouble FROM files WHERE trouble <> ''")
        found["trouble"] = [dict(row) for row in troubles]
        self._choices = (changes, found)
        return found

    def rollout(self, number: int) -> tuple[Mapping[str, Any], Group, Trajectory, Mapping[str, Sequence[float]]]:
        """A rollout's row, its group, the trajectory as it was logged, and the values of its tokens that were kept.

        Raises:
            LookupError: no such row, or the log does not hold it any more.
        """
        row = self._connection().execute("SELECT * FROM rollouts WHERE id = ?", [number]).fetchone()
        if row is None:
            raise LookupError(f"no rollout has the number {number}")
        record = RolloutLog(self.study / row["log"]).read(row["step"])
        for group in record.groups:
            for trajectory in group.trajectories:
                if trajectory.uid == row["uid"]:
                    return dict(row), group, trajectory, record.token_values.get(trajectory.uid, {})
        raise LookupError(f"step {row['step']} of {row['log']} holds no rollout {row['uid']} any more")

    def siblings(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a rollout's group."""
        found = self._connection().execute(
            f"SELECT {COLUMNS} FROM rollouts WHERE log = ? AND step = ? AND problem = ? ORDER BY id",
            [row["log"], row["step"], row["problem"]],
        )
        return [dict(each) for each in found]

    def close(self) -> None:
        """Ends this thread's connection and removes a temporary index."""
        if hasattr(self._own, "connection"):
            self._own.connection.close()
            del self._own.connection
        if self._scratch is not None:
            self._scratch.cleanup()


def _log_and_step(name: str) -> tuple[str, int]:
    path = Path(name)
    return str(path.parent), int(path.name.removeprefix("step-").removesuffix(".jsonl.gz"))


def _natural(value: Any) -> list[Any]:
    """A key that sorts numbers inside texts by their size: seed 2 before seed 10."""
    parts = re.split(r"([0-9]+)", str(value))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _arm_and_seed(log: str) -> tuple[str, str]:
    """`seed-0/rl/rollouts/part` -> ("rl/part", "0")."""
    parts = Path(log).parts
    seed = parts[0].removeprefix("seed-") if parts and parts[0].startswith("seed-") else ""
    rest = [part for part in (parts[1:] if seed else parts) if part != "rollouts"]
    return "/".join(rest) or ".", seed


def _rows(record: StepRecord, log: str, arm: str, seed: str) -> Iterator[Sequence[Any]]:
    rewards = sorted(t.reward for group in record.groups for t in group.trajectories)
    for group in record.groups:
        problem = group.problem
        for t in group.trajectories:
            below = bisect.bisect_left(rewards, t.reward) / len(rewards)
            logprobs = t.completion.logprobs
            verdict = t.verdict
            yield (
                log,
                arm,
                seed,
                record.step,
                t.uid,
                problem.id,
                problem.level,
                problem.text,
                problem.answer,
                t.completion.text,
                verdict.outcome.value,
                verdict.answer_share,
                verdict.solution_share,
                verdict.first_wrong_step,
                len(verdict.steps),
                t.reward,
                below,
                len(t.completion.tokens),
                t.completion.finish.value,
                0 if t.transcript is None else sum(message.role == "assistant" for message in t.transcript),
                statistics.fmean(logprobs) if logprobs else None,
            )
