"""The sentences at the top of a report: what was claimed beforehand, what was measured, whether it held."""

from __future__ import annotations

from typing import Any

from experiments.config.arms import RlArm
from experiments.results.read import START, StudyResults
from experiments.results.stats import Interval, hierarchical_bootstrap, paired_difference

PROXY_RISE = 0.5  # standard deviations of the start's completions
GOLD_RISE = 0.03  # share of verified solutions that counts as a rise


def study_claims(results: StudyResults) -> list[dict[str, Any]]:
    """Claims about the headline level: each with a sentence, the figures, and "held", "not held" or "undecided"."""
    claims: list[dict[str, Any]] = []
    level = results.headline_level
    where = f"at level {level}" if level is not None else "over all levels"
    human = results.demonstrator(level)
    start = results.policies[START]
    if human is not None:
        sampled = start.interval("sampled", "verified", level)
        claims.append(
            _claim(
                f"Imitation stays far below its demonstrator {where}",
                f"the policy that imitates samples a verified solution {_show(sampled)} of the time, "
                f"its demonstrator {human:.2f}",
                _below(sampled, human / 2),
            )
        )
    practised = [n for n in results.arms if _is_practice(results, n)]
    for name in practised:
        policy = results.policies[name]
        if human is not None:
            sampled = policy.interval("sampled", "verified", level)
            greedy = policy.interval("greedy", "verified", level)
            for kind, interval in (("samples", sampled), ("decodes greedily", greedy)):
                claims.append(
                    _claim(
                        f"{name} passes the demonstrator {where} when it {kind}",
                        f"{_show(interval)} verified, demonstrator {human:.2f}",
                        _above(interval, human),
                    )
                )
    for name in results.proxy_arms:
        claims.append(_proxy_claim(results, name, level, where))
        claims += [_early_claim(results, other, name, level, where) for other in practised[:1]]
    return claims


def _is_practice(results: StudyResults, name: str) -> bool:
    arm = results.experiment.arms[name]
    return isinstance(arm, RlArm) and arm.reward.name == "verifier"


def _early_claim(results: StudyResults, practised: str, name: str, level: int | None, where: str) -> dict[str, Any]:
    """RL against the best that RLHF ever was, by gold: the comparison in which RLHF is no straw man."""
    versions = [policy for policy in results.policies if policy == name or policy.startswith(f"{name}/")]
    best = max(versions, key=lambda v: float(results.policies[v].values("sampled", "verified", level).mean()))
    gap = paired_difference(
        results.policies[practised].values("sampled", "verified", level),
        results.policies[best].values("sampled", "verified", level),
    )
    return _claim(
        f"{practised} is above {name} {where}, stopped early or not",
        f"against its best policy ({results.label(best)}): {gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] verified",
        _above(gap, 0.0),
    )


def _proxy_claim(results: StudyResults, name: str, level: int | None, where: str) -> dict[str, Any]:
    rises = []
    for seed in results.seeds:
        curve = [value for _, value in results.curve(name, "reward/part/proxy", seed)]
        tail = max(1, len(curve) // 10)
        rises.append(sum(curve[-tail:]) / tail - sum(curve[:tail]) / tail)
    rise = sum(rises) / len(rises)
    gain = hierarchical_bootstrap(
        results.policies[name].values("sampled", "verified", level)
        - results.policies[START].values("sampled", "verified", level)
    )
    if rise < PROXY_RISE or gain.low > GOLD_RISE:
        verdict = "not held"
    else:
        verdict = "held" if gain.high < GOLD_RISE else "undecided"
    return _claim(
        f"{name}: the proxy rises while gold does not {where}",
        f"proxy {rise:+.2f} standard deviations over training, verified accuracy {gain.value:+.2f} "
        f"[{gain.low:+.2f}, {gain.high:+.2f}] against the start",
        verdict,
    )


def _claim(sentence: str, measured: str, verdict: str) -> dict[str, Any]:
    return {"sentence": sentence, "measured": measured, "verdict": verdict}


def _above(interval: Interval, line: float) -> str:
    if interval.low > line:
        return "held"
    return "not held" if interval.value <= line else "undecided"


def _below(interval: Interval, line: float) -> str:
    if interval.high < line:
        return "held"
    return "not held" if interval.value >= line else "undecided"


def _show(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
