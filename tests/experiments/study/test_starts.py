"""Starts taken over from another study: the same weights, tested as the new study tests; others are refused."""

import pytest
import torch

from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.run.folders import read_json, read_jsonl
from experiments.run.manifest import DamagedArtefactError
from experiments.stages import preferences
from experiments.study.run import run_study
from experiments.study.starts import GIVEN, has_starts

RL = "arms={rl: {method: rl, reward: verifier}, rlhf: null, dpo: null}"


def smoke(*overrides):
    return load_experiment(["smoke"], ["name=made", "rl.steps=1", "imitation.steps=4", RL, *overrides])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("starts") / "source"
    run_study(smoke(), folder, quiet=True)
    return folder


def weights(folder):
    return (folder / "seed-0" / "sft" / "policy" / "model.safetensors").read_bytes()


def test_the_weights_are_taken_over_and_tested_as_the_new_study_tests(source, tmp_path):
    folder = tmp_path / "new"
    experiment = smoke("evaluation.num_samples=6", "evaluation.support_samples=2", "evaluation.levels=[1, 2]")
    assert has_starts(experiment, source)
    run_study(experiment, folder, quiet=True, same_start=source)
    assert weights(folder) == weights(source)
    results = load_study(folder)
    assert results.policies["sft"].levels() == [1, 2]
    assert results.policies["sft"].evaluations[0]["num_samples"] == 6
    assert results.demonstrator.evaluations[0]["num_samples"] == 6
    assert not list(read_jsonl(folder / "seed-0" / "sft" / "metrics.jsonl"))  # nothing was trained
    assert read_json(folder / "seed-0" / "sft" / "imitation.json")["taken_over"]
    assert not (folder / "seed-0" / "sft" / GIVEN).exists()
    right = sum(min(2, row["c_solution"]) for row in results.policies["rl"].evaluations[0]["rows"])
    assert len(results.support("rl", 0)) == right
    run_study(experiment, folder, quiet=True, resume=True)  # what was taken over passes its checks


def test_a_start_that_was_tested_alike_is_copied_whole(source, tmp_path):
    folder = tmp_path / "new"
    run_study(smoke("rl.steps=2"), folder, quiet=True, same_start=source)
    kept = [list(read_jsonl(root / "seed-0" / "sft" / "metrics.jsonl")) for root in (source, folder)]
    assert kept[0] == kept[1] != []


def test_what_is_fitted_has_the_threads_of_the_config_with_nothing_trained_before_it(source, tmp_path, monkeypatch):
    def fit(*arguments, **named):
        raise UserError(f"threads: {torch.get_num_threads()}")

    monkeypatch.setattr(preferences, "fit_reward_model", fit)
    arms = "arms={rl: null, rlhf: {method: rl, reward: proxy}, dpo: null}"
    before = torch.get_num_threads()
    torch.set_num_threads(2)  # as a process begins on two cores
    try:
        with pytest.raises(UserError, match="threads: 1"):
            run_study(smoke(arms, "preference.num_pairs=8"), tmp_path / "new", quiet=True, same_start=source)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("override", "told"),
    [("imitation.steps=5", "other settings of imitation"), ("seeds=[0, 1]", "seed 1 has none that is finished")],
)
def test_a_start_of_another_making_is_refused_before_anything_is_written(source, tmp_path, override, told):
    experiment = smoke(override)
    assert not has_starts(experiment, source)
    with pytest.raises(UserError, match=told):
        run_study(experiment, tmp_path / "new", quiet=True, same_start=source)
    assert not (tmp_path / "new").exists()


def test_a_start_that_was_changed_since_is_refused(source, tmp_path):
    copy = tmp_path / "copy"
    run_study(smoke(), copy, quiet=True, same_start=source)
    path = copy / "seed-0" / "sft" / "policy" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DamagedArtefactError, match="was changed"):
        run_study(smoke("evaluation.num_samples=2"), tmp_path / "new", quiet=True, same_start=copy)


def test_an_arm_that_is_there_already_is_taken_over_with_its_test(source, tmp_path, capsys):
    folder = tmp_path / "new"
    more = "arms={rl: {method: rl, reward: verifier}, rlhf: null, dpo: null, coin: {method: rl, reward: coin_flip}}"
    run_study(smoke(more), folder, quiet=True, same_start=source)
    assert "taken over from" in capsys.readouterr().err
    rows = [list(read_jsonl(root / "seed-0" / "rl" / "metrics.jsonl")) for root in (source, folder)]
    assert rows[0] == rows[1] != []  # wall seconds too: it was copied
    assert set(load_study(folder).arms) == {"rl", "coin"}
    seconds = {row["stage"]: row["seconds"] for row in read_json(folder / "study.json")["stages"]}
    assert seconds["rl"] == {r["stage"]: r["seconds"] for r in read_json(source / "study.json")["stages"]}["rl"] > 0


def test_an_arm_of_other_settings_is_run_again(source, tmp_path, capsys):
    run_study(smoke("rl.optimizer.lr=1e-5"), tmp_path / "new", quiet=True, same_start=source)
    assert "taken over" not in capsys.readouterr().err
