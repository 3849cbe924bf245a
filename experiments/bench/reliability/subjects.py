"""The studies that are damaged: a finished one, one that was killed half-way, one stopped within a fit of trl's."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.bench.reliability.damage import Subject
from experiments.bench.reliability.kills import Moment, wait_for
from experiments.bench.reliability.processes import Started
from experiments.bench.reliability.subject import content, differences, start


@dataclass(frozen=True)
class Damaged:
    """A study to damage.

    Attributes:
        settings: of the study, beside those that all have.
        left: how, in words.
        moment: when it is ended; None: it ends by itself.
        end: the signal that ends it.
        pattern: of the files that are damaged.
    """

    settings: tuple[str, ...]
    left: str
    moment: Moment | None = None
    end: signal.Signals = signal.SIGKILL
    pattern: str = "*"

    def verbs(self, all_of_them: Sequence[str]) -> list[str]:
        """What is asked of it: everything of a finished one, of others what a resume makes of them."""
        return [verb for verb in all_of_them if self.moment is None or verb == "resume"]

    def subject(self, folder: Path) -> Subject:
        """The study in a folder where `make_subject` made it."""
        return Subject(folder, self.settings, self.pattern)


STUDIES = {
    # the files of an arm `rl` are of the same kinds as those of `rlhf`
    "finished": Damaged(("rl.steps=2", "rl.checkpoint_every=1", "arms={rl: null}"), "finished"),
    "half-way": Damaged(
        ("rl.steps=4", "rl.checkpoint_every=1", "arms={rl: null, dpo: null}"),
        "killed after the third step of rlhf",
        Moment("rlhf/metrics.jsonl", 3),
        pattern="seed-0/rlhf/*",  # those of the stages that are done are damaged in the finished study
    ),
    "fitting": Damaged(
        ("rl.steps=1", "arms={rlhf: null}", "preference.dpo={batch_size: 2, epochs: 4}"),
        "stopped (Ctrl-C) within the fit of dpo",
        Moment("dpo/metrics.jsonl", 1),
        signal.SIGINT,
        "seed-0/dpo/checkpoints/*",
    ),
}


def make_subject(study: str, folder: Path) -> list[str]:
    """Runs the study that is damaged, and one of another seed, left in the same way.

    Returns:
        how the first, resumed without any damage, differs from one that nobody ended early: nothing is expected.
    """
    for name, seeds in (("master", []), ("other", ["seeds=[1]"])):
        place = folder / "work" / "study"  # where it will be damaged: paths are part of what verbs say
        place.parent.mkdir(parents=True, exist_ok=True)
        _run(STUDIES[study], place, [*STUDIES[study].settings, *seeds])
        place.rename(folder / name)
    if STUDIES[study].moment is None:
        return []
    settings, subject = STUDIES[study].settings, STUDIES[study].subject(folder)
    subject.restore()
    _finish(start(place, settings, resume=True))
    _finish(start(folder / "undisturbed", settings))
    return differences(content(folder / "undisturbed"), content(place))


def _finish(process: Started) -> None:
    if process.wait():
        raise RuntimeError(f"a study that is to be damaged ended with {process.returncode}: {process.output()[-1000:]}")


def _run(damaged: Damaged, place: Path, settings: Sequence[str]) -> None:
    process = start(place, settings)
    is_ended_early = damaged.moment is not None and wait_for(process, damaged.moment, place)
    if is_ended_early:
        process.send_signal(damaged.end)
    code = process.wait()
    if is_ended_early == (damaged.moment is None) or (code and not is_ended_early):
        raise RuntimeError(f"a study to damage ended with {code}: {process.output()[-1000:]}")
