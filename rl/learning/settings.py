"""What a learner trains, how it computes and steps, and what of it goes together."""

from __future__ import annotations

from dataclasses import dataclass

from policies.causal import CausalPolicy
from policies.scoring.value import ValueHead, ValueModel
from rl.algorithms.base import Algorithm
from rl.learning.optimizer import OptimizerSettings


@dataclass(frozen=True)
class Models:
    """What a learner trains and reads.

    Attributes:
        policy: trained in place; its weights must be float32 (`LearnerSettings.autocast` is for bfloat16 arithmetic).
        value_model: the critic, where the algorithm has one; a head alone stands on the policy's trunk.
        reference: frozen policy for the KL term and the KL metric. None with a LoRA policy: its base is the reference.
    """

    policy: CausalPolicy
    value_model: ValueModel | ValueHead | None = None
    reference: CausalPolicy | None = None


@dataclass(frozen=True)
class LearnerSettings:
    """How a learner computes and steps.

    Attributes:
        value_optimizer: of the critic; None: the policy's settings.
        micro_tokens: most tokens in a forward and backward pass: distinct prefixes where the model runs packed
            (policies/scoring/packed/packing.py), else rows x longest row; bounds memory.
        temperature: the sampling temperature: log-probabilities are those of the distribution that was sampled.
        autocast: None or "bf16": arithmetic of the passes; the master weights stay float32. It pays on GPUs and on CPUs
            with bfloat16 instructions; on a CPU without them it was measured 9 times slower.
        value_pretraining: updates at the start in which only the value model learns; the policy's warm-up and schedule
            begin after them.
        gradient_checkpointing: recompute activations in the backward pass: less memory, a third more work.
        sharding: with several processes: None (each holds everything, gradients are summed) or "fsdp" (FSDP2).
        measure_every: updates from one that makes the passes which metrics alone read (the reference's where no term of
            the loss does, those over rows without a gradient) to the next; updates between report no `policy/` metrics
            of their tokens. At 1 half of the work of an update without a KL term can be theirs.
        keep_token_values: after every update `Learner.token_values` has that update's; one more pass without gradient.
        seed: shuffles the minibatches.
        threads: torch threads of this process; None leaves them as they are.
    """

    optimizer: OptimizerSettings
    value_optimizer: OptimizerSettings | None = None
    micro_tokens: int = 16384
    temperature: float = 1.0
    autocast: str | None = None
    value_pretraining: int = 0
    gradient_checkpointing: bool = False
    sharding: str | None = None
    measure_every: int = 1
    keep_token_values: bool = False
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.autocast not in (None, "bf16"):
            raise ValueError(f"autocast is {self.autocast!r}, expected None (float32) or 'bf16'")
        if self.measure_every < 1:
            raise ValueError(f"measure_every is {self.measure_every}, expected 1 update or more")
        if self.temperature <= 0:
            raise ValueError(f"temperature is {self.temperature}: a policy gradient needs sampling at a positive one")
        if self.sharding not in (None, "fsdp"):
            raise ValueError(f"sharding is {self.sharding!r}, expected None or 'fsdp'")


def check(models: Models, algorithm: Algorithm, settings: LearnerSettings) -> None:
    """Whether models, algorithm and settings go together.

    Raises:
        ValueError: they do not; the message says which and why.
    """
    value_model = models.value_model
    if algorithm.needs_values != (value_model is not None):
        have = "no value model was given" if value_model is None else "a value model was given"
        wants = "needs" if algorithm.needs_values else "has no use for"
        raise ValueError(f"algorithm {algorithm.name!r} {wants} a value model, and {have}")
    if algorithm.needs_values and algorithm.shares_trunk != isinstance(value_model, ValueHead):
        kind = "ValueHead" if algorithm.shares_trunk else "ValueModel"
        raise ValueError(f"algorithm {algorithm.name!r} needs a {kind}, and got a {type(value_model).__name__}")
    if settings.sharding and models.policy.is_lora:
        raise ValueError("sharding a LoRA policy is not supported: adapters are small, leave sharding out")
