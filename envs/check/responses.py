"""The checks of `envs.check.conformance` that grade responses: hostile ones, and those of policies without skill."""

from __future__ import annotations

import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from envs.check.probes import HOSTILE, UNWORKED, earned_by, exploit_probes
from envs.check.report import EnvReport, Finding
from envs.environment import Environment
from envs.graders import EnvGrader
from envs.types import EnvSpec, Message, Problem
from verifiers.pool.verifier_pool import VerifierPool
from verifiers.types import Outcome, Verdict

PROBE_LIMIT = 0.05  # a probe may earn this, or the most frequent answer's rate where that is more
PROBE_SIGNIFICANCE = 1e-4  # of about a hundred probes and several levels: what chance alone must not explain
HOSTILE_SECONDS = 2.0
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
MAX_CONSTANT = 0.6  # of the most frequent answer: yes or no with a bias may be asked, a constant may not


def check_hostile(env: Environment, drawn: dict[int, list[Problem]]) -> Iterator[Finding]:
    """Hostile responses are judged in bounded time, without exceptions, and never CORRECT."""
    problem = drawn[env.levels[0]][0]
    fix = "grade must return a Verdict for any text: bound its length, catch nothing but what your parser raises"
    verdicts = _grade_hostile(env, problem)
    paid = [name for name, verdict in verdicts.items() if verdict.is_correct]
    broken = [f"{name} ({v.detail})" for name, v in verdicts.items() if v.outcome is Outcome.ERROR]
    late = [name for name, verdict in verdicts.items() if verdict.outcome is Outcome.TIMEOUT]
    yield Finding("hostile responses are not CORRECT", not paid, ", ".join(paid) or f"{len(verdicts)} tried", fix)
    yield Finding("hostile responses raise nothing", not broken, "; ".join(broken[:3]) or "none did", fix)
    detail = ", ".join(late) or f"all within {HOSTILE_SECONDS:.0f} s"
    yield Finding("hostile responses are bounded", not late, detail, "bound sizes before you compute")


class TurnGrader(EnvGrader):
    """Lets an environment answer a response as a first turn, if it has several, then grades it.

    Args:
        problem: whose own first turn is answered before a deadline runs: tools start their processes at the first call.
    """

    def __init__(self, spec: EnvSpec, problem: Problem) -> None:
        super().__init__(spec)
        self.problem = problem

    def warm_up(self) -> None:
        """Builds the environment and lets it answer once."""
        super().warm_up()
        env = self._ready()
        if env.max_turns > 1 and env.has_reference:
            turns = env.turns(self.problem, self.problem.solution, self.problem.answer)
            env.step(self.problem, tuple(Message("assistant", said) for said, _ in turns[:1]))

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "problem": self.problem}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["spec"], state["problem"])  # type: ignore[misc]

    def __call__(self, item: tuple[Problem, Any]) -> Verdict:
        """The verdict on one response."""
        env = self._ready()
        problem, text = item
        if env.max_turns == 1:
            return env.grade(problem, text)
        turns = (Message("assistant", text),)
        env.step(problem, turns)
        return env.grade_transcript(problem, turns)


def _grade_hostile(env: Environment, problem: Problem) -> dict[str, Verdict]:
    if env.spec is None:
        return {name: _grade_here(env, problem, text) for name, text in HOSTILE.items()}
    with VerifierPool(TurnGrader(env.spec, problem), deadline_seconds=HOSTILE_SECONDS) as pool:
        verdicts = pool.grade([(problem, text) for text in HOSTILE.values()])
    return dict(zip(HOSTILE, verdicts))


def _grade_here(env: Environment, problem: Problem, text: str) -> Verdict:
    try:
        return env.grade(problem, text)
    except Exception as error:  # whatever it is, it is the finding
        return Verdict(Outcome.ERROR, 0.0, detail=f"{type(error).__name__}: {error}")


