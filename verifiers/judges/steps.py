"""The one judge of written steps: which step of a worked solution is the first wrong one.

Two kinds of claim are checked, exactly: arithmetic (`3 + 5 = 8`, also inside prose and in `<<3+5=8>>` notes), and an
equation that follows from the one before it (`2x + 3 = 7`, then `x = 2`: the same real solutions). A step that makes
no such claim is not judged; prose is never guessed at. The conclusion, which announces the answer, is the last step,
and as right as the answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from verifiers.algebra.claims import Claim, claims_of
from verifiers.algebra.polynomials import NotPolynomial, Polynomial, equation_polynomial, has_same_real_roots
from verifiers.extract import EXPLICIT_PLACES, extract_answer
from verifiers.judges.combine import Part, resolve, warm_up_all
from verifiers.parse import ParseError, free_symbols, parse
from verifiers.parse.tree import Expr, Group, is_equation
from verifiers.types import Outcome, Reason, StepVerdict, Verdict

MAX_STEPS = 400
MAX_STEP_CHARACTERS = 2_000
MAX_CHARACTERS = 40_000  # of a response, whose later steps are not judged
MAX_EQUATION_CHARACTERS = 200
MAX_LINES_SEARCHED = 20  # from the end, for the one that announces the answer
_LABEL = re.compile(r"^\s*(?:[-*•]\s+|\d+[.)]\s+|step\s+\d+\s*[:.)]?\s*)", re.IGNORECASE)
_CONNECTIVE = re.compile(
    r"^\s*(?:so|thus|then|hence|therefore|and|we\s+(?:have|get|obtain)|which\s+gives|this\s+gives|=>|⇒|\\implies|"
    r"\\Rightarrow|\\therefore)[\s,:]+",
    re.IGNORECASE,
)


def judge_written_steps(verdict: Verdict, response: str, *, algebra: bool = False) -> Verdict:
    """`verdict` with its steps and its two shares; steps that a verifier has already filled stay as they are.

    Args:
        algebra: as in `judge_lines`.
    """
    if verdict.steps:
        return verdict.judged(verdict.steps)
    return verdict.judged(_with_conclusion(judge_lines(response, algebra=algebra), verdict, response))


def judge_lines(response: str, *, algebra: bool = False) -> list[StepVerdict]:
    """One step for each non-empty line: wrong when a claim in it is wrong, not judged when it makes none.

    Args:
        response: the solution.
        algebra: also hold each equation in one unknown to have the real solutions of the one before it. For
            solutions of a single equation; a text that sets up several about one letter should leave it off.
    """
    steps: list[StepVerdict] = []
    before: tuple[str, Polynomial] | None = None
    for start, end in _lines(response):
        if len(steps) >= MAX_STEPS:
            break
        text = _LABEL.sub("", response[start : min(end, start + MAX_STEP_CHARACTERS)]) if end <= MAX_CHARACTERS else ""
        claims = claims_of(text)
        wrong = next((claim for claim in claims if not claim.holds), None)
        is_right: bool | None = wrong is None if claims else None
        detail = "" if wrong is None else describe(wrong)
        if algebra and not claims and (equation := _equation(text)) is not None:
            if before is not None and before[0] == equation[0]:
                is_right = has_same_real_roots(before[1], equation[1])
                detail = "" if is_right else "it does not have the real solutions of the equation before it"
            before = equation
        steps.append(StepVerdict((start, end), is_right, detail=detail))
    return steps


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where the non-empty lines of a text begin and end, blank margins left out."""
    at = 0
    for line in text.splitlines(keepends=True):
        content = line.strip()
        if content:
            start = at + len(line) - len(line.lstrip())
            yield start, start + len(content)
        at += len(line)


def _with_conclusion(steps: list[StepVerdict], verdict: Verdict, response: str) -> list[StepVerdict]:
    """The steps with the conclusion at the end: the line that announces the answer, where it makes no claim itself."""
    is_read = verdict.outcome in (Outcome.CORRECT, Outcome.WRONG)
    if not steps or verdict.outcome is Outcome.NO_ANSWER or (verdict.answer is None and not is_read):
        return steps
    index, start = _announcement(steps, verdict.answer or "", response)
    line = steps[index]
    if line.is_right is None:
        start = line.span[0]
        steps = [*steps[:index], *steps[index + 1 :]]
    is_right = verdict.answer_share >= 1 if is_read else False if verdict.outcome is Outcome.UNPARSEABLE else None
    size = 0 if verdict.outcome is Outcome.UNPARSEABLE else 1
    detail = "" if is_right else verdict.detail
    return [*steps, StepVerdict((start, line.span[1]), is_right, size, is_conclusion=True, detail=detail)]


def _announcement(steps: Sequence[StepVerdict], answer: str, response: str) -> tuple[int, int]:
    """Which step announces the answer, and where in the response the answer begins; the last step where none is."""
    for index in reversed(range(max(0, len(steps) - MAX_LINES_SEARCHED), len(steps))):
        start, end = steps[index].span
        line = response[start : min(end, start + MAX_STEP_CHARACTERS)]
        if answer in line and extract_answer(line, EXPLICIT_PLACES).answer == answer:
            return index, start + line.rfind(answer)
    at = response.rfind(answer)
    holding = (index for index, step in enumerate(steps) if step.span[0] <= at < step.span[1])
    index = next(holding, len(steps) - 1)
    return index, max(at, steps[index].span[0])


def describe(claim: Claim) -> str:
    """The wrong claim in words: `3 + 5 = 9, but 3 + 5 is 8`."""
    value = claim.left_value
    about = "" if value.denominator == 1 else f" (about {float(value):.6g})"
    return f"{claim.left} = {claim.right}, but {claim.left} is {value.limit_denominator(10**6)}{about}"


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
    return is_equation(expr)


@dataclass
class StepsVerifier:
    """Judges the final answer with another verifier and every step that makes a claim.

    The verdict's `parts` are "answer" (the answer's score) and "solution" (0 with a wrong step); its steps are the
    non-empty lines.

    Attributes:
        answer: the verifier of the final answer: a name, {"name": ..., **settings} or an object.
        require_steps: a right answer after a wrong step is then WRONG with Reason.CONTRADICTION.
        algebra: as in `judge_lines`.
    """

    answer: Part = "symbolic"
    require_steps: bool = False
    algebra: bool = True

    def __post_init__(self) -> None:
        self.of_answer = resolve(self.answer)

    def warm_up(self) -> None:
        """Let the answer's verifier import what it needs."""
        warm_up_all([self.of_answer])

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict on the answer, with the steps."""
        began = time.perf_counter()
        verdict = self.of_answer.verify(response, answer)
        verdict = replace(verdict, parts={**verdict.parts, "answer": verdict.score})
        verdict = judge_written_steps(verdict, response, algebra=self.algebra)
        wrong = next(((n, step) for n, step in enumerate(verdict.worked_steps, 1) if step.is_right is False), None)
        if wrong is not None:
            verdict = replace(verdict, detail=f"{verdict.detail}; step {wrong[0]} is wrong: {wrong[1].detail}")
        verdict = replace(verdict, seconds=time.perf_counter() - began)
        if self.require_steps and wrong is not None and verdict.is_correct:
            return replace(verdict, outcome=Outcome.WRONG, score=0.0, reason=Reason.CONTRADICTION)
        return verdict
