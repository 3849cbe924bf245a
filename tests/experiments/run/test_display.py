"""What a person sees while a study runs: the same on a terminal and in a pipe, and nothing that a terminal obeys."""

import io

from rich.console import Console

from envs.types import Problem
from experiments.config.loading import load_experiment
from experiments.run import display as shown
from experiments.run.display import Display
from experiments.run.schedule import Schedule
from experiments.study.seed import planned_stages
from policies.types import Completion, FinishReason
from rl.types import Trajectory
from verifiers.types import Outcome, Verdict

HOSTILE = "two\nlines \x1b[2J and \u202emore"


def trajectory(text):
    completion = Completion((1,), (-0.1,), text, FinishReason.STOP)
    return Trajectory(0, Problem("1 + 1 ?", "2"), (1,), completion, Verdict(Outcome.WRONG, 0.0), reward=0.25)


def test_a_stage_to_come_takes_what_it_took_before_else_what_its_kind_does():
    schedule = Schedule(("sft", "test sft", "rl", "test rl"), seeds=(0, 1), seed=0)
    schedule.took = {(0, "sft"): 100.0, (0, "test sft"): 10.0}
    assert schedule.count("rl") == (3, 8)
    # seed 0: rl has 30 s left, test rl as test sft 10; seed 1: sft 100, test 10, rl as sft 100, its test 10
    assert schedule.seconds_left("rl", 30.0) == (260.0, 0)
    schedule.took = {}
    assert schedule.seconds_left("sft", None) == (0.0, 8)


def test_stages_are_known_before_they_run():
    assert planned_stages(load_experiment(["mini"])) == [
        *("sft", "test sft", "preferences", "reward_model"),
        *("rl", "test rl", "rlhf", "test rlhf", "dpo", "test dpo"),
    ]


def told(monkeypatch, *, live):
    """What a study of two stages prints, one of them done and one running."""
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(shown.time, "time", lambda: float(next(clock)))
    text = io.StringIO()
    display = Display(Console(file=text, width=100, force_terminal=live), live=live)
    with display:
        display.study("demo\x1b[2J", ["sft", "rl", "dpo"], (0,))
        display.seed(0)
        display.begin("sft")
        display.end("sft")
        display.begin("rl")
        display.metrics("rl", {"reward/mean": 0.5})
        display.progress("rl", 1, 4)
        display.sample("rl", 1, trajectory(HOSTILE))
    return text.getvalue()


def test_a_pipe_is_told_name_stages_progress_time_left_and_a_completion(monkeypatch):
    text = told(monkeypatch, live=False)
    assert "demo\\x1b[2J: 3 stages: sft, rl, dpo" in text
    assert "rl: begins (stage 2 of 3)" in text
    assert "rl: 1/4  reward 0.500, about" in text
    assert "left in all" in text
    assert "sample: rl step 1, wrong, reward 0.25: 1 + 1 ? -> two / lines \\x1b[2J and \\u202emore" in text
    assert "\x1b" not in text


def test_a_terminal_is_told_the_same(monkeypatch):
    text = told(monkeypatch, live=True)
    assert "stage 2 of 3" in text
    assert "to come: dpo" in text
    assert "two / lines \\x1b[2J and \\u202emore" in text
    assert "\x1b[2J" not in text.replace("\\x1b[2J", "")


def test_a_long_step_says_what_it_is_at(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(shown.time, "time", lambda: now[0])
    text = io.StringIO()
    with Display(Console(file=text, width=100), live=False) as display:
        display.progress("rl", 3, 40)
        now[0] += shown.PLAIN_SECONDS + 1
        display.doing("rl", "sampled 2 of 12 problems")  # a step of this length is told when it ends
        assert "sampled" not in text.getvalue()
        now[0] += shown.PLAIN_SECONDS
        display.doing("rl", "sampled 9 of 12 problems")
        assert "rl: 3/40  sampled 9 of 12 problems" in text.getvalue()
    screen = io.StringIO()
    with Display(Console(file=screen, width=100, force_terminal=True), live=True) as display:
        display.doing("rl", "updating on 96 completions")
    assert "updating on 96 completions" in screen.getvalue()


def test_what_prepares_a_stage_is_not_in_the_time_that_is_left(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(shown.time, "time", lambda: now[0])
    text = io.StringIO()
    with Display(Console(file=text, width=100), live=False) as display:
        display.study("demo", ["sft"], (0,))
        display.seed(0)
        display.begin("sft")
        display.doing("sft", "wrote 0 of 20,000 demonstrations")
        now[0] += 600
        display.progress("sft", 0, 100)
        now[0] += 20
        display.progress("sft", 10, 100)
    assert "sft: 10/100  about 3:00 left in all" in text.getvalue()


def test_work_that_is_no_study_tells_its_time_left_too(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(shown.time, "time", lambda: now[0])
    text = io.StringIO()
    with Display(Console(file=text, width=100), live=False) as display:
        display.begin("evaluation")
        now[0] += 20
        display.progress("evaluation", 10, 100)
        now[0] += 20
        display.progress("evaluation", 20, 100)
    assert "evaluation: 20/100  about 2:40 left\n" in text.getvalue()
