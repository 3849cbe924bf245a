"""Data files as environments: columns, splits without overlap, GSM8K and MATH in the shape of their files."""

import json
from pathlib import Path

import pytest

from envs import make
from envs.data.math_dataset import last_boxed

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def table(tmp_path):
    rows = [
        {"q": f"What is {i} + {i}?", "a": 2 * i, "steps": f"{i} + {i} = {2 * i}\n", "hard": 1 + i % 2, "part": "train"}
        for i in range(40)
    ]
    rows += [{**rows[0], "part": "test"}, {**rows[1]}]  # an overlap and a duplicate
    rows += [{**rows[2], "q": "What is 50 + 50?", "a": 100, "part": "test"}]
    return write(tmp_path / "table.jsonl", rows)


def test_columns_become_problems_without_code(table):
    env = make(f"jsonl:{table}?prompt=q&answer=a&solution=steps&level=hard&split=part&verify=numeric")
    assert env.levels == (1, 2)
    problem = next(p for p in env.rows["train"] if p.prompt == "What is 7 + 7?")
    assert (problem.answer, problem.solution, problem.level) == ("14", ("7 + 7 = 14",), 2)
    assert env.grade(problem, "#### 14").is_correct
    assert not env.grade(problem, "#### 15").is_correct


def test_overlap_stays_with_the_split_that_is_evaluated(table):
    env = make(f"jsonl:{table}?prompt=q&answer=a&split=part")
    assert {p.prompt for p in env.rows["test"]} == {"What is 0 + 0?", "What is 50 + 50?"}
    assert len(env.rows["train"]) == 39
    assert env.num_dropped == 2


def test_rows_are_split_by_content_where_the_data_has_no_split(table):
    env = make(f"jsonl:{table}?prompt=q&answer=a")
    assert sum(len(env.rows[split]) for split in env.rows) == 41
    assert len(env.rows["train"]) > 30


def test_an_epoch_shows_every_row_once_in_another_order(table):
    env = make(f"jsonl:{table}?prompt=q&answer=a&split=part")
    n = env.num_problems("train")
    first = [env.problem(i).id for i in range(n)]
    second = [env.problem(i).id for i in range(n, 2 * n)]
    assert sorted(first) == sorted(second) == sorted({p.id for p in env.rows["train"]})
    assert first != second
    assert [env.problem(i).id for i in range(n)] == first


def test_mistakes_of_the_user_are_named(table, tmp_path):
    with pytest.raises(ValueError, match="no column 'question'; there are 'q', 'a'"):
        make(f"jsonl:{table}?prompt=question&answer=a")
    with pytest.raises(ValueError, match="does not exist"):
        make(f"jsonl:{tmp_path}/absent.jsonl")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt": "1", "answer": "1"}\nnot json\n')
    with pytest.raises(ValueError, match=r"broken\.jsonl:2: not JSON"):
        make(f"jsonl:{broken}")
    with pytest.raises(ValueError, match="no problem of split 'test'"):
        make(f"jsonl:{write(tmp_path / 'one.jsonl', [{'prompt': '1', 'answer': '1', 's': 'train'}])}?split=s").problem(
            0, split="test"
        )


def test_chat_messages_in_a_column(tmp_path):
    rows = [{"prompt": [{"role": "user", "content": "1 + 1?"}], "answer": "2"}]
    env = make(f"jsonl:{write(tmp_path / 'chat.jsonl', rows)}")
    (problem,) = [p for part in env.rows.values() for p in part]
    assert problem.prompt[0].content == "1 + 1?"


def test_gsm8k_files_in_their_published_shape(tmp_path):
    answer = "Ann has 3+4=<<3+4=7>>7 eggs.\nShe sells 7*1,000=<<7*1000=7000>>7,000.\n#### 7,000"
    write(tmp_path / "train.jsonl", [{"question": f"How many, {i}?", "answer": answer} for i in range(100)])
    write(tmp_path / "test.jsonl", [{"question": "How many, 0?", "answer": answer}])
    env = make("gsm8k", folder=str(tmp_path))
    problem = env.problem(0, split="test")
    assert problem.answer == "7000"
    assert problem.solution == ("Ann has 3+4=7 eggs.", "She sells 7*1,000=7,000.")
    assert env.num_problems("train") + env.num_problems("validation") == 99  # one stands in the test set
    assert env.grade(problem, "#### 7,000").is_correct
    assert make("gsm8k", folder=str(tmp_path), calculations=True).problem(0).solution[0].count("<<") == 1


@pytest.mark.skipif(not GSM8K.is_dir(), reason="the GSM8K files are not here")
def test_gsm8k_as_published():
    env = make("gsm8k", folder=str(GSM8K))
    assert env.num_problems("test") == 1319
    assert env.num_problems("train") + env.num_problems("validation") + env.num_dropped == 7473
    problems = list(env.problems(150, split="test"))
    assert all(env.grade(p, env.render_solution(p.solution, p.answer)).is_correct for p in problems)
    assert not any(env.grade(p, f"#### {int(p.answer) + 1}").is_correct for p in problems)


def test_math_files_in_their_published_shape(tmp_path):
    rows = [
        {
            "problem": f"Compute ${i} + \\frac{{1}}{{2}}$.",
            "solution": f"We add. This is $\\boxed{{\\frac{{{2 * i + 1}}}{{2}}}}$.",
            "level": f"Level {1 + i % 5}",
            "type": "Algebra" if i % 2 else "Counting & Probability",
        }
        for i in range(20)
    ]
    write(tmp_path / "train.jsonl", rows[:15])
    write(tmp_path / "test.jsonl", rows[15:])
    env = make("math", folder=str(tmp_path))
    problem = next(p for p in env.rows["test"] if "17" in p.prompt)
    assert (problem.answer, problem.level) == ("\\frac{35}{2}", 3)
    assert env.grade(problem, r"\boxed{17.5}").is_correct
    assert len(make("math", folder=str(tmp_path), subjects=["algebra"]).rows["test"]) == 3
    with pytest.raises(ValueError, match="subject is 'history'"):
        make("math", folder=str(tmp_path), subjects=["history"])


@pytest.mark.parametrize(
    ("text", "boxed"),
    [
        (r"\boxed{1} then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed 7$", "7"),
        ("none", None),
        (r"\boxed{open", None),
    ],
)
def test_the_last_box(text, boxed):
    assert last_boxed(text) == boxed


def test_hugging_face_rows_go_through_the_datasets_library(monkeypatch):
    import datasets

    def load_dataset(name, config, split):
        assert (name, config) == ("openai/gsm8k", "main")
        return datasets.Dataset.from_list([{"question": f"{split}?", "answer": "one\n#### 1"}])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert make("gsm8k", validation=0.0).rows["test"][0].prompt == "test?"
    env = make("hf:openai/gsm8k?config=main&prompt=question&answer=answer")
    assert {split: len(rows) for split, rows in env.rows.items()} == {"test": 1, "validation": 0, "train": 1}
