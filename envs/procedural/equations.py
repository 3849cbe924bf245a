"""Linear equations, linear systems, quadratics and inequalities."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction

from envs.procedural.answers import grouped, read_fraction, same_set, same_tuple, signed
from envs.procedural.polynomial_writing import write, write_term
from envs.registry import environment
from envs.types import Problem, unordered
from verifiers.algebra.polynomials import multiply, polynomial


def _lose_the_sign_when_moving(problem: Problem) -> tuple[Sequence[str], str] | None:
    a, b, c, d = problem.info["coefficients"]
    if a + c == 0 or d + b == d - b:
        return None
    x = Fraction(d + b, a + c)  # terms change sides and keep their signs
    return [f"{write_term(a + c, 1)} = {d + b}", f"x = {d + b} / {grouped(a + c)} = {x}"], str(x)


@environment(
    "linear_equations",
    levels=(1, 2, 3, 4),
    ood_levels=(5, 6),
    verify="numeric",
    mistakes={"keep_sign_when_moving": _lose_the_sign_when_moving},
)
def linear_equations(rng: random.Random, level: int) -> Problem:
    """Linear equations a x + b = c x + d (level 1: c = 0 and integers; higher: both sides, then fractions)."""
    size = 8 + 2 * level
    x = Fraction(
        rng.choice([n for n in range(-2 * size, 2 * size + 1) if n]), 1 if level < 3 else rng.randint(1, level)
    )
    c = 0 if level == 1 else rng.choice([n for n in range(-size, size + 1) if n])
    a = rng.choice([n for n in range(-size, size + 1) if n and (n - c) and n % x.denominator == c % x.denominator])
    b = rng.choice([n for n in range(-2 * size, 2 * size + 1) if n])
    d = int((a - c) * x + b)
    left, right = write((b, a)), write((d, c))
    steps = []
    if c:
        steps.append(f"move {write_term(c, 1)}: {write((b, a - c))} = {d}")
    steps.append(f"move {b}: {write_term(a - c, 1)} = {d} {signed(-b)} = {d - b}")
    steps.append(f"x = {d - b} / {grouped(a - c)} = {x}")
    prompt, info = f"Solve {left} = {right} for x.", {"coefficients": [a, b, c, d]}
    return Problem(prompt, str(x), tuple(steps), info=info, canonical=f"solve {_one_sided((b, a), (d, c))}")


def _one_sided(left: Sequence[int], right: Sequence[int]) -> str:
    """The terms of an equation of polynomials, all on one side, in any order and up to the sign of the whole.

    `-8x - 4 = -12x + 80` and `-12x + 4 = -8x - 80` have the same terms; only where they stand differs.
    """
    terms = [(n, exponent) for exponent, n in enumerate(left) if n]
    terms += [(-n, exponent) for exponent, n in enumerate(right) if n]
    signs = (unordered(*(write_term(sign * n, exponent) for n, exponent in terms)) for sign in (1, -1))
    return min(signs)


def _row(coefficients: Sequence[Fraction | int], names: str) -> str:
    terms = [(c, n) for c, n in zip(coefficients, names) if c]
    text = write_term(terms[0][0], 1, terms[0][1])
    for coefficient, name in terms[1:]:
        sign, size = ("-", -coefficient) if coefficient < 0 else ("+", coefficient)
        text += f" {sign} {write_term(size, 1, name)}"
    return f"{text} = {coefficients[-1]}"


@environment("linear_systems", levels=(1, 2, 3), ood_levels=(4, 5), verify=same_tuple)
def linear_systems(rng: random.Random, level: int) -> Problem:
    """Systems of two (levels 1-2) or three and more equations, solved by elimination with the rows written."""
    size = 2 if level < 3 else level
    names = "xyzuv"[:size]
    largest = 4 + 3 * min(level, 2)
    while True:
        solution = [rng.randint(-largest, largest) for _ in names]
        rows = [[Fraction(rng.choice((-1, 1)) * rng.randint(1, largest)) for _ in names] for _ in names]
        for row in rows:
            row.append(sum((c * x for c, x in zip(row, solution)), Fraction(0)))
        drawn = [tuple(row) for row in rows]
        equations = [_row(row, names) for row in drawn]
        steps = _eliminate(rows, names)
        if steps is not None:
            break
    answer = ", ".join(f"{name} = {value}" for name, value in zip(names, solution))
    prompt = f"Solve {'; '.join(equations)}."
    asked = unordered(*(_row(row if row[0] > 0 else [-c for c in row], names) for row in drawn))
    return Problem(prompt, answer, (*steps, answer), canonical=asked)


def _eliminate(rows: list[list[Fraction]], names: str) -> list[str] | None:
    """Gauss elimination in place with its rows as text; None when the system is singular."""
    steps = []
    for i, name in enumerate(names):
        pivot = next((j for j in range(i, len(rows)) if rows[j][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for j in range(i + 1, len(rows)):
            factor = rows[j][i] / rows[i][i]
            if factor:
                rows[j] = [c - factor * p for c, p in zip(rows[j], rows[i])]
                if any(rows[j][:-1]):
                    steps.append(f"without {name}: {_row(rows[j], names)}")
    if not all(rows[i][i] for i in range(len(rows))):
        return None
    values: dict[int, Fraction] = {}
    for i in reversed(range(len(rows))):
        rest = rows[i][-1] - sum((rows[i][j] * values[j] for j in values), Fraction(0))
        values[i] = rest / rows[i][i]
        steps.append(f"{names[i]} = {grouped(rest)} / {grouped(rows[i][i])} = {values[i]}")
    return steps


@environment("quadratics", levels=(1, 2, 3), ood_levels=(4, 5), verify=same_set)
def quadratics(rng: random.Random, level: int) -> Problem:
    """Quadratic equations with rational roots, by the discriminant (level: size; from 3 on fractions as roots)."""
    size = 25 + 5 * level
    bottoms = (1, 1) if level < 3 else (rng.randint(1, level), rng.randint(1, level - 1))
    first = Fraction(rng.randint(-size, size), bottoms[0])
    second = Fraction(rng.choice([n for n in range(-size, size + 1) if n]), bottoms[1])
    scale = first.denominator * second.denominator * (rng.randint(1, 3) if level > 1 else 1)
    a, b, c = scale, int(-scale * (first + second)), int(scale * first * second)
    root = int(abs(scale * (first - second)))
    steps = [
        f"discriminant {grouped(b)}^2 - 4 * {a} * {grouped(c)} = {b * b - 4 * a * c}",
        f"its square root is {root}",
    ]
    roots = sorted({first, second}, reverse=True)
    for sign, value in zip("+-", roots):
        steps.append(f"x = ({-b} {sign} {root}) / (2 * {a}) = {value}")
    answer = " or ".join(f"x = {value}" for value in roots)
    return Problem(f"Solve {write((c, b, a))} = 0.", answer, tuple(steps))


Interval = tuple[Fraction | None, bool, Fraction | None, bool]  # from (None: -inf), closed there, to, closed there
_INTERVAL = re.compile(r"\s*([\[(])\s*([^,;()\[\]]+?)\s*[,;]\s*([^,;()\[\]]+?)\s*([\])])\s*")


def read_intervals(text: str) -> list[Interval]:
    """A union of intervals such as `(-inf, 2] U (5, inf)`, sorted; `{}` is the empty set.

    Raises:
        ValueError: another form, or intervals that overlap or are empty.
    """
    if text.strip() in ("{}", "empty", "∅"):
        return []
    intervals: list[Interval] = []
    for part in re.split(r"\bU\b|\bor\b|∪", text):
        match = _INTERVAL.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:40]!r} is no interval; expected a form such as (-inf, 2] U (5, inf)")
        low, high = _bound(match[2], "-"), _bound(match[3], "+")
        if low is not None and high is not None and low >= high:
            raise ValueError(f"interval {part.strip()} is empty")
        intervals.append((low, match[1] == "[" and low is not None, high, match[4] == "]" and high is not None))
    return sorted(intervals, key=lambda i: (i[0] is not None, i[0] or 0))


def _bound(text: str, sign: str) -> Fraction | None:
    plain = text.replace(" ", "").lower().replace("infinity", "inf").replace("oo", "inf").replace("∞", "inf")
    if plain == "-inf" if sign == "-" else plain in ("inf", "+inf"):
        return None
    return read_fraction(text)


def _same_intervals(problem: Problem, answer: str) -> bool:
    return read_intervals(answer) == read_intervals(problem.answer)


@environment("inequalities", levels=(1, 2, 3), ood_levels=(4, 5), verify=_same_intervals)
def inequalities(rng: random.Random, level: int) -> Problem:
    """Inequalities whose answers are sets: linear, absolute values, quadratic, cubic, quartic."""
    strict = rng.random() < 0.5
    greater = rng.random() < 0.5
    sign = (">" if greater else "<") + ("" if strict else "=")
    size = 6 + 6 * level
    if level == 1:
        x = Fraction(rng.randint(-size, size))
        a, b = rng.choice([n for n in range(-9, 10) if n]), rng.randint(-20, 20)
        bound = int(a * x + b)
        prompt, asked = f"Solve {write((b, a))} {sign} {bound}.", _one_sided((b - bound, a), ())
        steps = [f"{write_term(a, 1)} {sign} {int(a * x)}", f"divide by {a}" + (", the sign turns" if a < 0 else "")]
        roots, above = [x], greater == (a > 0)
    elif level == 2:
        center, radius, a = rng.randint(-size, size), rng.randint(1, size), rng.randint(1, 4)
        inside = write((-a * center, a))
        prompt = asked = f"Solve |{inside}| {sign} {a * radius}."
        roots, above = [Fraction(center - radius), Fraction(center + radius)], greater
        steps = [
            f"{inside} = {-a * radius} at x = {center - radius}",
            f"{inside} = {a * radius} at x = {center + radius}",
        ]
    else:
        roots = [Fraction(r) for r in sorted(rng.sample(range(-size // 2, size // 2 + 1), level - 1))]
        leading = rng.choice((-2, -1, 1, 2))
        product = polynomial(leading)
        for root in roots:
            product = multiply(product, polynomial(-root, 1))
        prompt, above = f"Solve {write(product)} {sign} 0.", greater == (leading > 0)
        asked = _one_sided([int(c) for c in product], ())
        factors = "".join(f"({write((-root, 1))})" for root in roots)
        steps = [f"{write(product)} = {'' if leading == 1 else '-' if leading == -1 else leading}{factors}"]
        steps.append("roots: " + ", ".join(map(str, roots)))
    answer = write_intervals(_where_positive(roots, closed=not strict, last_positive=above))
    # Turning all signs turns the relation as well: what is asked is where the function with a leading + lies.
    asked = f"{'above' if above else 'below'} 0{'' if strict else ' or there'}: {asked}"
    return Problem(f"{prompt} Give the set of x as intervals.", answer, (*steps, f"x in {answer}"), canonical=asked)


def _where_positive(roots: Sequence[Fraction], *, closed: bool, last_positive: bool) -> list[Interval]:
    """The intervals between simple roots on which the sign is wanted; the last one is when `last_positive`."""
    bounds: list[Fraction | None] = [None, *roots, None]
    pieces = [(bounds[i], closed, bounds[i + 1], closed) for i in range(len(roots) + 1)]
    return pieces[::-1][0 if last_positive else 1 :: 2][::-1]


def write_intervals(intervals: Sequence[Interval]) -> str:
    """`(-inf, 2] U (5, inf)`."""
    texts = []
    for low, low_closed, high, high_closed in intervals:
        left = "(-inf" if low is None else f"{'[' if low_closed else '('}{low}"
        right = "inf)" if high is None else f"{high}{']' if high_closed else ')'}"
        texts.append(f"{left}, {right}")
    return " U ".join(texts) or "{}"
