"""Settings are chosen on validation problems: the test stays unseen."""

import json

import pytest

from envs.registry import make
from envs.splits import split_of
from experiments.bench.reliability.subject import content, differences
from experiments.config.loading import load_experiment
from experiments.config.sections import EvaluationSection
from experiments.run.errors import UserError
from experiments.run.evaluations import read_evaluation
from experiments.stages.problems import final_problems, validation_problems
from experiments.study.run import run_study
from experiments.study.sweep import run_sweep


def test_the_final_problems_are_of_the_split_that_the_config_names():
    env = make("leaps")
    for split in ("test", "validation"):
        section = EvaluationSection(split=split, levels=(2, 3), problems_per_level=20)
        problems = final_problems(env, section)
        assert len(problems) == 40
        assert {split_of(problem) for problem in problems} == {split}
    assert {split_of(p) for p in validation_problems(env, EvaluationSection())} == {"validation"}


def test_a_sweep_is_judged_on_validation_problems_unless_told_otherwise(monkeypatch):
    splits = []

    class Ran(Exception):
        pass

    def run_study(experiment, folder, **options):
        splits.append(experiment.evaluation.split)
        raise Ran

    monkeypatch.setattr("experiments.study.sweep.run_study", run_study)
    for on_test in (False, True):
        with pytest.raises(Ran):
            run_sweep(["smoke"], [], ["rl.steps=1,2"], on_test=on_test)
    assert splits == ["validation", "test"]
    assert load_experiment(["smoke"], []).evaluation.split == "test"


def test_a_sweep_ends_in_a_table_of_what_its_validation_problems_say(tmp_path, capsys):
    small = ["arms={rlhf: null, dpo: null}", "imitation=null", "rl.steps=1", "rl.problems_per_step=2"]
    small += ["evaluation.problems_per_level=1", "evaluation.num_samples=2", "evaluation.validation_problems=2"]
    run_sweep(["smoke"], small, ["rl.optimizer.lr=1e-3,1e-4"], output=tmp_path / "sweep", quiet=True)
    table = capsys.readouterr().out.rpartition("on validation problems")[2]
    assert all(column in table for column in ("rl.optimizer.lr", "1e-3", "1e-4", "sft"))


def test_combinations_with_one_start_train_it_once_and_come_to_what_they_come_to_alone(tmp_path, monkeypatch):
    import experiments.stages.sft

    trained = []
    fit = experiments.stages.sft.fit_demonstrations
    monkeypatch.setattr(
        experiments.stages.sft, "fit_demonstrations", lambda *args, **kw: (trained.append(1), fit(*args, **kw))[1]
    )
    settings = [
        "imitation={num_demonstrations: 40, steps: 3, batch_size: 8, step_accuracy: 1.0}",
        "rl={steps: 2, problems_per_step: 4, group_size: 2, evaluate_every: 0, checkpoint_every: 0}",
        "arms={rl: {method: rl, reward: {name: verifier, weights: {tokens: 0.1}}}, rlhf: null, dpo: null}",
        "evaluation={problems_per_level: 3, num_samples: 2, validation_problems: 4, validation_samples: 2}",
        "workers.executor=inline",
    ]
    run_sweep(["smoke"], settings, ["rl.optimizer.lr=1e-3,1e-2", "imitation.steps=3,4"], output=tmp_path / "sweep")
    assert len(trained) == 2  # one for each number of steps of imitation
    alone = load_experiment(
        ["smoke"], [*settings, "evaluation.split=validation", "rl.optimizer.lr=1e-2", "imitation.steps=4"]
    )
    run_study(alone, tmp_path / "alone", quiet=True)
    for part in ("sft", "rl"):
        one, two = (tmp_path / study / "seed-0" / part for study in ("sweep/lr=1e-2_steps=4", "alone"))
        weights = "policy/model.safetensors"
        assert (one / weights).read_bytes() == (two / weights).read_bytes()
        assert read_evaluation(one)["rows"] == read_evaluation(two)["rows"]
    points = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert [point["folder"] for point in points][3] == "lr=1e-2_steps=4"


@pytest.mark.slow
def test_combinations_side_by_side_come_to_the_files_of_combinations_in_turn(tmp_path):
    small = ["arms={rlhf: null, dpo: null}", "imitation={num_demonstrations: 40, steps: 3}", "workers.executor=inline"]
    small += ["rl.steps=1", "rl.problems_per_step=2", "evaluation={problems_per_level: 1, num_samples: 2}"]
    grid = ["rl.optimizer.lr=1e-3,1e-4", "imitation.steps=3,4"]
    for name, parallel in (("in turn", 1), ("side by side", 2)):
        run_sweep(["smoke"], small, grid, output=tmp_path / name, quiet=True, parallel=parallel)
    for row in json.loads((tmp_path / "in turn" / "sweep.json").read_text()):
        found = [content(tmp_path / name / row["folder"]) for name in ("in turn", "side by side")]
        assert differences(*found) == []
    assert not list((tmp_path / "side by side").rglob("*.log"))


def test_a_combination_that_fails_beside_others_is_told_by_name(tmp_path):
    small = ["arms={rlhf: null, dpo: null}", "imitation={num_demonstrations: 40, steps: 3}"]
    (tmp_path / "lr=1e-3").write_text("no folder")
    with pytest.raises(UserError, match=r"lr=1e-3: .*lr=1e-3"):
        run_sweep(["smoke"], small, ["rl.optimizer.lr=1e-3"], output=tmp_path, quiet=True, parallel=2)


def test_a_sweep_keeps_what_the_annotator_of_each_combination_preferred(tmp_path):
    small = [
        "imitation={num_demonstrations: 40, steps: 3, batch_size: 8}",
        "rl={steps: 2, problems_per_step: 4, group_size: 2}",
        "preference={num_pairs: 24, reward_model: {epochs: 1, batch_size: 8}}",
        "evaluation={problems_per_level: 2, num_samples: 2, validation_problems: 4, validation_samples: 2}",
        "arms={rl: null, dpo: null, rlhf: {method: rl, reward: proxy, judgements: 2, rl: {evaluate_every: 1}}}",
    ]
    run_sweep(["smoke"], small, ["arms.rlhf.rl.algorithm.kl.beta=0.01,0.2"], output=tmp_path, quiet=True)
    rows = json.loads((tmp_path / "sweep.json").read_text())
    for row in rows:
        choice = row["annotators_choice"]["rlhf"]
        card = json.loads((tmp_path / row["folder"] / "seed-0/rlhf/best-by-annotator/snapshot.json").read_text())
        assert choice == {key: card[key] for key in ("rate", "standard_error", "step")}
