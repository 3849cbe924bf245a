"""Paths in a config are relative to it, wherever it is read from."""

import pytest
import yaml

from experiments.config.loading import load_experiment, load_resolved, to_yaml

OWN = "from dataclasses import dataclass\n\n\nclass Own:\n    pass\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a config and what it names; the current folder is another one."""
    home = tmp_path / "home"
    (home / "model").mkdir(parents=True)
    for name in ("own.py", "check.py"):
        (home / name).write_text(OWN)
    (home / "rows.jsonl").write_text('{"prompt": "1 + 1?", "answer": "2"}\n')
    (home / "own.yaml").write_text(
        yaml.safe_dump(
            {
                "base": "shared.yaml",
                "env": "jsonl:rows.jsonl?verify=check.py:Own",
                "policy": "model",
                "arms": {"rl": {"method": "rl", "reward": "own.py:Own"}},
            }
        )
    )
    (home / "shared.yaml").write_text("name: shared\npreference: {comparisons: rows.jsonl}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return home


def test_what_a_config_names_is_found_beside_it(project):
    experiment = load_experiment([project / "own.yaml"])
    assert experiment.env.name == f"jsonl:{project}/rows.jsonl?verify={project}/check.py:Own"
    assert experiment.policy.path == str(project / "model")
    assert experiment.preference.comparisons == str(project / "rows.jsonl")
    assert experiment.arms["rl"].reward.name == f"{project}/own.py:Own"


def test_the_written_config_means_the_same_from_anywhere(project, tmp_path, monkeypatch):
    experiment = load_experiment([project / "own.yaml"])
    (tmp_path / "config.yaml").write_text(to_yaml(experiment))
    monkeypatch.chdir("/")
    assert load_resolved(tmp_path / "config.yaml") == experiment
    assert load_experiment([tmp_path / "config.yaml"]) == experiment


def test_an_override_is_relative_to_the_current_folder(project, monkeypatch):
    monkeypatch.chdir(project)
    experiment = load_experiment(["smoke"], ["arms.rl.reward=own.py:Own", "env=jsonl:rows.jsonl"])
    assert experiment.arms["rl"].reward.name == f"{project}/own.py:Own"
    assert experiment.env.name == f"jsonl:{project}/rows.jsonl"


def test_names_that_are_no_paths_stay(project, monkeypatch):
    (project / "grpo").mkdir()
    (project / "leaps").mkdir()
    monkeypatch.chdir(project)
    experiment = load_experiment(["smoke"], ["rl.algorithm=grpo", "policy={tiny: null, path: some/hub-id}"])
    assert (experiment.rl.algorithm.name, experiment.env.name) == ("grpo", "leaps")
    assert experiment.policy.path == "some/hub-id"
    assert load_experiment(["smoke"], ["env=hf:owner/name"]).env.name == "hf:owner/name"
