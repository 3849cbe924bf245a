"""Data files as environments: columns, splits without overlap, GSM8K and MATH in the shape of their files."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from envs import make
from envs.data.math_dataset import last_boxed
from envs.distinct import distinct_problems

GSM8K = Path(__file__).parents[4] / "shared" / "data" / "gsm8k"


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
    assert len(env.rows["train"]) + len(env.rows["validation"]) == 39  # one in twenty, since the data has none
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

    def load_dataset(name, config, split=None):
        assert (name, config) == ("openai/gsm8k", "main")
        parts = {
            part: datasets.Dataset.from_list([{"question": f"{part} {i}?", "answer": "one\n#### 1"} for i in range(60)])
            for part in ("train", "test")
        }
        return parts[split] if split else datasets.DatasetDict(parts)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert make("gsm8k", validation=0.0).num_problems("test") == 60
    env = make("hf:openai/gsm8k?config=main&prompt=question&answer=answer")
    sizes = {split: len(rows) for split, rows in env.rows.items()}
    assert sizes["test"] == 60
    assert 0 < sizes["validation"] < 10  # one in twenty of 60
    assert sizes["train"] + sizes["validation"] == 60
    assert any(f"no validation part: {sizes['validation']} of its" in note for note in env.notes())
    whole = make("hf:openai/gsm8k", config="main", prompt="question", splits={"train": "train", "validation": "test"})
    assert whole.num_problems("validation") == 60


@pytest.mark.parametrize("error", [ConnectionError("Couldn't reach it"), FileNotFoundError("it does not exist")])
def test_a_data_set_that_cannot_be_had_is_told_with_what_to_do(monkeypatch, error):
    import datasets

    def load_dataset(*arguments, **settings):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(ValueError, match=f"openai/gsm8k.*{error}.*folder=FOLDER"):
        make("gsm8k").num_problems("test")


def row(**values):
    return {"prompt": "What is 1 + 1?", "answer": "2", **values}


def loaded(path, rows, **settings):
    env = make(f"jsonl:{write(path / 'rows.jsonl', rows)}", **settings)
    return [problem for part in env.rows.values() for problem in part]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("answer", None, "missing"),
        ("answer", "", "empty"),
        ("answer", "  ", "empty"),
        ("answer", True, "write true and false as text"),
        ("answer", float("nan"), "finite number"),
        ("answer", float("inf"), "finite number"),
        ("answer", {"final": "2"}, "name one of them as COLUMN.FIELD"),
        ("answer", [], "at least one accepted answer"),
        ("answer", ["2", None], "item 2 is missing"),
        ("answer", "$$", "holds no answer"),
        ("answer", "\ud83d", r"holds \\ud83d, half a surrogate pair"),
        ("prompt", "What is \udc00 + 1?", r"holds \\udc00, half a surrogate pair"),
        ("prompt", [{"role": "user", "content": "\ud800"}], "half a surrogate pair"),
        ("prompt", None, "expected text or a list of messages"),
        ("prompt", "", "empty"),
        ("prompt", 3, "expected text or a list of messages"),
        ("prompt", [{"role": "user"}], "has the content None"),
        ("prompt", [{"role": "nobody", "content": "x"}], "has the role 'nobody'"),
        ("prompt", [{"role": "user", "content": [{"type": "image"}]}], "only text is read"),
        ("prompt", [{"role": "assistant", "content": "Hello."}], "no message before the assistant's"),
        ("prompt", [{"role": "system", "content": "Be brief."}], "no message of the user"),
        ("prompt", '[{"role": "user", "content": "1 + 1?"}]', "make it a list"),
        ("prompt", "[{'content': 'What is it?', 'role': 'user'}]", "make it a list"),
        ("prompt", ["x"], "expected an object with role and content"),
        ("level", "hard", "expected a whole number"),
        ("level", None, "expected a whole number"),
        ("level", True, "expected a whole number"),
        ("level", 1.5, "expected a whole number"),
        ("level", 10**9, "expected a whole number from 0 to 999,999"),
        ("level", "Grade 1 to 2", "expected a whole number"),
        ("split", "holdout", "expected one of train"),
        ("split", ["train"], "expected one of train"),
        ("solution", {"a": 1}, "expected text or a list of texts"),
        ("solution", [1, None], "step 2 is missing"),
    ],
)
def test_a_value_that_makes_no_problem_is_refused_with_row_and_column(tmp_path, column, value, told):
    rows = [row(level=1, split="train", solution=""), row(level=1, split="train", solution="") | {column: value}]
    settings = {"level": "level", "split": "split", "solution": "solution"}
    with pytest.raises(ValueError, match=rf"rows\.jsonl row 2: column '{column}'.*{told}"):
        loaded(tmp_path, rows, **settings)
    rows.append(row(prompt="What is 2 + 2?", answer=4, level=2, split="train", solution=None))
    kept = loaded(tmp_path, rows, invalid="drop", **settings)
    assert sorted(problem.answer for problem in kept) == ["2", "4"]
    env = make(f"jsonl:{tmp_path / 'rows.jsonl'}", invalid="drop", **settings)
    assert env.notes()[0].startswith("1 rows were dropped")


def test_numbers_are_written_as_numbers(tmp_path):
    values = [7, 7.0, -2.5, 1e-3, 10**30, "seven"]
    problems = loaded(tmp_path, [row(prompt=f"{i}?", answer=value) for i, value in enumerate(values)])
    assert {p.answer for p in problems} == {"7", "-2.5", "0.001", "1" + "0" * 30, "seven"}


def test_any_of_several_accepted_answers_will_do(tmp_path):
    (problem,) = loaded(tmp_path, [row(answer=["1/2", "2"])])
    env = make(f"jsonl:{tmp_path / 'rows.jsonl'}")
    assert [env.grade(problem, f"#### {answer}").is_correct for answer in ("0.5", "2", "3", "['1/2', '2']")] == [
        True, True, False, False,
    ]  # fmt: skip
    (single,) = loaded(tmp_path, [row(answer=["2"])])
    assert env.grade(single, "\\boxed{2}").is_correct


def test_columns_within_columns_and_the_others(tmp_path):
    rows = [{"data": {"q": "1 + 1?"}, "reward_model": {"ground_truth": "2", "style": "rule"}, "source": "mine", "n": 3}]
    (problem,) = loaded(tmp_path, rows, prompt="data.q", answer="reward_model.ground_truth")
    assert (problem.prompt, problem.answer) == ("1 + 1?", "2")
    assert problem.info["source"] == "mine"
    assert problem.info["n"] == 3
    assert problem.info["reward_model"]["style"] == "rule"
    with pytest.raises(ValueError, match=r"row 1: no column 'reward_model\.gold'; there are 'ground_truth', 'style'"):
        loaded(tmp_path, rows, prompt="data.q", answer="reward_model.gold")


@pytest.mark.parametrize(
    "messages",
    [
        [{"from": "human", "value": "1 + 1?"}],
        [{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "It is 2."}],
        [{"role": "user", "content": [{"type": "text", "text": "1 + 1?"}]}],
        [{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}],
        [{"role": "User", "content": "1 + 1?"}, {"role": "Assistant", "content": "2"}],
        [{"role": "user", "content": [{"type": "input_text", "text": "1 + 1?"}]}, {"role": "bot", "content": "2"}],
    ],
)
def test_conversations_in_the_common_shapes(tmp_path, messages):
    (problem,) = loaded(tmp_path, [{"messages": messages, "answer": "2"}], prompt="messages")
    assert [(m.role, m.content) for m in problem.prompt] == [("user", "1 + 1?")]


def test_conflicting_answers_and_references_read_as_words_are_told(tmp_path):
    rows = [row(), row(), row(answer="3"), row(prompt="x?", answer="\\frac{1}{"), row(prompt="Who?", answer="Evelyn")]
    loaded(tmp_path, rows)
    notes = make(f"jsonl:{tmp_path / 'rows.jsonl'}").notes()
    assert "2 rows repeat the question" in notes[0]
    assert "1 of these have another answer" in notes[1]
    assert "'2' was kept, '3' dropped" in notes[1]
    assert notes[2].startswith("1 references are no mathematics")
    assert "frac" in notes[2]


def test_tables_lists_and_saved_data_sets_are_read_like_lines(tmp_path):
    import datasets

    rows = [{"prompt": f"What is {i} + {i}?", "answer": str(2 * i)} for i in range(30)]
    data = datasets.Dataset.from_list(rows)
    data.to_parquet(tmp_path / "a.parquet")
    data.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "bom.jsonl").write_text("\ufeff" + "\r\n".join(map(json.dumps, rows)), encoding="utf-8")
    data.save_to_disk(tmp_path / "saved")
    names = ("a.parquet", "a.csv", "a.json", "bom.jsonl", "saved")
    found = [{p.id: p.answer for part in make(f"jsonl:{tmp_path / n}").rows.values() for p in part} for n in names]
    assert len(found[0]) == 30
    assert all(each == found[0] for each in found)
    datasets.DatasetDict({"train": data, "val": data.select(range(3))}).save_to_disk(tmp_path / "parts")
    for reference in (f"jsonl:{tmp_path / 'parts'}?split=split", f"hf:{tmp_path / 'parts'}"):
        parts = make(reference)
        assert parts.num_problems("validation") == 3
        assert any("no test part" in note for note in parts.notes())
    (tmp_path / "b.parquet").write_text("no table")
    with pytest.raises(ValueError, match=r"b\.parquet is no Parquet file"):
        make(f"jsonl:{tmp_path / 'b.parquet'}")
    (tmp_path / "c.csv").write_text("prompt,answer\n1 + 1?\n")
    with pytest.raises(ValueError, match=r"c\.csv row 1: not as many fields"):
        make(f"jsonl:{tmp_path / 'c.csv'}")


def test_evaluation_asks_different_problems_and_tells_where_there_are_fewer(tmp_path):
    rows = [row(prompt=f"{i}?", split="test" if i < 3 else "validation" if i < 5 else "train") for i in range(40)]
    env = make(f"jsonl:{write(tmp_path / 'few.jsonl', rows)}", split="split")
    problems, missing = distinct_problems(env, env.levels, 500, split="test", seed=0)
    assert len({p.id for p in problems}) == len(problems) == 3
    assert missing == ["level 1 has 3 different test problems, where 500 were asked for"]
    assert distinct_problems(env, env.levels, 3, split="test", seed=1)[1] == []
    small = make("leaps?modulus=11&operands=2,4&levels=1")  # 96 problems up to names, 8 of them for testing
    problems, missing = distinct_problems(small, (1,), 50, split="test", seed=0)
    assert len({p.id for p in problems}) == len(problems) == 8
    assert missing


def test_a_few_words_among_numbers_are_told(tmp_path):
    rows = [{"prompt": f"{i}?", "answer": str(i)} for i in range(40)]
    file = write(tmp_path / "rows.jsonl", [*rows, {"prompt": "How long is AB?", "answer": "see the figure"}])
    assert "1 of 41 references are words" in " ".join(make(f"jsonl:{file}").notes())
    words = [{"prompt": f"{i}?", "answer": f"number {'abcdefghij'[i % 10]} of all"} for i in range(40)]
    assert not make(f"jsonl:{write(tmp_path / 'words.jsonl', words)}").notes()


def test_a_worked_solution_in_the_column_of_answers_is_taken_apart(tmp_path):
    rows = [{"prompt": f"{i}?", "answer": f"We add 1.\nThat is {i} + 1 = {i + 1}.\n#### {i + 1}"} for i in range(40)]
    env = make(f"jsonl:{write(tmp_path / 'rows.jsonl', rows)}")
    problem = next(p for rows in env.rows.values() for p in rows if p.prompt == "7?")
    assert (problem.answer, problem.solution) == ("8", ("We add 1.", "That is 7 + 1 = 8."))
    assert env.render_solution(problem.solution, problem.answer) == "We add 1.\nThat is 7 + 1 = 8.\n#### 8"
    assert env.grade(problem, "#### 8").is_correct


def test_columns_are_named_by_text(tmp_path):
    file = write(tmp_path / "rows.jsonl", [{"prompt": "1?", "answer": "1"}])
    for settings, told in (
        ({"prompt": ""}, "prompt is ''"),
        ({"level": 3}, "level is 3"),
        ({"verify": 3}, "verify is 3"),
    ):
        with pytest.raises(ValueError, match=told):
            make(f"jsonl:{file}", **settings)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.jsonl.gz", b"\x1f\x8b", r"files that end in .gz are not read \(unpack it first\)"),
        ("rows.xlsx", b"PK", "save the sheet as .csv"),
        ("rows.arrow", b"ARROW1", "write it as .parquet"),
        ("rows.jsonl", '{"prompt": "a?", "answer": "1"}'.encode("utf-16"), "UTF-16: save it as UTF-8"),
        ("rows.csv", b"prompt;answer\na?;1\n", "separated by semicolons"),
        ("rows.json", b'{"data": [{"prompt": "a?", "answer": "1"}]}', "expected a list of objects, .* fields 'data'"),
        ("rows.json", b'{"prompt": ["a?"], "answer": ["1"]}', "expected a list of objects"),
        ("rows.jsonl", b'{"prompt": "a?", "answer": "1", "answer": "2"}', "the field 'answer' more than once"),
        ("rows.json", b'[{"prompt": "a?", "prompt": "b?", "answer": "2"}]', "the field 'prompt' more than once"),
    ],
)
def test_files_in_other_shapes_are_told_with_what_to_do(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=told):
        make(f"jsonl:{tmp_path / name}")


def test_a_folder_of_data_files_is_told_how_it_is_read(tmp_path):
    with pytest.raises(ValueError, match=f"is read as hf:{tmp_path}"):
        make(f"jsonl:{tmp_path}")


def test_references_that_are_written_out_missing_values_are_told(tmp_path):
    rows = [{"prompt": f"{i} + {i}?", "answer": "nan" if i == 3 else str(2 * i)} for i in range(40)]
    (note,) = (note for note in make(f"jsonl:{write(tmp_path / 'x.jsonl', rows)}").notes() if "missing" in note)
    assert note.startswith("1 references look like missing values")
    assert "row 4" in note


def test_white_space_makes_no_second_problem(tmp_path):
    rows = [{"prompt": f"{i} + {i}?", "answer": str(2 * i), "split": "train"} for i in range(40)]
    rows += [{**rows[3], "prompt": " 3 +  3?\n", "split": "test"}]
    env = make(f"jsonl:{write(tmp_path / 'x.jsonl', rows)}?split=split")
    assert "3 + 3?" not in {problem.prompt for problem in env.rows["train"]}


def test_fixed_places_of_a_table_are_numbers(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    answers = [Decimal("2.50"), Decimal("10.00"), Decimal("-0.25"), Decimal("100")] * 10
    table = pyarrow.table({"prompt": [f"number {i}?" for i in range(40)], "answer": answers})
    parquet.write_table(table, tmp_path / "x.parquet")
    found = {p.prompt: p.answer for rows in make(f"jsonl:{tmp_path}/x.parquet").rows.values() for p in rows}
    assert [found[f"number {i}?"] for i in range(4)] == ["2.5", "10", "-0.25", "100"]
