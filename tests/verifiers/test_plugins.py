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


def test_a_file_imports_from_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "shelves_beside.py").write_text("NUTS = 3\n")
    (tmp_path / "own.py").write_text("from shelves_beside import NUTS\n")
    assert load_attribute(f"{tmp_path}/own.py:NUTS") == 3


def test_an_installed_module_in_place_of_one_beside_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("")
    (tmp_path / "own.py").write_text("import pytest\n\nwhere = 3\n")
    with pytest.raises(ValueError, match=r"'pytest', which is .* in this process and not .*/pytest.py beside it"):
        load_attribute(f"{tmp_path}/own.py:where")


def test_two_files_with_neighbours_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "namesakes.py").write_text(f"WHERE = {folder!r}\n")
        (tmp_path / folder / "own.py").write_text("from namesakes import WHERE\n")
    assert load_attribute(f"{tmp_path}/a/own.py:WHERE") == "a"
    with pytest.raises(ValueError, match=r"a/namesakes.py in this process and not .*b/namesakes.py beside it: rename"):
        load_attribute(f"{tmp_path}/b/own.py:WHERE")


def test_a_neighbour_named_as_a_module_of_python_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "colorsys.py").write_text("raise RuntimeError\n")
    (tmp_path / "own.py").write_text("import colorsys\n\nConvert = colorsys.rgb_to_hsv\n")
    assert load_attribute(f"{tmp_path}/own.py:Convert")(0.0, 0.0, 1.0) == (2 / 3, 1.0, 1.0)
