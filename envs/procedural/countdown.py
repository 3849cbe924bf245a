"""Countdown: reach a target with given numbers. Checking is far cheaper than searching, the best case for RL."""

from __future__ import annotations

import random
from collections import Counter

from envs.registry import environment
from envs.types import Problem, unordered
from verifiers.algebra.arithmetic import evaluate, integers_of

MAX_ATTEMPTS = 10_000


def _reaches_target(problem: Problem, answer: str) -> bool:
    text, equals, stated = answer.partition("=")
    target, given, used = problem.info["target"], Counter(problem.info["numbers"]), Counter(integers_of(text))
    allowed = given == used if problem.info["use_all"] else not used - given
    if not allowed or "^" in text or "**" in text or "mod" in text or (equals and evaluate(stated) != target):
        return False
    return evaluate(text) == target


def _only_adds(problem: Problem) -> tuple[list[str], str]:
    numbers = problem.info["numbers"]
    text = " + ".join(map(str, numbers))
    return [f"{text} = {sum(numbers)}"], text


@environment(
    "countdown",
    levels=(2, 3, 4),
    ood_levels=(5, 6),
    verify=_reaches_target,
    mistakes={"only_adds": _only_adds},
)
def countdown(rng: random.Random, level: int, largest: int = 25, use_all: bool = True) -> Problem:
    """An expression of given numbers that equals a target (level: how many numbers); any right expression counts."""
    for _ in range(MAX_ATTEMPTS):
        numbers = [rng.randint(1, largest) for _ in range(level)]
        parts = [(n, str(n), False) for n in numbers]  # value, text, needs parentheses
        steps = []
        while len(parts) > 1:
            (a, left, wide), (b, right, narrow) = (parts.pop(rng.randrange(len(parts))) for _ in range(2))
            ops = ["+", "-", "*"] if b and a % b else ["+", "-", "*", "/"] if b else ["+", "*"]
            op = rng.choice(ops)
            value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[op]
            steps.append(f"{a} {op} {b} = {value}")
            left = f"({left})" if wide and op in "*/" else left
            right = f"({right})" if (narrow and op != "+") or (" " in right and op == "/") else right
            parts.append((value, f"{left} {op} {right}", op in "+-"))
            if value < 0:
                break
        if len(parts) == 1 and 9 < parts[0][0] < 1000:
            break
    else:
        raise ValueError(
            f"no target from 10 to 999 found with {level} numbers up to {largest} in {MAX_ATTEMPTS:,} attempts: "
            "use 2 to 20 numbers, and a `largest` of 5 or more"
        )
    target, text, _ = parts[0]
    rng.shuffle(numbers)
    usage = "each number once" if use_all else "each number at most once"
    prompt = f"Make {target} from {', '.join(map(str, numbers))} with + - * / and parentheses, {usage}."
    info = {"numbers": numbers, "target": target, "use_all": use_all}
    steps.append(f"{text} = {target}")
    asked = f"{target} from {unordered(*numbers)}, {usage}"
    return Problem(prompt, text, tuple(steps), info=info, canonical=asked)
