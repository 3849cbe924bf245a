"""Names of before are refused with the name of now, in configs and in run folders."""

import pytest

from experiments.config.loading import load_experiment
from experiments.config.renamed import FOLDERS, check_folder_names
from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.run.folders import write_json
from experiments.study.run import run_study


@pytest.mark.parametrize("key", ["arms.distilled.teacher", "arms.best-of-2.policy"])
def test_a_setting_of_before_is_told_what_to_write(key):
    with pytest.raises(UserError, match=rf"{key}: 'start' is called 'sft' now"):
        load_experiment(["mini-ladder"], [f"{key}=start"])


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("imitation.drill_share=0.1", "imitation.drill_share is called imitation.single_step_share now"),
        (
            "imitation.demonstrator={parts: {a: {writers: {b: {leap_law: [[9, [1.0]]]}}}}}",
            "parts.a.writers.b.leap_law is called imitation.demonstrator.parts.a.writers.b.size_law now",
        ),
        ("preference.annotator={name: careful, taste: {length: 1}}", "preference.annotator.taste is called"),
        ("rl.fixed_lag=false", "rl.fixed_lag is called rl.fixed_staleness now"),
        ("arms.rl.rl={fixed_lag: true}", "arms.rl.rl.fixed_lag is called arms.rl.rl.fixed_staleness now"),
        (
            "rl.algorithm={name: dapo, max_refills: 2}",
            "rl.algorithm.max_refills is called rl.algorithm.max_resamples now",
        ),
        ("rl.curriculum=edge", "rl.curriculum: 'edge' is called 'learnability' now"),
        ("rl.curriculum={name: target, width: 0.2}", "rl.curriculum.name: 'target' is called 'target_success' now"),
    ],
)
def test_the_loops_settings_of_before_are_told_what_to_write(setting, told):
    with pytest.raises(UserError, match=told):
        load_experiment(["smoke"], [setting])


@pytest.mark.parametrize("old", FOLDERS)
def test_a_folder_of_before_is_refused_by_readers_and_resume(tmp_path, old):
    experiment = load_experiment(["smoke"])
    (tmp_path / "seed-0" / old.replace("*", "rlhf")).mkdir(parents=True)
    write_json(tmp_path / "study.json", {"state": "done", "seeds": [0], "stages": [], "problems": {}})
    (tmp_path / "config.yaml").write_text("name: smoke\n")
    told = f"is called {FOLDERS[old]} now"
    with pytest.raises(UserError, match=told):
        load_study(tmp_path)
    with pytest.raises(UserError, match=told):
        run_study(experiment, tmp_path, resume=True)


def test_folders_of_now_are_not_of_before(tmp_path):
    for name in ("sft", "rlhf/kl-matched", "rl"):
        (tmp_path / "seed-0" / name).mkdir(parents=True)
    check_folder_names(tmp_path)
