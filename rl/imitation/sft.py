"""Supervised fine-tuning: minimise the negative log-likelihood of written solutions, token mean over the batch.

Batches are cut from a window of examples sorted by length: a batch of equal lengths wastes no compute on padding, and
the order of the batches within the window is shuffled so that lengths do not drift in time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from envs.splits import keyed_rng
from rl.collate import collate_pairs
from rl.imitation.demonstrations import TokenPair
from rl.recorder import Recorder
from rl.types import Batch

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
    seed: int = 0  # of the order of batches

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch_size", "probe_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.target is not None and not 0 < self.target <= 1:
            raise ValueError(f"target is {self.target}, expected a probability in (0, 1], or none")


@dataclass(frozen=True)
class SftResult:
    """What a fit did.

    Attributes:
        steps: optimizer steps taken, those before a resume included.
        tokens_trained: completion tokens seen by this call; prompt tokens are read but carry no loss.
        probes: (step, accuracy) of every probe of this call.
        reached_target: the probe ended the fit.
        interrupted: a stop was requested; resume at `steps`.
    """

    steps: int
    tokens_trained: int
    probes: tuple[tuple[int, float], ...]
    reached_target: bool
    interrupted: bool
    seconds: float


class StepLearner(Protocol):
    """The part of rl.learner.Learner that supervised stages use."""

    policy: CausalPolicy

    def step(self, batch: Batch) -> dict[str, float]:
        """One optimizer step."""
        ...


def fit_sft(
    learner: StepLearner,
    examples: Iterator[TokenPair],
    settings: SftSettings,
    recorder: Recorder,
    stage: str = "imitation",
    *,
    probe: Callable[[int], float] | None = None,
    start_step: int = 0,
) -> SftResult:
    """Fits the learner's policy to `examples` until the probe reaches the target, or for max_steps.

    Args:
        examples: endless, or at least (max_steps - start_step) * batch_size of them; a shorter one ends the fit early.
        probe: step -> accuracy in [0, 1], e.g. of single steps; None: no stopping rule.
        start_step: steps already taken (resume); their examples are skipped, so the rest is as in one go.
    """
    began = time.perf_counter()
    batches = islice(length_bucketed(examples, settings.batch_size, settings.seed), start_step, settings.max_steps)
    probes: list[tuple[int, float]] = []
    step, tokens, reached = start_step, 0, False
    for pairs in batches:
        metrics = learner.step(collate_pairs(pairs, learner.policy.pad_id))
        tokens += sum(len(completion) for _, completion in pairs)
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
    if probe is not None and settings.target is not None and not reached and not recorder.stop_requested:
        last = f"{probes[-1][1]:.3f}" if probes else "not measured"
        recorder.warn(stage, f"probe {last} after {step} steps, target {settings.target} not reached")
    interrupted = recorder.stop_requested and not reached and step < settings.max_steps
    return SftResult(step, tokens, tuple(probes), reached, interrupted, time.perf_counter() - began)


def length_bucketed(
    examples: Iterator[TokenPair], batch_size: int, seed: int, window_batches: int = WINDOW_BATCHES
) -> Iterator[list[TokenPair]]:
    """Batches of examples of similar length; every example once, in windows of window_batches * batch_size.

    The last window of a finite stream may end with a smaller batch.
    """
    window_index = 0
    while window := list(islice(examples, batch_size * window_batches)):
        window.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
        batches = [window[i : i + batch_size] for i in range(0, len(window), batch_size)]
        keyed_rng("sft batches", seed, window_index).shuffle(batches)
        yield from batches
        window_index += 1


def _note(metrics: Mapping[str, float], probes: list[tuple[int, float]]) -> str:
    loss = f"loss {metrics['learner/loss']:.3f}" if "learner/loss" in metrics else ""
    return f"{loss}  single steps right {probes[-1][1]:.1%}" if probes else loss
