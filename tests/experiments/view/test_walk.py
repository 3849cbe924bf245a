"""The walk of docs/view.md in a browser, with the keyboard alone; three widths, light and dark; hostile texts."""

import pytest
from browser import Browser, needs_browser, serving

from experiments.run.sealed import write_sealed
from experiments.view.server import Page, make_app
from rl.rollouts.log import RolloutLog

pytest.importorskip("uvicorn")
TOKEN = "secret"
FOCUSED = "document.activeElement"
LATE = """
    const now = window.fetch;
    window.fetch = async (url, ...rest) => {
        window.asked = (window.asked ?? 0) + String(url).includes('/curves');
        if (String(url).includes('WHICH') && !window.release) {
            await new Promise((go) => { window.release = go; });
            window.released = true;
        }
        return now(url, ...rest);
    };
"""  # the first answer to what is asked for comes when it is released


@pytest.fixture
def address(study):
    page = Page([study])
    page.refresh()
    with serving(make_app(page, TOKEN)) as place:
        yield f"{place}/?token={TOKEN}"
    page.close()


def tab_to(browser, condition, most=60):
    """Presses Tab until the focused element fulfils a condition."""
    for _ in range(most):
        browser.press("Tab")
        if browser.run(f"Boolean({condition})"):
            return
    raise AssertionError(f"{most} tabs do not lead to {condition}")


@needs_browser
def test_what_rl_solved_and_rlhf_lost_is_found_by_keyboard(address, tmp_path):
    with Browser(tmp_path) as browser:
        browser.look(1024)
        browser.open(address, until="document.querySelectorAll('.row').length")
        tab_to(browser, f"{FOCUSED}.id === 'tab-rollouts'")
        browser.press("ArrowRight", "ArrowRight")  # Curves, Compare
        browser.wait("document.querySelectorAll('#flips tbody tr').length === 1")
        sides = browser.run("['left', 'right'].map((s) => document.getElementById('sides').elements[s].value)")
        assert [side.split('"')[1] for side in sides] == ["rlhf@0", "rl@0"]
        row = browser.run("[...document.querySelectorAll('#flips td')].map((td) => td.textContent)")
        assert row[:3] == ["1", "0", "0.750"]  # level, share of rlhf, share of rl
        tab_to(browser, f"{FOCUSED}.textContent === 'like it in training'")
        browser.press("Enter")
        browser.wait("document.getElementById('rollouts').hidden === false")
        browser.wait(
            "document.querySelectorAll('.row').length === 8"
        )  # two steps of four wrong ones, of the solved problem
        assert browser.run("document.getElementById('filters').elements.wrong_in.value") == "rlhf"
        browser.run("document.getElementById('list').focus()")
        browser.press("ArrowDown")
        browser.wait("document.getElementById('detail').textContent.includes('rlhf, seed 0')")
        assert browser.errors == []


@needs_browser
def test_tokens_are_coloured_by_what_was_kept_of_them(address, study, tmp_path):
    log = RolloutLog(study / "seed-0" / "rlhf" / "rollouts")
    record = log.read(1)
    log.truncate(1)
    kept = {row.uid: {"advantage": [1.0, -2.0], "proxy": [0.5, -0.25]} for row in record.groups[0].trajectories}
    log.write(1, record.groups, token_values=kept)
    colours = "[...document.querySelectorAll('#detail .tokens span')].map((t) => t.style.backgroundColor)"
    options = "[...document.querySelectorAll('#detail select option')].map((o) => o.textContent)"
    with Browser(tmp_path) as browser:
        browser.look(1024)
        browser.open(address, until="document.querySelectorAll('.row').length")
        browser.run("document.getElementById('filters').elements.arm.value = 'rlhf'")
        browser.run("document.getElementById('filters').elements.step_from.value = '1'")
        browser.run("document.getElementById('filters').dispatchEvent(new Event('input'))")
        browser.wait("document.querySelectorAll('.row').length === 8")
        browser.run("document.getElementById('list').focus()")
        browser.press("ArrowDown")
        browser.wait("document.querySelector('#detail select')")
        assert browser.run(options) == ["log-probability", "advantage", "reward model", "nothing"]
        browser.run("document.querySelector('#detail select').value = 'advantage'")
        browser.run("document.querySelector('#detail select').dispatchEvent(new Event('change'))")
        red, blue = (text.strip("rgba()").split(", ") for text in browser.run(colours))
        assert (red[:3], blue[:3]) == (["200", "110", "20"], ["40", "110", "210"])
        assert [float(red[3]), float(blue[3])] == pytest.approx([0.375, 0.75], abs=0.005)  # browsers round it
        titles = browser.run("[...document.querySelectorAll('#detail .tokens span')].map((t) => t.title)")
        assert ", -2 advantage" in titles[1]
        assert "-0.250 of the reward model" in titles[1]
        assert "blue where less likely" in browser.run("document.getElementById('detail').textContent")
        assert browser.errors == []


