"""Damaged files of a study: told by name, in one line, and no other study suffers."""

import shutil

import pytest

from experiments.config.loading import load_experiment
from experiments.report import write_report
from experiments.results.listing import print_runs
from experiments.run.errors import UserError
from experiments.run.folders import damage_told, read_json, read_jsonl, read_object
from experiments.study.run import run_study

SETTINGS = ["arms={rlhf: null, dpo: null}", "rl.steps=2", "imitation.steps=4", "imitation.num_demonstrations=40"]
FAULTS = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "null": lambda content: b"null\n",
    "an empty object": lambda content: b"{}\n",
    "a list": lambda content: b"[1]\n",
    "not UTF-8": lambda content: b"\xff\xfe\n",
    "a bad line in the middle": lambda content: content[: len(content) // 3] + b"\n}{\n" + content[len(content) // 3 :],
    "deep": lambda content: b"[" * 100_000 + b"\n",
    "text": lambda content: b"hello\n",
}
READ = ["study.json", "config.yaml", "provenance.json"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage") / "whole"
    run_study(load_experiment(["smoke"], SETTINGS), folder, quiet=True)
    return folder


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", READ)
def test_readers_say_a_line_and_ls_lists_the_others(study, tmp_path, capsys, monkeypatch, name, fault):
    shutil.copytree(study, tmp_path / "whole")
    shutil.copytree(study, tmp_path / "damaged")
    path = tmp_path / "damaged" / name
    path.write_bytes(FAULTS[fault](path.read_bytes()))
    capsys.readouterr()
    monkeypatch.setenv("COLUMNS", "240")
    print_runs(tmp_path)
    listed = capsys.readouterr().out
    assert "whole" in listed
    assert "0." in listed  # its figures
    if name == "config.yaml" and fault == "half":
        return  # half of a YAML file may be a whole one
    with pytest.raises(UserError) as told, damage_told(tmp_path / "damaged"):
        write_report(tmp_path / "damaged")
    assert "damaged" in str(told.value)


@pytest.mark.parametrize("fault", ["empty", "not UTF-8", "deep", "text"])
def test_a_broken_json_file_is_named(tmp_path, fault):
    path = tmp_path / "x.json"
    path.write_bytes(FAULTS[fault](b""))
    with pytest.raises(UserError, match=r"x\.json is damaged"):
        read_json(path)


def test_an_object_without_its_key_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    assert read_object(path, "a") == {"a": 1}
    with pytest.raises(UserError, match="has no 'b'"):
        read_object(path, "a", "b")


def test_a_bad_line_is_named_and_a_torn_last_one_is_left_out(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": 2')
    assert list(read_jsonl(path)) == [{"a": 1}]
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(UserError, match="line 2"):
        list(read_jsonl(path))


def test_a_torn_file_that_a_resume_writes_anew_does_not_stop_it(study, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(study, folder)
    for name in ("study.json", "provenance.json"):
        (folder / name).write_bytes((folder / name).read_bytes()[:20])
    run_study(load_experiment(["smoke"], SETTINGS), folder, resume=True, quiet=True)
    assert "written anew" in capsys.readouterr().err
    assert read_json(folder / "study.json")["state"] == "done"
