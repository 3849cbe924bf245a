"""The cost of a step, from rates.

    rollout = ceil(S / W) shards after one another, each as long as the slower of writing and grading it
    update  = batch tokens x seconds per token, shared by the learner's devices
    step    = rollout + update + publish + rest                        (synchronous)
            = max(rollout, update + publish + rest)                    (sampling ahead: rl.max_staleness above 0)

S shards a step, W workers. A worker grades one shard while it writes the next, so of grading only the last shard's is
waited for, unless grading is the slower of the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

LEARNER_EFFICIENCY = 0.9  # of each device, where several share a learner
GRADERS = 1  # verifier processes of a worker


@dataclass(frozen=True)
class Rates:
    """What one worker and one learning device need, in seconds.

    Attributes:
        sample: of one worker, for each sampled token.
        grade: of one verifier process, for each completion.
        learn: of one learning device, for each token of the batch, prompts included.
        publish: to hand out new weights, once a step.
        rest: of a step that is none of these: rewards, collation, records.
        completion_tokens, prompt_tokens: mean lengths.
        source: where they come from.
    """

    sample: float
    grade: float
    learn: float
    publish: float
    rest: float
    completion_tokens: float
    prompt_tokens: float
    source: str = ""

    def at_length(self, completion_tokens: float) -> Rates:
        """The same machine with completions of another mean length; rates per token are taken as they are."""
        return replace(self, completion_tokens=completion_tokens)

    def of_size(self, factor: float) -> Rates:
        """The same machine with a model of `factor` times the parameters: work per token and weights grow with it."""
        return replace(self, sample=self.sample * factor, learn=self.learn * factor, publish=self.publish * factor)


@dataclass(frozen=True)
class Load:
    """What a step asks for."""

    problems: int  # P
    group_size: int  # G
    shard_size: int  # problems of a shard
    steps: int
    is_ahead: bool = False  # samples for later steps while it learns

    @property
    def completions(self) -> int:
        """Of a step."""
        return self.problems * self.group_size

    @property
    def shards(self) -> int:
        """Of a step."""
        return math.ceil(self.problems / self.shard_size)


@dataclass(frozen=True)
class Machines:
    """Workers, and the devices that learn.

    Attributes:
        workers: W.
        learners: devices that share the learner's work.
        paid: machines or devices that are paid for while the run lasts.
        price: of one of them, per hour; 0: not told.
    """

    workers: int
    learners: int = 1
    paid: int = 1
    price: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """A step's seconds by part, and what follows for the run."""

    parts: Mapping[str, float]
    step_seconds: float
    run_hours: float
    cost: float
    tokens_per_second: float
    worker_idle: float  # share of the workers' time
    bottleneck: str
    assumptions: tuple[str, ...] = field(default_factory=tuple)


def predict(rates: Rates, load: Load, machines: Machines) -> Prediction:
    """What a step takes on these machines.

    Raises:
        ValueError: no worker, or no learning device.
    """
    if machines.workers < 1 or machines.learners < 1:
        raise ValueError(
            f"{machines.workers} workers, {machines.learners} learning devices: expected 1 or more of each"
        )
    of_shard = load.completions / load.shards
    write = of_shard * rates.completion_tokens * rates.sample
    grade = of_shard * rates.grade / GRADERS
    rounds = math.ceil(load.shards / machines.workers)
    rollout = write + (rounds - 1) * max(write, grade) + grade
    share = machines.learners if machines.learners == 1 else machines.learners * LEARNER_EFFICIENCY
    update = load.completions * (rates.completion_tokens + rates.prompt_tokens) * rates.learn / share
    learning = update + rates.publish + rates.rest
    step = max(rollout, learning) if load.is_ahead else rollout + learning
    sampling_share = rounds * write
    parts = {
        "sampling": sampling_share,
        "verification": rollout - sampling_share,
        "learning": update,
        "publishing": rates.publish,
        "rest": rates.rest,
    }
    hours = step * load.steps / 3600
    busy = load.shards * write / (machines.workers * step)
    return Prediction(
        parts=parts,
        step_seconds=step,
        run_hours=hours,
        cost=hours * machines.paid * machines.price,
        tokens_per_second=load.completions * rates.completion_tokens / step,
        worker_idle=1 - busy,
        bottleneck=_bottleneck(parts, load, machines, rollout, learning),
        assumptions=_assumptions(rates, load, machines, rounds),
    )


def _bottleneck(parts: Mapping[str, float], load: Load, machines: Machines, rollout: float, learning: float) -> str:
    """The part that a step waits for most, and what would shorten it."""
    shown = parts if not load.is_ahead else {n: s for n, s in parts.items() if (n in _ROLLOUT) == (rollout >= learning)}
    name = max(shown, key=lambda part: shown[part])
    if name == "sampling":
        if machines.workers >= load.shards:
            return "sampling: every worker has one shard or none; only smaller shards (workers.shard_size) help"
        useful = min(load.shards, 2 * machines.workers)
        return f"sampling: more workers help, up to {load.shards} (one shard each); next, {useful}"
    return f"{name}: {_ADVICE[name]}"


_ROLLOUT = ("sampling", "verification")
_ADVICE = {
    "verification": "a cheaper check, a shorter workers.deadline_seconds, or more workers (each has a verifier)",
    "learning": "more learning devices, rl.autocast, larger rl.micro_tokens; more workers do not help",
    "publishing": "fewer, larger steps; publishing does not shrink with workers",
    "rest": "the loop itself: fewer, larger steps",
}


def _assumptions(rates: Rates, load: Load, machines: Machines, rounds: int) -> tuple[str, ...]:
    """What the prediction takes for granted, a sentence each."""
    told = [
        f"completions of {rates.completion_tokens:.0f} tokens after prompts of {rates.prompt_tokens:.0f} on average: "
        "an untrained policy's lengths are seldom those of a trained one (--tokens)",
        f"{load.shards} shards of equal length on {machines.workers} worker(s), {rounds} after one another; each "
        "worker has cores or a device of its own, as fast as the measured one",
        "no evaluation, checkpoint, or filtered group",
    ]
    if machines.learners > 1:
        told.append(f"a learner on {machines.learners} devices does {LEARNER_EFFICIENCY:.0%} of their work alone")
    if load.is_ahead:
        told.append("sampling for later steps fills the time of learning (rl.max_staleness above 0)")
    return tuple(told)
