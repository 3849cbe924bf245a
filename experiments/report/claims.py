"""The sentences at the top of a report: what was claimed beforehand, what was measured, whether it held.

All figures are of the frozen problems (the test, or validation problems while settings are chosen) or of the
validation problems that were asked during training; none is of training prompts, whose mix of levels a curriculum
moves. A claim of several parts holds only if every part does: its p-value is the largest of theirs (intersection-union
test; Berger 1982, Technometrics 24:295). The p-values of all claims of a report are adjusted together (Holm).

Which claims there are follows from the config, before any figure is seen. That an arm is over-optimised (rises, peaks
and falls) is foretold of the arm that KL holds least. Of others it is claimed only where every part of it was seen, and
counted in the correction all the same, as if it had always been claimed: looking first buys no smaller p-value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.config.arms.kinds import RlArm
from experiments.config.arms.rewards import PROXY
from experiments.config.sections import Component
from experiments.results.policy import PolicyResults
from experiments.results.read import START, StudyResults, span
from experiments.results.statistics.intervals import Difference, Interval, paired_difference
from experiments.results.statistics.significance import holm
from experiments.results.statistics.spread import ALPHA
from experiments.run.evaluations import BEST_BY_VERIFIER
from verifiers.parts import is_own


@dataclass(frozen=True)
class Claim:
    """One sentence and the differences that must all lie above 0 for it to hold.

    Attributes:
        is_foretold: claimed whatever was seen; otherwise only where chance alone hardly shows all of it (p below .05).
        unclaimed: the sentence where nothing is claimed.
    """

    sentence: str
    measured: str
    parts: tuple[Difference, ...]
    is_foretold: bool = True
    unclaimed: str = ""

    @property
    def is_made(self) -> bool:
        """Whether it is claimed; it is corrected for either way."""
        return self.is_foretold or self.p < ALPHA

    @property
    def p(self) -> float:
        """Of the weakest part; 1 where a part points the other way."""
        return max(part.p if part.value > 0 else 1.0 for part in self.parts)

    def verdict(self, adjusted_p: float) -> str:
        """The words "held", "not held" where an estimate lies on the other side, else "undecided"; "not claimed"."""
        if not self.is_made:
            return "not claimed"
        if any(part.value <= 0 for part in self.parts):
            return "not held"
        return "held" if adjusted_p < ALPHA else "undecided"


def study_claims(results: StudyResults) -> list[dict[str, Any]]:
    """Claims about the headline: each with a sentence, the figures, the adjusted p and the verdict."""
    claims: list[Claim] = []
    human = results.demonstrator
    trained = [n for n in results.arms if _is_trained_online(results, n)]
    if human is not None:
        claims.append(_imitation_claim(results, human))
        claims += [_passing_claim(results, name, human, kind) for name in trained for kind in ("sampled", "greedy")]
    least_held = _least_held(results)
    for name in results.proxy_arms:
        if f"{name}/{BEST_BY_VERIFIER}" in results.policies:
            claims.append(_hump_claim(results, name, is_foretold=name in least_held))
        claims += [_early_claim(results, other, name) for other in trained[:1]]
    adjusted = holm({str(i): claim.p for i, claim in enumerate(claims)})
    return [
        {
            "sentence": claim.sentence if claim.is_made else claim.unclaimed,
            "measured": claim.measured,
            "p": claim.p,
            "adjusted_p": adjusted[str(i)],
            "verdict": claim.verdict(adjusted[str(i)]),
        }
        for i, claim in enumerate(claims)
    ]


def _is_trained_online(results: StudyResults, name: str) -> bool:
    arm = results.experiment.arms[name]
    return isinstance(arm, RlArm) and arm.reward.name == "verifier"


def _imitation_claim(results: StudyResults, human: PolicyResults) -> Claim:
    start, levels = results.policies[START], results.headline
    gap = paired_difference(human.values(levels=levels) / 2, start.values(levels=levels), start.strata(levels))
    return Claim(
        f"Imitation stays below half of what its demonstrator solves {results.where}",
        f"the policy that imitates samples a verified solution {_show(start.interval(levels=levels))} of the time, its "
        f"demonstrator {_show(human.interval(levels=levels))}; half of that lies {_signed(gap)} above",
        (gap,),
    )


def _passing_claim(results: StudyResults, name: str, human: PolicyResults, kind: str) -> Claim:
    """Above the demonstrator in the headline and at each of its levels; both sides' sampling errors count."""
    policy, levels = results.policies[name], results.headline
    over = paired_difference(policy.values(kind, levels=levels), human.values(levels=levels), human.strata(levels))
    by_level = {
        level: paired_difference(policy.values(kind, levels=level), human.values(levels=level)) for level in levels
    }
    weakest = min(levels, key=lambda level: by_level[level].low)
    measured = (
        f"{_show(policy.interval(kind, levels=levels))} verified, demonstrator {_show(human.interval(levels=levels))}: "
        f"{_signed(over)}"
    )
    parts: tuple[Difference, ...] = (over,)
    where = results.where
    if len(levels) > 1:
        parts, where = (over, *by_level.values()), f"at each of {span(levels)}, and in their mean,"
        measured += f"; weakest at level {weakest}: {_signed(by_level[weakest])}"
    under = [lv for lv in results.trained if policy.mean(kind, levels=lv) < human.mean(levels=lv)]
    if under:  # also outside the headline: what the pictures show is said
        measured += f"; under its demonstrator at {span(under)}"
    how = "samples" if kind == "sampled" else "decodes greedily"
    return Claim(f"{name} passes the demonstrator {where} when it {how}", measured, parts)


