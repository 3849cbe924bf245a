"""A folder of a model is there whole or not at all, and a disk that refuses says so as the system does."""

from __future__ import annotations

import errno

import pytest
from safetensors import SafetensorError

from policies.saving import saving


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_new_folder_appears_at_the_end(tmp_path):
    with saving(tmp_path / "deep" / "policy") as writing:
        (writing / "a").write_text("1")
        assert not (tmp_path / "deep" / "policy").exists()
    assert names(tmp_path) == ["deep", "deep/policy", "deep/policy/a"]


def test_an_existing_folder_keeps_its_other_files(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "README.md").write_text("card")
    (tmp_path / "policy" / "a").write_text("old")
    with saving(tmp_path / "policy") as writing:
        (writing / "a").write_text("new")
    assert names(tmp_path) == ["policy", "policy/README.md", "policy/a"]
    assert (tmp_path / "policy" / "a").read_text() == "new"


def write_and_fail(folder, error):
    with saving(folder) as writing:
        (writing / "a").write_text("ne")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_failure_leaves_what_was_there_before_and_nothing_else(tmp_path, error):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "a").write_text("old")
    with pytest.raises(type(error)):
        write_and_fail(tmp_path / "policy", error)
    assert names(tmp_path) == ["policy", "policy/a"]
    assert (tmp_path / "policy" / "a").read_text() == "old"


def test_what_safetensors_says_in_words_becomes_the_systems_error(tmp_path):
    full = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    with pytest.raises(OSError, match="No space left") as caught:
        write_and_fail(tmp_path / "policy", full)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(SafetensorError):
        write_and_fail(tmp_path / "policy", SafetensorError("a header that is too large"))
