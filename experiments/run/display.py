"""What a person sees while a study runs: a live panel on a terminal, one line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from experiments.run.schedule import Schedule
from experiments.run.terminal import printable

if TYPE_CHECKING:  # torch, which a report does without
    from rl.types import Trajectory

SPARKS = "▁▂▃▄▅▆▇█"
PLAIN_SECONDS = 10.0  # between two lines in a pipe
SAMPLE_SECONDS = 60.0  # between two completions in a pipe
SAMPLE_CHARACTERS = 300  # of prompt, and of completion
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
    first: tuple[int, float] | None = None  # how far it was when it was first told of, and when
    note: str = ""
    doing: str = ""
    ended: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    rewards: list[float] = field(default_factory=list)
    gold: list[float] = field(default_factory=list)

    def seconds_left(self) -> float | None:
        """By the pace since it was first told of, so without what prepares a stage; None: not known."""
        if self.ended or self.first is None or not self.done:
            return None
        steps, since = self.done - self.first[0], self.first[1]
        if not steps:  # the first that is told
            steps, since = self.done, self.began
        return (time.time() - since) / steps * max(0, self.total - self.done)


class Display:
    """The study's name, its stages, the time left in all; reward beside gold accuracy; a completion; warnings."""

    def __init__(self, console: Console | None = None, *, live: bool | None = None, quiet: bool = False) -> None:
        self.console = console or Console(file=sys.stderr)
        self.is_live = self.console.is_terminal if live is None else live
        self.quiet = quiet
        self._stages: dict[str, _Stage] = {}
        self._warnings: deque[str] = deque(maxlen=4)
        self._live: Live | None = None
        self._printed = self._sampled = 0.0
        self._name = ""
        self._schedule = Schedule()
        self._sample = ""
        self._began = time.time()

    def __enter__(self) -> Display:
        if self.is_live and not self.quiet:
            self._live = Live(self, console=self.console, refresh_per_second=2, transient=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def study(self, name: str, stages: Sequence[str], seeds: Sequence[int]) -> None:
        """What is going to be done: the stages of each seed."""
        self._name, self._schedule = printable(name), Schedule(stages, seeds)
        each = f" for each of {len(seeds)} seeds" if len(seeds) > 1 else ""
        self._say(f"{self._name}: {len(stages)} stages{each}: {', '.join(stages)}", at_once=True)

    def seed(self, seed: int) -> None:
        """The stages of a seed begin; those of the last one leave the screen."""
        self._schedule.seed = seed
        self._stages.clear()

    def skip(self, stage: str, seconds: float) -> None:
        """A stage was done before this run went on, in so many seconds."""
        self._schedule.took[self._schedule.seed, stage] = seconds

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self._stages[stage] = _Stage()
        number, total = self._schedule.count(stage)
        self._say(f"{stage}: begins" + (f" (stage {number} of {total})" if self._name else ""), at_once=True)

    def end(self, stage: str, note: str = "") -> None:
        """A stage ended; `note` is what it came to."""
        state = self._stages.setdefault(stage, _Stage())
        state.ended, state.note = time.time(), note or state.note
        self._schedule.took[self._schedule.seed, stage] = state.ended - state.began
        self._say(f"{stage}: done in {clock(state.ended - state.began)}  {note}", at_once=True)

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """How far a stage is."""
        state = self._stages.setdefault(stage, _Stage())
        state.done, state.total, state.note, state.doing = done, total, note, ""
        state.first = state.first or (done, time.time())
        numbers = self._numbers(state) or note
        self._say(f"{stage}: {done}/{total}  {numbers}{self._time_left(', ' if numbers else '')}")

    def doing(self, stage: str, what: str) -> None:
        """What a step is at just now; in a pipe only where the step itself has been silent for long."""
        state = self._stages.setdefault(stage, _Stage())
        state.doing = what
        if time.time() - self._printed >= 2 * PLAIN_SECONDS:
            count = f"{state.done}/{state.total}  " if state.total else ""
            self._say(f"{stage}: {count}{what}")

    def metrics(self, stage: str, values: Mapping[str, float]) -> None:
        """The numbers of a step."""
        state = self._stages.setdefault(stage, _Stage())
        state.values.update(values)
        if "reward/mean" in values:
            state.rewards.append(values["reward/mean"])
        if "gold/correct" in values:
            state.gold.append(values["gold/correct"])

    def sample(self, stage: str, step: int, trajectory: Trajectory) -> None:
        """A completion of a step, as it came: always the first of the first group."""
        verdict = "right" if trajectory.verdict.solution_share >= 1 else "wrong"
        texts = (_one_line(text) for text in (trajectory.problem.text, trajectory.completion.text))
        self._sample = f"{stage} step {step}, {verdict}, reward {trajectory.reward:.2f}: {' -> '.join(texts)}"
        if time.time() - self._sampled >= SAMPLE_SECONDS:
            self._sampled = time.time()
            self._say(f"sample: {self._sample}", at_once=True)

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

    def _time_left(self, before: str) -> str:
        """`about 3:10 left in all`, once anything is known; over: some stages to come are of no kind that was done."""
        name = next((name for name, state in self._stages.items() if not state.ended), None)
        own = self._stages[name].seconds_left() if name else None
        if not self._name:
            return f"{before}about {clock(own)} left" if own else ""
        seconds, unknown = self._schedule.seconds_left(name, own)
        return f"{before}{'over' if unknown else 'about'} {clock(seconds)} left in all" if seconds else ""

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
            elapsed, left = (state.ended or time.time()) - state.began, state.seconds_left()
            bar = ProgressBar(total=max(state.total, 1), completed=state.total if state.ended else state.done, width=20)
            count = "done" if state.ended else f"{state.done}/{state.total}"
            times = clock(elapsed) if state.ended else f"{clock(elapsed)} left {clock(left)}"
            table.add_row(Text(name, style="bold"), bar, count, times, Text(state.note, overflow="ellipsis"))
        parts: list[object] = [*self._head(), table, *self._next()]
        running = [s for s in self._stages.values() if not s.ended]
        if running:
            state = running[-1]
            parts.append(Text(self._numbers(state)))
            if state.doing:
                parts.append(Text(state.doing, style="dim"))
            if state.rewards:
                parts.append(Text(f"reward {sparkline(state.rewards)}   gold {sparkline(state.gold)}"))
        if self._sample:
            parts.append(Text(self._sample, style="dim"))
        parts += [Text(f"! {w}", style="yellow") for w in self._warnings]
        return Group(*parts)  # type: ignore[arg-type]

    def _head(self) -> list[Text]:
        """Name, seed, number of the stage, time gone and left."""
        if not self._name:
            return []
        running = next((name for name, state in self._stages.items() if not state.ended), None)
        number, total = self._schedule.count(running)
        seeds = self._schedule.seeds
        seed = f"  seed {self._schedule.seed}" if len(seeds) > 1 else ""
        gone = clock(time.time() - self._began)
        return [
            Text(f"{self._name}{seed}  stage {number} of {total}  {gone} gone{self._time_left(', ')}", style="bold")
        ]

    def _next(self) -> list[Text]:
        """The stages to come."""
        running = next((name for name, state in self._stages.items() if not state.ended), None)
        names = [stage for seed, stage in self._schedule.to_come(running) if seed == self._schedule.seed]
        return [Text(f"to come: {', '.join(names)}", style="dim")] if names else []


def _one_line(text: str) -> str:
    """Text of a problem or a model on one line, nothing in it that a terminal would carry out."""
    short = text if len(text) <= SAMPLE_CHARACTERS else text[:SAMPLE_CHARACTERS] + " ..."
    return " / ".join(printable(short).replace("\t", " ").splitlines())
