"""YAML as configs are written in it."""

import time

import pytest

from experiments.config.loading import load_experiment, to_yaml
from experiments.config.yaml_text import parse_yaml
from experiments.run.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("-2E5", -2e5),
        ("1.5", 1.5),
        ("17", 17),
        ("1:30", "1:30"),
        ("-1:30:05", "-1:30:05"),
        ("2001:0.5", "2001:0.5"),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("y: &y {b: 0}\nx: &x {<<: *y, b: 1}\nz: {<<: *x}", {"y": {"b": 0}, "x": {"b": 1}, "z": {"b": 1}}),
    ],
)
def test_values_are_what_everyone_means(text, value):
    assert parse_yaml(text, "x") == value


@pytest.mark.parametrize("text", ["rl: {steps: 1}\nenv: leaps\nrl: {steps: 2}", "rl: {steps: 1, steps: 2}"])
def test_a_key_that_stands_twice_is_told_with_both_lines(text):
    with pytest.raises(UserError, match=r"stands twice, in line 1 and in line [13]"):
        parse_yaml(text, "x")


def test_a_time_is_no_number_of_steps():
    with pytest.raises(UserError, match=r"rl.steps.*1:30"):
        load_experiment(["smoke"], ["rl.steps=1:30"])


def test_an_anchor_bomb_is_refused_at_once():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]  # 10^12 values
    began = time.process_time()
    with pytest.raises(UserError, match="more than 100,000 values"):
        parse_yaml("\n".join(lines), "bomb")
    assert time.process_time() - began < 30  # it would be hours


def test_a_bomb_of_merges_is_refused_at_once():
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 12)]
    with pytest.raises(UserError, match="more than 100,000 keys"):
        parse_yaml("\n".join(lines), "bomb")


@pytest.mark.parametrize("text", ["&a [*a]", "&a {b: *a}", "[" * 2000 + "]" * 2000, "[" * 100 + "]" * 100])
def test_what_contains_itself_or_is_too_deep_is_refused(text):
    with pytest.raises(UserError, match="nested too deeply, or contains itself"):
        parse_yaml(text, "x")


def test_a_resolved_config_is_read_as_it_was_written(tmp_path):
    experiment = load_experiment(["demo"])
    (tmp_path / "c.yaml").write_text(to_yaml(experiment))
    assert load_experiment([tmp_path / "c.yaml"]) == experiment
