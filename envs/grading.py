"""Responses -> verdicts, as worker processes do it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from envs.registry import EnvSpec
from envs.types import Check, Environment, Message, Problem
from verifiers import registry
from verifiers.types import Outcome, Reason, Verdict, Verifier

MAX_RESPONSE_CHARACTERS = 100_000
MAX_ANSWER_CHARACTERS = 2_000
_ANNOUNCED = re.compile(r"####[ \t]*([^\n]*)")


class EnvGrader:
    """Grades (problem, response or conversation) pairs of one environment; built lazily, once per process.

    What a `verifiers.pool.VerifierPool` pickles into its workers: it holds the spec, never the environment.
    """

    def __init__(self, spec: EnvSpec) -> None:
        self.spec = spec
        self._env: Environment | None = None

    def __call__(self, item: tuple[Problem, str | Sequence[Message]]) -> Verdict:
        """The verdict on one response, or on a conversation."""
        if self._env is None:
            self._env = self.spec.build()
        problem, response = item
        if isinstance(response, str):
            return self._env.grade(problem, response)
        return self._env.grade_transcript(problem, response)

    def __getstate__(self) -> dict[str, Any]:
        return {"spec": self.spec}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["spec"])  # type: ignore[misc]


def make_verifier(verify: str | Mapping[str, Any] | Verifier | Check) -> Verifier:
    """The verifier that an environment's `verify` stands for.

    Raises:
        TypeError: `verify` is a check of (problem, answer), which has no form without the problem.
    """
    if isinstance(verify, str):
        return registry.make(verify)
    if isinstance(verify, Mapping):
        return registry.make(**verify)
    if isinstance(verify, Verifier):
        return verify
    raise TypeError(f"{verify!r} is judged together with its problem; use env.grade(problem, response)")


def grade_response(env: Environment, problem: Problem, response: str) -> Verdict:
    """The verdict of the environment's verifier, or of its check, on a response."""
    verify = env.verify
    if isinstance(verify, str | Mapping | Verifier):
        return env.verifier.verify(response, problem.answer)
    return grade_by_check(verify, problem, response)


def grade_by_check(check: Check, problem: Problem, response: str) -> Verdict:
    """The verdict of a function (problem, answer text) -> bool on the one answer that the response announces.

    A check reads untrusted text: it says False, or raises ValueError, for whatever it cannot read.
    """
    began = time.perf_counter()
    answer, refusal = announced_answer(response)
    if answer is None:
        assert refusal is not None
        return refusal
    try:
        is_right = bool(check(problem, answer))
    except (ValueError, ZeroDivisionError) as error:
        return Verdict(Outcome.UNPARSEABLE, 0.0, answer, f"the answer cannot be read: {error}"[:200])
    seconds = time.perf_counter() - began
    if is_right:
        return Verdict(Outcome.CORRECT, 1.0, answer, "it satisfies the problem", seconds=seconds)
    return Verdict(Outcome.WRONG, 0.0, answer, "it does not satisfy the problem", seconds=seconds)


def announced_answer(response: str) -> tuple[str | None, Verdict | None]:
    """The text after the only `####`, or the verdict that says why there is none."""
    if len(response) > MAX_RESPONSE_CHARACTERS:
        detail = f"over {MAX_RESPONSE_CHARACTERS} characters"
        return None, Verdict(Outcome.UNPARSEABLE, 0.0, detail=detail, reason=Reason.OVER_BUDGET)
    answers = [a.strip() for a in _ANNOUNCED.findall(response)]
    if not answers or not answers[-1]:
        return None, Verdict(Outcome.NO_ANSWER, 0.0, detail="no #### announces an answer")
    if len(set(answers)) > 1:
        detail = "#### announces several answers"
        return None, Verdict(Outcome.WRONG, 0.0, answers[-1][:80], detail, Reason.SEVERAL_ANSWERS)
    if len(answers[-1]) > MAX_ANSWER_CHARACTERS:
        detail = f"the answer has over {MAX_ANSWER_CHARACTERS} characters"
        return None, Verdict(Outcome.UNPARSEABLE, 0.0, answers[-1][:80], detail, Reason.OVER_BUDGET)
    return answers[-1], None
