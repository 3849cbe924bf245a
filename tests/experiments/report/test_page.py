"""The page of a report: readable without colours, pictures, scripts or network, and safe with hostile text."""

import base64
import csv
import hashlib
import json
import re
from html.parser import HTMLParser

import matplotlib as mpl
import pytest
from browser import Browser, needs_browser
from made_studies import add_proxy, make_study, write

from experiments.report import TEMPLATES, _by_stage, _few, write_report
from experiments.report.contents import SECTIONS
from experiments.report.drawing import STYLE, band, make_axes
from experiments.report.live import live_data
from experiments.report.scripts import script_json
from verifiers.types import Outcome, Verdict

START = {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.0}
PAST = {1: 1.0, 2: 0.99, 3: 0.99, 4: 0.1}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Every start tag with its attributes, and the anchors."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    study = make_study(
        tmp_path_factory.mktemp("page") / "a",
        {"sft": START, "rl": PAST, "rlhf": START, "rlhf/best-by-verifier": PAST},
        seeds=(0, 1),
    )
    for seed in (0, 1):
        add_proxy(study, "rlhf", seed, step=8, scores={0: [0.0] * 6, 8: [2.0] * 6})
    verdict = Verdict(Outcome.WRONG, 0.0, detail=HOSTILE).to_json()
    row = {"problem": "1-0", "level": 1, "prompt": HOSTILE, "answer": HOSTILE, "completion": HOSTILE, "finish": "stop"}
    write(study / "seed-0" / "sft" / "test_samples.jsonl", [{**row, "verdict": verdict}])
    (study / "seed-0" / "rl" / "warnings.jsonl").write_text(json.dumps({"message": HOSTILE}) + "\n")
    provenance = json.loads((study / "provenance.json").read_text())
    (study / "provenance.json").write_text(json.dumps({**provenance, "commit": HOSTILE}))
    write_report(study)
    return study


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text())


def test_no_script_runs_and_nothing_is_fetched(folder, page):
    text = (folder / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in text
    markdown = (folder / "report.md").read_text()
    assert "&lt;script>alert(1)" in markdown
    assert "<" not in markdown
    assert page.all("img") == page.all("link") == []
    inline = [body for attrs, body in scripts(text) if "json" not in attrs]
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    hashes = {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in inline}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes  # these run, and no other
    assert len(inline) == 2
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]
    assert policy.startswith("default-src 'none'")
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href"):
            assert re.match(r"#|data:text/csv;base64,|$", attrs.get(name) or ""), (tag, attrs)


def scripts(text):
    """(attributes, content) of every script element, as a browser reads them."""
    return re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)


def test_data_of_the_charts_cannot_end_their_element():
    text = script_json({"label": "</script><script>alert(1)</script>", "x": 1})
    assert "<" not in text
    assert json.loads(text)["label"].startswith("</script>")


def test_the_script_draws_the_lines_and_bands_of_the_picture(folder):
    figures = json.loads((folder / "report.json").read_text())
    data = {
        re.search('id="([^"]+)"', attrs)[1]: json.loads(body) for attrs, body in scripts_of(folder) if "json" in attrs
    }
    sampled, greedy = data["data-levels"]
    (rl,) = [line for line in sampled["lines"] if line["label"] == "rl"]
    rows = figures["levels"]["rl"]["sampled"]
    assert rl["x"] == figures["levels"]["levels"]
    for key, name in (("y", "value"), ("low", "low"), ("high", "high")):
        assert rl[key] == pytest.approx([row[name] for row in rows], abs=1e-6)
    assert sampled["grey"] == min(figures["longer_levels"]) - 0.5
    assert greedy["title"] == "greedy"


