"""Any expression that meets a constraint: made of exactly the given numbers, and equal to the target.

Many answers are right (`(8 / (3 - 8/3))` and its reorderings for 24 from 3, 3, 8, 8), so there is nothing to compare
with: the answer itself is read into the restricted tree and worked out in exact rationals.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from verifiers.algebra.exact import InexactError, UndefinedError, exact
from verifiers.equivalence.types import Equivalence, no, yes
from verifiers.judges.frame import ExpressionVerifier
from verifiers.parse import Expr, walk
from verifiers.parse.tree import Num, Op, Rel, is_op
from verifiers.types import Reason

OPERATORS = ("+", "-", "*", "/")
_ARROW = re.compile(r"\s*(?:->|=>|→)\s*")
_SIGNS = {"add": "+", "mul": "*", "div": "/", "neg": "-", "pow": "^"}


class NotArithmeticError(ValueError):
    """The answer holds something besides numbers and the allowed operators."""


@dataclass(frozen=True)
class Constraint:
    """The numbers to use, each once, and the value to reach."""

    numbers: tuple[Fraction, ...]
    target: Fraction


def read_constraint(text: str) -> Constraint:
    """The constraint that a reference states: `3, 3, 8, 8 -> 24`, or {"numbers": [3, 3, 8, 8], "target": 24}.

    Raises:
        ValueError: it states none.
    """
    try:
        if text.lstrip().startswith("{"):
            data = json.loads(text)
            numbers, target = data["numbers"], data["target"]
        else:
            left, target = _ARROW.split(text.strip())
            numbers = re.split(r"[\s,;]+", left.strip("[]() "))
        return Constraint(tuple(Fraction(str(n)) for n in numbers), Fraction(str(target)))
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ValueError(
            f"the reference {text!r:.200} states no constraint; write '3, 3, 8, 8 -> 24' or "
            '{"numbers": [3, 3, 8, 8], "target": 24}'
        ) from error


def evaluate(expr: Expr, operators: Sequence[str] = OPERATORS) -> tuple[Fraction, list[Fraction]]:
    """The exact value of an arithmetic expression, and the numbers written in it, left to right.

    Raises:
        NotArithmeticError: another kind of expression, or an operator that is not allowed.
        UndefinedError: a division by zero.
        InexactError, OverBudgetError: no rational value, or one over the limits.
    """
    numbers: list[Fraction] = []
    for node in walk(expr):
        match node:
            case Num(value):
                numbers.append(value)
                continue
            case Op("add", (_, *others)):
                needed = {"-" if _is_negative(other) else "+" for other in others}
            case Op(op) if op in _SIGNS:
                needed = {_SIGNS[op]}
            case _:
                raise NotArithmeticError(f"expected numbers and {' '.join(operators)}, found {_describe(node)}")
        if refused := needed - set(operators):
            raise NotArithmeticError(f"the operator {' '.join(refused)} is not allowed")
    return exact(expr), numbers


def _is_negative(expr: Expr) -> bool:
    """True for a term that is written with a minus: the tree of `3 - 1` is a sum."""
    return is_op(expr, "neg") or (isinstance(expr, Num) and expr.value < 0)


def _describe(expr: Expr) -> str:
    name = getattr(expr, "op", None) or getattr(expr, "name", None) or getattr(expr, "kind", None)
    return f"{type(expr).__name__.lower()}{f' {name}' if name else ''}"


@dataclass(kw_only=True, eq=False)
class ConstraintVerifier(ExpressionVerifier):
    """CORRECT when the answer uses exactly the given numbers and is worth the target.

    The answer may restate the target (`8/(3-8/3) = 24`); a number that is not given, or given and not used, is WRONG
    with Reason.FORMAT. Digits may not be joined: 38 is no use of 3 and 8.

    Attributes:
        operators: the allowed ones, of + - * / ^.
        use_all: every number must be used; otherwise each at most as often as it is given.
        mode, places, strict: as in AnswerVerifier.
    """

    operators: Sequence[str] = OPERATORS
    use_all: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if unknown := set(self.operators) - set(_SIGNS.values()):
            raise ValueError(f"unknown operators {sorted(unknown)}; expected some of {' '.join(_SIGNS.values())}")

    def read_reference(self, answer: str) -> Constraint:
        """The numbers that must be used, and the target."""
        return read_constraint(answer)

    def judge(self, expr: Expr, reference: Constraint) -> Equivalence:
        """Whether the expression uses the numbers and reaches the target."""
        if isinstance(expr, Rel):
            expr, fault = _without_target(expr, reference.target)
            if fault:
                return no(fault, Reason.CONTRADICTION)
        try:
            value, used = evaluate(expr, self.operators)
        except NotArithmeticError as error:
            return no(str(error), Reason.FORMAT)
        except UndefinedError:
            return no("it divides by zero")
        except InexactError:
            return no("it is worth no fraction")
        given = Counter(reference.numbers)
        # the tree of `8 - 3` holds -3; unless -3 is given, that is a use of 3
        fault = self._misuse(Counter(n if n in given else abs(n) for n in used), given)
        if fault:
            return no(fault, Reason.FORMAT)
        if value != reference.target:
            return no(f"it is worth {value}, not {reference.target}")
        return yes(f"it uses the given numbers and is worth {value}", "exact")

    def _misuse(self, used: Counter[Fraction], given: Counter[Fraction]) -> str:
        """How the numbers are misused; empty when they are not."""
        if extra := used - given:
            return f"it uses {_list(extra)}, which is not given{' (so often)' if set(extra) <= set(given) else ''}"
        if self.use_all and (left := given - used):
            return f"it does not use {_list(left)}"
        return ""


def _list(numbers: Counter[Fraction]) -> str:
    return ", ".join(str(number) for number in sorted(numbers.elements()))


def _without_target(expr: Rel, target: Fraction) -> tuple[Expr, str]:
    """The expression of `expression = target` (either way round); or what is wrong with the chain."""
    for side, other in (expr.sides[::-1], expr.sides) if expr.ops == ("=",) else ():
        if isinstance(side, Num) and not isinstance(other, Num):
            return other, "" if side.value == target else f"it claims {side.value}, the target is {target}"
    return expr, "one expression, or `expression = target`, was expected"
