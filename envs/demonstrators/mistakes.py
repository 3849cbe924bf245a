"""Wrong rules of arithmetic that a person follows with conviction: (expression, right value) -> the value they write.

Systematic: the same expression always gets the same wrong value, so an imitator learns the rule, not noise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

_TWO_NUMBERS = re.compile(r"(-?\d+)\s*([-+*/])\s*(-?\d+)")


def _operands(expression: str) -> tuple[int, str, int] | None:
    match = _TWO_NUMBERS.fullmatch(expression.strip())
    return (int(match[1]), match[2], int(match[3])) if match else None


def drop_carry(expression: str, value: Fraction) -> Fraction:
    """Adds column by column and forgets every carry: 27 + 15 = 32."""
    match _operands(expression):
        case (int(a), "+", int(b)) if a >= 0 and b >= 0:
            total, place = 0, 1
            while a or b:
                total += (a + b) % 10 * place if a > 9 or b > 9 else (a + b) * place
                a, b, place = a // 10, b // 10, place * 10
            return Fraction(total)
    return value


def smaller_from_larger(expression: str, value: Fraction) -> Fraction:
    """Subtracts the smaller number from the larger, whichever comes first: 3 - 8 = 5."""
    match _operands(expression):
        case (_, "-", _):
            return abs(value)
    return value


def lose_sign(expression: str, value: Fraction) -> Fraction:
    """A negative result loses its sign."""
    return abs(value)


def wrong_times_table(expression: str, value: Fraction) -> Fraction:
    """Believes that 7 * 8 = 54, 6 * 9 = 56 and 8 * 9 = 74 (either order)."""
    believed = {(7, 8): 54, (6, 9): 56, (8, 9): 74}
    match _operands(expression):
        case (int(a), "*", int(b)):
            return Fraction(believed.get((min(a, b), max(a, b)), value))
    return value


def left_to_right(expression: str, value: Fraction) -> Fraction:
    """Works strictly from left to right: 2 + 3 * 4 = 20."""
    tokens = re.findall(r"\d+|[-+*/]", expression)
    if (
        "".join(tokens) != expression.replace(" ", "")
        or len(tokens) % 2 == 0
        or not all(t.isdigit() for t in tokens[::2])
    ):
        return value
    total = Fraction(int(tokens[0]))
    for op, number in zip(tokens[1::2], tokens[2::2]):
        if op == "/" and int(number) == 0:
            return value
        operand = Fraction(int(number))
        total = {"+": total + operand, "-": total - operand, "*": total * operand}.get(op, total / (operand or 1))
    return total


ARITHMETIC_MISTAKES: dict[str, Callable[[str, Fraction], Fraction]] = {
    "drop_carry": drop_carry,
    "smaller_from_larger": smaller_from_larger,
    "lose_sign": lose_sign,
    "wrong_times_table": wrong_times_table,
    "left_to_right": left_to_right,
}
