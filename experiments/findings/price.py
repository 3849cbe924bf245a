"""What a study will take, before it is begun: completions, rows and an estimate of time on two quiet cores.

The rates are those of the demo (LOG.md: two cores, one thread, no Ray), for its policy of 0.2 million weights. Larger
policies are taken to cost in proportion, smaller ones the same, since there the time goes into everything else. An
estimate is right within a factor of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from experiments.config.sections import TinySection

DEMO_WEIGHTS = 207_000
TRAINED_ROW = 1.5e-3  # seconds: a demonstration, forward and backward
PRACTISED = 1.3e-3  # a completion sampled, graded and learned from
SAMPLED = 0.5e-3  # a completion sampled and graded


@dataclass(frozen=True)
class Price:
    """What a study will do.

    Attributes:
        starts: imitations to be trained.
        completions: sampled, in all.
        seconds: on two quiet cores.
    """

    starts: int = 0
    completions: int = 0
    labels: int = 0
    seconds: float = 0.0

    def __add__(self, other: Price) -> Price:
        return Price(
            self.starts + other.starts,
            self.completions + other.completions,
            self.labels + other.labels,
            self.seconds + other.seconds,
        )

    def __str__(self) -> str:
        return (
            f"{self.starts} start(s) to train, {self.completions:,} completions, {self.labels:,} judgements; about "
            f"{max(1, round(self.seconds / 60))} minutes on two quiet cores"
        )


def price_of(experiments: Mapping[str, Experiment], *, has_start: Mapping[str, bool], levels: int) -> Price:
    """The price of all variants.

    Args:
        has_start: variant -> True where its starts are there already.
        levels: how many levels are tested, where the config does not say.
    """
    total = Price()
    for name, experiment in experiments.items():
        for _ in experiment.seeds:
            total += _of_seed(experiment, has_start[name], levels)
    return total


def _of_seed(experiment: Experiment, has_start: bool, levels: int) -> Price:
    scale = max(1.0, weights_of(experiment.policy.tiny) / DEMO_WEIGHTS)
    evaluation = experiment.evaluation
    problems = evaluation.problems_per_level
    tested = (len(evaluation.levels) or levels) * (
        max(problems * evaluation.num_samples, evaluation.min_per_level) + problems  # and a greedy one of each
    )
    total = Price(completions=tested, seconds=tested * SAMPLED * scale)
    if experiment.imitation is not None and not has_start:
        rows = experiment.imitation.steps * experiment.imitation.batch_size
        total += Price(starts=1, seconds=rows * TRAINED_ROW * scale)
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
        total += Price(completions=sampled, labels=pairs * is_new, seconds=seconds * scale)
    for arm in experiment.arms.values():
        completions, seconds = _of_arm(arm, experiment)
        policies = 3 if arm.uses_reward_model and arm.has_policy else 1  # two earlier ones are tested as well
        total += Price(
            completions=completions + tested * policies, seconds=(seconds + tested * policies * SAMPLED) * scale
        )
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


def weights_of(tiny: TinySection | None) -> int:
    """Weights of a small transformer, without those of its vocabulary; the demo's for a policy that is loaded."""
    return DEMO_WEIGHTS if tiny is None else 12 * tiny.layers * tiny.hidden**2
