"""Compiling the kernels: where they are kept, what happens where nothing can be, and who is told."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from policies import kernels as native

pytestmark = pytest.mark.skipif(native.load_kernels() is None, reason="no C compiler")
compile_and_load = native.load_kernels.__wrapped__  # without the memory of an earlier call


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No optimisation: only whether it compiles and loads is looked at."""
    monkeypatch.setattr(native, "FLAGS", ("-O0", "-fPIC", "-shared", "-w"))


def test_processes_that_race_leave_one_library(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: compile_and_load(), range(2))
    assert first.packed_floats(3, 5) == second.packed_floats(3, 5) > 0
    assert [path.suffix for path in (tmp_path / "beyond-imitation").iterdir()] == [".so"]


@pytest.mark.parametrize("place", ["a file", "nobody's home"])
def test_without_a_folder_to_keep_them_in_the_kernels_still_load(place, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    if place == "a file":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    else:  # a user that the system does not know: "~" stays as it is
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert compile_and_load().packed_floats(3, 5) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert not caplog.records


def test_a_compiler_that_fails_is_told_and_torch_takes_over(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CC", "false")
    assert compile_and_load() is None
    assert "sampling runs through torch" in caplog.text


def test_another_instruction_set_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for arch in ("", "native"):  # the same library
        monkeypatch.setenv("BEYOND_KERNEL_ARCH", arch)
        assert compile_and_load() is not None
    assert len(list((tmp_path / "beyond-imitation").iterdir())) == 1
    monkeypatch.setenv("BEYOND_KERNEL_ARCH", "no-such-processor")
    assert compile_and_load() is None


def test_another_processor_gets_a_library_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for flags in ("flags: sse2", "flags: sse2 avx2"):
        monkeypatch.setattr(native, "_processor", lambda flags=flags: flags)
        assert compile_and_load() is not None
    assert len(list((tmp_path / "beyond-imitation").iterdir())) == 2


def cut_short(content):
    return content[:20_000]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("spoil", [cut_short, flipped, lambda content: b"", lambda content: bytes(len(content))])
def test_a_damaged_library_is_compiled_anew_and_never_loaded(tmp_path, monkeypatch, spoil):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compile_and_load() is not None
    (library,) = (tmp_path / "beyond-imitation").glob("kernels-*.so")
    whole = library.read_bytes()
    library.unlink()  # a file that is mapped must not be written into: a new one of its name stands in its place
    library.write_bytes(spoil(whole))
    assert compile_and_load() is not None
    (library,) = (tmp_path / "beyond-imitation").glob("kernels-*.so")
    assert hashlib.sha256(library.read_bytes()).hexdigest().startswith(library.stem.rpartition("-")[2])
    assert compile_and_load().packed_floats(2, 32) > 0
