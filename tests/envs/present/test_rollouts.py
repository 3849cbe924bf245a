"""Environments in the hands of other trainers: trl's environment_factory, and Prime Intellect's library."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from envs import make
from envs.present.conversation import OVER, grading_processes
from envs.present.export import rows
from envs.present.prime import write_module
from envs.present.remote import answer
from envs.present.trl_rollout import environment_factory

ROOT = Path(__file__).parents[3]


def bounds(prompt):
    return list(map(int, re.search(r"from (\d+) to (\d+)", prompt).groups()))


def test_a_rollout_of_trl_is_rewarded_by_the_verdict():
    factory = environment_factory("guess_number")
    (row,) = rows("guess_number", num=1)
    low, high = bounds(row["prompt"][0]["content"])
    played = factory()
    assert "say" in played.reset(**row)
    while True:  # bisection finds the number within the guesses that there are
        guess = (low + high) // 2
        told = played.say(f"#### {guess}")
        if told not in ("higher", "lower"):
            break
        low, high = (guess + 1, high) if told == "higher" else (low, guess - 1)
    assert (told, played.say("#### 1"), played.get_reward()) == ("", OVER, 1.0)
    other = factory()
    other.reset(**row)
    assert other.get_reward() == 0.0
    other.say("no number")
    assert other.get_reward() == 0.0


def test_answers_to_another_program_are_those_of_the_environment():
    env = make("word_problems")
    with grading_processes(env.spec) as grading:
        asked = answer(env, grading, {"do": "problems", "num": 2, "split": "test", "seed": 0})
        assert [row["prompt"][0]["role"] for row in asked] == ["user", "user"]
        row = asked[0]
        turns = [{"role": "assistant", "content": f"#### {row['answer']}"}]
        assert answer(env, grading, {"do": "say", "problem": row["problem"], "turns": turns})["is_over"]
        assert answer(env, grading, {"do": "grade", "problem": row["problem"], "turns": turns})["score"] == 1.0
        turns = [{"role": "assistant", "content": "#### -1"}]
        assert answer(env, grading, {"do": "grade", "problem": row["problem"], "turns": turns})["score"] == 0.0
        with pytest.raises(ValueError, match="expected problems, say or grade"):
            answer(env, grading, {"do": "win", "problem": row["problem"], "turns": turns})


def test_the_other_process_answers_lines_and_survives_nonsense():
    questions = ["nonsense", json.dumps({"do": "problems", "num": 1})]
    command = [sys.executable, "-m", "envs.present.remote", "addition"]
    done = subprocess.run(command, input="\n".join(questions), capture_output=True, text=True, cwd=ROOT, timeout=120)
    refused, problems = map(json.loads, done.stdout.splitlines())
    assert "JSONDecodeError" in refused["error"]
    assert set(problems[0]) >= {"prompt", "answer", "problem"}


def test_the_module_for_the_other_library_holds_the_reference_and_imports_nothing_of_ours(tmp_path):
    path = write_module(tmp_path / "words.py", "word_problems?template=instruct")
    tree = ast.parse(path.read_text())
    assert "@" not in re.sub(r"@vf\.stop", "", path.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not imported & {"envs", "rl", "policies", "experiments"}
    assert "ENVIRONMENT = 'word_problems?template=instruct'" in path.read_text()
    with pytest.raises(ValueError, match="is no Python module"):
        write_module(tmp_path / "words.jsonl", "addition")
