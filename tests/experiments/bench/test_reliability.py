"""The attack on studies: that it sees what it looks for, and a part of it; the whole runs with the slow tests."""

import json

import pytest

from experiments.bench.reliability.__main__ import report_of
from experiments.bench.reliability.damage import FAILURES, DamageMatrix, Subject, judge
from experiments.bench.reliability.done import Done
from experiments.bench.reliability.faults import FAULTS
from experiments.bench.reliability.kills import MODES, Moment, kill_matrix, moments_of
from experiments.bench.reliability.subject import command, content, differences
from experiments.bench.reliability.subjects import STUDIES, make_subject
from experiments.bench.reliability.verbs import VERBS, Answer, call

SMALLEST = ("arms={rlhf: null, dpo: null}", "rl.steps=1", "imitation.steps=4", "imitation.num_demonstrations=40")


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_leaves_another_file(tmp_path, fault):
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    before = b'{"seed": 17, "steps": 40}\n'
    path.write_bytes(before)
    other.write_bytes(b'{"seed": 18, "steps": 40}\n')
    FAULTS[fault](path, other)
    assert not path.is_file() or path.read_bytes() != before


def test_a_flipped_digit_is_another_digit(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "b": 0.25}')
    FAULTS["flipped"](path, None)
    assert json.loads(path.read_text()) == {"a": 1, "b": 1.25}


@pytest.mark.parametrize(
    ("code", "text", "is_same", "outcome"),
    [
        (0, "done", True, "same"),
        (0, "warning: seed-0/rl/evals.jsonl is damaged", False, "warned"),
        (0, "done", False, "silent"),
        (0, "seed-0/rl on leaps: .5", False, "silent"),
        (2, "error: seed-0/rl/policy/config.json is damaged", False, "told"),
        (2, "error: seed-0/rl/evals.jsonl is damaged", False, "told"),
        (2, "error: something is wrong", False, "vague"),
        (None, "KeyError: 'x'", False, "traceback"),
        (3, "Traceback (most recent call last)\n...evals.jsonl", False, "traceback"),
    ],
)
def test_an_answer_is_judged_by_what_it_says_and_whether_it_differs(code, text, is_same, outcome):
    assert judge(Answer(code, text, None), is_same, "seed-0/rl/evals.jsonl", "seed-0/rl on leaps: .4") == outcome


def test_contents_are_compared_without_times(tmp_path):
    for name, seconds, reward in (("a", 1.0, 0.5), ("b", 2.0, 0.5), ("c", 2.0, 0.25)):
        (tmp_path / name / "seed-0").mkdir(parents=True)
        row = {"step": 1, "wall_seconds": seconds, "time/update_seconds": seconds, "reward/mean": reward}
        (tmp_path / name / "seed-0" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    first, second, third = (content(tmp_path / name) for name in "abc")
    assert differences(first, second) == []
    (told,) = differences(first, third)
    assert told.startswith("seed-0/metrics.jsonl differs: ")
    assert '"reward/mean": 0.5' in told
    assert '"reward/mean": 0.25' in told
    assert differences(first, {}) == ["seed-0/metrics.jsonl is missing"]
    assert differences({}, first) == ["seed-0/metrics.jsonl is left over"]


def test_warnings_of_a_wait_are_of_the_machine_and_others_are_not(tmp_path):
    waits = "no result for 31 s; waiting for 1 shard(s) [0]; workers: worker-0 restarting, start (31.0 s)"
    died = "step 3: worker-1 died and was replaced, once so far; last: it was killed"
    signal = "step 1: 100% of groups have no advantage (0% all right, 100% all wrong): change the problems' level"
    for name, messages in (("a", [signal]), ("b", [waits, signal, died]), ("c", [signal, signal])):
        (tmp_path / name).mkdir()
        rows = [{"stage": "rl", "step": 1, "message": message} for message in messages]
        (tmp_path / name / "warnings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, waited, twice = (content(tmp_path / name) for name in "abc")
    assert differences(first, waited) == []
    assert len(differences(first, twice)) == 1


def test_a_moment_has_come_when_its_log_is_long_enough(tmp_path):
    log = tmp_path / "seed-0" / "rl" / "metrics.jsonl"
    assert not Moment("rl/metrics.jsonl", 2).has_come(tmp_path)
    log.parent.mkdir(parents=True)
    log.write_text("{}\n")
    assert Moment("rl/*").has_come(tmp_path)
    assert not Moment("rl/metrics.jsonl", 2).has_come(tmp_path)
    log.write_text("{}\n{}\n")
    assert Moment("rl/metrics.jsonl", 2).has_come(tmp_path)


def test_there_are_forty_kills_and_nine_faults():
    assert sum(len(moments_of(mode)) for mode in MODES) == 40
    assert all(isinstance(settings, tuple) for settings in MODES.values())
    assert len(FAULTS) == 9


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attack")
    study = folder / "work" / "study"
    study.parent.mkdir()
    code, text = call(command(study, SMALLEST))
    assert code == 0, text
    study.rename(folder / "master")
    return Subject(folder, SMALLEST)


def test_damage_to_a_finished_study_is_told_by_every_verb(subject):
    matrix = DamageMatrix(subject, ["ls", "report", "compare"])
    cells = [cell for name in ("study.json", "seed-0/rl/training.json") for cell in matrix.cells(name)]
    assert len(cells) > 20
    assert not [cell for cell in cells if cell["outcome"] in FAILURES]
    told = {cell["fault"] for cell in cells if cell["verb"] == "report" and cell["outcome"] == "told"}
    assert told >= {"truncated", "empty", "deleted", "flipped", "retyped", "binary", "folder"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "mode", [mode if mode != "ray" else pytest.param(mode, marks=pytest.mark.ray) for mode in MODES]
)
def test_a_study_killed_ten_times_ends_as_the_undisturbed_one(tmp_path, mode):
    (row,) = kill_matrix(tmp_path, [mode], print)
    assert sum(kill["end"] == "killed" for kill in row["kills"]) >= 9
    assert row["troubles"] == []


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("study", STUDIES)
def test_every_file_damaged_in_nine_ways(tmp_path, study):
    assert make_subject(study, tmp_path) == []
    made = STUDIES[study].subject(tmp_path)
    matrix = DamageMatrix(made, STUDIES[study].verbs(list(VERBS)))
    cells = [cell for name in made.files() for cell in matrix.cells(name)]
    assert {cell["file"] for cell in cells} == set(made.files())
    assert not [cell for cell in cells if cell["outcome"] in FAILURES]


def test_an_attack_goes_on_where_it_was_left_and_does_again_what_failed(tmp_path):
    cell = {"file": "a", "verb": "ls", "fault": "empty", "outcome": "told"}
    silent = cell | {"file": "b", "outcome": "silent"}
    first = Done(tmp_path / "work")
    first.add("finished", "", {"files": ["a", "b"]}, is_failed=False)
    first.add("finished", "a", {"cells": [cell], "seconds": 1.0}, is_failed=False)
    first.add("finished", "b", {"cells": [silent], "seconds": 2.0}, is_failed=True)

    second = Done(tmp_path / "work")
    assert second.has("finished", "a")
    assert not second.has("finished", "b")
    assert not second.has("finished", "c")
    found = report_of(second)
    assert (found["num_cells"], found["num_failures"], found["is_complete"]) == (2, 1, False)

    second.add("finished", "b", {"cells": [cell], "seconds": 2.0}, is_failed=False)
    assert report_of(second)["num_failures"] == 0
    assert Done(tmp_path / "work", anew=True).rows("finished") == {}
