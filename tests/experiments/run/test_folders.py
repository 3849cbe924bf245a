"""What a run writes outlives a kill, a full disk and a resume: torn lines, rewinding, the status file, the watchdog."""

from __future__ import annotations

import json
import os
import time

import pytest

import experiments.run.folders
import experiments.run.status
from experiments.run.folders import RunFolder, append_jsonl, read_json, read_jsonl, write_json
from experiments.run.status import StageStatus


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_torn_line_is_not_read_and_the_next_row_takes_its_place(tmp_path, cut):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [{"a": 1}, {"a": 2}])
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    whole = list(read_jsonl(path))
    append_jsonl(path, [{"a": 3}])
    assert list(read_jsonl(path)) == [*whole, {"a": 3}]
    assert whole == [{"a": 1}, {"a": 2}][: content[:-cut].count(b"\n")]


def test_a_torn_line_longer_than_a_block_is_cut_off_whole(tmp_path):
    path = tmp_path / "rows.jsonl"
    append_jsonl(path, [{"a": 1}])
    with path.open("a") as file:
        file.write('{"a": "' + "x" * 200_000)
    append_jsonl(path, [{"a": 2}])
    assert list(read_jsonl(path)) == [{"a": 1}, {"a": 2}]


def test_a_small_file_is_the_old_one_or_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_rewinding_removes_what_will_be_recorded_again_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path)
    for step in range(1, 6):
        folder.metrics("rl", step, {"x": step})
        folder.metrics("other", step, {"x": step})
        append_jsonl(tmp_path / "samples.jsonl", [{"stage": "rl", "step": step}])
        append_jsonl(tmp_path / "warnings.jsonl", [{"stage": "rl", "step": step, "message": "m"}])
        append_jsonl(tmp_path / "evals.jsonl", [{"policy": "rl", "step": step}])
    append_jsonl(tmp_path / "evals.jsonl", [{"policy": "rl", "step": None}])  # the test of an earlier stage
    folder.rewind("rl", 3, samples=4)
    rows = [(row["stage"], row["step"]) for row in read_jsonl(tmp_path / "metrics.jsonl")]
    assert rows.count(("rl", 3)) == 1
    assert max(step for stage, step in rows if stage == "rl") == 3
    assert max(step for stage, step in rows if stage == "other") == 5
    for name, kept in (("samples", [1, 2, 3, 4]), ("warnings", [1, 2, 3])):
        assert [row["step"] for row in read_jsonl(tmp_path / f"{name}.jsonl")] == kept
    assert [row["step"] for row in read_jsonl(tmp_path / "evals.jsonl")] == [1, 2, 3, None]


def status(folder, monkeypatch, *, stacks=lambda: "all quiet", **seconds):
    for name, value in seconds.items():
        monkeypatch.setattr(experiments.run.status, name, value)
    told = []
    return told, StageStatus(folder, on_quiet=told.append, stacks=stacks)


def test_the_heart_beats_without_progress_and_progress_is_told_apart(tmp_path, monkeypatch):
    _, running = status(tmp_path, monkeypatch, BEAT_SECONDS=0.02, WRITE_SECONDS=0.0)
    with running:
        running.progress(1, 10)
        first = read_json(tmp_path / "status.json")
        time.sleep(0.2)
        second = read_json(tmp_path / "status.json")
        assert second["heartbeat"] > first["heartbeat"]
        assert second["progressed"] == first["progressed"]
        running.end("done")
    assert read_json(tmp_path / "status.json")["state"] == "done"


def test_time_left_is_by_the_pace_since_the_resume(tmp_path, monkeypatch):
    _, running = status(tmp_path, monkeypatch, WRITE_SECONDS=0.0)
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    with running:
        running.progress(901, 1000)  # a resumed run: nine hundred steps were done before
        assert read_json(tmp_path / "status.json")["seconds_left"] is None
        clock[0] += 30.0
        running.progress(904, 1000)
        assert read_json(tmp_path / "status.json")["seconds_left"] == pytest.approx(960.0)  # 10 s a step, 96 left
        running.end("done")


def test_the_watchdog_says_where_it_is_quiet_and_writes_the_stacks_once_per_pause(tmp_path, monkeypatch):
    told, running = status(tmp_path, monkeypatch, BEAT_SECONDS=0.01, QUIET_SECONDS=0.1, stacks=lambda: "in a loop")
    with running:
        running.progress(3, 10)
        end = time.monotonic() + 10
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.2)
        running.end("failed")
    assert len(told) == 1
    assert "at 3 of 10" in told[0]
    assert "in a loop" in (tmp_path / "stacks.txt").read_text()


def test_a_step_that_says_what_it_is_at_is_not_quiet(tmp_path, monkeypatch):
    now = [1000.0]
    told, running = status(tmp_path, monkeypatch, QUIET_SECONDS=60)
    monkeypatch.setattr(experiments.run.status.time, "time", lambda: now[0])
    running.progress(3, 10)
    for count in range(3):
        now[0] += 50
        running.doing(f"wrote {count} of 3 demonstrations")
        running._watch(now[0] + 5)
    assert not told
    running._watch(now[0] + 61)
    assert len(told) == 1


def test_workers_that_cannot_be_asked_do_not_end_the_heartbeat(tmp_path, monkeypatch):
    def stacks():
        raise RuntimeError("gone")

    told, running = status(tmp_path, monkeypatch, BEAT_SECONDS=0.01, QUIET_SECONDS=0.05, stacks=stacks)
    with running:
        end = time.monotonic() + 10
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        before = json.loads((tmp_path / "status.json").read_text())["heartbeat"]
        time.sleep(0.1)
        assert json.loads((tmp_path / "status.json").read_text())["heartbeat"] > before
        running.end("done")
    assert "gone" in (tmp_path / "stacks.txt").read_text()


def test_a_folder_of_before_is_read_by_the_names_of_today(tmp_path):
    row = {
        "summary": {"mean_verified": 0.5, "pass@4_verified": 1.0, "eval/mean_verified": 0.5},
        "rows": [{"c_verified": 2, "greedy_verified": True, "leaps": {"1": 4, "0": 1}}, {"leaps": {}}],
        "parts": {"leaps": {"mean_answer": 1.0}},  # a part of a mixture that is called so
        "completion": 'a text with "verified": and "leaps": {"1": 2} in it',
    }
    append_jsonl(tmp_path / "evals.jsonl", [row])
    write_json(tmp_path / "demonstrator.json", {"parts": {"verified": 0.9}})
    (found,) = read_jsonl(tmp_path / "evals.jsonl")
    assert found["summary"] == {"mean_solution": 0.5, "pass@4_solution": 1.0, "eval/mean_solution": 0.5}
    assert found["rows"][0] == {"c_solution": 2, "greedy_solution": True, "step_sizes": {"1": 4, "0": 1}}
    assert found["rows"][1] == {"step_sizes": {}}
    assert (found["parts"], found["completion"]) == (row["parts"], row["completion"])
    assert read_json(tmp_path / "demonstrator.json") == {"parts": {"solution": 0.9}}
