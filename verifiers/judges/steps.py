"""Which step of a worked solution is the first wrong one: for process rewards and for reading mistakes.

Two kinds of claim are checked, exactly: arithmetic (`3 + 5 = 8`, also inside prose and in `<<3+5=8>>` notes), and an
equation that follows from the one before it (`2x + 3 = 7`, then `x = 2`: the same real solutions). A step that makes
no such claim is not judged; prose is never guessed at.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from verifiers.algebra.claims import Claim, claims_of
from verifiers.algebra.polynomials import NotPolynomial, Polynomial, equation_polynomial, has_same_real_roots
from verifiers.judges.combine import resolve, warm_up_all
from verifiers.parse import ParseError, free_symbols, parse
from verifiers.parse.tree import Expr, Group, Rel
from verifiers.types import Outcome, Reason, Verdict, Verifier

MAX_STEPS = 400
MAX_STEP_CHARACTERS = 2_000
MAX_EQUATION_CHARACTERS = 200
_LABEL = re.compile(r"^\s*(?:[-*•]|\d+[.)]|step\s+\d+\s*[:.)]?)\s*", re.IGNORECASE)
_CONNECTIVE = re.compile(
    r"^\s*(?:so|thus|then|hence|therefore|and|we\s+(?:have|get|obtain)|which\s+gives|this\s+gives|=>|⇒|\\implies|"
    r"\\Rightarrow|\\therefore)[\s,:]+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class StepCheck:
    """What was found in one step.

    Attributes:
        text: the step.
        is_right: False when a claim in it is wrong, True when there are claims and all hold, None when it makes none.
        detail: the claim that is wrong; empty otherwise.
    """

    text: str
    is_right: bool | None
    detail: str = ""


def split_steps(solution: str) -> list[str]:
    """The non-empty lines of a solution."""
    return [line.strip() for line in solution.splitlines() if line.strip()]


def check_steps(steps: Sequence[str], *, algebra: bool = True) -> list[StepCheck]:
    """One check per step.

    Args:
        steps: the steps, in order.
        algebra: also hold each equation in one unknown to have the real solutions of the one before it. For
            solutions of a single equation; a text that sets up several about one letter should switch it off.
    """
    checks = []
    before: tuple[str, Polynomial] | None = None
    for step in steps[:MAX_STEPS]:
        text = step[:MAX_STEP_CHARACTERS]
        claims = claims_of(text)
        wrong = next((claim for claim in claims if not claim.holds), None)
        verdict: bool | None = wrong is None if claims else None
        detail = "" if wrong is None else describe(wrong)
        if algebra and not claims and (equation := _equation(text)) is not None:
            if before is not None and before[0] == equation[0]:
                verdict = has_same_real_roots(before[1], equation[1])
                detail = "" if verdict else "it does not have the real solutions of the equation before it"
            before = equation
        checks.append(StepCheck(step, verdict, detail))
    return checks


def first_wrong(checks: Sequence[StepCheck]) -> int | None:
    """Index of the first wrong step; None when no step is wrong."""
    return next((index for index, check in enumerate(checks) if check.is_right is False), None)


def describe(claim: Claim) -> str:
    """The wrong claim in words: `3 + 5 = 9, but 3 + 5 is 8`."""
    return f"{claim.left} = {claim.right}, but {claim.left} is {_show(claim.left_value)}"


def _show(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else f"{value.limit_denominator(10**6)} (about {float(value):.6g})"


def _equation(step: str) -> tuple[str, Polynomial] | None:
    """The unknown and polynomial of a step that is one equation (or alternatives) in one unknown; None otherwise."""
    text = _LABEL.sub("", step).rsplit(":", 1)[-1].strip().strip("$.").strip()
    text = _CONNECTIVE.sub("", text)
    if "=" not in text or len(text) > MAX_EQUATION_CHARACTERS:
        return None
    try:
        expr = parse(text)
        unknowns = free_symbols(expr)
        if len(unknowns) != 1 or not _is_equation(expr):
            return None
        (unknown,) = unknowns
        polynomial = equation_polynomial(expr, unknown)
    except (ParseError, NotPolynomial):
        return None  # prose, or mathematics that this check does not judge
    return (unknown, polynomial) if polynomial else None


def _is_equation(expr: Expr) -> bool:
    if isinstance(expr, Group):  # the later values of `x = 2, 3` are bare
        return _is_equation(expr.items[0]) and all(_is_equation(item) or not free_symbols(item) for item in expr.items)
    return isinstance(expr, Rel) and expr.ops == ("=",)


class StepsVerifier:
    """Judges the final answer with another verifier and every step that makes a claim.

    `parts`: "answer" (the answer's score) and "steps" (share of judged steps that are right; 1 where none is judged).
    `first_wrong_step` counts the non-empty lines from 0.

    Args:
        answer: the verifier of the final answer: a name, {"name": ..., **settings} or an object.
        require_steps: a right answer after a wrong step is then WRONG with Reason.CONTRADICTION.
        algebra: as in `check_steps`.
    """

    def __init__(
        self,
        answer: Verifier | str | Mapping[str, Any] = "symbolic",
        *,
        require_steps: bool = False,
        algebra: bool = True,
    ) -> None:
        self.answer = resolve(answer)
        self.require_steps = require_steps
        self.algebra = algebra

    def warm_up(self) -> None:
        """Let the answer's verifier import what it needs."""
        warm_up_all([self.answer])

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on the answer, with the first wrong step."""
        start = time.perf_counter()
        verdict = self.answer.verify(response, answer)
        checks = check_steps(split_steps(response), algebra=self.algebra)
        judged = [check.is_right for check in checks if check.is_right is not None]
        wrong = first_wrong(checks)
        parts = {"answer": verdict.score, "steps": sum(judged) / len(judged) if judged else 1.0}
        detail = verdict.detail
        if wrong is not None:
            detail = f"{detail}; step {wrong + 1} is wrong: {checks[wrong].detail}"
        verdict = replace(
            verdict,
            detail=detail,
            parts={**verdict.parts, **parts},
            first_wrong_step=wrong,
            info={**verdict.info, "steps": [check.is_right for check in checks]},
            seconds=time.perf_counter() - start,
        )
        if self.require_steps and wrong is not None and verdict.is_correct:
            return replace(verdict, outcome=Outcome.WRONG, score=0.0, reason=Reason.CONTRADICTION)
        return verdict