@needs_browser
def test_every_view_fits_and_runs_nothing_that_a_text_says(address, tmp_path):
    with Browser(tmp_path) as browser:
        for width in (390, 1024, 1440):
            for dark in (False, True):
                browser.look(width, dark=dark)
                for view in ("rollouts", "curves", "compare", "now"):
                    browser.open("about:blank")
                    browser.open(f"{address}#{view}", until=f"document.getElementById('{view}')?.hidden === false")
                    browser.wait("document.title.startsWith('beyond view')")
                    assert browser.overflow() <= 0, (width, view)
        browser.open("about:blank")
        browser.open(f"{address}#now", until="document.getElementById('now').textContent.includes('<script>')")
        assert browser.run("document.title") != "paid"
        assert browser.errors == []
        own = address.partition("?")[0]
        assert not [url for url in browser.requests if not url.startswith((own, "about:", "data:"))]


@needs_browser
def test_many_faults_leave_the_page_to_be_looked_at(study, address, tmp_path):
    """A copy of one seed of ten lacks the stages of nine."""
    stages = [{"seed": 1, "stage": f"arm-{i}", "folder": f"seed-1/arm-{i}", "seconds": 1} for i in range(9)]
    write_sealed(
        study / "study.json", {"name": "study", "state": "done", "seeds": [0, 1], "stages": stages, "problems": {}}
    )
    with Browser(tmp_path) as browser:
        browser.look(1024)
        browser.open(address, until="document.querySelectorAll('#damage details li').length")
        assert browser.run("document.querySelectorAll('#damage > li').length") == 4
        told = browser.run("document.querySelector('#damage summary').textContent")
        assert (
            told
            == f"{browser.run('document.querySelectorAll(`#damage details li`).length')} more are missing or damaged"
        )
        assert browser.run("document.getElementById('list').getBoundingClientRect().top < innerHeight")
        browser.run("document.querySelector('#damage summary').click()")
        assert "seed-1/arm-8" in browser.run("document.getElementById('damage').innerText")
        assert browser.errors == []


@needs_browser
def test_curves_go_on_and_off_at_once_and_a_late_answer_draws_nothing(study, address, tmp_path):
    """The first of two answers comes last: what was asked for last is what is shown."""
    titles = "[...document.querySelectorAll('#plots h2')].map((h) => h.textContent)"
    with Browser(tmp_path) as browser:
        browser.look(1024)
        browser.open(f"{address}#curves", until="document.querySelectorAll('#plots canvas').length === 1")
        browser.run(LATE.replace("WHICH", "reward%2Fmean"))
        for metric in ("reward/mean", "tokens/sampled_total"):
            browser.run(f"document.getElementById('axes').elements.metric.value = '{metric}'")
            browser.run("document.getElementById('axes').dispatchEvent(new Event('change'))")
        browser.wait(f"{titles}.join() === 'tokens/sampled_total'")
        browser.run("window.release()")
        browser.wait("window.released")
        browser.run("new Promise((go) => setTimeout(go, 300))")
        assert browser.run(titles) == ["tokens/sampled_total"]
        asked = browser.run("window.asked")
        browser.run("document.querySelector('#series input').focus()")
        browser.press(" ")
        assert browser.run(f"{FOCUSED}.matches('#series input:not(:checked)')")
        names = browser.run("[...document.querySelectorAll('#plots .u-legend th')].map((n) => n.textContent)")
        assert names == ["step", "rlhf"]
        assert browser.run("window.asked") == asked
        assert browser.errors == []


@needs_browser
def test_a_late_answer_covers_no_newer_one(address, tmp_path):
    with Browser(tmp_path) as browser:
        browser.look(1024)
        browser.open(address, until="document.querySelectorAll('.row').length")
        browser.run(LATE.replace("WHICH", "/api/rollout?"))
        browser.run("document.getElementById('list').focus()")
        browser.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
        shown = "document.getElementById('detail').textContent.match(/\\((proxy [^)]*)\\)/)?.[1]"
        browser.wait(f"{shown} === 'proxy 0'")
        browser.run("window.release()")
        browser.wait("window.released")
        browser.run("new Promise((go) => setTimeout(go, 300))")
        assert browser.run(shown) == "proxy 0"  # of the fourth, whose reward is 0

        browser.open("about:blank")
        browser.open(f"{address}#compare", until="document.querySelectorAll('#flips tbody tr').length === 1")
        browser.run(LATE.replace("WHICH", "/api/flips"))
        for right in ("rl", "rlhf"):  # rl beside itself, which is answered late, then beside rlhf
            for side, arm in (("left", "rl"), ("right", right)):
                browser.run(f"document.getElementById('sides').elements.{side}.value = '[0,\"{arm}@0\"]'")
            browser.run("document.getElementById('sides').dispatchEvent(new Event('change'))")
        cells = "[...document.querySelectorAll('#flips td')].map((td) => td.textContent).slice(0, 3).join()"
        browser.wait(f"{cells} === '1,0.750,0'")
        browser.run("window.release()")
        browser.wait("window.released")
        browser.run("new Promise((go) => setTimeout(go, 300))")
        assert browser.run(cells) == "1,0.750,0"
        assert browser.errors == []
