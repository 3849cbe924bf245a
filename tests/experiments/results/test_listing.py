"""`beyond ls` tells what a person looks for, and a program reads it."""

import json

from made_studies import make_study

from experiments.results.listing import listed, print_runs

START = {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.0}


def test_date_duration_headline_and_changed_settings(tmp_path, capsys):
    study = make_study(tmp_path / "a", {"sft": START, "rl": START}, seeds=(0, 1), overrides=["rl.steps=9"])
    (study / "study.json").write_text((study / "study.json").read_text().replace('"name": "made"', '"name": "smoke"'))
    print_runs(tmp_path)
    told = capsys.readouterr().out
    assert f"{study}  done" in told.replace("\n", "")
    assert "2026-01-01 00:00  took 0:04  seeds 0, 1" in told  # two stages of two seeds, a second each
    assert "over levels 1 to 3: sft 0.3" in told
    assert "smoke with rl.steps=9, evaluation.headline_level=null" in told


def test_an_added_arm_is_one_change_and_a_program_reads_all_of_it(tmp_path, capsys):
    added = "arms.short={method: rl, reward: proxy, rl: {steps: 3, optimizer: {lr: 1e-3}}}"
    study = make_study(tmp_path / "a", {"sft": START, "rl": START}, overrides=[added])
    (study / "study.json").write_text((study / "study.json").read_text().replace('"name": "made"', '"name": "smoke"'))
    print_runs(tmp_path)
    told = capsys.readouterr().out
    assert "arms.short (rl)" in told
    assert "arms.short.rl" not in told
    (row,) = listed(tmp_path)
    assert row["changed"]["arms.short.rl.optimizer.lr"] == 1e-3


def test_a_study_of_ones_own_config_has_no_changes_to_tell(tmp_path):
    make_study(tmp_path / "a", {"sft": START})
    (row,) = listed(tmp_path)
    assert row["changed"] is None
    assert json.loads(json.dumps(row))["headline"].keys() == {"sft"}


def test_lines_fit_eighty_columns(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    make_study(tmp_path / "a", dict.fromkeys(("sft", "rl", "rlhf", "dpo"), START), seeds=tuple(range(12)))
    print_runs(tmp_path)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
