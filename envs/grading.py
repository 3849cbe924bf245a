"""Responses -> verdicts, as worker processes do it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from envs.types import Check, Problem
from verifiers import registry
from verifiers.extract import EXPLICIT_PLACES, extract_answer
from verifiers.judges.frame import AnswerVerifier, Mode
from verifiers.judges.steps import judge_written_steps
from verifiers.types import Outcome, Reason, Verdict, Verifier

MAX_RESPONSE_CHARACTERS = 100_000
MAX_ANSWER_CHARACTERS = 2_000
MAX_NESTED_FRACTIONS = 5
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_LATEX = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:left|right|displaystyle)(?![a-z])|\$|\\[,;:! ]", ""),
        (r"\\(?:cdot|times)(?![a-z])", "*"),
        (r"\\cup(?![a-z])", "U"),
        (r"\\infty(?![a-z])", "inf"),
        (r"\\emptyset(?![a-z])", "{}"),
        (r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)"),
        (r"\\text\s*\{([^{}]*)\}", r"\1"),
        (r"\^\{(\w+)\}", r"^\1"),
        (r"\\([{}])", r"\1"),
    )
)


def make_verifier(verify: str | Mapping[str, Any] | Verifier | Check) -> Verifier:
    """The verifier that an environment's `verify` stands for.

    Answers count where they are announced (a tag, a box, ####, "the answer is"), and once: a policy that is paid for
    the last number of its text learns to scatter numbers. {"name": "numeric", "mode": "evaluation"} chooses otherwise.

    Raises:
        TypeError: `verify` is a check of (problem, answer), which has no form without the problem.
    """
    if isinstance(verify, str):
        verify = {"name": verify}
    if isinstance(verify, Mapping):
        return registry.make(**verify)
    if isinstance(verify, Verifier):
        return verify
    raise TypeError(f"{verify!r} is judged together with its problem; use env.grade(problem, response)")


def lenient(verify: str | Mapping[str, Any] | Verifier | Check) -> dict[str, Any] | None:
    """The same verifier in evaluation mode, {"name": ..., **settings}; None: it is, or has no such mode."""
    named = {"name": verify} if isinstance(verify, str) else dict(verify) if isinstance(verify, Mapping) else None
    if named is None:
        return None
    judge = make_verifier(named)
    if not isinstance(judge, AnswerVerifier) or judge.mode != Mode.TRAINING:
        return None
    kept = {name: value for name, value in named.items() if name not in ("places", "strict")}
    return {**kept, "mode": str(Mode.EVALUATION)}


def grade_response(judge: Verifier | Check, problem: Problem, response: str) -> Verdict:
    """The verdict of an environment's verifier, or of its check, with its steps and the parts `answer`, `solution`.

    A solution holds when its answer is right and no line makes a false claim: answers alone can be guessed.
    """
    if isinstance(judge, Verifier):
        verdict = judge.verify(response, problem.answer)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"{type(judge).__name__}.verify gave {verdict!r:.60}, expected a verifiers.Verdict")
    else:
        verdict = grade_by_check(judge, problem, response)
    return judge_written_steps(verdict, response)


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


def announced_answer(
    response: str, *, max_characters: int = MAX_ANSWER_CHARACTERS, as_plain: bool = True
) -> tuple[str | None, Verdict | None]:
    """The one answer that a response announces, or the verdict that says why there is none.

    Args:
        max_characters: of the answer.
        as_plain: write LaTeX of chat models as plain text (`plain_text`); False: as it stands.
    """
    if len(response) > MAX_RESPONSE_CHARACTERS:
        detail = f"over {MAX_RESPONSE_CHARACTERS} characters"
        return None, Verdict(Outcome.UNPARSEABLE, 0.0, detail=detail, reason=Reason.OVER_BUDGET)
    found = extract_answer(response, EXPLICIT_PLACES)
    if not found.answer:
        return None, Verdict(Outcome.NO_ANSWER, 0.0, detail=found.detail)
    if any(other != found.answer for other in found.others):
        detail = "several answers are announced"
        return None, Verdict(Outcome.WRONG, 0.0, found.answer[:80], detail, Reason.SEVERAL_ANSWERS)
    if len(found.answer) > max_characters:
        detail = f"the answer has over {max_characters} characters"
        return None, Verdict(Outcome.UNPARSEABLE, 0.0, found.answer[:80], detail, Reason.OVER_BUDGET)
    plain = plain_text(found.answer)
    if not plain.strip(r"\ ,;:!"):  # `$$` or an empty \\text{}: marks around nothing
        return None, Verdict(Outcome.NO_ANSWER, 0.0, detail="the announced answer is empty")
    return plain if as_plain else found.answer, None


def plain_text(answer: str) -> str:
    r"""An answer without the LaTeX of chat models: `\frac{3}{4}` is 3/4, `x^{2} \cdot y` is x^2 * y."""
    if "\\" not in answer and "$" not in answer and "{" not in answer:
        return answer
    for _ in range(MAX_NESTED_FRACTIONS):
        shorter = _FRACTION.sub(_write_fraction, answer)
        if shorter == answer:
            break
        answer = shorter
    for pattern, replacement in _LATEX:
        answer = pattern.sub(replacement, answer)
    return answer.strip()


def _write_fraction(match: re.Match[str]) -> str:
    top, bottom = match[1], match[2]
    return f"{top}/{bottom}" if top.lstrip("-").isdigit() and bottom.isdigit() else f"(({top})/({bottom}))"
