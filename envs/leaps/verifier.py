"""Reads a LEAPS solution line by line. Three levels of truth, because answers alone can be guessed:

answer      the value after # is right
arithmetic  and every line's result follows from the line before it, as written
strict      and the lines carry out exactly the problem's operations, under its names, in order
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from envs.types import Problem
from verifiers.types import Outcome, Reason, Verdict

OPERATORS = ("+", "-", "*")
REQUIREMENTS = ("answer", "arithmetic", "strict")
MAX_CHARACTERS = 20_000
MAX_NUMBER_DIGITS = 9

_SYMBOL = {"plus": "+", "minus": "-", "times": "*", "is": "=", ".": ";", ",": "", "\n": ";"}
_TOKEN = re.compile(r"\d+|[A-Za-z]+|[-+*=;#.,\n]|\S")


@dataclass(frozen=True)
class Line:
    """One line of a solution: operations carried out at once, and the value stated for them."""

    operations: tuple[tuple[str, str, int], ...]
    value: int

    @property
    def leap(self) -> int:
        """How many operations the line carries out."""
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


def parse_solution(response: str) -> tuple[list[Line | None], str | None, bool]:
    """Lines (None for a malformed one), the text after the only #, and whether more than one # stands there."""
    tokens = [_SYMBOL.get(t, t) for t in _TOKEN.findall(response)]
    marks = tokens.count("#")
    if marks:
        cut = tokens.index("#")
        body, tail = tokens[:cut], [t for t in tokens[cut + 1 :] if t != ";"]
    else:
        body, tail = tokens, []
    lines: list[Line | None] = []
    current: list[str] = []
    for token in [*body, ";"]:
        if token == ";":
            if current:
                lines.append(_parse_line(current))
            current = []
        elif token:
            current.append(token)
    return lines, " ".join(tail) if marks else None, marks > 1


def _parse_line(tokens: list[str]) -> Line | None:
    *body, equals, value = tokens if len(tokens) >= 5 else [*tokens, "", ""]
    if equals != "=" or len(body) % 3 or not _is_number(value):
        return None
    operations = []
    for name, op, operand in zip(body[::3], body[1::3], body[2::3]):
        if not name.isalpha() or op not in OPERATORS or not _is_number(operand):
            return None
        operations.append((name, op, int(operand)))
    return Line(tuple(operations), int(value))


def _is_number(token: str) -> bool:
    return token.isascii() and token.isdigit() and len(token) <= MAX_NUMBER_DIGITS


class LeapsVerifier:
    """Judges a response to a LEAPS problem at three levels; `require` says which one makes it CORRECT."""

    def __init__(self, modulus: int, require: str = "answer") -> None:
        self.modulus = modulus
        self.require = require

    def verify(self, response: str, answer: str) -> Verdict:
        """The answer alone: for callers that hold no problem."""
        _, given, several = parse_solution(response[:MAX_CHARACTERS])
        return _outcome(given, several, given == answer, answer)

    def judge(self, response: str, problem: Problem) -> Verdict:
        """The verdict with parts `answer`, `arithmetic`, `verified` (strict), and every line's leap and truth."""
        began = time.perf_counter()
        if len(response) > MAX_CHARACTERS:
            return Verdict(
                Outcome.UNPARSEABLE,
                0.0,
                reason=Reason.OVER_BUDGET,
                detail=f"over {MAX_CHARACTERS} characters",
            )
        lines, given, several = parse_solution(response)
        is_sum_right, is_as_asked = self._check_lines(lines, problem)
        answer_right = given == problem.answer and not several
        last = lines[-1].value if lines and lines[-1] is not None else None
        arithmetic = answer_right and all(is_sum_right) and last is not None and str(last) == given
        complete = sum(line.leap for line in lines if line) == len(problem.info["operations"])
        strict = arithmetic and all(is_as_asked) and complete
        met = {"answer": answer_right, "arithmetic": arithmetic, "strict": strict}[self.require]
        verdict = _outcome(given, several, met, problem.answer)
        wrong = [i for i, (a, b) in enumerate(zip(is_sum_right, is_as_asked)) if not (a and b)]
        return Verdict(
            outcome=verdict.outcome,
            score=verdict.score,
            answer=given,
            detail=verdict.detail,
            reason=verdict.reason,
            parts={"answer": float(answer_right), "arithmetic": float(arithmetic), "verified": float(strict)},
            first_wrong_step=wrong[0] if wrong else None,
            info={
                "leaps": [line.leap if line else 0 for line in lines],  # 0: malformed
                "line_right": [bool(a and b) for a, b in zip(is_sum_right, is_as_asked)],
            },
            seconds=time.perf_counter() - began,
        )

    def _check_lines(self, lines: Sequence[Line | None], problem: Problem) -> tuple[list[bool], list[bool]]:
        """Per line: does its value follow from the value stated before it; are its operations the asked ones?"""
        asked = [tuple(operation) for operation in problem.info["operations"]]
        value: int | None = problem.info["start"]
        done = 0
        sums, matches = [], []
        for line in lines:
            if line is None:
                sums.append(False)
                matches.append(False)
                value = None  # what follows a malformed line has nothing to follow from
                continue
            expected = value
            for _, op, operand in line.operations:
                expected = None if expected is None else apply(expected, op, operand, self.modulus)
            sums.append(expected == line.value)
            matches.append(list(line.operations) == asked[done : done + line.leap])
            done += line.leap
            value = line.value
        return sums, matches


def _outcome(given: str | None, several: bool, met: bool, answer: str) -> Verdict:
    if given is None:
        return Verdict(Outcome.NO_ANSWER, 0.0, detail="no # announces an answer")
    if several:
        return Verdict(Outcome.WRONG, 0.0, given, "more than one # announces an answer", Reason.SEVERAL_ANSWERS)
    if not _is_number(given):
        return Verdict(Outcome.UNPARSEABLE, 0.0, given[:80], "what follows # is not a number")
    if met:
        return Verdict(Outcome.CORRECT, 1.0, given, "as required")
    detail = "the answer is right, its derivation is not" if given == answer else f"{given} is not {answer}"
    return Verdict(Outcome.WRONG, 0.0, given, detail)