def test_a_measure_on_the_right_belongs_to_the_panel_that_it_stands_in():
    with mpl.rc_context(STYLE):
        figure, (left, _) = make_axes(2, "one", "two")
    left.plot([1, 2], [0.1, 0.2], label="gold")
    left.set_ylabel("share")
    right = left.twinx()
    right.plot([1, 2], [3.0, 5.0], label="proxy")
    right.set_ylabel("score")
    (panel,) = live_data(figure)  # the empty one is left out
    assert (panel["title"], panel["y"], panel["right"]) == ("one", "share", "score")
    assert [(line["label"], line["side"], line["y"]) for line in panel["lines"]] == [
        ("gold", "left", [0.1, 0.2]),
        ("proxy", "right", [3.0, 5.0]),
    ]


def scripts_of(folder):
    return scripts((folder / "report.html").read_text())


@needs_browser
def test_in_a_browser_charts_are_live_in_every_width_and_hostile_texts_do_nothing(folder, tmp_path):
    address = (folder / "report.html").as_uri()
    with Browser(tmp_path) as browser:
        for width in (390, 1024, 1440):
            browser.look(width, dark=width == 1024)
            browser.open(address, until="document.querySelector('.live canvas')")
            assert browser.overflow() == 0, width
            assert browser.run("getComputedStyle(document.querySelector('.still')).display") == "none"
        assert browser.run("document.title") == "made: imitation, RL and RLHF from one start"
        assert browser.run("document.querySelector('main').textContent.includes('<script>alert(1)')")
        assert browser.run("document.querySelectorAll('img, [onerror]').length") == 0
        # a line is hidden and shown by keyboard
        name = "[...document.querySelectorAll('.u-legend th[role=button]')].find((th) => th.textContent.includes('rl'))"
        browser.run(f"{name}.focus()")
        assert browser.run(f"{name}.getAttribute('aria-pressed')") == "true"
        browser.press("Enter")
        assert browser.run(f"{name}.getAttribute('aria-pressed')") == "false"
        assert browser.errors == []
        assert set(browser.requests) == {address}


@needs_browser
def test_on_paper_it_is_light_and_whole_also_where_the_screen_is_dark(folder, tmp_path):
    with Browser(tmp_path) as browser:
        browser.look(680, dark=True, on_paper=True)  # narrower than a sheet of A4 between usual margins
        browser.open((folder / "report.html").as_uri())
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert browser.run("getComputedStyle(document.querySelector('.live')).display") == "none"
        assert browser.run("getComputedStyle(document.querySelector('.still')).display") == "block"
        assert browser.overflow() <= 0
        cut = "[...document.querySelectorAll('table')].filter((t) => t.getBoundingClientRect().right > innerWidth + 1)"
        assert browser.run(f"{cut}.length") == 0
        hidden = "[...document.querySelectorAll('details')].filter((d) => !d.lastElementChild.checkVisibility()).length"
        assert browser.run(hidden) == 0
        browser.look(680, dark=True)
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
        assert browser.run(hidden) > 0
        assert browser.errors == []


def test_every_header_says_what_it_heads(page):
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}


def test_every_chart_speaks_and_its_text_is_text(folder, page):
    charts = page.all("svg")
    assert len(charts) >= 2
    for chart in charts:
        assert chart["role"] == "img"
        assert re.search(r"\d\.\d\d at \d", chart["aria-label"])
    assert ">step-verified accuracy</text>" in (folder / "report.html").read_text()


def test_charts_give_their_points_as_csv(folder, page):
    figures = json.loads((folder / "report.json").read_text())
    links = {a["download"]: a["href"] for a in page.all("a") if "download" in a}
    text = base64.b64decode(links["made-levels.csv"].partition(",")[2]).decode()
    rows = [row for row in csv.DictReader(text.splitlines()) if row["line"] == "rl" and row["panel"].startswith("samp")]
    shown = [(float(row["x"]), float(row["y"])) for row in rows]
    table = figures["levels"]
    assert shown == [(level, row["value"]) for level, row in zip(table["levels"], table["rl"]["sampled"])]


def test_the_contents_lead_to_what_is_there(page):
    anchors = [a["href"][1:] for a in page.all("a") if a.get("href", "").startswith("#")]
    there = [attrs["id"] for tag, attrs in page.tags if tag == "h2"]
    assert anchors == there
    assert len(set(there)) == len(there)


