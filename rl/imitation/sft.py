"""Supervised fine-tuning: minimise the negative log-likelihood of written solutions, token mean over the batch.

Batches are cut from a window of examples sorted by length: a batch of equal lengths wastes no compute on padding, and
the order of the batches within the window is shuffled so that lengths do not drift in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from envs.splits import keyed_rng
from rl.learning.collate import collate_examples
from rl.records.recorder import Recorder
from rl.types import Batch, Example

if TYPE_CHECKING:
    from policies.causal import CausalPolicy

WINDOW_BATCHES = 32  # batches sorted by length together


@dataclass(frozen=True)
class SftSettings:
    """How long and on what size of batches to fit."""

    max_steps: int = 6000  # optimizer steps at most
    batch_size: int = 64  # examples per step
    target: float | None = 0.95  # stop when the probe reaches this; None: all max_steps
    min_steps: int = 0  # steps before the probe may stop the run
    probe_every: int = 250  # steps between probes
    log_every: int = 25  # steps between rows of metrics
    save_every: int = 0  # steps between calls of `save`; 0: only when stopped
    seed: int = 0  # of the order of batches

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch_size", "probe_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.target is not None and not 0 < self.target <= 1:
            raise ValueError(f"target is {self.target}, expected a probability in (0, 1], or none")


@dataclass(frozen=True)
class FitProgress:
    """How far a fit is: what a checkpoint keeps beside the learner."""

    steps: int = 0  # optimizer steps taken
    tokens: int = 0  # completion tokens trained on
    tokens_passed: int = 0  # prompt tokens too
    probes: tuple[tuple[int, float], ...] = ()  # (step, accuracy) of every probe

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> FitProgress:
        """What `to_json` wrote."""
        return cls(
            row["steps"], row["tokens"], row["tokens_passed"], tuple((step, value) for step, value in row["probes"])
        )


NOTHING_DONE = FitProgress()


@dataclass(frozen=True)
class SftResult:
    """What a fit did.

    Attributes:
        steps: optimizer steps taken, those before a resume included.
        tokens_trained: completion tokens seen, those before a resume included; prompt tokens carry no loss.
        tokens_passed: prompt and completion tokens that went through the model.
        probes: (step, accuracy) of every probe.
        reached_target: the probe ended the fit.
        interrupted: a stop was requested; resume at `steps`.
    """

    steps: int
    tokens_trained: int
    tokens_passed: int
    probes: tuple[tuple[int, float], ...]
    reached_target: bool
    interrupted: bool
    seconds: float


class StepLearner(Protocol):
    """The part of rl.learning.learner.Learner that supervised stages use."""

    policy: CausalPolicy

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimizer step."""
        ...


def fit_sft(
    learner: StepLearner,
    examples: Iterator[Example],
    settings: SftSettings,
    recorder: Recorder,
    stage: str = "imitation",
    *,
    probe: Callable[[int], float] | None = None,
    save: Callable[[FitProgress], None] | None = None,
    start: FitProgress = NOTHING_DONE,
) -> SftResult:
    """Fits the learner's policy to `examples` until the probe reaches the target, or for max_steps.

    Args:
        examples: endless, or at least max_steps * batch_size of them; a shorter one ends the fit early.
        probe: step -> accuracy in [0, 1], e.g. of single steps; None: no stopping rule.
        save: told how far the fit is, to write a checkpoint: at `save_every`, and when it was stopped before its end.
        start: how far it was (resume); those examples are skipped, so the rest is as in one go.
    """
    began = time.perf_counter()
    recorder.rewind(stage, start.steps)
    batches = islice(length_bucketed(examples, settings.batch_size, settings.seed), start.steps, settings.max_steps)
    probes = list(start.probes)
    step, tokens, passed, reached = start.steps, start.tokens, start.tokens_passed, False
    for batch in batches:
        metrics = learner.step(collate_examples(batch, learner.policy.pad_id))
        tokens += sum(e.num_written for e in batch)
        passed += sum(len(e.prompt) + len(e.completion) for e in batch)
        step += 1
        if step % settings.log_every == 0 or step == settings.max_steps:
            recorder.metrics(stage, step, metrics)
        if probe is not None and (step % settings.probe_every == 0 or step == settings.max_steps):
            probes.append((step, probe(step)))
            recorder.metrics(stage, step, {"imitation/probe": probes[-1][1]})
            reached = settings.target is not None and step >= settings.min_steps and probes[-1][1] >= settings.target
        recorder.progress(stage, step, settings.max_steps, _note(metrics, probes))
        if reached or recorder.stop_requested:
            break
        if save is not None and settings.save_every and step % settings.save_every == 0 and step < settings.max_steps:
            save(FitProgress(step, tokens, passed, tuple(probes)))
    if probe is not None and settings.target is not None and not reached and not recorder.stop_requested:
        last = f"{probes[-1][1]:.3f}" if probes else "not measured"
        recorder.warn(stage, f"probe {last} after {step} steps, target {settings.target} not reached")
    interrupted = recorder.stop_requested and not reached and step < settings.max_steps
    if interrupted and save is not None:
        save(FitProgress(step, tokens, passed, tuple(probes)))
    return SftResult(step, tokens, passed, tuple(probes), reached, interrupted, time.perf_counter() - began)


def length_bucketed(
    examples: Iterator[Example], batch_size: int, seed: int, window_batches: int = WINDOW_BATCHES
) -> Iterator[list[Example]]:
    """Batches of examples of similar length; every example once, in windows of window_batches * batch_size.

    The last window of a finite stream may end with a smaller batch.
    """
    window_index = 0
    while window := list(islice(examples, batch_size * window_batches)):
        window.sort(key=lambda example: len(example.prompt) + len(example.completion))
        batches = [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
        keyed_rng("sft batches", seed, window_index).shuffle(batches)
        yield from batches
        window_index += 1


def _note(metrics: Mapping[str, float], probes: list[tuple[int, float]]) -> str:
    loss = f"loss {metrics['learner/loss']:.3f}" if "learner/loss" in metrics else ""
    return f"{loss}  single steps right {probes[-1][1]:.1%}" if probes else loss
