"""What a hypothesis may say: the closed vocabulary of NAME.hypotheses.yaml.

A policy is named as in the study's tables (`sft`, `rl`, `rlhf/best-by-verifier`, `demonstrator`), behind `variant:`
where the study has variants. Measures read what a study recorded and nothing else; docs/studies.md explains each.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from experiments.config.sections import NonEmpty, Positive, Section
from experiments.results.read import DEMONSTRATOR

METRIC = r"^(sampled|greedy|answer|greedy_answer|pass@[1-9]\d*|answer_pass@[1-9]\d*)$"
NAME = r"^[a-z0-9][a-z0-9-]*$"
PRIMARY_SEEDS, SEEDS = 5, 3  # fewest seeds that a primary, and an exploratory, hypothesis is judged from

Metric = Annotated[str, Field(pattern=METRIC)]
Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Levels = Literal["headline", "longer", "all"] | tuple[int, ...]


PolicyName = Annotated[str, Field(min_length=1)]


class Accuracy(Section):
    """Share of right completions: the mean over levels of the mean over seeds and problems."""

    kind: Literal["accuracy"]
    of: PolicyName
    metric: Metric = "sampled"  # sampled, greedy, answer, greedy_answer, pass@K, answer_pass@K
    levels: Levels = "headline"  # headline, longer (than practised), all, or a list

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of,)


class Difference(Section):
    """The shares of two policies on the same problems: `of` minus `minus`, paired by seed and problem."""

    kind: Literal["difference"]
    of: PolicyName
    minus: PolicyName
    metric: Metric = "sampled"
    minus_metric: Metric | None = None  # of the second; null: `metric`
    levels: Levels = "headline"

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of, self.minus)


class Ratio(Section):
    """A cost or a share of one policy over that of another, seed by seed; the mean of the ratios."""

    kind: Literal["ratio"]
    of: PolicyName
    over: PolicyName
    what: Literal[
        "sampled", "flop_per_answer", "tokens_per_answer", "training_flop", "tokens_sampled", "labels", "verdicts"
    ]
    levels: Levels = "headline"

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of, self.over)


class Slope(Section):
    """Least-squares slope of the share over x, a policy for each x; seed by seed."""

    kind: Literal["slope"]
    points: Annotated[dict[float, PolicyName], Field(min_length=2)]  # x: policy
    scale: Literal["linear", "log10"] = "log10"  # of x
    metric: Metric = "sampled"
    levels: Levels = "headline"

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return tuple(self.points.values())


class Fact(Section):
    """A figure noted beside the test: how far a policy is from the start, or how long its answers are."""

    kind: Literal["fact"]
    of: PolicyName
    what: Literal["kl", "tokens_per_answer"]

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of,)


Place = Literal["first", "last", "largest", "smallest"]


class Curve(Section):
    """A validation curve of an arm at one place, or the difference of two; seed by seed.

    The largest of a noisy curve lies above the truth: a claim about a peak is better made of an arm's
    `best-by-verifier`, which is tested on other problems than those that chose it.
    """

    kind: Literal["curve"]
    of: PolicyName
    metric: NonEmpty = "eval/mean_solution"  # a metric of docs/metrics.md
    at: Place = "last"
    read: NonEmpty | None = None  # another metric, read at that step
    minus: Place | None = None  # null: nothing is taken off

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of,)


class Uncovered(Section):
    """Share of a policy's right solutions that k samples of the start would not have shown: log p < -ln k.

    log p is the start's log-probability of the whole solution (the coverage principle, arXiv:2510.15020).
    """

    kind: Literal["uncovered"]
    of: PolicyName
    k: Positive
    levels: Levels = "headline"

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of,)


class Overoptimisation(Section):
    """Fit of gold gain = d (a - b log d), d = sqrt(KL), to an arm's validation curve (Gao et al., arXiv:2210.10760)."""

    kind: Literal["overoptimisation"]
    of: PolicyName
    value: Literal["r_squared", "a", "b", "peak_kl"]

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return (self.of,)


class PowerLaw(Section):
    """Fit of error = c x^-k to the errors (1 - share) of a policy for each x; seed by seed."""

    kind: Literal["power_law"]
    points: Annotated[dict[float, PolicyName], Field(min_length=3)]  # x: policy
    value: Literal["exponent", "r_squared"]
    metric: Metric = "sampled"
    levels: Levels = "headline"

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return tuple(self.points.values())


Measure = Annotated[
    Accuracy | Difference | Ratio | Slope | Fact | Curve | Uncovered | Overoptimisation | PowerLaw,
    Field(discriminator="kind"),
]


