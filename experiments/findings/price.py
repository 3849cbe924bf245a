"""What a study will take, before it is begun: completions, rows and an estimate of time on two quiet cores.

The rates are those of the demo (LOG.md: two cores, one thread, no Ray), for its policy of 0.2 million weights. Larger
policies are taken to cost in proportion, smaller ones the same, since there the time goes into everything else. A model
that was not made here multiplies faster: 135 million weights took 70 times the demo's seconds, with bfloat16 units and
texts of about 80 tokens. An estimate is right within a factor of two; of a model whose size is not known there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from experiments.config.arms.base import Arm
from experiments.config.arms.kinds import (
    BestOfNArm,
    DirectArm,
    DistillArm,
    ExpertIterationArm,
    ImitationArm,
    KtoArm,
    OnlineDpoArm,
    RlArm,
)
from experiments.config.experiment import Experiment
from experiments.config.labels import labels_of_arms
from experiments.config.sections import PolicySection
from policies.pretrained.catalogue import CATALOGUE

DEMO_WEIGHTS = 207_000
LOADED_WEIGHTS = 2_000_000  # of a loaded model, that cost as much as the demo's policy
TRAINED_ROW = 1.5e-3  # seconds: a demonstration, forward and backward
PRACTISED = 1.3e-3  # a completion sampled, graded and learned from
SAMPLED = 0.5e-3  # a completion sampled and graded


@dataclass(frozen=True)
class Price:
    """What a study will do.

    Attributes:
        starts: imitations to be trained.
        completions: sampled, in all.
        seconds: on two quiet cores; None where nobody knows.
    """

    starts: int = 0
    completions: int = 0
    labels: int = 0
    seconds: float | None = 0.0

    def __add__(self, other: Price) -> Price:
        return Price(
            self.starts + other.starts,
            self.completions + other.completions,
            self.labels + other.labels,
            None if self.seconds is None or other.seconds is None else self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        amounts = f"{self.starts} start(s) to train, {self.completions:,} completions, {self.labels:,} judgements"
        if self.seconds is None:
            return f"{amounts}; how long a model of unknown size takes is not known: `beyond plan` measures it"
        return f"{amounts}; about {max(1, round(self.seconds / 60))} minutes on two quiet cores"

    def scaled(self, scale: float | None) -> Price:
        """The same for a policy that takes `scale` times the demo's seconds; None: nobody knows."""
        return replace(self, seconds=None if scale is None or self.seconds is None else self.seconds * scale)


def price_of(experiments: Mapping[str, Experiment], *, has_start: Mapping[str, bool], levels: int) -> Price:
    """The price of all variants.

    Args:
        has_start: variant -> True where its starts are there already.
        levels: how many levels are tested, where the config does not say.
    """
    total = Price()
    for name, experiment in experiments.items():
        for _ in experiment.seeds:
            total += _of_seed(experiment, has_start[name], levels).scaled(scale_of(experiment.policy))
    return total


def _of_seed(experiment: Experiment, has_start: bool, levels: int) -> Price:
    evaluation = experiment.evaluation
    problems = evaluation.problems_per_level
    tested = (len(evaluation.levels) or levels) * (
        max(problems * evaluation.num_samples, evaluation.min_per_level) + problems  # and a greedy one of each
    )
    total = Price(completions=tested, seconds=tested * SAMPLED)
    if experiment.imitation is not None and not has_start:
        rows = experiment.imitation.steps * experiment.imitation.batch_size
        total += Price(starts=1, seconds=rows * TRAINED_ROW)
    labelled: set[str] = set()
    for name, labels in labels_of_arms(experiment, experiment.arms).items():
        arm = experiment.arms[name]
        if not arm.uses_comparisons or labels.reward_model in labelled:
            continue
        fits = labels.section.reward_model.members * labels.section.reward_model.epochs if arm.uses_reward_model else 0
        pairs = labels.section.num_pairs
        is_new = labels.pairs not in labelled
        labelled |= {labels.pairs, labels.reward_model}
        sampled = 2 * pairs * is_new
        seconds = sampled * SAMPLED + 2 * pairs * fits * TRAINED_ROW
        total += Price(completions=sampled, labels=pairs * is_new, seconds=seconds)
    for arm in experiment.arms.values():
        completions, seconds = _of_arm(arm, experiment)
        policies = 3 if arm.uses_reward_model and arm.has_policy else 1  # two earlier ones are tested as well
        total += Price(completions=completions + tested * policies, seconds=seconds + tested * policies * SAMPLED)
    return total


def _of_arm(arm: Arm, experiment: Experiment) -> tuple[int, float]:
    """(completions, seconds) of an arm's training."""
    rl, pairs = arm.rl_over(experiment), arm.preference_over(experiment).num_pairs
    completions = rl.steps * rl.problems_per_step * rl.group_size
    evaluation = experiment.evaluation
    looks = rl.steps // rl.evaluate_every if rl.evaluate_every and "evaluate_every" in arm.uses_rl else 0
    looked = looks * evaluation.validation_problems * evaluation.validation_samples
    if isinstance(arm, RlArm):
        return completions + looked, completions * PRACTISED + looked * SAMPLED * (2 if arm.uses_reward_model else 1)
    if isinstance(arm, ImitationArm):
        return 0, completions * TRAINED_ROW
    if isinstance(arm, ExpertIterationArm):
        return completions + looked, completions * (SAMPLED + arm.epochs * TRAINED_ROW / 2)
    if isinstance(arm, DistillArm):
        ways = 2 if arm.route == "both" else 1
        return ways * completions + looked, ways * completions * (SAMPLED + arm.epochs * TRAINED_ROW / 2)
    if isinstance(arm, BestOfNArm):
        tested = len(evaluation.levels or (1,) * 8) * evaluation.problems_per_level
        return tested * arm.n * 2, tested * arm.n * 2 * SAMPLED
    if isinstance(arm, DirectArm):
        return 0, 2 * pairs * arm.dpo_over(arm.preference_over(experiment)).epochs * TRAINED_ROW
    if isinstance(arm, KtoArm):
        return pairs, pairs * (SAMPLED + TRAINED_ROW)
    if isinstance(arm, OnlineDpoArm):
        return 2 * pairs, 2 * pairs * (SAMPLED + TRAINED_ROW)
    raise TypeError(f"no price is known for method {arm.method!r}")


def scale_of(policy: PolicySection) -> float | None:
    """A policy's seconds in the demo's; None for a model whose size is not known before it is loaded."""
    if policy.tiny is not None:  # without the weights of its vocabulary
        return max(1.0, 12 * policy.tiny.layers * policy.tiny.hidden**2 / DEMO_WEIGHTS)
    return CATALOGUE[policy.path].parameters / LOADED_WEIGHTS if policy.path in CATALOGUE else None
