"""Text of others reaches a terminal without what it could do there."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.results.listing import print_runs
from experiments.run.folders import write_json
from experiments.run.terminal import printable

ESCAPES = "\x1b]0;title\x07 \x1b[2J \x9b31m \x08 \r \u202e reversed \u2066"


def is_harmless(text):
    return not any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or c in "\u202e\u2066" for c in text)


def test_control_characters_are_spelt_out():
    assert printable("a\x1b[31mb\u202e") == "a\\x1b[31mb\\u202e"
    assert printable("caf\u00e9\n\t\u4e2d") == "caf\u00e9\n\t\u4e2d"


@given(st.text())
def test_no_text_moves_a_cursor_and_all_can_be_encoded(text):
    assert is_harmless(printable(text))
    printable(text).encode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("env", "show", "jsonl:rows.jsonl?prompt=question&answer=answer"),
        ("verify", f"{ESCAPES} \\\\boxed{{2}}", f"2{ESCAPES}"),
        ("check", f"no{ESCAPES}where"),
    ],
)
def test_verbs_print_no_escape_sequence_of_their_input(tmp_path, arguments):
    rows = [{"question": f"{i} {ESCAPES}", "answer": "2"} for i in range(400)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "experiments", *arguments]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=120)
    told = (done.stdout + done.stderr).decode()
    assert "\\x1b" in told, told
    assert is_harmless(told)


@pytest.mark.parametrize("name", ["a[/b]", "b[red]x", "\x1b[31mred"])
def test_ls_shows_a_folder_by_its_name(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / name).mkdir(parents=True)
    write_json(tmp_path / name / "study.json", {"state": "done", "seeds": [0], "stages": [], "problems": {}})
    print_runs(tmp_path)
    told = capsys.readouterr().out
    assert printable(name) in told
    assert is_harmless(told)
