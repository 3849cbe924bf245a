"""Environments for people and for other trainers: samples, games, starter files, pages, rows, mixtures, plug-ins."""

import json
import pickle
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import verifiers.parts as parts
from envs import Problem, make
from envs.check.conformance import check_environment
from envs.present.export import KINDS, reward_function, rows, to_dataset, write_jsonl
from envs.present.show import gallery, page, play, show

PLUGIN = Path(__file__).parents[3] / "examples" / "beyond-plugin-example"


def test_samples_show_solutions_and_a_wrong_one():
    text = show("linear_equations", num=2, level=2)
    assert text.count("[level 2]") == 2
    assert text.count("####") == 4  # right and wrong, twice
    assert "wrong on purpose" in text


def test_a_person_may_answer_without_announcing():
    env = make("arithmetic_chain")
    answers = iter([env.problem(0).answer, "####  999999", ""])
    rounds = list(play(env, lambda prompt: next(answers)))
    assert [r.verdict.is_correct for r in rounds] == [True, False]


def test_a_person_plays_a_game_turn_by_turn():
    shown = []

    def bisect(text):
        shown.append(text)
        if not text.startswith(("higher", "lower")):
            bounds[:] = map(int, re.search(r"from (\d+) to (\d+)", text).groups())
        elif text == "higher":
            bounds[0] = guesses[-1] + 1
        else:
            bounds[1] = guesses[-1] - 1
        guesses.append(sum(bounds) // 2)
        return str(guesses[-1])

    bounds, guesses = [0, 0], []
    rounds = list(play("guess_number", bisect, num=3))
    assert [r.verdict.is_correct for r in rounds] == [True] * 3
    assert {"higher", "lower"} < set(shown)
    assert list(play("guess_number", lambda text: "", num=3)) == []


def test_pages_hold_settings_levels_and_samples():
    text = page("countdown")
    for part in ("# countdown", "`largest=25`", "`only_adds`", "levels: 2, 3, 4", "Level 6 (evaluation only)", "####"):
        assert part in text


def test_the_written_pages_are_what_the_code_writes_now():
    """After a change: `beyond env pages`."""
    root = Path(__file__).parents[3]
    results = root / "results" / "environments.json"
    audits = json.loads(results.read_text())["environments"] if results.exists() else {}
    written = {file.name: file.read_text() for file in (root / "docs" / "environments").glob("*.md")}
    assert written == dict(gallery(audits))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_json_and_a_pure_function_of_their_key(kind):
    first = list(rows("fractions", kind, num=6, split="test"))
    assert json.loads(json.dumps(first)) == first
    assert first == list(rows("fractions", kind, num=6, split="test"))


def test_preference_rows_hold_a_right_and_a_wrong_solution():
    env = make("fractions")
    for row, problem in zip(rows(env, "preference", num=20), (env.problem(i, level=1 + i % 3) for i in range(20))):
        assert row["prompt"] == problem.prompt
        assert env.grade(problem, row["chosen"]).is_correct
        assert not env.grade(problem, row["rejected"]).is_correct


@pytest.mark.parametrize("name", ["guess_number", "calculator_use?form=json"])
def test_rows_of_games_are_conversations(name):
    env = make(name)
    for index, row in enumerate(rows(env, "preference", num=5)):
        problem = env.problem(index)
        assert row["prompt"] == [{"role": "user", "content": problem.text}]
        assert [m["role"] for m in row["chosen"]] == ["assistant", "tool"] * (len(row["chosen"]) // 2) + ["assistant"]
        reward = reward_function(env)
        asked = json.dumps(problem.to_json())
        assert reward([row["chosen"], row["rejected"]], [asked, asked]) == [1.0, 0.0]
    (row,) = rows(env, "prompt_only", num=1)
    assert ("tools" in row) == ("json" in name)
    with pytest.raises(ValueError, match="several turns"):
        list(rows(env, "stepwise_supervision", num=1))


def test_step_labels_turn_false_at_the_first_wrong_step():
    for row in rows("arithmetic_chain", "stepwise_supervision", num=20):
        assert len(row["completions"]) == len(row["labels"])
        assert row["labels"] == sorted(row["labels"], reverse=True)
    labels = [all(row["labels"]) for row in rows("arithmetic_chain", "stepwise_supervision", num=20)]
    assert labels == [True, False] * 10


def test_chat_prompts_give_conversational_rows():
    (row,) = rows(make("countdown", template="chat"), "preference", num=1)
    assert row["prompt"][0]["role"] == "user"
    assert row["chosen"][0]["role"] == "assistant"


def test_the_reward_function_has_the_signature_of_trl(tmp_path):
    env = make("countdown")
    data = to_dataset(env, "prompt_only", num=4)
    golds = [f"#### {answer}" for answer in data["answer"]]
    reward = reward_function(env)
    assert (
        reward(prompts=data["prompt"], completions=golds, problem=data["problem"], answer=data["answer"]) == [1.0] * 4
    )
    assert reward(completions=[[{"role": "assistant", "content": "#### 1"}]], problem=data["problem"][:1]) == [0.0]
    hostile = "#### " + "(" * 50_000 + "9^9^9^9"
    assert reward(completions=[hostile], problem=data["problem"][:1]) == [0.0]  # graded in a process with a deadline
    assert pickle.loads(pickle.dumps(reward)).__name__ == "countdown_reward"
    reward.close()
    assert write_jsonl(tmp_path / "rows.jsonl", env, "problems", num=3) == 3
    first = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert Problem.from_json(first) == env.problem(0, level=2)


def test_an_export_that_fails_midway_leaves_what_was_there_before(tmp_path, monkeypatch):
    env, file = make("leaps"), tmp_path / "rows.jsonl"
    file.write_text("of before\n")
    drawn = env.problem

    def run_out(index, **options):
        if index == 2:
            raise ValueError("no problem is left")
        return drawn(index, **options)

    monkeypatch.setattr(env, "problem", run_out)
    with pytest.raises(ValueError, match="no problem is left"):
        write_jsonl(file, env, num=3)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of before\n"]


def test_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="prompt_only"):
        list(rows("countdown", "sft", num=1))


def test_a_mixture_draws_its_parts_by_weight():
    env = make("mixture", parts={"leaps?levels=1-2": 3, "countdown?levels=2": 1})
    problems = list(env.problems(800))
    counts = Counter(p.info["part"] for p in problems)
    assert abs(counts["countdown?levels=2"] / 800 - 0.25) < 0.046  # 3 standard errors
    assert {p.level for p in problems} == {1, 2}
    assert all(env.grade(p, env.source_env(p).render_solution(p.solution, p.answer)).is_correct for p in problems[:100])
    writer = env.demonstrator()
    import random

    assert all(env.grade(p, writer.write(p, random.Random(0))).score >= 0 for p in problems[:20])


def test_a_mixture_is_disjoint_and_reproducible():
    spec = make("mixture", parts=["fractions", "sums"]).spec
    env = make(spec)
    train = [p.id for p in env.problems(200)]
    assert train == [p.id for p in make(spec).problems(200)]
    assert not set(train) & {p.id for p in env.problems(100, split="test", seed=3)}


def test_a_mixture_is_written_in_yaml_with_names_weights_and_settings():
    env = make("mixture", parts={"easy": {"env": "countdown", "levels": "2", "largest": 9}, "leaps": {"weight": 3}})
    assert env.shares == {"easy": 0.25, "leaps": 0.75}
    assert env.parts["easy"].settings == {"largest": 9}
    assert make(env.spec).problem(5) == env.problem(5)


def test_every_part_of_a_mixture_is_written_and_graded_in_its_own_way():
    env = make("mixture", parts={"leaps": 1, "countdown": 2})
    report = check_environment(env, num=30, hostile=False, fresh_process=False)
    assert report.is_ok, report.text()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "without parts"),
        ({"leaps": 0}, "above 0"),
        ({"leaps": {"weight": "much"}}, "above 0"),
        ({"leeps": 1}, "did you mean 'leaps'"),
        ({"inner": {"env": "mixture", "parts": {"leaps": 1}}}, "is a mixture"),
    ],
)
def test_mixtures_that_cannot_be_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        make("mixture", parts=parts)


