"""Verifiers by name: built-in, from a module, from a file; mistakes say what to do."""

from pathlib import Path

import pytest

import verifiers
from verifiers.registry import BUILT_IN, list_verifiers, make
from verifiers.types import Outcome, Verifier


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name not in ("weighted", "all_of", "any_of")])
def test_every_built_in_name_makes_a_verifier_without_settings(name: str) -> None:
    assert isinstance(make(name), Verifier)


def test_the_package_exports_make() -> None:
    assert verifiers.make is make


def test_settings_reach_the_verifier() -> None:
    assert make("format", form="hashes").verify("#### 4", "").is_correct
    assert not make("format", form="boxed").verify("#### 4", "").is_correct


def test_a_class_a_function_and_an_object_of_a_module_serve() -> None:
    assert make("fixed_verifiers:Always", outcome="wrong", score=0.0).verify("", "").outcome is Outcome.WRONG
    assert make("fixed_verifiers:make_always", outcome="timeout").verify("", "").outcome is Outcome.TIMEOUT
    assert make("fixed_verifiers:shared").verify("", "").outcome is Outcome.WRONG


def test_a_verifier_can_live_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from verifiers.types import Outcome, Verdict\n"
        "class Mine:\n"
        "    def verify(self, response, answer):\n"
        "        return Verdict(Outcome.CORRECT, 1.0, answer=answer)\n"
    )
    verifier = make(f"{file}:Mine")
    assert verifier.verify("", "7").answer == "7"
    assert type(make(f"{file}:Mine")) is type(verifier)  # loaded once


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("symbolik", {}, "did you mean 'symbolic'"),
        ("format", {"shape": "boxed"}, "does not take"),
        ("nowhere.at.all:X", {}, "cannot import"),
        ("absent.py:X", {}, "no Python file"),
        ("fixed_verifiers:Missing", {}, "no attribute 'Missing'"),
        ("fixed_verifiers:shared", {"outcome": "wrong"}, "takes no settings"),
    ],
)
def test_mistakes_are_value_errors_that_say_what_to_do(name: str, settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(name, **settings)


def test_something_else_than_a_verifier_is_refused() -> None:
    with pytest.raises(TypeError, match="neither a verifier"):
        make("fixed_verifiers:not_a_verifier")


def test_the_list_has_one_line_per_verifier() -> None:
    listed = dict(list_verifiers())
    assert set(listed) == set(BUILT_IN)
    assert all(line and "\n" not in line for line in listed.values())
