"""The same grid: a board, a matrix of a puzzle, a table of symbols; several lines of cells in a tag or a box."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from verifiers.equivalence.types import Equivalence, no, unread, yes
from verifiers.judges.frame import AnswerVerifier
from verifiers.text.plain_numbers import read_number
from verifiers.types import Outcome, Reason, Verdict

MAX_CHARACTERS = 20_000
PARTIAL = "partial"  # part of the verdict: the share of right cells, which a reward may name in its weights

Grid = tuple[tuple[str, ...], ...]

_FENCE = re.compile(r"^```\w*\n(.*?)\n?```$", re.DOTALL)
_LATEX = re.compile(r"\\(?:begin|end)\{(?:[bpvBV]?matrix|array)\}(?:\{[^}]*\})?")
_RULE = re.compile(r"[\s|+\-=:]*")  # a line that only draws: +---+---+, |---|---|


def read_grid(text: str) -> Grid:
    r"""Rows of cells: lines with cells parted by `|`, commas, tabs or spaces; a JSON list of lists; a LaTeX matrix.

    A line without any of these is a row of single characters: `53..7....`.

    Raises:
        ValueError: no cell, or rows of unequal length.
    """
    text = text.strip().strip("$").strip()
    fenced = _FENCE.match(text)
    text = fenced[1] if fenced else text
    if re.match(r"\[\s*[\[\"']", text):
        rows = _read_json(text)
    elif "\\" in text:
        lines = _LATEX.sub("", text).split("\\\\")
        rows = [[cell.strip() for cell in line.split("&")] for line in lines if line.strip()]
    else:
        rows = [_read_line(line) for line in text.splitlines() if not _RULE.fullmatch(line)]
    if not rows or not rows[0]:
        raise ValueError(f"{text[:60]!r} is no grid: expected lines of cells")
    if lengths := sorted({len(row) for row in rows})[1:]:
        raise ValueError(f"the rows of the grid have unequal lengths: {len(rows[0])} and {lengths[-1]}")
    return tuple(tuple(_cell(cell) for cell in row) for row in rows)


def _read_json(text: str) -> list[list[str]]:
    try:
        rows = json.loads(text.replace("'", '"'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{text[:60]!r} begins like a list of rows and is none: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, list | str) for row in rows):
        raise ValueError(f"{text[:60]!r} is no list of rows")
    return [[str(cell) for cell in row] for row in rows]


def _read_line(line: str) -> list[str]:
    line = line.strip()
    for mark in ("|", ",", "\t", ";"):
        if mark in line:
            return [cell.strip() for cell in line.strip(mark + "[] ").split(mark)]
    return line.split() if " " in line else list(line)


def _cell(text: str) -> str:
    """A number by its value, other text as it is."""
    number = read_number(text)
    return text if number is None else f"{number.value}{'%' if number.percent else ''}"


class GridVerifier(AnswerVerifier):
    """CORRECT when every cell of the announced grid is the reference's; the part `partial` is the share of right cells.

    Cells are compared as numbers where both are numbers, else as text. A grid of several lines stands in a tag, also in
    a code fence there, or in a box; `[[1, 2], [3, 4]]` may also follow ####. Settings: those of AnswerVerifier.
    """

    def read_reference(self, answer: str) -> Grid:
        """The reference's cells."""
        return read_grid(answer)

    def judge_text(self, text: str, reference: Grid) -> Equivalence:
        """The judgement on the cells."""
        if len(text) > MAX_CHARACTERS:
            return unread(f"over {MAX_CHARACTERS} characters", Reason.OVER_BUDGET)
        try:
            grid = read_grid(text)
        except ValueError as error:
            return unread(str(error))
        if _shape(grid) != _shape(reference):
            return no(f"it has {_shape(grid)} cells, expected {_shape(reference)}", method="exact")
        right = _right_cells(grid, reference)
        if all(right):
            return yes("every cell is right", "exact")
        return no(f"{right.count(False)} of {len(right)} cells are wrong", method="exact")

    def verify(self, response: str, answer: str) -> Verdict:
        """The verdict, with the share of right cells among its parts.

        Raises:
            ValueError: the reference is no grid.
        """
        verdict = super().verify(response, answer)
        share = float(verdict.is_correct)
        if verdict.outcome is Outcome.WRONG and verdict.reason is None and verdict.answer:
            grid, reference = read_grid(verdict.answer), self.reference_of(answer)
            right = _right_cells(grid, reference) if _shape(grid) == _shape(reference) else [False]
            share = sum(right) / len(right)
        return replace(verdict, parts={PARTIAL: share})


def _shape(grid: Grid) -> str:
    return f"{len(grid)} x {len(grid[0])}"


def _right_cells(grid: Grid, reference: Grid) -> list[bool]:
    return [cell == other for row, others in zip(grid, reference) for cell, other in zip(row, others)]
