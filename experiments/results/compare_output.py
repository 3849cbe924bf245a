"""A comparison as text for a terminal, as CSV, LaTeX, HTML or JSON."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from experiments.results.compare import MARGIN
from experiments.results.statistics.intervals import Interval
from experiments.run.errors import UserError

FORMATS = ("table", "csv", "latex", "html", "json")
LATEX_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX_SPECIAL["\\"] = r"\textbackslash{}"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; }
h1, p { overflow-wrap: anywhere; }
div { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; }
caption { text-align: left; font-weight: bold; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid #8886; }
td { white-space: nowrap; }
th:first-child { text-align: left; }
"""
MAX_SETTINGS = 12  # lines of changed settings on a terminal


def render(found: Mapping[str, Any], form: str) -> str:
    """The comparison in one of FORMATS but `table`.

    Raises:
        UserError: no such format.
    """
    if form == "json":
        return json.dumps(found, indent=1)
    if form == "csv":
        return _csv(found)
    if form == "latex":
        return _latex(found)
    if form == "html":
        return _html(found)
    raise UserError(f"format is {form!r}, expected one of {', '.join(FORMATS)}")


def print_comparison(found: Mapping[str, Any]) -> None:
    """Accuracy of every policy, what is unlike between them, then every pair, in tables of 80 columns."""
    console = Console()
    console.print(_policies_table(found))
    for text in found["unlike"]:
        console.print(f"[yellow]unlike[/]: {text}", highlight=False)
    settings = list(found["settings"].items())
    for key, values in settings[:MAX_SETTINGS]:
        console.print(f"setting {key}: {' | '.join(_brief(value) for value in values.values())}", highlight=False)
    if len(settings) > MAX_SETTINGS:
        console.print(f"and {len(settings) - MAX_SETTINGS} more settings (--format json has all)")
    console.print(_pairs_table(found))
    console.print(legend(found), highlight=False)


def legend(found: Mapping[str, Any]) -> str:
    """What the columns and marks of the pairs mean."""
    test = "McNemar's exact test" if found["num_seeds"] == 1 else f"a paired t test over all {found['num_seeds']} seeds"
    about = "these policies" if found["num_seeds"] == 1 else "the methods"
    return (
        f"* p below 0.05    = as good as equal: the whole interval within {MARGIN}\n"
        "p: of the sampled difference; greedy: p of greedy solutions, and how many problems only the first and only\n"
        f"the second solves, by {test}; both Holm-adjusted over this table, and about {about}.\n"
        "P: chance that a seed of the first beats a seed of the second."
    )


def _policies_table(found: Mapping[str, Any]) -> Table:
    table = _table(f"{found['metric']} accuracy, {found['where']}", "sampled [95 %]", "greedy [95 %]")
    for label, row in found["policies"].items():
        table.add_row(label, *(_interval(row[kind]) for kind in ("sampled", "greedy")))
    return table


def _pairs_table(found: Mapping[str, Any]) -> Table:
    table = _table("paired differences, sampled", "difference [95 %]", "p", "P", "greedy")
    for row in found["pairs"]:
        only = "" if row["greedy_p"] is None else f"{row['greedy_p']:.3f} +{row['only_first']} -{row['only_second']}"
        difference = f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] {row['mark'] or ' '}"
        table.add_row(row["pair"], difference, f"{row['p']:.3f}", f"{row['better']:.2f}", only)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=SIMPLE, padding=(0, 1), pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold", min_width=8)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _interval(row: Mapping[str, float] | None) -> str:
    return "" if row is None else str(Interval(**row))


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