def test_a_study_that_was_interrupted_before_its_arms_has_no_empty_tables(tmp_path):
    study = make_study(tmp_path / "a", {"sft": START})
    page = Page(write_report(study).read_text())
    anchors = [a["href"][1:] for a in page.all("a") if a.get("href", "").startswith("#")]
    assert anchors == [attrs["id"] for tag, attrs in page.tags if tag == "h2"]
    assert "budgets" not in anchors
    assert "costs-table" in anchors


def test_title_date_words_and_dark_mode_are_there(folder):
    text = (folder / "report.html").read_text()
    assert "<title>made: imitation, RL and RLHF from one start</title>" in text
    assert "Begun 2026-01-01" in text
    assert "<dt>proxy</dt>" in text
    assert "prefers-color-scheme: dark" in text


def test_equal_studies_have_equal_reports(folder):
    before = (folder / "report.html").read_text()
    write_report(folder)
    assert (folder / "report.html").read_text() == before


def test_the_validation_curve_has_intervals_at_every_step(folder):
    curve = json.loads((folder / "report.json").read_text())["validation"]["rlhf"]
    assert curve["step"] == [0, 8]
    # every problem has one of four right, in both seeds
    assert [row["value"] for row in curve["solution"]] == [0.25, 0.25]
    assert all(row["low"] < 0.25 < row["high"] for row in curve["solution"])
    assert [row["value"] for row in curve["proxy"]] == [0.0, 2.0]


def test_every_section_of_the_page_can_be_in_the_contents():
    template = (TEMPLATES / "report.html.j2").read_text()
    ids = set(re.findall(r'<h2 id="([a-z_-]+)"', template)) | set(re.findall(r'{{ chart\("([a-z_]+)"', template))
    charts_of_a_table = {"levels"}  # its chart has an anchor of its own
    named = {anchor.removesuffix("-chart") for anchor, _, _ in SECTIONS}
    assert {each for each in ids if not each.startswith("own-")} | charts_of_a_table == named


def test_of_many_seeds_tables_say_the_median_and_the_range():
    cards = [{"step": step, "gold": 0.1 * step} for step in (2, 9, 4, 1, 3)]
    assert _few(cards[:3], "step", "%.0f") == "2, 9, 4"
    assert _few(cards, "step", "%.0f") == "3 (1 to 9)"
    assert _few(cards, "gold", "%.1f") == "0.3 (0.1 to 0.9)"
    assert _few(cards, "target_kl", "%.1f") == "–"
    rows = [{"stage": "sft", "seed": 0, "seconds": 2.0}, {"stage": "rl", "seed": 0, "seconds": 1.0}]
    assert _by_stage([*rows, {"stage": "sft", "seed": 1, "seconds": 4.0}]) == [("sft", [2.0, 4.0]), ("rl", [1.0])]


@pytest.mark.parametrize(
    ("x", "style", "points", "hollow"),
    [("step", "-", False, False), ("step", ":", False, True), ("kl", "-", True, False), ("kl", ":", True, True)],
)
def test_a_curve_of_several_seeds_has_their_range_and_over_distance_points_alone(x, style, points, hollow):
    seeds = {
        "0": {"step": [0, 5, 9], "kl": [0, 2, 1], "y": [0, 1, 2]},
        "1": {"step": [0, 5, 9], "kl": [0, 4, 1], "y": [2, 1, 4]},
    }
    with mpl.rc_context(STYLE):
        figure, (axes,) = make_axes(1, "one")
        band(axes, seeds, x, "y", "#123456", "arm", style=style)
        axes.axvline(4.5, linestyle=":")
    (panel,) = live_data(figure)
    (line,) = panel["lines"]
    assert (line["points"], line["hollow"], line["y"]) == (points, hollow, [1, 1, 3])
    assert (line.get("low"), line.get("high")) == ((None, None) if points else ([0, 1, 2], [2, 1, 4]))
    assert panel["marks"] == [4.5]
