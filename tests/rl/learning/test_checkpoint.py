"""Checkpoints: whole or not at all, the one before when torn, and clear words when the disk refuses."""

from __future__ import annotations

import errno
import json
import os
import pickle
import random
import subprocess
import sys
import textwrap

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rl.learning.checkpoint_manifest
from rl.learning.checkpoint import CheckpointError, Checkpoints, TornCheckpointError, read_checkpoint

STATE = {
    "learner": {"policy": {"w": torch.arange(6.0).reshape(2, 3)}, "optimizer": {"w": {"step": torch.tensor(3.0)}}},
    "step": 4,
    "floats": [0.1, 1e-300, -0.0],
    "nothing": None,
    "words": {"é": True},
}


def same(left, right):
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right)


def test_a_tree_goes_round_bit_for_bit(tmp_path):
    Checkpoints(tmp_path / "new").save(4, STATE)
    found = Checkpoints(tmp_path / "new").latest(pytest.fail)
    assert found.step == 4
    assert same(found.state, STATE)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_value_goes_round(tmp_path, value):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, {"value": value})
    assert same(checkpoints.latest(pytest.fail).state["value"], value)


def test_the_newest_two_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 30, 100_000_000):
        checkpoints.save(step, STATE)
    assert [path.name for path in checkpoints.paths()] == ["step-100000000", "step-00000030"]
    assert checkpoints.latest(pytest.fail).step == 100_000_000


def test_no_checkpoint_is_none_and_not_an_error(tmp_path):
    assert Checkpoints(tmp_path / "nowhere").latest(pytest.fail) is None


def tear(path, how, rng):
    """Damages one file of a checkpoint."""
    file = path / rng.choice(["tensors.safetensors", "state.json", "manifest.json"])
    content = file.read_bytes()
    if how == "cut":
        file.write_bytes(content[: rng.randrange(len(content))])
    elif how == "flip":
        place = rng.randrange(len(content))
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
    else:
        file.unlink()
    return file


@pytest.mark.parametrize("how", ["cut", "flip", "remove"])
def test_a_torn_checkpoint_is_named_and_the_one_before_it_used(tmp_path, how):
    rng = random.Random(how)
    for trial in range(20):
        folder = tmp_path / str(trial)
        checkpoints = Checkpoints(folder)
        checkpoints.save(1, STATE)
        newest = checkpoints.save(2, {**STATE, "step": 5})
        tear(newest, how, rng)
        said = []
        found = checkpoints.latest(said.append)
        assert found.step == 1
        assert same(found.state, STATE)
        assert len(said) == 1
        assert "step-00000002" in said[0]


SMALL = {"step": 2, "w": torch.arange(3.0), "floats": [0.5]}
HARMS = {
    "cut": lambda content, place: content[:place],
    "zeroed from here on": lambda content, place: content[:place] + bytes(len(content) - place),
    "another byte": lambda content, place: content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :],
}


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("how", HARMS)
def test_a_write_torn_at_any_byte_is_named_and_the_checkpoint_before_it_used(tmp_path, name, how):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {**SMALL, "step": 1})
    newest = checkpoints.save(2, SMALL)
    whole = (newest / name).read_bytes()
    for place in range(len(whole)):
        harmed = HARMS[how](whole, place)
        (newest / name).write_bytes(harmed)
        said = []
        found = checkpoints.latest(said.append)
        if harmed == whole:
            assert (found.step, said) == (2, [])
        else:
            assert (found.step, found.state["step"], len(said)) == (1, 1, 1), (place, said)
            assert "step-00000002" in said[0]


def test_when_every_checkpoint_is_torn_nothing_is_made_up(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, STATE)
    for path in checkpoints.paths():
        (path / "state.json").write_text("{}")
    with pytest.raises(CheckpointError, match="every checkpoint"):
        checkpoints.latest(lambda message: None)


@pytest.mark.parametrize("number", [1, 99])
def test_another_format_is_refused_by_name_and_not_skipped(tmp_path, monkeypatch, number):
    monkeypatch.setattr(rl.learning.checkpoint_manifest, "FORMAT", number)
    path = Checkpoints(tmp_path).save(1, STATE)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"format {number}"):
        Checkpoints(tmp_path).latest(lambda message: None)
    if number == 1:  # whose manifests had no checksum of their own
        manifest = json.loads((path / "manifest.json").read_text())
        del manifest["sha256"]
        (path / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(CheckpointError, match="format 1"):
            Checkpoints(tmp_path).latest(lambda message: None)


def test_a_checkpoint_that_may_not_be_read_is_an_error_that_says_so(tmp_path, monkeypatch):
    Checkpoints(tmp_path).save(1, STATE)

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(rl.learning.checkpoint_manifest, "_digest", refuse)
    with pytest.raises(CheckpointError, match=r"cannot read checkpoint .*: Permission denied"):
        Checkpoints(tmp_path).latest(lambda message: None)


def test_nothing_is_unpickled(tmp_path):
    path = Checkpoints(tmp_path).save(1, STATE)

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    (path / "tensors.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(TornCheckpointError):
        read_checkpoint(path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "error"),
    ],
)
def test_a_disk_that_refuses_is_explained_and_the_last_checkpoint_is_intact(tmp_path, monkeypatch, number, words):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, STATE)

    def refuse(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(rl.learning.checkpoint_manifest, "flush", refuse)
    with pytest.raises(CheckpointError, match=rf"(?i){words}.*last good checkpoint is intact"):
        checkpoints.save(2, STATE)
    monkeypatch.undo()
    assert checkpoints.latest(pytest.fail).step == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]  # nothing half-written is left


def test_a_real_limit_on_file_size_is_explained(tmp_path):
    code = f"""
        import resource, signal, torch
        from rl.learning.checkpoint import Checkpoints, CheckpointError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
        try:
            Checkpoints({str(tmp_path)!r}).save(1, {{"w": torch.zeros(1 << 18)}})
        except CheckpointError as error:
            print("explained:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert "explained: cannot write a checkpoint" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("point", ["checkpoint_manifest._digest", "checkpoint_manifest.flush", "checkpoint.save_file"])
def test_a_process_killed_while_it_writes_leaves_the_checkpoint_before(tmp_path, point):
    code = f"""
        import os, torch, rl.learning.checkpoint, rl.learning.checkpoint_manifest
        from rl import learning
        from rl.learning.checkpoint import Checkpoints
        checkpoints = Checkpoints({str(tmp_path)!r})
        checkpoints.save(1, {{"w": torch.ones(3)}})
        original, calls = learning.{point}, []
        def dies(*arguments):
            original(*arguments)
            os.kill(os.getpid(), 9)
        learning.{point} = dies
        checkpoints.save(2, {{"w": torch.zeros(3)}})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, timeout=120)
    assert done.returncode == -9
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest(pytest.fail).step == 1
    checkpoints.save(3, STATE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000003"]
