"""Other graders of mathematical answers behind one signature, for `experiments.bench.verifiers`.

Each takes (response, reference) as a training loop would give them: the answer stands in a box in the response.
They run in grading processes, since several of them hang; every verdict carries the CPU seconds that it took.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import verifiers
from verifiers.judges.combine import warm_up_all
from verifiers.types import Outcome, Verdict

Grade = Callable[[str, str], bool]
# loads what a peer imports late: parsers, simplification, numeric comparison
WARM_UP = ((r"\boxed{\frac{1}{2}}", "0.5"), (r"\boxed{\sqrt{8}}", r"2\sqrt{2}"), (r"\boxed{(x+1)^2}", "x^2+2x+1"))


class TimedGrader:
    """Grades (response, reference) with the peer of that name; picklable, loads the peer where it is used."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def warm_up(self) -> None:
        """Load the peer before a deadline runs or a time is taken."""
        load(self.peer)

    def __call__(self, item: tuple[str, str, float | None]) -> Verdict:
        """CORRECT or WRONG, with `info["cpu_seconds"]`. What the peer raises reaches the pool, which counts it.

        The third of `item` is a tolerance, for those peers that can be told one.
        """
        response, reference, tolerance = item
        grade = load(self.peer, tolerance if self.peer in TOLERANT else None)
        start = time.process_time()
        is_right = grade(response, reference)
        seconds = time.process_time() - start
        outcome = Outcome.CORRECT if is_right else Outcome.WRONG
        return Verdict(outcome, float(is_right), info={"cpu_seconds": seconds})


@cache
def load(peer: str, tolerance: float | None = None) -> Grade:
    """The grader called `peer`, warmed up; with an absolute tolerance, where it can be told one."""
    grade = PEERS[peer]() if tolerance is None else TOLERANT[peer](tolerance)
    for response, reference in WARM_UP[:1] if peer in PLAIN_ONLY else WARM_UP:
        grade(response, reference)
    return grade


def is_installed(peer: str) -> bool:
    """Whether the packages that the peer is made of can be imported."""
    return all(find_spec(package) is not None for package in PACKAGES.get(peer, ()))


def ours(name: str, **settings: Any) -> Grade:
    """One of our verifiers."""
    verifier = verifiers.make(name, **settings)
    warm_up_all([verifier])
    return lambda response, reference: verifier.verify(response, reference).is_correct


def math_verify(box_only: bool, tolerance: float | None = None) -> Grade:
    """Math-Verify: with its default extraction, or as verl and trl configure it for rewards (LaTeX, box first).

    It rounds: a tolerance is half a unit of the last decimal that it keeps.
    """
    from math_verify import LatexExtractionConfig, parse, verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it logs every input that it gives up on
    rounding = {} if tolerance is None else {"float_rounding": round(-math.log10(2 * tolerance))}
    if not box_only:
        return lambda response, reference: verify(parse(boxed(reference)), parse(response), **rounding)
    config = [LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False)]

    def grade(response: str, reference: str) -> bool:
        """Its verdict on the first match in the response, boxes before all else."""
        found = parse(response, extraction_config=config, extraction_mode="first_match")
        return verify(parse(boxed(reference)), found, **rounding)

    return grade


def trl_accuracy() -> Grade:
    """trl's `accuracy_reward`."""
    from trl.rewards import accuracy_reward

    def grade(response: str, reference: str) -> bool:
        """True for a reward of 1; None, where trl cannot read the reference, counts as none."""
        (reward,) = accuracy_reward([[{"role": "assistant", "content": response}]], [boxed(reference)])
        return bool(reward)

    return grade


def verl(module: str) -> Grade:
    """A scorer of verl, `compute_score(response, reference)`, in whichever form it returns its verdict."""
    score = import_module(f"verl.utils.reward_score.{module}").compute_score

    def grade(response: str, reference: str) -> bool:
        """True for a score above 0: a dictionary's `acc`, a tuple's first entry or a bare number."""
        found = score(response, reference)
        found = found["acc"] if isinstance(found, dict) else found[0] if isinstance(found, tuple) else found
        return bool(found) and float(found) > 0

    return grade


def mathruler() -> Grade:
    """MathRuler's grader on its own extraction from the box."""
    from mathruler.grader import extract_boxed_content, grade_answer

    return lambda response, reference: bool(grade_answer(extract_boxed_content(response), reference))


