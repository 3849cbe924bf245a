"""The page answers those who hold its token, with data alone; in a browser, hostile texts stay texts."""

import json
import shutil
import subprocess
import threading
import time

import pytest

from experiments.view import studies
from experiments.view.damage import damage_of
from experiments.view.server import STATIC, Page, make_app

pytest.importorskip("starlette")
TOKEN = "secret"


@pytest.fixture
def page(study):
    made = Page([study])
    made.refresh()
    yield made
    made.close()


@pytest.fixture
def client(page):
    from starlette.testclient import TestClient

    return TestClient(make_app(page, TOKEN), base_url="http://127.0.0.1:1")


def ask(client, name, **query):
    answer = client.get(f"/api/{name}", params={"token": TOKEN, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_without_the_token_or_under_another_name_nothing_is_told(page):
    from starlette.testclient import TestClient

    client = TestClient(make_app(page, TOKEN), base_url="http://127.0.0.1:1")
    for path in ("/", "/api/overview", "/static/view.js", "/api/rollouts?token=guess"):
        assert client.get(path).status_code == 403
    elsewhere = TestClient(make_app(page, TOKEN), base_url="http://evil.example")
    assert elsewhere.get(f"/?token={TOKEN}").status_code == 403
    answer = client.get(f"/?token={TOKEN}")
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert client.get("/static/view.js").status_code == 200  # the cookie carries the token on


def test_static_files_and_nothing_outside_them(client):
    client.get(f"/?token={TOKEN}")
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404


def test_a_rollout_has_tokens_steps_and_its_group(client):
    rows = ask(client, "rollouts", arm="rl", level="1")["rows"]
    found = ask(client, "rollout", id=rows[0]["id"])
    assert found["logprobs"] == [-0.1, -2.0]
    assert len(found["tokens"]) == 2
    assert [step["is_right"] for step in found["verdict"]["steps"]] == [True, True]
    assert found["reward_above_group"] == pytest.approx(3.0 - 4.5 / 4)
    assert len(found["siblings"]) == 4


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("rollout", {"id": "x"}),
        ("rollouts", {"study": "7"}),
        ("rollouts", {"level": "one"}),
        ("curves", {"metric": "reward/mean", "axis": "up"}),
        ("flips", {"left": "0", "right": "0", "left_policy": "../../x@0", "right_policy": "rl@0"}),
    ],
)
def test_a_wrong_request_is_told_in_a_line(client, name, query):
    answer = client.get(f"/api/{name}", params={"token": TOKEN, **query})
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_curves_take_the_last_row_of_a_step_on_any_axis(study):
    (rl, _) = studies.curve(study, "reward/mean")
    assert (rl["x"], rl["y"]) == ((1, 2), (0.1, 0.7))
    assert studies.curve(study, "reward/mean", "tokens")[0]["x"] == (10, 20)
    assert studies.curve(study, "reward/mean", "kl") == []


def test_flips_and_config_differences(study, tmp_path):
    found = studies.flips((study, "rl", "0"), (study, "rlhf", "0"))
    assert found["shared"] == found["differing"] == 1
    assert (found["rows"][0]["left"], found["rows"][0]["right"]) == (0.75, 0.0)
    assert found["rows"][0]["left_text"] is None
    kept = study / "seed-0" / "rl" / "test_samples.jsonl"
    kept.write_text(json.dumps({"problem": "p", "completion": "1 + 1 = 2"}) + "\n")
    assert studies.flips((study, "rl", "0"), (study, "rlhf", "0"))["rows"][0]["left_text"] == "1 + 1 = 2"
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("name: study\nrl: {steps: 3, algorithm: {name: grpo}, new: 1}\n")
    assert studies.config_difference(study, other) == [
        {"key": "rl.new", "left": None, "right": 1},
        {"key": "rl.steps", "left": 2, "right": 3},
    ]


def test_damaged_files_of_a_study_do_not_end_the_page(client, study):
    (study / "study.json").write_text("{")
    (study / "seed-0" / "rl" / "metrics.jsonl").write_text("{\n[]\n")
    (study / "config.yaml").write_text("a: [")
    assert ask(client, "now")[0]["name"] == "study"
    assert [series["arm"] for series in ask(client, "curves", metric="reward/mean")] == ["rlhf"]
    assert ask(client, "differences", left="0", right="0") == []


