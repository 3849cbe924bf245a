"""What `beyond new` writes: every starter passes the test that is written beside it, and a config may name it."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest

from experiments.__main__ import load_verb
from experiments.run.errors import UserError
from experiments.starters.write import how_to_name, reference, starter, write_starter
from verifiers.parts import KINDS, find_part, group_of


def run_tests(file):
    """Runs the test functions of a file, as pytest does; none of the starters' takes a fixture."""
    spec = importlib.util.spec_from_file_location(f"starter_{file.parent.name}_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [value for name, value in vars(module).items() if name.startswith("test_") and inspect.isfunction(value)]
    for test in tests:
        test()
    return len(tests)


@pytest.mark.parametrize("kind", KINDS)
def test_every_starter_passes_its_own_test(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    part, test = write_starter(kind, "my_part", tmp_path)
    assert (part.name, test.name) == ("my_part.py", "test_my_part.py")
    assert "mine" not in (part.read_text() + test.read_text()).lower().replace("determine", "")
    assert run_tests(test) >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_starter_that_is_spoiled_fails_its_test(kind, tmp_path):
    part, test = write_starter(kind, "spoiled", tmp_path)
    part.write_text("def spoiled(*_, **__):\n    return None\n\n\nclass Spoiled:\n    pass\n")
    with pytest.raises((AssertionError, AttributeError, TypeError, ValueError, UserError)):
        run_tests(test)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_config_is_told_to_write_names_the_part(kind, tmp_path, monkeypatch):
    write_starter(kind, f"own_{kind}", tmp_path)
    monkeypatch.chdir(tmp_path)
    name = reference(kind, f"own_{kind}")
    assert name in how_to_name(kind, f"own_{kind}")
    assert find_part(kind, name, {}).__name__.lower().replace("_", "") == f"own{kind}"


def test_nothing_is_written_over(tmp_path):
    write_starter("metric", "counts", tmp_path)
    with pytest.raises(UserError, match="exists already"):
        write_starter("metric", "counts", tmp_path)
    for kind, name, told in (
        ("metrics", "x", "did you mean 'metric'"),
        ("metric", "my-x", "expected a Python identifier"),
        ("metric", "class", "expected a Python identifier that is no keyword"),
    ):
        with pytest.raises(UserError, match=told):
            write_starter(kind, name, tmp_path)


def test_the_command_says_how_to_go_on(tmp_path, capsys):
    load_verb("new").main(["reward", "terse", "-o", str(tmp_path)], standalone_mode=False)
    told = capsys.readouterr().out
    assert "reward: terse.py:Terse" in told
    assert f"python -m pytest {tmp_path / 'test_terse.py'}" in told


def test_the_page_shows_every_kind_with_its_starter():
    page = (Path(__file__).parents[3] / "docs/plugins.md").read_text()
    for kind in KINDS:
        assert f"| [{kind}](#{kind}) | `{group_of(kind)}` | `{how_to_name(kind, 'mine')}` |" in page
        section = page.partition(f"\n## {kind.capitalize()}\n")[2].partition("\n## ")[0]
        assert re.search(r"```python\n(.*?)```", section, re.DOTALL)[1] == starter(kind)
