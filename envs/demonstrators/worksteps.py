"""Worked steps as text: find the sums in them, redo them with other values, carry the change to the answer.

A step such as `k = 12 + 5 = 17` ends in a sum whose value is stated. When an earlier value changes, the expression is
rewritten with the new value and worked out again: so a slip propagates as it does when a person goes on from it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from verifiers.algebra.arithmetic import evaluate

# Signed only where a sign cannot be a subtraction: subtractions are written with spaces.
NUMBER = re.compile(r"(?:(?:(?<=[(=,:\s])|^)-)?\d+(?:/\d+)?")

Change = Callable[[int, str, Fraction], Fraction]  # (step, expression, its value) -> the value that is written
Misreading = Callable[[int, str], tuple[str, str] | None]  # (step, a line that is no sum) -> (number, another) in it


def split_step(step: str) -> tuple[str, str, str] | None:
    """(what precedes, the expression, the value stated) of a step that ends in a sum; None when it does not.

    `x = 24 / 3 = 8` gives ("x = ", "24 / 3", "8").
    """
    body, equals, stated = step.rpartition("=")
    if not equals or NUMBER.fullmatch(stated.strip()) is None:
        return None
    start = max(body.rfind("="), body.rfind(":"), body.rfind(",")) + 1
    expression = body[start:]
    if not any(op in expression for op in ("+", "-", "*", "/", "^", "mod")):
        return None
    try:
        evaluate(expression)
    except (ValueError, ZeroDivisionError):
        return None
    lead = len(expression) - len(expression.lstrip())
    return body[: start + lead], expression.strip(), stated.strip()


def redo(
    steps: Sequence[str], answer: str, change: Change, misread: Misreading = lambda index, step: None
) -> tuple[list[str], str]:
    """The steps and the answer with every sum worked out again, its value passed through `change`.

    A value that comes out otherwise than it was written replaces the old one in all later steps and in the answer; so
    does a number that is `misread` in a line that is no sum.
    """
    replaced: dict[str, str] = {}
    redone = []
    for index, step in enumerate(steps):
        before = split_step(step)
        if before is None:
            if (other := misread(index, step)) is not None:
                replaced[other[0]] = other[1]
            redone.append(substitute(step, replaced))
            continue
        head, expression, stated = before
        expression = substitute(expression, replaced)
        try:
            value = str(change(index, expression, evaluate(expression)))
        except (ValueError, ZeroDivisionError):
            value = stated  # the changed values cannot be computed with: the writer leaves the line as it was
        replaced[stated] = value
        redone.append(f"{substitute(head, replaced)}{expression} = {value}")
    return redone, substitute(answer, replaced)


def substitute(text: str, replaced: Mapping[str, str]) -> str:
    """`text` with every whole number that is a key of `replaced` exchanged."""
    if not replaced:
        return text
    return NUMBER.sub(lambda match: replaced.get(match[0], match[0]), text)


def perturb(value: Fraction, rng: random.Random) -> Fraction:
    """A near miss: off by one or two, by ten, by the sign, or with one digit changed."""
    kinds = ["near", "near", "digit"]
    if abs(value) >= 10:
        kinds.append("ten")
    if value:
        kinds.append("sign")
    kind = rng.choice(kinds)
    if kind == "near":
        return value + rng.choice((-2, -1, 1, 2))
    if kind == "ten":
        return value + rng.choice((-10, 10))
    if kind == "sign":
        return -value
    digits = list(str(abs(value.numerator)))
    place = rng.randrange(len(digits))
    digits[place] = rng.choice([d for d in "0123456789" if d != digits[place]])
    changed = Fraction(int("".join(digits)) * (-1 if value < 0 else 1), value.denominator)
    return changed if changed != value else value + 1


def perturb_text(text: str, rng: random.Random) -> str:
    """`text` with one number replaced by a near miss; a text without numbers has one word left out or doubled."""
    numbers = list(NUMBER.finditer(text))
    if numbers:
        match = rng.choice(numbers)
        top, _, bottom = match[0].partition("/")
        value = Fraction(int(top), int(bottom or 1) or 1)
        return text[: match.start()] + str(perturb(value, rng)) + text[match.end() :]
    words = text.split(" ")
    place = rng.randrange(len(words))
    if len(words) > 1:
        del words[place]
        return " ".join(words)
    return text + text[-1:]