def _rows(found: Mapping[str, Any]) -> list[list[str]]:
    """The pairs as cells of text, a header first."""
    header = ["pair", "difference", "low", "high", "mark", "p", "better", "greedy_p", "only_first", "only_second"]
    rows = [[_cell(row[name]) for name in header] for row in found["pairs"]]
    return [header, *rows]


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _csv(found: Mapping[str, Any]) -> str:
    """Blocks parted by an empty line: the policies, the pairs, and the settings in which the studies differ."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["policy", "kind", "value", "low", "high"])
    for label, row in found["policies"].items():
        for kind in ("sampled", "greedy"):
            if row[kind] is not None:
                writer.writerow([label, kind, *(_cell(row[kind][name]) for name in ("value", "low", "high"))])
    writer.writerow([])
    writer.writerows(_rows(found))
    if found["settings"]:
        writer.writerow([])
        writer.writerows(_settings(found))
    return text.getvalue()


def _settings(found: Mapping[str, Any]) -> list[list[str]]:
    """The settings that differ as cells of text, a header first."""
    rows = [[key, *(str(value) for value in values.values())] for key, values in found["settings"].items()]
    studies: Mapping[str, Any] = next(iter(found["settings"].values()), {})
    return [["setting", *studies], *rows]


def _latex(found: Mapping[str, Any]) -> str:
    """Two tabulars for a document that loads booktabs; comments tell what is unlike and what the columns mean."""
    policies = [
        [_escaped(label), *(_escaped(_interval(row[kind])) for kind in ("sampled", "greedy"))]
        for label, row in found["policies"].items()
    ]
    pairs = [
        [
            _escaped(row["pair"]),
            f"${row['difference']:+.3f}$ $[{row['low']:+.3f}, {row['high']:+.3f}]$ {row['mark']}",
            f"{row['p']:.3f}",
            f"{row['better']:.2f}",
            "" if row["greedy_p"] is None else f"{row['greedy_p']:.3f}",
            "" if row["greedy_p"] is None else f"$+{row['only_first']}$ $-{row['only_second']}$",
        ]
        for row in found["pairs"]
    ]
    settings = [f"setting {key}: {' | '.join(values)}" for key, *values in _settings(found)[1:]]
    told = [*(f"unlike: {text}" for text in found["unlike"]), *settings, *legend(found).splitlines()]
    notes = [f"% {line}" for text in told for line in text.splitlines()]  # no text leaves its comment
    return "\n".join(
        [
            *notes,
            *_tabular(["policy", r"sampled [95\,\%]", r"greedy [95\,\%]"], policies),
            "",
            *_tabular(["pair", r"difference [95\,\%]", "$p$", "$P$", "$p$, greedy", "only one solves"], pairs),
            "",
        ]
    )


def _tabular(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [
        r"\begin{tabular}{l" + "r" * (len(header) - 1) + "}",
        r"\toprule",
        " & ".join(header) + r" \\",
        r"\midrule",
    ]
    return [*lines, *(" & ".join(row) + r" \\" for row in rows), r"\bottomrule", r"\end{tabular}"]


def _escaped(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(c, c) for c in text)


def _html(found: Mapping[str, Any]) -> str:
    """A page of its own: the tables, and what is unlike; a table that is wider than the window scrolls by itself."""
    policies = [
        [label, *(_interval(row[kind]) for kind in ("sampled", "greedy"))] for label, row in found["policies"].items()
    ]
    pairs = [
        [
            row["pair"],
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] {row['mark']}".rstrip(),
            f"{row['p']:.3f}",
            f"{row['better']:.2f}",
            *(("", "", "") if row["greedy_p"] is None else _flips(row)),
        ]
        for row in found["pairs"]
    ]
    title = f"{found['metric']} accuracy, {found['where']}"
    settings = _settings(found)
    names = ["pair", "difference [95 %]", "p", "P", "greedy: p", "only the first", "only the second"]
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style>",
        f"</head><body><h1>{html.escape(title)}</h1>",
        *(f"<p><strong>Unlike:</strong> {html.escape(text)}</p>" for text in found["unlike"]),
        _html_table("policies", ["policy", "sampled [95 %]", "greedy [95 %]"], policies),
        _html_table("paired differences, sampled", names, pairs),
        *(f"<p>{html.escape(text)}</p>" for text in legend(found).replace(" and only\n", " and only ").splitlines()),
        _html_table("settings that differ", settings[0], settings[1:]) if settings[1:] else "",
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _flips(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """p of a pair's greedy solutions, and how many problems only either side solves."""
    return f"{row['greedy_p']:.3f}", str(row["only_first"]), str(row["only_second"])


def _html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    caption = html.escape(caption)
    table = f"<table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
    return f'<div role="region" aria-label="{caption}" tabindex="0">{table}</div>'