def check_probes(env: Environment, drawn: dict[int, list[Problem]], seed: int, report: EnvReport) -> Iterator[Finding]:
    """Responses without any skill earn next to nothing, at every level."""
    rng = random.Random(seed)
    levels: dict[int, dict[str, float]] = {}
    paid, no_shares = [], dict[str, float]()
    for level, problems in drawn.items():
        known = problems[: len(problems) // 2]
        seen = {problem.id for problem in known}
        asked = [problem for problem in problems if problem.id not in seen] or problems
        modal = _modal_rate(problems) if env.has_reference else 0.0
        allowed = max(PROBE_LIMIT, modal)
        earned = {name: earned_by(env, probe, asked) for name, probe in exploit_probes(env, known, rng).items()}
        no_shares |= {name: rate for name, rate in earned.items() if not 0 <= rate <= 1}  # NaN is none either
        earned = {name: rate if name not in no_shares else 1.0 for name, rate in earned.items()}
        levels[level] = {"most_frequent_answer": modal, "allowed": allowed, "asked": len(asked), **_best(earned)}
        for name, rate in earned.items():
            report.numbers.setdefault("probes", {})[name] = max(report.numbers.get("probes", {}).get(name, 0.0), rate)
            if binomial_tail(round(rate * len(asked)), len(asked), allowed) < PROBE_SIGNIFICANCE:
                paid.append(f"{name} {rate:.1%} at level {level}, allowed {allowed:.1%}")
    report.numbers["probe_levels"] = levels
    told = ", ".join(f"{name!r} has {rate:g}" for name, rate in list(no_shares.items())[:3])
    detail = f"scores lie in [0, 1]{f', and the mean score of the probe {told}' if told else ''}"
    yield Finding("scores are shares", not no_shares, detail, "a score is 1 for what is right and 0 else, never NaN")
    if env.has_reference:
        share = statistics.mean(_is_in_prompt(problem) for problems in drawn.values() for problem in problems)
        detail = f"it does in {share:.0%} of the problems; what copying it earns is among the probes"
        yield Finding("answers stand in the prompt", True, detail)
    worst, best = max(levels.items(), key=lambda item: item[1]["rate"])
    best_of = f"the best ({best['probe']}) earns {best['rate']:.1%} at level {worst}"
    detail = f"{len(report.numbers['probes'])} tried; {best_of}"
    if best["allowed"] > PROBE_LIMIT:
        detail += f", where the most frequent answer has {best['most_frequent_answer']:.1%}"
    fix = "no partial credit for containing the answer; one announced answer; more different answers"
    if paid and all(text.startswith(UNWORKED) for text in paid) and _are_numbers(drawn):
        fix = (
            "what the prompt asks to be worked out is paid as it stands there: verify=numeric takes "
            "worked-out numbers alone"
        )
    constant = max(best["most_frequent_answer"] for best in levels.values())
    if env.has_reference:
        many = "a policy that always gives it is nearly done" if constant > MAX_CONSTANT else "no constant gets far"
        detail_of = f"the most frequent answer is right in {constant:.1%} of the problems of a level: {many}"
        yield Finding("answers differ", constant <= MAX_CONSTANT, detail_of, "draw problems of more different answers")
    yield Finding("exploit probes", not paid, "; ".join(paid[:4]) or detail, fix)


def _are_numbers(drawn: Mapping[int, Sequence[Problem]]) -> bool:
    return all(NUMBER.fullmatch(problem.answer) for problems in drawn.values() for problem in problems)


def _is_in_prompt(problem: Problem) -> bool:
    return re.search(rf"(?<!\w){re.escape(problem.answer)}(?!\w)", problem.text) is not None


def _best(earned: Mapping[str, float]) -> dict[str, Any]:
    name = max(earned, key=lambda name: earned[name])
    return {"probe": name, "rate": earned[name]}


def binomial_tail(hits: int, tries: int, rate: float) -> float:
    """Chance of at least `hits` hits in `tries` tries, where each hits with probability `rate` in (0, 1)."""
    if not 0 < rate < 1:
        return 1.0
    logs = (
        math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1)
        + k * math.log(rate) + (tries - k) * math.log1p(-rate)
        for k in range(hits, tries + 1)
    )  # fmt: skip
    return sum(map(math.exp, logs))


def _modal_rate(problems: Sequence[Problem]) -> float:
    counts = Counter(problem.answer for problem in problems)
    return counts.most_common(1)[0][1] / len(problems)