def _early_claim(results: StudyResults, trained: str, name: str) -> Claim:
    """RL against everything that RLHF was tested as, so that RLHF is no straw man: the claim holds against each."""
    versions = [policy for policy in results.policies if policy == name or policy.startswith(f"{name}/")]
    levels = results.headline
    gaps = {v: results.policies[trained].minus(results.policies[v], levels=levels) for v in versions}
    best = min(versions, key=lambda v: gaps[v].value)
    return Claim(
        f"{trained} is above {name}{_labelled_by(results, name)} {results.where}, stopped early or not",
        f"against its best policy ({results.label(best)}): {_signed(gaps[best])} verified",
        tuple(gaps.values()),
    )


def _least_held(results: StudyResults) -> list[str]:
    """The arms with a reward model of which over-optimisation is foretold: those that nothing, or KL least, holds.

    Of arms that KL holds alike none is: the coefficient alone does not say what is little.
    """
    held: dict[str, float] = {}
    for name, arm in results.experiment.arms.items():  # of the config, also where an arm is not done yet
        component = arm.rl_over(results.experiment).algorithm
        if isinstance(arm, RlArm) and arm.reward.name == PROXY and (beta := _kl_coefficient(component)) is not None:
            held[name] = beta
    return [name for name, beta in held.items() if beta == 0 or beta == min(held.values()) < max(held.values())]


def _kl_coefficient(algorithm: Component) -> float | None:
    """Of one of this project's algorithms; None for others. Torch is loaded only where the config leaves it open."""
    kl = algorithm.settings.get("kl")
    if isinstance(kl, Mapping) and "beta" in kl and not is_own("algorithm", algorithm.name, ()):
        return float(kl["beta"])
    from rl.algorithms import ALGORITHMS, make  # torch

    if algorithm.name not in ALGORITHMS:
        return None
    return float(getattr(make(algorithm.name, **algorithm.settings), "beta", 0.0))


def _hump_claim(results: StudyResults, name: str, *, is_foretold: bool) -> Claim:
    """RLHF helps, then overfits: the peak is chosen on validation problems and confirmed on the frozen ones."""
    levels = results.headline
    start, last = results.policies[START], results.policies[name]
    peak = results.policies[f"{name}/{BEST_BY_VERIFIER}"]
    rise, fall = peak.minus(start, levels=levels), last.minus(peak, levels=levels)
    measured = (
        f"start {_show(start.interval(levels=levels))}; its policy that did best on validation problems "
        f"{_signed(rise)} above the start, its last policy {_signed(fall)} against that one"
    )
    parts = [rise, negative(fall)]
    proxy = proxy_rise(results, name)
    if proxy is not None:
        measured += f"; proxy {_signed(proxy)} standard deviations from first to last on validation problems"
        parts.append(proxy)
    cards = [results.card(f"{name}/{BEST_BY_VERIFIER}/snapshot.json", seed) for seed in results.seeds]
    at = _at_steps([card["step"] for card in cards if card is not None])
    while_ = ", while its proxy rises" if proxy is not None else ""
    who = f"{name}{_labelled_by(results, name)}"
    return Claim(
        f"{who} rises, peaks{at} and falls {results.where}{while_}",
        measured,
        tuple(parts),
        is_foretold,
        f"{who} was not seen to rise, peak and fall {results.where}{while_}, and nothing of the kind is claimed",
    )


def _at_steps(steps: Sequence[int]) -> str:
    """Where the seeds peaked; of many different steps the range and the median. Nothing where none moved."""
    different = sorted(set(steps))
    if different in ([], [0]):
        return ""
    if len(different) > 3:
        return f" at steps {different[0]} to {different[-1]} (median {np.median(steps):g})"
    return f" at step{'s' if len(different) > 1 else ''} {', '.join(map(str, different))}"


def negative(difference: Difference) -> Difference:
    """The difference seen from the other side."""
    return Difference(-difference.value, -difference.high, -difference.low, difference.p, difference.num_problems)


def proxy_rise(results: StudyResults, name: str) -> Difference | None:
    """How much the reward model's score of the same validation problems grew over training; None where unrecorded."""
    curves = [results.proxy_scores(name, seed) for seed in results.seeds]
    if not all(len(curve) > 1 for curve in curves):
        return None
    last, first = (np.array([curve[pick(curve)] for curve in curves]) for pick in (max, min))
    strata = results.validation_levels(name)
    return paired_difference(last, first, strata, is_bounded=False)


def _labelled_by(results: StudyResults, name: str) -> str:
    """What the labels behind an arm are worth, for its sentence; nothing where nobody can tell."""
    agreement = results.agreement(name)
    return "" if agreement is None else f" (its annotator is {agreement})"


def _show(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+z.2f} [{interval.low:+z.2f}, {interval.high:+z.2f}]"
