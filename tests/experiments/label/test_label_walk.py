"""People choose by keyboard in a browser; at three widths, light and dark; what a model wrote stays text."""

import json

import pytest
from browser import Browser, needs_browser, serving

from envs.types import Problem
from experiments.label.pairs import Answers, pairs_of
from experiments.label.server import LabelPage, make_app
from policies.types import Completion, FinishReason
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict

pytest.importorskip("uvicorn")
HOSTILE = "<script>document.title='paid'</script><img src=x onerror=\"document.title='paid'\">"


def group(name, right_text, wrong_text, first):
    rows = []
    for i, (text, score) in enumerate(((right_text, 1.0), (wrong_text, 0.0))):
        verdict = Verdict(Outcome.CORRECT if score else Outcome.WRONG, score)
        completion = Completion((2, 3), (0.0, 0.0), text, FinishReason.STOP)
        rows.append(Trajectory(first + i, Problem(name, "1"), (1,), completion, verdict))
    return Group(rows[0].problem, tuple(rows))


@pytest.fixture
def answers(tmp_path):
    log = RolloutLog(tmp_path / "rollouts")
    names = ("1 + 1 ?", f"2 + 2 ? {HOSTILE}", "x" * 400)
    log.write(0, [group(name, f"right {HOSTILE}", "wrong " + "y" * 300, 10 * i) for i, name in enumerate(names)])
    return Answers(tmp_path / "labels", "ada", pairs_of(log, 0, num=3, seed=0))


@needs_browser
def test_pairs_are_chosen_taken_back_and_finished_by_keyboard(answers, tmp_path):
    with serving(make_app(LabelPage(answers, []), "secret")) as place, Browser(tmp_path / "browser") as browser:
        for width in (390, 1024, 1440):
            for dark in (False, True):
                browser.look(width, dark=dark)
                browser.open("about:blank")
                browser.open(f"{place}/?token=secret", until="document.getElementById('first')?.textContent")
                assert browser.overflow() <= 0, width

        def choose_right():
            """Presses the key of the side that is right."""
            side = browser.run("document.getElementById('first').textContent.startsWith('right')")
            browser.press("1" if side else "2")

        def progress(number):
            browser.wait(f"document.getElementById('progress').textContent.includes('{number} of 3 answered')")

        choose_right()
        progress(1)
        browser.press("u")
        progress(0)
        choose_right()
        progress(1)
        choose_right()
        progress(2)
        browser.press("0")  # a tie
        browser.wait("document.getElementById('end').hidden === false")
        told = browser.run("document.getElementById('end').textContent")
        assert "the right one was chosen in 2 of 2 (100 %)" in told
        assert "1 tie." in told
        assert browser.overflow() <= 0
        assert browser.run("document.title") == "beyond label"
        assert browser.errors == []
        assert not [url for url in browser.requests if not url.startswith((place, "about:", "data:"))]
    assert sorted(row["answer"] for row in answers.given.values())[-1] == "tie"


@needs_browser
def test_formulas_are_typeset_and_everything_else_stays_as_it_was_written(answers, tmp_path):
    markup = (
        "(text) => { const p = document.createElement('p'); p.append(...module.typeset(text)); return p.innerHTML; }"
    )
    with serving(make_app(LabelPage(answers, []), "secret")) as place, Browser(tmp_path / "browser") as browser:
        browser.open(f"{place}/?token=secret", until="document.getElementById('first')?.textContent")

        def typeset(text):
            return browser.run(f"import('/static/typeset.js').then((module) => ({markup})({json.dumps(text)}))")

        assert typeset(r"Solve $\frac{1}{2}x^2 = -3$.") == (
            r'Solve <math title="$\frac{1}{2}x^2 = -3$"><mfrac><mrow><mn>1</mn></mrow><mrow><mn>2</mn></mrow></mfrac>'
            "<msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><mo>\u2212</mo><mn>3</mn></math>."
        )
        assert "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>" in typeset(r"\(\sqrt[3]{x}\)")
        assert "<mi>\u03c0</mi><mo>\u2264</mo>" in typeset(r"\[\pi \le 4\]")
        for plain in (
            "It costs $5 and then $7.",
            r"$\unknown{1}$",
            r"$\frac{1}$",
            "$x^$",
            "$}$",
            r"$\constructor$",
            "$" + "{" * 100 + "1" + "}" * 100 + "$",
            "$" + "x" * 5000 + "$",
            "a = 1 ; b = a * 2 ; b ?",
        ):
            assert typeset(plain) == plain
        hostile = typeset(r"$\text{<img src=x onerror=alert(1)>} < 3$")
        assert "<img" not in hostile
        assert "&lt;img src=x onerror=alert(1)&gt;" in hostile
        assert browser.errors == []
