"""Did the response keep to the asked form? Says nothing about the mathematics.

A small part of a reward beside a verifier (see combine.py), never a whole one: form alone is free to earn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from verifiers.extract.boxes import boxes
from verifiers.types import Outcome, Reason, Verdict

MAX_CHARACTERS = 1_000_000
_BOX = re.compile(r"\\f?boxed\s*\{")
_TAG = re.compile(r"</?(?:think|answer)>")
_THINK_ANSWER = ["<think>", "</think>", "<answer>", "</answer>"]


def _boxed(text: str) -> str | None:
    """Exactly one \\boxed{...}, closed and not empty."""
    count = len(_BOX.findall(text))
    if count != 1:
        return f"expected one \\boxed{{...}}, found {count}"
    closed, _ = boxes(text)
    if not closed:
        return "the box is not closed"
    return None if closed[0][2].strip() else "the box is empty"


def _hashes(text: str) -> str | None:
    """Exactly one line `#### answer`, the last one."""
    marks = text.count("####")
    if marks != 1:
        return f"expected one line '#### answer', found {marks}"
    *_, last = text.rstrip().splitlines() or [""]
    if not last.startswith("####"):
        return "text follows the line '#### answer'"
    return None if last[4:].strip() else "nothing follows ####"


def _think_answer(text: str) -> str | None:
    """<think>...</think><answer>...</answer>, each once, in this order, with nothing outside."""
    tags = _TAG.findall(text)
    if tags != _THINK_ANSWER:
        return f"expected the tags {' '.join(_THINK_ANSWER)}, found {' '.join(tags[:6]) or 'none'}"
    head, inner = text.split("</think>")
    between, answer = inner.split("<answer>")
    if head.lstrip()[:7] != "<think>" or between.strip() or not text.rstrip().endswith("</answer>"):
        return "text stands outside the tags"
    return None if answer.split("</answer>")[0].strip() else "the answer is empty"


FORMS: dict[str, Callable[[str], str | None]] = {"boxed": _boxed, "hashes": _hashes, "think_answer": _think_answer}


@dataclass
class FormatVerifier:
    """CORRECT when the response has the asked form; the reference is not looked at.

    Attributes:
        form: "boxed" (one closed, filled box), "hashes" (one last line `#### answer`) or "think_answer"
            (`<think>...</think> <answer>...</answer>` and nothing else).
        max_characters: a longer response is OVER_BUDGET.
    """

    form: str = "boxed"
    max_characters: int = MAX_CHARACTERS

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"unknown form {self.form!r}; expected one of {', '.join(FORMS)}")

    def verify(self, response: str, answer: str = "") -> Verdict:
        """Whether `response` has the form; the reason when it does not."""
        if len(response) > self.max_characters:
            detail = f"{len(response)} characters, over {self.max_characters}"
            return Verdict(Outcome.WRONG, 0.0, detail=detail, reason=Reason.OVER_BUDGET)
        fault = FORMS[self.form](response)
        if fault is not None:
            return Verdict(Outcome.WRONG, 0.0, detail=fault, reason=Reason.FORMAT)
        return Verdict(Outcome.CORRECT, 1.0, detail=f"it has the form {self.form!r}")
