"""Sections of one's own at the end of a report: functions of its figures (report.json), called when it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.run.terminal import tell
from verifiers.parts import find_part


@dataclass(frozen=True)
class ReportSection:
    """What a section shows; texts are shown as they are, never as markup.

    Attributes:
        text: paragraphs, separated by blank lines.
        table: rows of equal length, the first one the heads.
    """

    title: str
    text: str = ""
    table: Sequence[Sequence[object]] = ()

    def __post_init__(self) -> None:
        if len({len(row) for row in self.table}) > 1:
            raise ValueError(f"the rows of section {self.title!r} have unequal lengths: {[len(r) for r in self.table]}")


SectionFunction = Callable[[Mapping[str, Any]], ReportSection]


def find_sections(names: Sequence[str]) -> dict[str, SectionFunction]:
    """The functions by the names that a config gives them, as in verifiers/parts.py.

    Raises:
        ValueError: there is none of a name, or it cannot be called.
    """
    found = {name: find_part("section", name, {}) for name in names}
    for name, function in found.items():
        if not callable(function):
            raise ValueError(f"section {name!r} is {function!r:.60}, expected a function (figures) -> ReportSection")
    return found


def own_sections(names: Sequence[str], figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Title, paragraphs and table of every section; one that fails is told on the terminal and in its place."""
    rows = []
    for name in names:
        try:
            section = find_sections([name])[name](figures)
            if not isinstance(section, ReportSection):
                raise TypeError(f"it gave {section!r:.60}, expected a ReportSection")
        except Exception as error:  # the study is done, and its own tables must not be lost with somebody's section
            message = f"report section {name}: {type(error).__name__}: {error}"
            tell(f"warning: {message}; `beyond report` writes the report again")
            section = ReportSection(name, f"This section could not be written. {message}")
        paragraphs = [part.strip() for part in section.text.split("\n\n") if part.strip()]
        table = [[str(cell) for cell in row] for row in section.table]
        rows.append({"title": section.title, "paragraphs": paragraphs, "table": table})
    return rows
