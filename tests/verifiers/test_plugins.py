"""One loader of objects by name, for verifiers, environments, rewards and algorithms."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from verifiers.plugins import FILE_MODULE_PREFIX, load_attribute, load_file, suggest


def test_a_module_and_a_file_are_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("class Outer:\n    class Inner:\n        number = 3\n")
    assert load_attribute("math:tau") == pytest.approx(6.283185307)
    assert load_attribute(f"{file}:Outer.Inner.number") == 3
    assert load_file(file) is load_file(str(file))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("math.tau", "neither package.module:attribute"),
        ("nowhere.at.all:X", "cannot import"),
        ("absent.py:X", "no Python file"),
        ("math:sqr", "did you mean 'sqrt'"),
    ],
)
def test_what_cannot_be_loaded_is_said(name: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load_attribute(name)


def test_a_file_that_fails_leaves_no_half_made_module(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("value = 1\nraise RuntimeError('not today')\n")
    for _ in range(2):  # the second time it runs again, and does not answer from the first attempt
        with pytest.raises(RuntimeError, match="not today"):
            load_file(file)
    assert not [name for name in sys.modules if name.startswith(FILE_MODULE_PREFIX) and name.endswith("broken")]


def test_nothing_near_means_no_suggestion() -> None:
    assert suggest("symbolc", ["symbolic", "numeric"]) == "; did you mean 'symbolic'?"
    assert suggest("zzz", ["symbolic"]) == ""
