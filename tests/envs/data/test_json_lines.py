"""The one reader of JSON lines: what it passes over, what it tells, and how deep it follows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.data.json_lines import MAX_NESTING, JsonLineError, parse_json, read_json_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


def written(folder, content: bytes):
    path = folder / "rows.jsonl"
    path.write_bytes(content)
    return path


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path):
    path = written(tmp_path, b'\xef\xbb\xbf{"a": 1}\n\n  \r\n{"a": 2}')
    assert list(read_json_lines(path)) == [(1, {"a": 1}), (4, {"a": 2})]


def test_a_torn_last_line_is_left_out_where_a_writer_may_have_been_killed(tmp_path):
    path = written(tmp_path, b'{"a": 1}\n{"a": 2')
    assert list(read_json_lines(path, may_be_torn=True)) == [(1, {"a": 1})]
    with pytest.raises(JsonLineError, match=r"rows\.jsonl:2: not JSON"):
        list(read_json_lines(path))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"null", "it holds null, expected an object"),
        (b"[1]", "it holds a list"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_object_is_told_with_file_and_line(tmp_path, line, told):
    path = written(tmp_path, b'{"a": 1}\n' + line + b"\n")
    with pytest.raises(JsonLineError, match=rf"rows\.jsonl:2: {told}") as caught:
        list(read_json_lines(path))
    assert caught.value.line == 2


def test_nesting_counts_brackets_outside_of_strings():
    deep = "[" * MAX_NESTING + "]" * MAX_NESTING
    assert json.dumps(parse_json(deep)) == deep
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(f"[{deep}]")
    assert parse_json(json.dumps(['["{' * 200, '\\"[' * 200])) == ['["{' * 200, '\\"[' * 200]


@given(st.integers(0, 2 * MAX_NESTING), st.integers(0, 2 * MAX_NESTING), st.integers(0, 150))
def test_nesting_is_refused_at_the_same_depth_whatever_lies_beside_it(lists, objects, beside):
    """Depths are known from how the text is made; more than a hundred brackets have it looked at."""
    deep = "[" * lists + '{"a": ' * objects + "1" + "}" * objects + "]" * lists
    text = "[" + "[{}], " * beside + deep + ", []" * beside + "]"
    if 1 + max(lists + objects, 2 if beside else 0) <= MAX_NESTING:
        assert json.dumps(parse_json(text)) == text
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            parse_json(text)


@given(VALUES)
def test_what_json_writes_is_read_back(value):
    assert parse_json(json.dumps(value)) == value
