"""Determinants, products and inverses of small matrices, exact."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from fractions import Fraction

from envs.procedural.answers import grouped, read_tuple
from envs.registry import environment
from envs.types import Problem, unordered

Matrix = Sequence[Sequence[Fraction | int]]


def write_matrix(rows: Matrix) -> str:
    """`[[1, 2], [3, 4]]`."""
    return "[" + ", ".join("[" + ", ".join(map(str, row)) + "]" for row in rows) + "]"


def read_matrix(text: str) -> list[list[Fraction]]:
    """The rows of `[[1, 2], [3/4, 4]]`, or of `1, 2; 3/4, 4`.

    Raises:
        ValueError: another form.
    """
    text = text.strip().rstrip(".")
    if text.startswith("["):
        if re.fullmatch(r"\[\s*\[[^\[\]]*\](?:\s*,\s*\[[^\[\]]*\])*\s*\]", text) is None:
            raise ValueError("no matrix; expected a form such as [[1, 2], [3, 4]]")
        rows = re.findall(r"\[([^\[\]]*)\]", text[1:-1])
    else:
        rows = text.split(";")
    return [read_tuple(row) for row in rows]


def _same_matrix(problem: Problem, answer: str) -> bool:
    return read_matrix(answer) == read_matrix(problem.answer)


def _draw(rng: random.Random, size: int, largest: int) -> list[list[int]]:
    return [[rng.randint(-largest, largest) for _ in range(size)] for _ in range(size)]


def determinant(rows: Matrix) -> Fraction | int:
    """By expansion along the first row."""
    if len(rows) == 1:
        return rows[0][0]
    return sum((-1) ** j * rows[0][j] * determinant(minor(rows, j)) for j in range(len(rows)))


def minor(rows: Matrix, column: int) -> list[list[Fraction | int]]:
    """The matrix without its first row and one column."""
    return [[*row[:column], *row[column + 1 :]] for row in rows[1:]]


@environment("determinants", levels=(2, 3), ood_levels=(4,), verify="numeric")
def determinants(rng: random.Random, level: int) -> Problem:
    """Determinants by expansion along the first row (level: size)."""
    rows = _draw(rng, level, 12 if level == 2 else 9)
    value, steps = determinant(rows), []
    if level == 2:
        (a, b), (c, d) = rows
        steps.append(f"{grouped(a)} * {grouped(d)} - {grouped(b)} * {grouped(c)} = {value}")
    else:
        terms = []
        for j, entry in enumerate(rows[0]):
            below = determinant(minor(rows, j))
            steps.append(f"minor {j + 1}: det {write_matrix(minor(rows, j))} is {below}")
            terms.append(f"{'-' if j % 2 else '+'} {grouped(entry)} * {grouped(below)}")
        steps.append(f"{' '.join(terms).removeprefix('+ ')} = {value}")
    prompt = f"Compute the determinant of {write_matrix(rows)}."
    return Problem(prompt, str(value), tuple(steps), canonical=f"determinant of {_transposed_or_not(rows)}")


def _transposed_or_not(rows: Sequence[Sequence[int]]) -> str:
    """What a determinant asks: transposing changes nothing, and that of size 2 is all in its two products."""
    if len(rows) > 2:
        return str(min([list(row) for row in rows], [list(column) for column in zip(*rows)]))
    (a, b), (c, d) = rows
    products = (f"{'-' if x * y < 0 else ''}{unordered(abs(x), abs(y))}" for x, y in ((a, d), (b, c)))
    return " less ".join(products)


@environment("matrix_products", levels=(2, 3), ood_levels=(4,), verify=_same_matrix)
def matrix_products(rng: random.Random, level: int) -> Problem:
    """Products of two square matrices, entry by entry (level: size)."""
    a, b = _draw(rng, level, 9), _draw(rng, level, 9)
    steps, product = [], []
    for row in a:
        line = []
        for column in zip(*b):
            value = sum(x * y for x, y in zip(row, column))
            steps.append(" + ".join(f"{grouped(x)} * {grouped(y)}" for x, y in zip(row, column)) + f" = {value}")
            line.append(value)
        product.append(line)
    answer = write_matrix(product)
    return Problem(f"Compute {write_matrix(a)} * {write_matrix(b)}.", answer, (*steps, answer))


@environment("matrix_inverses", levels=(2,), ood_levels=(3,), verify=_same_matrix)
def matrix_inverses(rng: random.Random, level: int) -> Problem:
    """Inverses by determinant and adjugate (level: size)."""
    while True:
        rows = _draw(rng, level, 9)
        size = determinant(rows)
        if size and any(rows[i][j] != (i == j) for i in range(level) for j in range(level)):
            break
    cofactors = [
        [(-1) ** (i + j) * determinant([[*r[:j], *r[j + 1 :]] for k, r in enumerate(rows) if k != i] or [[1]])
         for i in range(level)]
        for j in range(level)
    ]  # fmt: skip
    inverse = [[Fraction(c) / size for c in row] for row in cofactors]
    steps = [f"determinant: {size}", f"adjugate: {write_matrix(cofactors)}", write_matrix(inverse)]
    return Problem(f"Invert {write_matrix(rows)}.", write_matrix(inverse), tuple(steps))
