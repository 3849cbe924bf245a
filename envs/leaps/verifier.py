"""Reads a LEAPS solution line by line. Three levels of truth, because answers alone can be guessed:

answer      the value after # is right
arithmetic  and every line's result follows from the line before it, as written
strict      and the lines carry out exactly the problem's operations, under its names, in order

The conclusion `# 19` is the last step. It is right when it announces the right answer, which the last line states, and
every operation has been carried out: who announces the third result of five has made a mistake at that place.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from envs.types import Problem
from verifiers.types import Outcome, Reason, StepVerdict, Verdict

OPERATORS = ("+", "-", "*")
REQUIREMENTS = ("answer", "arithmetic", "strict")
MAX_CHARACTERS = 20_000
MAX_NUMBER_DIGITS = 9

_SYMBOL = {"plus": "+", "minus": "-", "times": "*", "is": "=", ".": ";", ",": "", "\n": ";"}
_TOKEN = re.compile(r"\d+|[A-Za-z]+|[-+*=;#.,\n]|\S")


@dataclass(frozen=True)
class Line:
    """One line of a solution: operations carried out at once, and the value stated for them.

    `value` is None for a malformed line, which has no operations; `span`: where it stands in the response.
    """

    operations: tuple[tuple[str, str, int], ...]
    value: int | None
    span: tuple[int, int] = (0, 0)

    @property
    def leap(self) -> int:
        """How many operations the line carries out; 0 when it is malformed."""
        return len(self.operations)


def apply(value: int, op: str, operand: int, modulus: int) -> int:
    """value op operand, modulo `modulus`."""
    if op == "+":
        return (value + operand) % modulus
    if op == "-":
        return (value - operand) % modulus
    return (value * operand) % modulus


def render_line(operations: Sequence[tuple[str, str, int]], value: int) -> str:
    """`k + 3 q * 5 = 19 ;`: every operation restated under its name, then the result."""
    return " ".join([*(f"{n} {op} {d}" for n, op, d in operations), "=", str(value), ";"])


@dataclass(frozen=True)
class Solution:
    """A response as it was read.

    Attributes:
        lines: in order; a malformed one carries out nothing.
        given: the text after the first #; None without any.
        several: more than one # stands there.
        conclusion: where # and what follows it stand in the response.
    """

    lines: tuple[Line, ...]
    given: str | None
    several: bool
    conclusion: tuple[int, int] = (0, 0)


def parse_solution(response: str) -> Solution:
    """The lines and the announced answer of a response."""
    found = [(_SYMBOL.get(match[0], match[0]), match.start(), match.end()) for match in _TOKEN.finditer(response)]
    marks = [index for index, (token, _, _) in enumerate(found) if token == "#"]
    cut = marks[0] if marks else len(found)
    tail = [token for token, _, _ in found[cut + 1 :] if token != ";"]
    lines: list[Line] = []
    current: list[str] = []
    start = last = 0
    for token, begin, end in [*found[:cut], (";", 0, 0)]:
        if token == ";":
            if current:
                lines.append(_parse_line(current, (start, end or last)))
            current = []
        elif token:
            start = start if current else begin
            current.append(token)
            last = end
    span = (found[cut][1], found[-1][2]) if marks else (0, 0)
    return Solution(tuple(lines), " ".join(tail) if marks else None, len(marks) > 1, span)


def _parse_line(tokens: list[str], span: tuple[int, int]) -> Line:
    malformed = Line((), None, span)
    *body, equals, value = tokens if len(tokens) >= 5 else [*tokens, "", ""]
    if equals != "=" or len(body) % 3 or not _is_number(value):
        return malformed
    operations = []
    for name, op, operand in zip(body[::3], body[1::3], body[2::3]):
        if not name.isalpha() or op not in OPERATORS or not _is_number(operand):
            return malformed
        operations.append((name, op, int(operand)))
    return Line(tuple(operations), int(value), span)


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdigit() and len(token) <= MAX_NUMBER_DIGITS


class LeapsVerifier:
    """Judges a response to a LEAPS problem at three levels; `require` says which one makes it CORRECT."""

    def __init__(self, modulus: int, require: str = "answer") -> None:
        self.modulus = modulus
        self.require = require

    def verify(self, response: str, answer: str) -> Verdict:
        """The answer alone: for callers that hold no problem."""
        solution = parse_solution(response[:MAX_CHARACTERS])
        return _outcome(solution, solution.given == answer, answer)

    def judge(self, response: str, problem: Problem) -> Verdict:
        """The verdict with parts `answer` and `solution` (strict), and every line's leap and truth as its steps."""
        began = time.perf_counter()
        if len(response) > MAX_CHARACTERS:
            return Verdict(
                Outcome.UNPARSEABLE,
                0.0,
                reason=Reason.OVER_BUDGET,
                detail=f"over {MAX_CHARACTERS} characters",
            )
        solution = parse_solution(response)
        is_sum_right, is_as_asked = self._check_lines(solution.lines, problem)
        answer_right = solution.given == problem.answer and not solution.several
        stated = solution.lines[-1].value if solution.lines else None
        follows = stated is not None and str(stated) == solution.given
        arithmetic = answer_right and follows and all(is_sum_right)
        complete = sum(line.leap for line in solution.lines) == len(problem.info["operations"])
        steps = [
            StepVerdict(line.span, a and b, line.leap) for line, a, b in zip(solution.lines, is_sum_right, is_as_asked)
        ]
        if solution.given is not None:
            detail = "" if complete else "it is announced before every operation is carried out"
            ends_well = follows and complete and not solution.several
            conclusion = StepVerdict(solution.conclusion, ends_well and answer_right, int(ends_well), True, detail)
            steps.append(conclusion)
        is_right = all(step.is_right for step in steps)
        met = {"answer": answer_right, "arithmetic": arithmetic, "strict": answer_right and is_right}[self.require]
        verdict = replace(_outcome(solution, met, problem.answer), answer=solution.given)
        parts = {"answer": float(answer_right), "solution": float(answer_right and is_right)}
        return replace(verdict, parts=parts, steps=tuple(steps), seconds=time.perf_counter() - began)

    def _check_lines(self, lines: Sequence[Line], problem: Problem) -> tuple[list[bool], list[bool]]:
        """Per line: does its value follow from the value stated before it; are its operations the asked ones?"""
        asked = [tuple(operation) for operation in problem.info["operations"]]
        value: int | None = problem.info["start"]
        done = 0
        sums, matches = [], []
        for line in lines:
            expected = value
            for _, op, operand in line.operations:
                expected = None if expected is None else apply(expected, op, operand, self.modulus)
            sums.append(line.value is not None and expected == line.value)
            matches.append(line.leap > 0 and list(line.operations) == asked[done : done + line.leap])
            done += line.leap
            value = line.value  # what follows a malformed line has nothing to follow from
        return sums, matches


def _outcome(solution: Solution, met: bool, answer: str) -> Verdict:
    given = solution.given
    if given is None:
        return Verdict(Outcome.NO_ANSWER, 0.0, detail="no # announces an answer")
    if solution.several:
        return Verdict(Outcome.WRONG, 0.0, given, "more than one # announces an answer", Reason.SEVERAL_ANSWERS)
    if not _is_number(given):
        return Verdict(Outcome.UNPARSEABLE, 0.0, given[:80], "what follows # is not a number")
    if met:
        return Verdict(Outcome.CORRECT, 1.0, given, "as required")
    detail = "the answer is right, its derivation is not" if given == answer else f"{given} is not {answer}"
    return Verdict(Outcome.WRONG, 0.0, given, detail)