class Region(Section):
    """Where a figure lies: exactly one of `above`, `below`, `near` and `outside`."""

    above: float | None = None
    below: float | None = None
    near: float | None = None  # within `tolerance`
    outside: tuple[float, float] | None = None  # below the first or above the second
    tolerance: Annotated[float, Field(ge=0)] = 0.0  # the region is wider by so much

    @model_validator(mode="after")
    def _is_one(self) -> Region:
        given = [n for n in ("above", "below", "near", "outside") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected exactly one of above, below, near and outside, got {', '.join(given) or 'none'}"
            )
        if self.near is not None and not self.tolerance:
            raise ValueError("near needs a tolerance: no figure is exactly what was foretold")
        if self.outside is not None and (self.tolerance or self.outside[0] >= self.outside[1]):
            raise ValueError("outside is [low, high] with low < high, without a tolerance")
        return self

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """The open intervals that it consists of."""
        if self.above is not None:
            return ((self.above - self.tolerance, math.inf),)
        if self.below is not None:
            return ((-math.inf, self.below + self.tolerance),)
        if self.near is not None:
            return ((self.near - self.tolerance, self.near + self.tolerance),)
        assert self.outside is not None  # the validator saw to it
        return ((-math.inf, self.outside[0]), (self.outside[1], math.inf))

    def overlaps(self, other: Region) -> bool:
        """True when a figure can lie in both."""
        return any(max(a, c) < min(b, d) for a, b in self.intervals for c, d in other.intervals)

    def __str__(self) -> str:
        if self.outside is not None:
            return f"below {self.outside[0]:g} or above {self.outside[1]:g}"
        words, value = next((n, getattr(self, n)) for n in ("above", "below", "near") if getattr(self, n) is not None)
        return f"{words} {value:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "")


class Hypothesis(Section):
    """One sentence, what is measured, where that is foretold to lie, and where it lies if the sentence is wrong."""

    sentence: NonEmpty
    role: Literal["primary", "exploratory"]
    measure: Measure
    predicts: Region
    falsified: Region

    @model_validator(mode="after")
    def _can_be_wrong(self) -> Hypothesis:
        if self.predicts.overlaps(self.falsified):
            raise ValueError(
                f"a figure could be as foretold ({self.predicts}) and falsify the sentence ({self.falsified}) at once"
            )
        return self

    @property
    def seeds_needed(self) -> int:
        """Fewest seeds that it is judged from."""
        return PRIMARY_SEEDS if self.role == "primary" else SEEDS


class Sceptic(Section):
    """The figure that a reader who doubts the answer asks for."""

    asks: NonEmpty
    measure: Measure


class Figure(Section):
    """What the figure of a study shows.

    levels: share by level of `policies`; points: share over x, a line for each of `series`; pass_at: pass@k of
    `policies`; proxy: gold and proxy over KL of `policies`, which are arms; costs: share against FLOP per answer.
    """

    kind: Literal["levels", "points", "pass_at", "proxy", "costs"]
    policies: tuple[PolicyName, ...] = ()
    series: dict[str, dict[float, PolicyName]] = Field(default_factory=dict)  # points: name: {x: policy}
    x: str = ""  # points: what the axis says
    scale: Literal["linear", "log"] = "linear"  # points: of the axis
    metric: Metric = "sampled"
    levels: Levels = "headline"

    @model_validator(mode="after")
    def _shows_something(self) -> Figure:
        if (self.kind == "points") != bool(self.series) or (self.kind == "points") == bool(self.policies):
            raise ValueError(f"a figure of kind {self.kind} takes {'series' if self.kind == 'points' else 'policies'}")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """The policies that it reads."""
        return self.policies or tuple(policy for line in self.series.values() for policy in line.values())


class Design(Section):
    """NAME.hypotheses.yaml: the question of a study, its variants, its hypotheses, its figure."""

    question: NonEmpty
    variants: dict[Name, dict[str, Any]] = Field(default_factory=dict)  # name: settings over those of the config
    hypotheses: Annotated[dict[Name, Hypothesis], Field(min_length=1)]
    sceptic: Sceptic
    figure: Figure

    @property
    def references(self) -> dict[str, str]:
        """Where a policy is named -> its name."""
        found = [(f"hypotheses.{n}", r) for n, h in self.hypotheses.items() for r in h.measure.references]
        found += [("sceptic", r) for r in self.sceptic.measure.references]
        found += [("figure", r) for r in self.figure.references]
        return {f"{where}: {reference}": reference for where, reference in found}

    @property
    def seeds_needed(self) -> int:
        """Fewest seeds from which all are judged."""
        return max(hypothesis.seeds_needed for hypothesis in self.hypotheses.values())


def split_reference(reference: str) -> tuple[str, str]:
    """(variant, policy) of `[variant:]policy`; the variant is "" where none is named."""
    variant, colon, policy = reference.partition(":")
    return (variant, policy) if colon else ("", variant)


def arm_of(policy: str) -> str:
    """The arm that a policy belongs to; "" for the demonstrator, who is none."""
    return "" if policy == DEMONSTRATOR else policy.partition("/")[0]


def metric_parts(metric: str) -> tuple[str, str, int]:
    """(sampled, greedy or pass; solution or answer; k) of a metric's name."""
    if found := re.fullmatch(r"(answer_)?pass@(\d+)", metric):
        return "pass", "answer" if found[1] else "solution", int(found[2])
    return ("greedy" if "greedy" in metric else "sampled"), ("answer" if "answer" in metric else "solution"), 1
