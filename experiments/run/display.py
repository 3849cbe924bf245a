"""What a person sees while a study runs: a live panel on a terminal, one line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

SPARKS = "▁▂▃▄▅▆▇█"
PLAIN_SECONDS = 10.0  # between two lines in a pipe
SHOWN = (  # metric, label, format
    ("reward/mean", "reward", "{:.3f}"),
    ("gold/correct", "gold", "{:.3f}"),
    ("gold/part/solution", "solution", "{:.3f}"),
    ("policy/kl", "kl", "{:.2f}"),
    ("policy/entropy", "entropy", "{:.2f}"),
    ("groups/no_signal", "no signal", "{:.0%}"),
    ("completion/tokens_mean", "tokens", "{:.1f}"),
    ("finish/length", "truncated", "{:.1%}"),
    ("learner/loss", "loss", "{:.4f}"),
    ("speed/sampled_tokens_per_second", "tok/s", "{:,.0f}"),
    ("speed/learner_tokens_per_second", "learned", "{:,.0f}/s"),
    ("speed/learner_mfu", "mfu", "{:.0%}"),
    ("workers/idle", "idle", "{:.0%}"),
)
PHASES = ("rollout", "update")  # of a step, shown with their share of it


def sparkline(values: list[float], width: int = 24) -> str:
    """The last values as a row of bars between their smallest and largest."""
    tail = values[-width:]
    low, high = min(tail, default=0.0), max(tail, default=0.0)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[int((v - low) * scale)] for v in tail)


def clock(seconds: float | None) -> str:
    """m:ss, or h:mm:ss; `-:--` when unknown."""
    if seconds is None:
        return "-:--"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


@dataclass
class _Stage:
    began: float = field(default_factory=time.time)
    done: int = 0
    total: int = 0
    note: str = ""
    ended: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    rewards: list[float] = field(default_factory=list)
    gold: list[float] = field(default_factory=list)


class Display:
    """Stages with progress and time left; reward beside gold accuracy; the last warnings."""

    def __init__(self, console: Console | None = None, *, live: bool | None = None, quiet: bool = False) -> None:
        self.console = console or Console(file=sys.stderr)
        self.is_live = self.console.is_terminal if live is None else live
        self.quiet = quiet
        self._stages: dict[str, _Stage] = {}
        self._warnings: deque[str] = deque(maxlen=4)
        self._live: Live | None = None
        self._printed = 0.0

    def __enter__(self) -> Display:
        if self.is_live and not self.quiet:
            self._live = Live(self, console=self.console, refresh_per_second=2, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self._stages[stage] = _Stage()
        self._say(f"{stage}: begins", at_once=True)

    def end(self, stage: str, note: str = "") -> None:
        """A stage ended; `note` is what it came to."""
        state = self._stages.setdefault(stage, _Stage())
        state.ended, state.note = time.time(), note or state.note
        self._say(f"{stage}: done in {clock(state.ended - state.began)}  {note}", at_once=True)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """How far a stage is."""
        state = self._stages.setdefault(stage, _Stage())
        state.done, state.total, state.note = done, total, note
        self._say(f"{stage}: {done}/{total}  {self._numbers(state) or note}")

    def metrics(self, stage: str, values: Mapping[str, float]) -> None:
        """The numbers of a step."""
        state = self._stages.setdefault(stage, _Stage())
        state.values.update(values)
        if "reward/mean" in values:
            state.rewards.append(values["reward/mean"])
        if "gold/correct" in values:
            state.gold.append(values["gold/correct"])

    def warn(self, stage: str, message: str) -> None:
        """A warning, kept on screen."""
        self._warnings.append(f"{stage}: {message}")
        self._say(f"warning: {stage}: {message}", at_once=True)

    def _say(self, line: str, at_once: bool = False) -> None:
        if self._live or self.quiet:
            return
        if at_once or time.time() - self._printed >= PLAIN_SECONDS:
            self._printed = time.time()
            self.console.print(line.rstrip(), highlight=False, soft_wrap=True, markup=False)

    def _numbers(self, state: _Stage) -> str:
        found = [(label, form, state.values[name]) for name, label, form in SHOWN if name in state.values]
        parts = [f"{label} {form.format(value)}" for label, form, value in found]
        step = state.values.get("time/step_seconds")
        if step:
            shares = (f"{name} {state.values.get(f'time/{name}_seconds', 0) / step:.0%}" for name in PHASES)
            parts.append(f"step {step:.2f} s ({', '.join(shares)})")
        return "  ".join(parts)

    def __rich__(self) -> Group:
        table = Table.grid(padding=(0, 2))
        for name, state in self._stages.items():
            elapsed = (state.ended or time.time()) - state.began
            left = elapsed / state.done * (state.total - state.done) if state.done and not state.ended else None
            bar = ProgressBar(total=max(state.total, 1), completed=state.total if state.ended else state.done, width=20)
            count = "done" if state.ended else f"{state.done}/{state.total}"
            times = clock(elapsed) if state.ended else f"{clock(elapsed)} left {clock(left)}"
            table.add_row(Text(name, style="bold"), bar, count, times, Text(state.note, overflow="ellipsis"))
        parts: list[object] = [table]
        running = [s for s in self._stages.values() if not s.ended]
        if running:
            state = running[-1]
            parts.append(Text(self._numbers(state)))
            if state.rewards:
                parts.append(Text(f"reward {sparkline(state.rewards)}   gold {sparkline(state.gold)}"))
        parts += [Text(f"! {w}", style="yellow") for w in self._warnings]
        return Group(*parts)  # type: ignore[arg-type]
