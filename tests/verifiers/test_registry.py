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


FUNCTIONS = """
import numpy as np
from verifiers import Outcome, Verdict

def same(response, answer, unit=""):
    return response.replace(unit, "").strip() == answer

def numpy_same(solution, ground_truth):
    return np.bool_(solution == ground_truth)

def one_or_zero(response, answer):
    return 1.0 if response == answer else 0.0

def half(response, answer):
    return 0.5

def nothing(response, answer):
    response == answer

def says_why(response, answer):
    return Verdict(Outcome.UNPARSEABLE, 0.0, detail="no word of it")

def makes(strict=True):
    return Verifies()

class Verifies:
    def verify(self, response, answer):
        return Verdict(Outcome.CORRECT, 1.0)
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FUNCTIONS)
    return tmp_path / "mine.py"


@pytest.mark.parametrize("name", ["same", "numpy_same", "one_or_zero"])
def test_a_function_of_response_and_answer_is_a_verifier(functions: Path, name: str) -> None:
    verifier = make(f"{functions}:{name}")
    assert [verifier.verify(said, "47").outcome for said in ("47", "48")] == [Outcome.CORRECT, Outcome.WRONG]
    assert [verifier.verify(said, "47").score for said in ("47", "48")] == [1.0, 0.0]


def test_its_further_arguments_are_settings(functions: Path) -> None:
    assert make(f"{functions}:same", unit="cents").verify("47 cents", "47").is_correct
    with pytest.raises(ValueError, match=r"does not take \{'units': 'cents'\}"):
        make(f"{functions}:same", units="cents")


@pytest.mark.parametrize(("name", "given"), [("half", "0.5"), ("nothing", "None")])
def test_a_function_that_gives_something_else_is_told(functions: Path, name: str, given: str) -> None:
    with pytest.raises(TypeError, match=f"gave {given}, expected True or False"):
        make(f"{functions}:{name}").verify("47", "47")


def test_a_functions_own_verdict_is_kept_and_a_function_that_makes_a_verifier_makes_one(functions: Path) -> None:
    assert make(f"{functions}:says_why").verify("", "").detail == "no word of it"
    assert make(f"{functions}:makes", strict=False).verify("", "").is_correct
