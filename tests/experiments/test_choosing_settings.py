"""Settings are chosen on validation problems: the test stays unseen."""

import pytest

from envs.registry import make
from envs.splits import split_of
from experiments.evaluation import final_problems, validation_problems
from experiments.loading import load_experiment
from experiments.sections import EvaluationSection
from experiments.sweep import run_sweep


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

    monkeypatch.setattr("experiments.sweep.run_study", run_study)
    for on_test in (False, True):
        with pytest.raises(Ran):
            run_sweep(["mini"], [], ["rl.steps=1,2"], on_test=on_test)
    assert splits == ["validation", "test"]
    assert load_experiment(["mini"], []).evaluation.split == "test"


def test_a_sweep_ends_in_a_table_of_what_its_validation_problems_say(tmp_path, capsys):
    small = ["arms={rlhf: null, dpo: null}", "imitation=null", "rl.steps=1", "rl.problems_per_step=2"]
    small += ["evaluation.problems_per_level=1", "evaluation.num_samples=2", "evaluation.validation_problems=2"]
    run_sweep(["mini"], small, ["rl.optimizer.lr=1e-3,1e-4"], output=tmp_path / "sweep", quiet=True)
    table = capsys.readouterr().out.rpartition("on validation problems")[2]
    assert all(column in table for column in ("rl.optimizer.lr", "1e-3", "1e-4", "start"))