def tinker_cookbook() -> Grade:
    """The tinker cookbook's grader (the one of PRM800K, extended) on its own extraction from the box."""
    from tinker_cookbook.recipes.math_rl.math_grading import extract_boxed, grade_answer

    def grade(response: str, reference: str) -> bool:
        """Its verdict on the box; False where there is none."""
        try:
            return bool(grade_answer(extract_boxed(response), reference))
        except ValueError:  # no box
            return False

    return grade


def same_text() -> Grade:
    """The last box is the reference, character for character."""
    return lambda response, reference: (last_box(response) or "").strip() == reference.strip()


def same_normal_text() -> Grade:
    """The MATH data set's comparison of normalised strings."""
    return lambda response, reference: normal(last_box(response) or "") == normal(reference)


def same_number() -> Grade:
    """The last number of the response is the reference's last number: the usual GSM8K grader."""
    return lambda response, reference: (found := last_number(response)) is not None and found == last_number(reference)


OURS = "beyond imitation (symbolic)"
OURS_STRICT = "beyond imitation (symbolic, strict)"
OURS_NUMERIC = "beyond imitation (numeric)"
PEERS: dict[str, Callable[[], Grade]] = {
    OURS: lambda: ours("symbolic", mode="evaluation"),
    OURS_STRICT: lambda: ours("symbolic"),
    OURS_NUMERIC: lambda: ours("numeric", mode="evaluation"),
    "math_verify (default)": lambda: math_verify(box_only=False),
    "math_verify (reward config)": lambda: math_verify(box_only=True),
    "trl accuracy_reward": trl_accuracy,
    "verl prime_math": lambda: verl("prime_math"),
    "verl math_reward": lambda: verl("math_reward"),
    "verl math_dapo": lambda: verl("math_dapo"),
    "MathRuler": mathruler,
    "tinker-cookbook": tinker_cookbook,
    "string: MATH normalisation": same_normal_text,
    "string: equal text": same_text,
    "string: last number": same_number,
}
TOLERANT: dict[str, Callable[[float], Grade]] = {
    OURS: lambda tolerance: ours("symbolic", mode="evaluation", tolerance=tolerance),
    OURS_STRICT: lambda tolerance: ours("symbolic", tolerance=tolerance),
    "math_verify (default)": lambda tolerance: math_verify(False, tolerance),
    "math_verify (reward config)": lambda tolerance: math_verify(True, tolerance),
}
PACKAGES: dict[str, tuple[str, ...]] = {
    "math_verify (default)": ("math_verify",), "math_verify (reward config)": ("math_verify",),
    "trl accuracy_reward": ("trl", "math_verify"), "verl prime_math": ("verl", "ray"),
    "verl math_reward": ("verl", "ray"), "verl math_dapo": ("verl", "ray"), "MathRuler": ("mathruler",),
    "tinker-cookbook": ("tinker_cookbook",),
}  # fmt: skip
PLAIN_ONLY = frozenset((OURS_NUMERIC,))  # reads plain numbers and nothing else


def boxed(text: str) -> str:
    """The reference in the form that the peers parse: boxed, unless it announces its answer itself."""
    return text if "\\boxed" in text or "$" in text else f"\\boxed{{{text}}}"


def last_box(text: str) -> str | None:
    """What stands in the last \\boxed{...}; None without one."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for position in range(start + 6, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + 7 : position]
    return None


def last_number(text: str) -> Fraction | None:
    """The last number written in the text."""
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    return Fraction(numbers[-1].replace(",", "")) if numbers else None


def normal(text: str) -> str:
    """The normal form of the MATH data set (hendrycks/math at 357963a, modeling/math_equivalence.py), shortened."""
    for old, new in _REPLACED:
        text = text.replace(old, new)
    text = re.sub(r"\\text\{\s.*$", "", text)  # units
    text = re.sub(r"(?<![\d])\.(\d)", r"0.\1", text)
    text = re.sub(r"^[a-zA-Z]{1,2}\s*=\s*", "", text)
    text = re.sub(r"\\sqrt\s*(\w)", r"\\sqrt{\1}", text).replace(" ", "")
    text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)
    text = "\\frac{1}{2}" if text == "0.5" else text
    return re.sub(r"^(-?\d+)/(-?\d+)$", r"\\frac{\1}{\2}", text)


_REPLACED = (
    ("\n", ""), ("\\!", ""), ("\\\\", "\\"), ("tfrac", "frac"), ("dfrac", "frac"), ("\\left", ""), ("\\right", ""),
    ("^{\\circ}", ""), ("^\\circ", ""), ("\\$", ""), ("\\%", ""), ("%", ""),
)  # fmt: skip
