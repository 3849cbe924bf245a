"""Plane geometry with exact values: integers, fractions and square roots in simplest form (`5*sqrt(3)`)."""

from __future__ import annotations

import math
import random
import re
from fractions import Fraction

from envs.procedural.answers import read_fraction, signed
from envs.registry import environment
from envs.types import Problem, unordered

_SURD = re.compile(r"(?:(?P<factor>-?\d+)\s*\*?\s*)?(?:sqrt\s*\(?|√\(?|\\sqrt\{)\s*(?P<root>\d+)\s*[)}]?", re.ASCII)


def write_surd(square: int) -> str:
    """The square root of a positive integer in simplest form: 75 -> `5*sqrt(3)`."""
    factor = max(f for f in range(1, math.isqrt(square) + 1) if square % (f * f) == 0)
    rest = square // (factor * factor)
    if rest == 1:
        return str(factor)
    return f"sqrt({rest})" if factor == 1 else f"{factor}*sqrt({rest})"


def read_surd(text: str) -> Fraction:
    """The signed square of a number such as `7`, `3/2`, `sqrt(75)` or `5*sqrt(3)`.

    Raises:
        ValueError: another form.
    """
    match = _SURD.fullmatch(text.strip().strip("$"))
    if match is None:
        value = read_fraction(text)
        return value * abs(value)
    if len(text) > 60:
        raise ValueError("a number is too long")
    factor = int(match["factor"] or 1)
    return Fraction(factor * abs(factor) * int(match["root"]))


def _same_length(problem: Problem, answer: str) -> bool:
    return read_surd(answer) == read_surd(problem.answer)


@environment("lengths", levels=(1, 2, 3), ood_levels=(4,), verify=_same_length)
def lengths(rng: random.Random, level: int) -> Problem:
    """Lengths with square roots: hypotenuse (1), distance of points (2), diagonal of a box (3), cosine rule (4)."""
    if level == 1:
        a, b = rng.randint(2, 40), rng.randint(2, 40)
        asked = unordered(a, b)
        square = a * a + b * b
        prompt = f"A right triangle has legs {a} and {b}. How long is its hypotenuse?"
        steps = [f"{a}^2 + {b}^2 = {square}"]
    elif level == 2:
        x, y, u, v = (rng.randint(-15, 15) for _ in range(4))
        while (x, y) == (u, v):
            u = rng.randint(-15, 15)
        mirrored = unordered((y, x), (v, u))
        asked, square = min(unordered((x, y), (u, v)), mirrored), (x - u) ** 2 + (y - v) ** 2
        prompt = f"How far apart are the points ({x}, {y}) and ({u}, {v})?"
        steps = [f"{u} {signed(-x)} = {u - x}", f"{v} {signed(-y)} = {v - y}"]
        steps.append(f"({u - x})^2 + ({v - y})^2 = {square}")
    elif level == 3:
        a, b, c = (rng.randint(1, 15) for _ in range(3))
        asked, square = unordered(a, b, c), a * a + b * b + c * c
        prompt = f"A box measures {a} by {b} by {c}. How long is its space diagonal?"
        steps = [f"{a}^2 + {b}^2 + {c}^2 = {square}"]
    else:
        a, b = rng.randint(2, 25), rng.randint(2, 25)
        angle, sign = rng.choice(((60, -1), (120, 1)))
        asked, square = f"{angle} {unordered(a, b)}", a * a + b * b + sign * a * b
        prompt = (
            f"Two sides of a triangle measure {a} and {b}; they enclose {angle} degrees. How long is the third side?"
        )
        steps = [f"{a}^2 + {b}^2 {'+' if sign > 0 else '-'} {a} * {b} = {square}"]
    answer = write_surd(square)
    steps.append(f"square root of {square}: {answer}")
    return Problem(f"{prompt} Give the exact value.", answer, tuple(steps), canonical=f"length {level} {asked}")


@environment("polygon_areas", levels=(3, 4), ood_levels=(5, 6), verify="numeric")
def polygon_areas(rng: random.Random, level: int) -> Problem:
    """Areas of polygons from their corners, by the shoelace formula (level: corners)."""
    while True:
        angles = sorted(rng.sample(range(24), level))  # convex around a centre, so that the sides do not cross
        radius = [rng.randint(4, 14) for _ in range(level)]
        corners = [
            (round(r * math.cos(math.pi * k / 12)), round(r * math.sin(math.pi * k / 12)))
            for r, k in zip(radius, angles)
        ]
        gaps = [(after - before) % 24 for before, after in zip(angles, [*angles[1:], angles[0]])]
        products = [x * v - u * y for (x, y), (u, v) in zip(corners, [*corners[1:], corners[0]])]
        if max(gaps) < 12 and sum(products) > 0 and len(set(corners)) == level:
            break
    steps = []
    for ((x, y), (u, v)), product in zip(zip(corners, [*corners[1:], corners[0]]), products):
        steps.append(f"({x}) * ({v}) - ({u}) * ({y}) = {product}")
    total = Fraction(sum(products), 2)
    steps.append(f"({' '.join([str(products[0]), *map(signed, products[1:])])}) / 2 = {total}")
    listed = ", ".join(f"({x}, {y})" for x, y in corners)
    return Problem(f"Find the area of the polygon with corners {listed}.", str(total), tuple(steps))


@environment("angles", levels=(1, 2, 3), ood_levels=(4,), verify="numeric")
def angles(rng: random.Random, level: int) -> Problem:
    """Angles in degrees: in a triangle (1), quadrilateral (2), with unknown multiples (3), in regular polygons (4)."""
    if level <= 2:
        corners, total = level + 2, 180 * level
        while True:
            known = [rng.randint(15, total // 2) for _ in range(corners - 1)]
            if 10 <= total - sum(known) <= 170:
                break
        rest = total - sum(known)
        figure = ("triangle", "quadrilateral")[level - 1]
        steps = [f"{' + '.join(map(str, known))} = {sum(known)}", f"{total} - {sum(known)} = {rest}"]
        listed = ", ".join(map(str, known))
        prompt = f"A {figure} has angles {listed} degrees and one more. How large is it?"
        return Problem(prompt, str(rest), tuple(steps), canonical=f"{figure} {unordered(*known)}")
    if level == 3:
        p, q, r = rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 9)
        a, b = rng.randint(0, 20), rng.randint(0, 20)
        x = Fraction(180 - a - b, p + q + r)
        steps = [f"{p}x + {q}x + {r}x + {a} + {b} = 180", f"{p + q + r}x + {a + b} = 180"]
        steps += [f"x = (180 - {a + b}) / {p + q + r} = {x}"]
        steps.append(f"{r} * {x} = {r * x}")
        prompt = f"The angles of a triangle are {p}x + {a}, {q}x + {b} and {r}x degrees. How large is the third angle?"
        return Problem(
            prompt, str(r * x), tuple(steps), canonical=f"angles {r} beside {unordered(p, q)}, {unordered(a, b)}"
        )
    n, m = rng.randint(5, 60), rng.randint(5, 60)
    inner, outer = 180 - Fraction(360, n), Fraction(360, m)
    steps = [f"180 - 360 / {n} = {inner}", f"360 / {m} = {outer}", f"{inner} - {outer} = {inner - outer}"]
    prompt = f"By how many degrees does an inner angle of a regular {n}-gon exceed an outer angle of a regular {m}-gon?"
    # 180 - 360 / n - 360 / m, which n and m share alike
    return Problem(prompt, str(inner - outer), tuple(steps), canonical=f"angles of {unordered(n, m)}-gons")
