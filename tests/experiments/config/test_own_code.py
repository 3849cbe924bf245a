"""The files of one's own that a config names are fingerprinted, with what they import from beside them."""

import hashlib

import pytest

from experiments.config.loading import load_experiment
from experiments.config.own_code import own_code
from experiments.run.manifest import DamagedArtefactError, changed_files, seal, verify
from experiments.study.identity import stage_identity
from rl.learning.checkpoint import CheckpointError, Checkpoints

REWARD = "import helper\n\n\nclass Own:\n    def compute_rewards(self, groups):\n        return groups\n"


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(REWARD)
    (tmp_path / "helper.py").write_text("from deeper import thing\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/__init__.py").write_text("thing = 1\n")
    (tmp_path / "unused.py").write_text("x = 1\n")
    return tmp_path


def test_named_files_and_what_they_import_from_beside_them(own):
    rows = own_code({"reward": {"name": f"{own}/own.py:Own"}, "env": f"jsonl:x.jsonl?verify={own}/own.py:Own"})
    assert set(rows) == {"own.py", "helper.py", "__init__.py"}
    assert rows["own.py"] == hashlib.sha256(REWARD.encode()).hexdigest()


def test_built_in_names_are_no_files():
    experiment = load_experiment(["demo"])
    assert own_code(experiment.model_dump(mode="json")) == {}
    assert (
        own_code(["jsonl:rows.jsonl", "rg:chain_sum", "http://127.0.0.1:8000", "os:getcwd", "envs.leaps:Leaps"]) == {}
    )


def test_a_stage_that_was_made_with_another_version_is_refused_by_name(own, tmp_path):
    experiment = load_experiment(["smoke"], [f"arms.rl.reward={own}/own.py:Own"])
    before = stage_identity(experiment, 0, "rl")
    assert "code" not in stage_identity(experiment, 0, "sft"), "the start does not depend on an arm's reward"
    folder = tmp_path / "stage"
    folder.mkdir()
    (folder / "a.json").write_text("{}")
    seal(folder, before, {})
    verify(folder, before, {})
    checkpoints = Checkpoints(tmp_path / "checkpoints", identity=before)
    checkpoints.save(1, {"step": 1})

    (own / "helper.py").write_text("from deeper import thing\nthing += 1\n")
    now = stage_identity(experiment, 0, "rl")
    assert changed_files(before["code"], now["code"]) == ["helper.py"]
    with pytest.raises(DamagedArtefactError, match=r"another version of helper\.py"):
        verify(folder, now, {})
    with pytest.raises(CheckpointError, match=r"another version of helper\.py"):
        Checkpoints(tmp_path / "checkpoints", identity=now).latest(print)
