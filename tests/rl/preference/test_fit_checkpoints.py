"""Checkpoints that trl writes are sealed: whose they are, and that they are whole, is known before they are read."""

import json
from types import SimpleNamespace

import pytest
import torch
import transformers

from rl.learning.checkpoint_manifest import CheckpointError
from rl.preference.fit_checkpoints import FitCheckpoints
from rl.records.recorder import SilentRecorder

IDENTITY = {"seed": 0, "stage": "dpo", "config": "a" * 64, "parents": {"sft": "b" * 64}}
TRAINER = SimpleNamespace(_globalstep_last_logged=190, _tr_loss=torch.tensor(0.5), _metrics={"train": {"kl": [0.1]}})


def write(checkpoints, step, *, sealed=True):
    """A checkpoint as trl writes one, and seals it or is killed before."""
    path = checkpoints.folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_bytes(b"moments")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    if sealed:
        state = transformers.TrainerState(global_step=step)
        checkpoints.sealing(TRAINER, None).on_save(None, state, transformers.TrainerControl())
    return path


@pytest.fixture
def checkpoints(tmp_path):
    return FitCheckpoints(tmp_path / "checkpoints", IDENTITY)


def test_the_newest_is_gone_on_from_and_two_are_kept(checkpoints):
    for step in (200, 1000, 800):  # by their steps, not by their names or clocks
        write(checkpoints, step)
    assert checkpoints.go_on(SilentRecorder(), "dpo").name == "checkpoint-1000"
    assert {path.name for path in checkpoints.folder.iterdir()} == {"checkpoint-1000", "checkpoint-800"}


def test_without_one_the_fit_begins(checkpoints):
    assert checkpoints.go_on(SilentRecorder(), "dpo") is None


def test_what_was_killed_before_it_was_sealed_is_removed(checkpoints):
    write(checkpoints, 200)
    write(checkpoints, 400, sealed=False)
    assert checkpoints.go_on(SilentRecorder(), "dpo").name == "checkpoint-200"
    assert not (checkpoints.folder / "checkpoint-400").exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "trainer_state.json", "manifest.json"])
@pytest.mark.parametrize("content", [b"", b"moment", b"{}", b"[1]", b"\xff\x00"])
def test_a_torn_one_is_named_and_the_one_before_it_used(checkpoints, name, content):
    write(checkpoints, 200)
    (write(checkpoints, 400) / name).write_bytes(content)
    recorder = SilentRecorder()
    assert checkpoints.go_on(recorder, "dpo").name == "checkpoint-200"
    assert "checkpoint-400 is torn" in str(recorder.warnings)


def test_a_missing_file_is_named(checkpoints):
    (write(checkpoints, 200) / "optimizer.pt").unlink()
    with pytest.raises(CheckpointError, match=r"every checkpoint in .* is torn"):
        checkpoints.go_on(SilentRecorder(), "dpo")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"seed": 1}, "is of seed 1, expected 0"),
        ({"stage": "reward_model"}, "is of stage 'reward_model', expected 'dpo'"),
        ({"config": "c" * 64}, "is of config 'ccc"),
        ({"parents": {"sft": "c" * 64}}, "made with another version of sft"),
    ],
)
def test_another_fits_checkpoint_is_refused_by_name(tmp_path, checkpoints, changed, words):
    write(FitCheckpoints(checkpoints.folder, IDENTITY | changed), 200)
    with pytest.raises(CheckpointError, match=words):
        checkpoints.go_on(SilentRecorder(), "dpo")
