"""Students' contexts and recorded labels are looked at before anything is trained.

A policy from scratch reads a character a token, and a beginning: "1 + 1?" has 7 tokens. Labels that were recorded as
texts get an end token each.
"""

import json

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from experiments.study.before.lengths import check_lengths, fitted_env
from policies.tiny import TinyConfig, build_tiny

CONFIG = """
name: x
env: 'jsonl:rows.jsonl?prompt=q&split=part'
policy: {tiny: {layers: 1, hidden: 16, heads: 2, context: 64}}
rl: {sampling: {max_new_tokens: 16}}
evaluation: {sampling: {max_new_tokens: 16}}
"""
QUESTION = "What is 10 + 10?"  # 17 tokens


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tell.cache_clear()
    parts = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    rows = [{"q": f"What is 1{i} + 1{i}?", "answer": 20 + 2 * i, "part": part} for i, part in enumerate(parts)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "config.yaml").write_text(CONFIG)
    return lambda *overrides: load_experiment([str(tmp_path / "config.yaml")], list(overrides))


def student(context, **more):
    settings = {
        "method": "distill",
        "teacher": "rl",
        "student": {"tiny": {"hidden": 16, "heads": 2, "context": context}},
    }
    return f"arms={json.dumps({'rl': 'rl', 'small': {**settings, **more}})}"


def test_a_students_context_is_counted_like_the_policys(experiment):
    check_lengths(experiment(student(33)))  # 17 and 16
    with pytest.raises(UserError) as caught:
        check_lengths(experiment(student(32)))
    assert "its prompt has 17 tokens" in str(caught.value)
    assert "the context of arms.small.student is 32: there is room for 16" in str(caught.value)
    assert "raise arms.small.student.tiny.context" in str(caught.value)


def test_a_student_that_has_no_room_for_a_completion_is_refused(experiment):
    with pytest.raises(UserError, match=r"max_new_tokens is 16, and the context of arms\.small\.student is 16"):
        check_lengths(experiment(student(16)))


def test_a_student_of_few_tokens_leaves_more_room(experiment):
    few = {"rl": {"sampling": {"max_new_tokens": 4}}}
    with pytest.raises(UserError, match=r"evaluation\.sampling\.max_new_tokens is 16"):
        check_lengths(experiment(student(32, **few)))
    check_lengths(experiment(student(32, **few), "evaluation.sampling.max_new_tokens=4"))


def test_what_a_student_has_no_room_for_is_dropped_for_all(experiment, tmp_path):
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(json.dumps({"q": "Say: what is 3 + 4?", "answer": 7, "part": "train"}) + "\n")
    config = experiment(student(33), "env.long_prompts=drop")
    check_lengths(config)
    assert fitted_env(config)[1].num_problems("train") == 4


def test_a_student_of_another_vocabulary_is_refused(experiment, tmp_path):
    build_tiny(TinyConfig(hidden=16, heads=2, context=64), vocabulary="ABC", seed=0).save(tmp_path / "other")
    arms = {"rl": "rl", "small": {"method": "distill", "teacher": "rl", "student": "./other"}}
    with pytest.raises(UserError, match=r"arms\.small: teacher and student have different vocabularies"):
        check_lengths(experiment(f"arms={json.dumps(arms)}"))


def labels(folder, *rows):
    problem = {"prompt": QUESTION, "answer": "20", "level": 1}
    lines = [{"problem": problem, "chosen": "20", "rejected": "1", **row} for row in rows]
    (folder / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return ("preference.comparisons=labels.jsonl", "arms={dpo: dpo}")


def test_a_recorded_completion_that_the_context_does_not_hold_is_told_with_its_row(experiment, tmp_path):
    check_lengths(experiment(*labels(tmp_path, {}, {"chosen": "0" * 46})))  # 17 + 46 + the end: 64
    with pytest.raises(UserError) as caught:
        check_lengths(experiment(*labels(tmp_path, {}, {"rejected": "0" * 47}, {"chosen": "0" * 80})))
    assert "row 2: its prompt and what was rejected have 65 tokens, and the model's context is 64" in str(caught.value)
    assert "2 of 3 rows are too long, up to 98 tokens" in str(caught.value)


def test_tokens_of_another_model_are_told(experiment, tmp_path):
    with pytest.raises(UserError, match=r"row 1: chosen_tokens are of another model"):
        check_lengths(experiment(*labels(tmp_path, {"chosen_tokens": [1, 50000]})))


def test_an_arm_that_reads_no_labels_is_not_kept_from_running(experiment, tmp_path):
    comparisons, _ = labels(tmp_path, {"chosen": "0" * 80})
    check_lengths(experiment(comparisons, "arms={rl: rl}"))


def test_a_policy_that_has_not_the_words_of_the_prompts_is_refused(experiment, tmp_path):
    build_tiny(TinyConfig(hidden=16, heads=2, context=64), vocabulary="0123456789", seed=0).save(tmp_path / "digits")
    with pytest.raises(UserError) as caught:
        check_lengths(experiment("policy=./digits", "arms={rl: rl}"))
    assert "8 of 8 prompts hold what the policy's vocabulary has not" in str(caught.value)


def test_a_character_that_the_policy_has_not_is_told(experiment, tmp_path, capsys):
    """A policy from scratch has the printable characters of ASCII."""
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(json.dumps({"q": "What is 3 漢 4?", "answer": 12, "part": "train"}) + "\n")
    check_lengths(experiment("arms={rl: rl}"))
    assert "1 of 9 prompts hold what the policy's vocabulary has not ('漢')" in capsys.readouterr().err


def test_labels_of_test_problems_are_told(experiment, tmp_path, capsys):
    held = {"prompt": "What is 17 + 17?", "answer": "34"}  # the last row, of the test
    check_lengths(experiment(*labels(tmp_path, {}, {"problem": held})))
    assert "1 of 2 rows of labels.jsonl are about problems of the test" in capsys.readouterr().err.replace(
        str(tmp_path) + "/", ""
    )