def test_parts_of_a_mixture_have_demonstrators_of_their_own():
    env = make("mixture", parts=["countdown", "fractions"])
    writer = env.demonstrator(error_rate=0.5, parts={"countdown": {"error_rate": 0.0}})
    assert {name: w.error_rate for name, w in writer.writers.items()} == {"countdown": 0.0, "fractions": 0.5}
    with pytest.raises(ValueError, match="no part is called 'sums'"):
        env.demonstrator(parts={"sums": {}})


def test_the_example_plug_in_resolves_by_its_entry_point(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    setup = (PLUGIN / "setup.cfg").read_text()
    line = next(line for line in setup.splitlines() if line.strip().startswith("clock_arithmetic ="))
    name, _, value = line.partition("=")
    point = EntryPoint(name=name.strip(), value=value.strip(), group=parts.group_of("environment"))
    monkeypatch.setattr(parts, "_offered", lambda group, path: [point])
    env = make("clock_arithmetic")
    problem = env.problem(0, level=2)
    assert env.grade(problem, f"#### {problem.answer}").is_correct
    report = check_environment(env, num=40, hostile=False, fresh_process=False)
    assert report.is_ok, report.text()


@pytest.mark.slow
def test_the_example_plug_in_works_when_it_is_installed(tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*pip, str(tmp_path), str(PLUGIN)], check=True, capture_output=True)
    code = "import envs; p = envs.make('clock_arithmetic').problem(0); print(p.env)"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
    )
    assert done.stdout.strip() == "clock_arithmetic"


def test_what_a_demonstrator_writes_is_shown_with_its_verdict():
    env = make("leaps", levels=(1, 2))
    text = show(env, num=4, demonstrator=env.demonstrator(error_rate=0.99))
    assert text.count("the demonstrator writes (wrong):") == 4
    text = show(env, num=4, level=2, demonstrator=env.demonstrator(max_level=1))
    assert text.count("the demonstrator writes no solution of such a problem") == 4
