"""Pictures of a study's pages, taken in headless Chromium.

PYTHONPATH=. python tests/pictures.py walk runs/demo docs/images       # those of docs/view.md
PYTHONPATH=. python tests/pictures.py charts runs/demo docs/images     # those of the README, of runs/demo/report.html
PYTHONPATH=. python tests/pictures.py report runs/demo /tmp/pictures   # the report at three widths, light and dark
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from browser import Browser, serving

from experiments.results.read import load_study
from experiments.view.server import Page, make_app

ARM, BETTER, SEED = "rlhf-loose", "rl", 0  # whose truth and proxy part; which arm solves what it lost
CHARTS = {"levels": "Accuracy by level", "proxy": "Verified share and proxy"}
WIDTHS = {390: 844, 1024: 768, 1440: 900}  # pixels: width -> height of a window


def set_field(form: str, name: str, value: str) -> str:
    """A line of script that fills in a field as a person would."""
    event = "new Event('change', {bubbles: true})"
    return (
        f"(() => {{ const field = document.getElementById('{form}').elements['{name}']; field.value = {value!r}; "
        f"field.dispatchEvent({event}); }})()"
    )


def walk(study: Path, folder: Path) -> None:
    """The three pictures of the walk: where truth and proxy part, what is paid there, what one arm lost."""
    results = load_study(study)
    truth = dict(results.curve(ARM, "eval/mean_solution", SEED))
    peak = int(max(truth, key=lambda step: truth[step]))
    page = Page([study])
    page.refresh()
    with (
        serving(make_app(page, "walk")) as place,
        tempfile.TemporaryDirectory() as profile,
        Browser(Path(profile)) as tab,
    ):
        tab.look(1200, 1050)
        tab.open(f"{place}/?token=walk#curves", until="document.querySelectorAll('#series input').length")
        tab.run("document.querySelector('#axes [name=bands]').click()")
        tab.run(set_field("axes", "second", "eval/proxy"))
        tab.wait(
            "document.querySelectorAll('#plots canvas').length === 2"
            " && /seed/.test(document.getElementById('series').textContent)"
        )
        others = (
            f"[...document.querySelectorAll('#series label')].filter((l) => !/seed {SEED}$/.test(l.textContent.trim()))"
        )
        tab.run(f"{others}.forEach((label) => label.firstChild.click())")
        tab.wait(
            "document.querySelectorAll('#plots canvas').length === 2 && [...document.querySelectorAll('#plots th')]"
            f".every((name) => /^step|seed {SEED}$/.test(name.textContent.trim()))"
        )
        tab.picture(folder / "walk-curves.png")

        tab.look(1200, 860)
        tab.open("about:blank")
        tab.open(f"{place}/?token=walk#rollouts", until="document.querySelectorAll('.row').length")
        for name, value in {"arm": ARM, "seed": SEED, "step_from": peak + 2, "step_to": peak + 2}.items():
            tab.run(set_field("filters", name, str(value)))
        tab.run("document.querySelector('#filters [name=proxy_high]').click()")
        tab.wait(f"[...document.querySelectorAll('.row')].every((row) => row.textContent.includes('step {peak + 2} '))")
        tab.run("document.getElementById('list').focus()")
        tab.press("ArrowDown")
        tab.wait(f"document.getElementById('detail').textContent.includes('{ARM}, seed {SEED}')")
        tab.picture(folder / "walk-rollout.png")

        tab.open("about:blank")
        tab.open(f"{place}/?token=walk#compare", until="document.querySelectorAll('#sides option').length")
        for side, arm in (("left", ARM), ("right", BETTER)):
            tab.run(set_field("sides", side, json.dumps([0, f"{arm}@{SEED}"], separators=(",", ":"))))
        tab.wait(
            "document.querySelector('#flips td:nth-child(2)')?.textContent === '0'"
        )  # rlhf-loose solves none of it
        tab.run("document.querySelector('#flips details')?.setAttribute('open', '')")
        tab.picture(folder / "walk-compare.png")
        if tab.errors:
            raise RuntimeError(f"the page's scripts complained: {tab.errors}")
    page.close()
    print(
        f"truth of {ARM}, seed {SEED}, is highest at step {peak}: {truth[peak]:.2f}, {truth[max(truth)]:.2f} at the end"
    )


def report(study: Path, folder: Path) -> None:
    """The whole report at every width, light and dark; says where it is wider than the window."""
    with tempfile.TemporaryDirectory() as profile, Browser(Path(profile)) as tab:
        for width, height in WIDTHS.items():
            for dark in (False, True):
                tab.look(width, height, dark=dark)
                tab.open("about:blank")
                tab.open((study / "report.html").resolve().as_uri())
                tab.picture(folder / f"report-{width}-{'dark' if dark else 'light'}.png", whole=True)
                print(f"{width} {'dark' if dark else 'light'}: {tab.overflow()} pixels too wide")
        print(*tab.errors, sep="\n")


def charts(study: Path, folder: Path) -> None:
    """Accuracy by level, gold and proxy: as they stand in the report, in the colours of a light page."""
    text = (study / "report.html").read_text()
    for name, title in CHARTS.items():
        found = re.search(rf'<svg role="img" aria-label="{title}\..*?</svg>', text, re.DOTALL)
        if found is None:
            raise RuntimeError(f"{study}/report.html has no chart {title!r}")
        drawn = re.sub(r"var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)", r"\1", found[0])
        (folder / f"{name}.svg").write_text(drawn.replace("<svg ", '<svg style="background:white" ', 1) + "\n")


def main() -> None:
    """Takes the pictures that are asked for."""
    parser = argparse.ArgumentParser(description="Pictures of a study's pages.")
    parser.add_argument("what", choices=("walk", "charts", "report"))
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    {"walk": walk, "charts": charts, "report": report}[options.what](options.study, options.folder)


if __name__ == "__main__":
    main()