def test_a_deleted_study_json_is_told_where_stages_are_done(study):
    missing = f"{study / 'study.json'} is missing, though stages are done: resuming the study writes it again"
    (study / "study.json").unlink()
    assert missing not in damage_of(study)
    (study / "seed-0" / "rl" / "manifest.json").write_text("{}")
    assert missing in damage_of(study)


@pytest.mark.parametrize("name", ["checkpoints", "checkpoints_0", "checkpoints/off_policy"])
def test_the_manifest_of_a_checkpoint_is_no_damaged_one_of_a_stage(study, name):
    """An interrupted fit leaves its checkpoints, whose manifests are of another kind."""
    before = damage_of(study)
    folder = study / "seed-0" / "rl" / name / "checkpoint-12"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"files": {}}')
    assert damage_of(study) == before


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def dom(address, folder):
    """The page as a headless browser leaves it after its scripts have run."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    command = [BROWSER, "--headless", "--no-sandbox", *quiet, "--disable-component-update", f"--user-data-dir={folder}"]
    command += ["--virtual-time-budget=8000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")
def test_in_a_browser_hostile_texts_are_shown_and_do_nothing(page, tmp_path):
    import uvicorn

    config = uvicorn.Config(make_app(page, TOKEN), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        listed = dom(f"http://127.0.0.1:{port}/?token={TOKEN}", tmp_path / "a")
        looked_at = dom(f"http://127.0.0.1:{port}/?token={TOKEN}#rollouts/5", tmp_path / "b")
        now = dom(f"http://127.0.0.1:{port}/?token={TOKEN}#now", tmp_path / "c")
    finally:
        server.should_exit = True
        thread.join(20)
    assert "32 rollouts" in listed
    assert listed.count('role="option"') > 10
    assert "&lt;script&gt;document.title" in looked_at
    assert "The others of its group" in looked_at
    for shown in (listed, looked_at, now):
        assert "<title>beyond view:" in shown  # no text has set it
        assert "<img" not in shown
    assert "&lt;script&gt;" in now


def test_scripts_of_the_page_make_no_markup_of_texts():
    for script in STATIC.glob("*.js"):
        if script.name != "uplot.min.js":
            text = script.read_text()
            for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
                assert way not in text, f"{script.name} uses {way}"


def test_a_page_that_is_open_follows_a_study_that_goes_on(page, client, study):
    from rl.rollouts.log import RolloutLog

    (before,) = ask(client, "overview")
    log = RolloutLog(study / "seed-10" / "rl" / "rollouts")
    log.write(7, RolloutLog(study / "seed-0" / "rl" / "rollouts").read(0).groups)
    log = RolloutLog(study / "seed-2" / "rl" / "rollouts")
    log.write(0, RolloutLog(study / "seed-0" / "rl" / "rollouts").read(0).groups)
    assert ask(client, "overview") == [before]  # nothing is read between two looks
    page.refresh()
    (after,) = ask(client, "overview")
    assert after["changes"] > before["changes"]
    assert (after["seed"], after["step"], after["unread"]) == (["0", "2", "10"], [0, 7], 0)
    with (study / "seed-0" / "rl" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3}\n')
    assert ask(client, "overview")[0]["metrics"] > before["metrics"]


def test_what_was_read_is_listed_while_the_rest_is(study, monkeypatch):
    from experiments.view import index as module

    monkeypatch.setattr(module, "BATCH", 1)
    made, seen = module.RolloutIndex(study), []
    real = made._add

    def watched(*given):
        other = module.RolloutIndex(study)  # another reader of the same file
        seen.append((made.unread, other.page(module.Filters())["total"]))
        other.close()
        real(*given)

    monkeypatch.setattr(made, "_add", watched)
    made.update()
    assert seen == [(4, 0), (3, 8), (2, 16), (1, 24)]
    made.close()


def test_a_look_that_fails_is_told_and_tried_again(page, client, monkeypatch):
    looks = []

    def refresh():
        looks.append(1)
        if len(looks) == 1:
            raise FileNotFoundError(2, "No such file or directory", "step-1")
        page._ended.set()

    monkeypatch.setattr(page, "refresh", refresh)
    monkeypatch.setattr(page._ended, "wait", lambda seconds: told.append(ask(client, "overview")[0]["reading"]))
    told = []
    page.watch().join(30)
    assert len(looks) == 2
    assert "it is tried again" in told[0]
    assert told[1] == ""
