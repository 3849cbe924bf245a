"""What a measure comes to in finished studies: an estimate with its interval, and how surely it lies somewhere else.

Shares and their differences are tables over seeds and problems, with the variance of both (`spread_of`).
Everything else is a figure for each seed, with the t interval of their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from experiments.hypotheses.vocabulary import (
    Accuracy,
    Curve,
    Difference,
    Fact,
    Measure,
    Overoptimisation,
    PowerLaw,
    Ratio,
    Slope,
    Uncovered,
    metric_parts,
    split_reference,
)
from experiments.hypotheses.vocabulary import Levels as LevelChoice
from experiments.results.fits import overoptimisation, power_law, slope
from experiments.results.policy import PolicyResults, mean_over_levels
from experiments.results.read import DEMONSTRATOR, StudyResults
from experiments.results.spending import training_flop
from experiments.results.statistics.intervals import Interval
from experiments.results.statistics.spread import ALPHA, Spread, spread_of
from experiments.results.statistics.student_t import SMALLEST_P, quantile, two_sided_p
from rl.functional.estimators import pass_at_k

Studies = Mapping[str, StudyResults]  # by variant; "" where the study has none


class NotMeasured(Exception):
    """What a measure reads is not there; says what."""


@dataclass(frozen=True)
class Estimate(Interval):
    """A figure with its 95 % interval.

    Attributes:
        num_seeds: that it comes from.
        p_at: x -> two-sided p-value of "the figure is x".
    """

    num_seeds: int
    p_at: Callable[[float], float]


@dataclass(frozen=True)
class Side:
    """One policy, and the study that it was tested in."""

    study: StudyResults
    policy: PolicyResults

    def levels(self, choice: LevelChoice) -> list[int]:
        """The levels that a measure means.

        Raises:
            NotMeasured: one was not tested, or there are none.
        """
        named = {"headline": self.study.headline, "longer": self.study.longer, "all": self.policy.levels()}
        levels = named[choice] if isinstance(choice, str) else list(choice)
        missing = sorted(set(levels) - set(self.policy.levels()))
        if missing or not levels:
            raise NotMeasured(f"level {missing[0]} was not tested" if missing else f"no level is {choice}")
        return levels

    def table(self, metric: str, choice: LevelChoice) -> np.ndarray:
        """[seeds, problems] of the share that a metric says."""
        kind, of, k = metric_parts(metric)
        levels = self.levels(choice)
        if kind == "greedy" and not self.policy.has_greedy:
            raise NotMeasured(f"{self.policy.name} has no greedy completion")
        if kind != "pass":
            return self.policy.values(kind, of, levels)
        rows = self.policy.rows(levels)
        if min(row["n"] for same in rows for row in same) < k:
            raise NotMeasured(f"{self.policy.name} was sampled fewer than {k} times")
        return np.array([[float(pass_at_k(row["n"], row[f"c_{of}"], k)) for row in same] for same in rows])

    def by_seed(self, metric: str, choice: LevelChoice) -> list[float]:
        """The mean over levels for each seed."""
        strata = self.policy.strata(self.levels(choice))
        return [mean_over_levels(row, strata) for row in self.table(metric, choice)]


def side_of(studies: Studies, reference: str) -> Side:
    """The policy that a measure names.

    Raises:
        NotMeasured: its variant was not run, or it was not tested.
    """
    variant, name = split_reference(reference)
    if variant not in studies:
        raise NotMeasured(f"variant {variant} has no results")
    study = studies[variant]
    policy = study.demonstrator if name == DEMONSTRATOR else study.policies.get(name)
    if policy is None:
        raise NotMeasured(f"{reference} was not tested")
    return Side(study, policy)


@singledispatch
def estimate(measure: Measure, studies: Studies) -> Estimate:
    """What a measure comes to.

    Raises:
        NotMeasured: what it reads is not there.
    """
    raise TypeError(f"no way to measure {type(measure).__name__}")


@estimate.register
def _(measure: Accuracy, studies: Studies) -> Estimate:
    side = side_of(studies, measure.of)
    strata = side.policy.strata(side.levels(measure.levels))
    return of_table(side.table(measure.metric, measure.levels), strata, kind="share")


@estimate.register
def _(measure: Difference, studies: Studies) -> Estimate:
    ours, theirs = side_of(studies, measure.of), side_of(studies, measure.minus)
    levels = tuple(ours.levels(measure.levels))
    if _ids(ours, levels) != _ids(theirs, levels):
        raise NotMeasured(f"{measure.of} and {measure.minus} answered different problems, or for different seeds")
    first = ours.table(measure.metric, levels)
    second = theirs.table(measure.minus_metric or measure.metric, levels)
    return of_table(first - second, ours.policy.strata(levels), kind="difference")


def _ids(side: Side, levels: tuple[int, ...]) -> tuple[object, ...]:
    """What must be equal for a paired difference: seeds, and the problems in their order."""
    return (side.study.seeds, [row["id"] for row in side.policy.rows(levels)[0]])


@estimate.register
def _(measure: Ratio, studies: Studies) -> Estimate:
    first, second = (_amounts(side_of(studies, reference), measure) for reference in measure.references)
    return of_seeds([a / b if b else math.inf for a, b in zip(first, second, strict=True)])


def _amounts(side: Side, measure: Ratio) -> list[float]:
    """For each seed the share or the cost that a ratio reads."""
    if measure.what == "sampled":
        return side.by_seed("sampled", measure.levels)
    if measure.what in ("flop_per_answer", "tokens_per_answer"):
        found = []
        for evaluation in side.policy.evaluations:
            if "tokens_per_answer" not in evaluation:
                raise NotMeasured(f"{side.policy.name} has no {measure.what}")
            one = replace(side.policy, evaluations=(evaluation,))
            value = one.flop_per_answer if measure.what == "flop_per_answer" else one.fact("tokens_per_answer")
            found.append(float(value or 0.0))
        return found
    return [_cost(side, seed, measure.what) for seed in side.study.seeds]


def _cost(side: Side, seed: int, what: str) -> float:
    if what == "training_flop":
        found = training_flop(side.study, side.policy.name, seed)
    else:
        card = side.study.card(f"{side.policy.name}/training.json", seed)
        found = None if card is None else float(card["cost"][what])
    if found is None:
        raise NotMeasured(f"{side.policy.name} has no costs of training")
    return found


@estimate.register
def _(measure: Slope, studies: Studies) -> Estimate:
    xs = [math.log10(x) if measure.scale == "log10" else x for x in measure.points]
    shares = [side_of(studies, policy).by_seed(measure.metric, measure.levels) for policy in measure.points.values()]
    return of_seeds([slope(xs, ys) for ys in zip(*shares, strict=True)])


@estimate.register
def _(measure: PowerLaw, studies: Studies) -> Estimate:
    shares = [side_of(studies, policy).by_seed(measure.metric, measure.levels) for policy in measure.points.values()]
    try:
        fits = [power_law(list(measure.points), [1 - y for y in ys]) for ys in zip(*shares, strict=True)]
    except ValueError as error:
        raise NotMeasured(str(error)) from error
    return of_seeds([getattr(fit, measure.value) for fit in fits])


@estimate.register
def _(measure: Fact, studies: Studies) -> Estimate:
    policy = side_of(studies, measure.of).policy
    values = [e[measure.what] for e in policy.evaluations if e.get(measure.what) is not None]
    if len(values) < len(policy.evaluations):
        raise NotMeasured(f"{measure.what} of {policy.name} was not noted")
    return of_seeds([float(value) for value in values])


@estimate.register
def _(measure: Curve, studies: Studies) -> Estimate:
    variant, arm = split_reference(measure.of)
    if variant not in studies:
        raise NotMeasured(f"variant {variant} has no results")
    study, found = studies[variant], []
    for seed in study.seeds:
        curve = study.curve(arm, measure.metric, seed)
        read = dict(curve if measure.read is None else study.curve(arm, measure.read, seed))
        curve = [(step, value) for step, value in curve if step in read]
        if not curve:
            raise NotMeasured(f"{measure.read or measure.metric} of {arm} was not recorded")
        at = read[_place(curve, measure.at)]
        found.append(at - (read[_place(curve, measure.minus)] if measure.minus else 0.0))
    return of_seeds(found)


def _place(curve: Sequence[tuple[float, float]], place: str) -> float:
    """The step of the first, last, largest or smallest value of a curve; of equal ones the earliest."""
    if place in ("first", "last"):
        return curve[0 if place == "first" else -1][0]
    pick = max if place == "largest" else min
    return pick(curve, key=lambda point: point[1])[0]


@estimate.register
def _(measure: Overoptimisation, studies: Studies) -> Estimate:
    variant, arm = split_reference(measure.of)
    if variant not in studies:
        raise NotMeasured(f"variant {variant} has no results")
    study, found = studies[variant], []
    for seed in study.seeds:
        kl, gold = (dict(study.curve(arm, name, seed)) for name in ("eval/kl", "eval/mean_solution"))
        steps = sorted(kl.keys() & gold.keys())
        try:
            fit = overoptimisation([kl[s] for s in steps], [gold[s] - gold[steps[0]] for s in steps])
        except (ValueError, IndexError) as error:
            raise NotMeasured(f"{arm}, seed {seed}: {error}") from error
        found.append(float(getattr(fit, measure.value)))
    return of_seeds(found)


@estimate.register
def _(measure: Uncovered, studies: Studies) -> Estimate:
    side = side_of(studies, measure.of)
    levels = set(side.levels(measure.levels))
    shares: list[dict[str, float]] = []
    strata: dict[str, int] = {}
    for seed in side.study.seeds:
        by_problem: dict[str, list[bool]] = {}
        for row in side.study.support(side.policy.name, seed):
            if row["level"] in levels:
                strata[row["id"]] = row["level"]
                by_problem.setdefault(row["id"], []).append(row["start_logprob"] < -math.log(measure.k))
        shares.append({problem: float(np.mean(rows)) for problem, rows in by_problem.items()})
    common = [problem for problem in shares[0] if all(problem in share for share in shares)]
    if not common:
        raise NotMeasured(f"{measure.of} has no right solution whose log-probability under the start was noted")
    return of_table(
        np.array([[share[problem] for problem in common] for share in shares]),
        [strata[p] for p in common],
        kind="share",
    )


def of_table(values: np.ndarray, strata: Sequence[int], *, kind: str) -> Estimate:
    """The mean of a table [seeds, problems] of shares ("share") or of their differences ("difference")."""
    spread = spread_of(values, strata, kind=kind)
    half, mean = spread.half_width(ALPHA), spread.mean
    low, high = max(-1.0 if kind == "difference" else 0.0, mean - half), min(1.0, mean + half)
    return Estimate(mean, low, high, values.shape[0], lambda x: _p_of(spread, x))


def _p_of(spread: Spread, x: float) -> float:
    return replace(spread, mean=spread.mean - x).p


def of_seeds(values: Sequence[float]) -> Estimate:
    """The mean of a figure for each seed, with its t interval; endless with one seed.

    Raises:
        NotMeasured: a figure is not finite.
    """
    if not all(map(math.isfinite, values)):
        raise NotMeasured("the figure has no finite value for some seed")
    mean, num = float(np.mean(values)), len(values)
    if num == 1:
        return Estimate(mean, -math.inf, math.inf, 1, lambda x: 1.0)
    error = float(np.std(values, ddof=1)) / math.sqrt(num)
    half = quantile(ALPHA, num - 1) * error

    def p_at(x: float) -> float:
        """Two-sided, by the t test; seeds that all agree leave nothing but equal or not."""
        if error == 0:
            return 1.0 if mean == x else SMALLEST_P
        return two_sided_p((mean - x) / error, num - 1)

    return Estimate(mean, mean - half, mean + half, num, p_at)
