"""Sizes and names that no run could bear are told before anything is trained."""

import pytest

from experiments.config.loading import load_experiment, to_yaml
from experiments.run.errors import UserError
from experiments.run.folders import RunFolder, check_folder
from experiments.stages.prompting import with_prompts
from experiments.study.run import run_study

LONG = "a" * 300
SMALL = ["arms={rlhf: null, dpo: null}", "rl.steps=2", "imitation.steps=4", "imitation.num_demonstrations=40"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (f"name={LONG}", "name: string should have at most 100 characters"),
        (f"arms={{{LONG}: rl}}", "has 300 characters, expected 64 at most"),
        ("policy.tiny.hidden=1000000000", "policy.tiny.hidden: input should be less than or equal to 16384"),
        ("policy.tiny.layers=1000000000", "policy.tiny.layers: input should be less than or equal to 512"),
        ("policy.device=meta", "device meta holds shapes and no numbers"),
    ],
)
def test_a_config_is_refused(setting, told):
    with pytest.raises(UserError, match=told):
        load_experiment(["smoke"], [setting])


@pytest.mark.parametrize("name", [LONG, "nul\0"])
def test_a_folder_that_cannot_be_is_refused_in_a_line(tmp_path, name):
    with pytest.raises(UserError, match="cannot use the folder"):
        check_folder(tmp_path / name, resume=False)


def test_what_a_killed_writer_left_is_swept_when_its_study_goes_on(tmp_path):
    study = RunFolder(tmp_path / "run" / "seed-0" / "rl").path.parents[1]
    left = [study / "seed-0" / "rl" / ".step-00000009.jsonl.gz.24082.tmp", study / ".study.json.9472.tmp"]
    for path in left:
        path.write_bytes(b"half")
    experiment = load_experiment(["smoke"], SMALL)
    (tmp_path / "run" / "config.yaml").write_text(to_yaml(with_prompts(experiment)))
    run_study(experiment, tmp_path / "run", resume=True, quiet=True)
    assert not any(path.exists() for path in left)
