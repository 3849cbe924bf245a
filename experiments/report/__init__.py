"""The report of a study: report.html (one file, no network), report.md and report.json, all from the same figures."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment as Templates
from jinja2 import FileSystemLoader, StrictUndefined, select_autoescape

from experiments.collector import collector_paused
from experiments.report.contents import GLOSSARY, contents
from experiments.report.figures import study_figures
from experiments.report.own import own_sections
from experiments.report.scripts import page_scripts, script_json
from experiments.results.read import load_study
from experiments.results.tables import short
from experiments.run.folders import finite, write_json
from rl.files import write_whole

TEMPLATES = Path(__file__).parent / "templates"


def write_report(folder: Path) -> Path:
    """Writes the report of a study into its folder and returns the path of the HTML file.

    Raises:
        UserError: the folder holds no evaluated study.
    """
    with collector_paused():
        return _write(folder)


def _write(folder: Path) -> Path:
    from experiments.report.charts import study_charts  # matplotlib
    from experiments.report.drawing import PAGE_COLOURS

    results = load_study(folder)
    figures = study_figures(results)
    plain = finite(figures)
    figures["own_sections"] = own_sections(results.experiment.report_sections, plain)
    write_json(folder / "report.json", {**plain, "own_sections": figures["own_sections"]})
    templates = _templates()
    charts = study_charts(results, figures)
    page = templates.get_template("report.html.j2").render(
        charts=charts,
        contents=contents(figures, charts),
        glossary=GLOSSARY,
        colours=PAGE_COLOURS,
        **page_scripts(bool(charts)),
        **figures,
    )
    html = folder / "report.html"
    write_whole(html, page.encode())
    write_whole(
        folder / "report.md", _templates(finalize=_unmarked).get_template("report.md.j2").render(**figures).encode()
    )
    return html


def _unmarked(value: Any) -> Any:
    """A text of which Markdown makes no markup: raw HTML would pass through it."""
    return value.replace("&", "&amp;").replace("<", "&lt;") if isinstance(value, str) else value


@cache
def _templates(**settings: Any) -> Templates:
    """Made once a process: compiling a page takes longer than filling it."""
    templates = Templates(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html", "html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **settings,
    )
    templates.filters["share"] = _share
    templates.filters["signed"] = _signed
    templates.filters["clock"] = _clock
    templates.filters["estimate"] = estimate_in_words
    templates.filters["short"] = short
    templates.filters["few"] = _few
    templates.filters["by_stage"] = _by_stage
    templates.filters["script_json"] = script_json
    templates.filters["base64"] = lambda text: b64encode(text.encode()).decode()
    return templates


def _share(value: Any) -> str:
    """A share as .93, or an interval as .93 [.91, .95]; a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return f"{value['value']:.2f} [{value['low']:.2f}, {value['high']:.2f}]"
    return f"{value:.2f}"


def _signed(value: Any) -> str:
    """A difference with its sign and interval."""
    if value is None:
        return "–"
    return f"{value['value']:+z.2f} [{value['low']:+z.2f}, {value['high']:+z.2f}]"


def estimate_in_words(row: Mapping[str, Any]) -> str:
    """The figure of a hypothesis with its interval and seeds, or why there is none."""
    if row["value"] is None:
        return f"nothing: {row['reason']}"
    ends = "no interval" if row["low"] is None else f"[{row['low']:.3g}, {row['high']:.3g}]"
    told = f"{row['value']:.3g} {ends}, {row['num_seeds']} seed{'s' if row['num_seeds'] != 1 else ''}"
    return f"{told} ({row['reason']})" if row["reason"] else told


def _few(cards: Sequence[Mapping[str, Any]], key: str, form: str) -> str:
    """A value of each card, or of more than three: `median (lowest to highest)`; a dash where no card has it."""
    values = [round(card[key], 2) + 0 for card in cards if key in card]
    if len(values) <= 3:
        return ", ".join(form % value for value in values) or "–"
    return f"{form % median(values)} ({form % min(values)} to {form % max(values)})"


def _by_stage(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[float]]]:
    """(stage, seconds of each seed), in the order in which they began."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row["stage"], []).append(row["seconds"])
    return list(found.items())


def _clock(seconds: float | None) -> str:
    """m:ss; a dash for nothing."""
    return "–" if not seconds else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
