"""People's choices: kept as they are given, taken back, resumed, compared at the end, read by a study."""

import random
import shutil

import pytest

from envs.types import Problem
from experiments.cli.label import label
from experiments.label.pairs import Answers, agreement_between, agreement_with_truth, pairs_of
from experiments.run.errors import UserError
from experiments.stages.preferences import read_recorded
from policies.types import Completion, FinishReason
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Verdict


def group(name, texts, right, first=0):
    problem = Problem(name, "1")
    rows = []
    for i, (text, is_right) in enumerate(zip(texts, right)):
        verdict = Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right))
        rows.append(
            Trajectory(first + i, problem, (1,), Completion((2, 3), (0.0, 0.0), text, FinishReason.STOP), verdict)
        )
    return Group(problem, tuple(rows))


@pytest.fixture
def log(tmp_path):
    made = RolloutLog(tmp_path / "rollouts")
    made.write(0, [group("p", ("a", "b", "a"), (1, 0, 1)), group("q", ("c", "d"), (0, 0), first=10)])
    return made


@pytest.fixture
def answers(log, tmp_path):
    return Answers(tmp_path / "labels", "ada", pairs_of(log, None, num=10, seed=0))


def test_pairs_are_of_different_texts_every_problem_first_and_the_same_for_everybody(log):
    pairs = pairs_of(log, 0, num=10, seed=3)
    assert all(pair.first.completion.text != pair.second.completion.text for pair in pairs)
    assert {pair.first.problem.text for pair in pairs[:2]} == {"p", "q"}
    assert len(pairs) == 2  # a against b, c against d: equal texts are no pair
    assert pairs == pairs_of(log, 0, num=10, seed=3)
    assert len(pairs_of(log, 0, num=1, seed=3)) == 1


def test_which_one_is_shown_first_is_drawn(log):
    firsts = [pairs_of(log, 0, num=1, seed=seed)[0].first.completion.text for seed in range(200)]
    assert 25 < firsts.count("a") < 75  # a quarter each of a, b, c, d
    assert 25 < firsts.count("b") < 75


@pytest.mark.parametrize(("step", "told"), [(7, "step 7 .* was not logged; there are 0 to 0")])
def test_a_step_that_is_not_there_is_told(log, step, told):
    with pytest.raises(ValueError, match=told):
        pairs_of(log, step, num=1, seed=0)


def test_answers_are_kept_as_given_and_resumed(answers, log, tmp_path):
    answers.answer(0, "second", seconds=2.5, reason="shorter")
    again = Answers(tmp_path / "labels", "ada", answers.pairs)
    assert again.position == 1
    assert again.given[0]["reason"] == "shorter"
    (row,) = read_recorded(again.file)
    assert row.chosen == answers.pairs[0].second.completion.text
    assert row.annotator == "ada"
    assert row.chosen_tokens == (2, 3)


def test_a_tie_is_an_answer_and_no_comparison(answers):
    answers.answer(0, "tie", seconds=1)
    assert answers.position == 1
    assert answers.comparisons() == []


def test_undo_takes_the_latest_answer_back_also_after_a_restart(answers, tmp_path):
    answers.answer(0, "first", seconds=1)
    answers.answer(1, "first", seconds=1)
    assert Answers(tmp_path / "labels", "ada", answers.pairs).withdraw() == 1
    again = Answers(tmp_path / "labels", "ada", answers.pairs)
    assert list(again.given) == [0]
    assert again.withdraw() == 0
    assert again.withdraw() is None
    assert again.file.read_text() == ""


def test_a_line_torn_by_a_killed_page_is_left_out(answers, tmp_path):
    answers.answer(0, "first", seconds=1)
    with (tmp_path / "labels" / "ada.answers.jsonl").open("a") as file:
        file.write('{"position": 1, "an')
    again = Answers(tmp_path / "labels", "ada", answers.pairs)
    assert list(again.given) == [0]
    again.answer(1, "tie", seconds=1)
    assert len(Answers(tmp_path / "labels", "ada", answers.pairs).given) == 2


def test_answers_to_other_pairs_are_not_mixed_in(answers, log, tmp_path):
    answers.answer(0, "first", seconds=1)
    log.write(1, [group("r", ("x", "y"), (1, 0), first=50)])
    with pytest.raises(ValueError, match="answers other pairs"):
        Answers(tmp_path / "labels", "ada", pairs_of(log, 1, num=5, seed=0))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a" * 41, "a b"])
def test_an_annotators_name_is_no_path(name, log, tmp_path):
    with pytest.raises(ValueError, match="annotator is"):
        Answers(tmp_path / "labels", name, [])


def test_agreement_with_the_truth_and_with_each_other(answers, tmp_path):
    position = next(i for i, pair in enumerate(answers.pairs) if pair.first.problem.text == "p")
    right = "first" if answers.pairs[position].first.verdict.is_correct else "second"
    answers.answer(position, right, seconds=1)
    answers.answer(1 - position, "first", seconds=1)  # both wrong: says nothing about the truth
    assert agreement_with_truth(answers) == (1, 1)
    other = Answers(tmp_path / "labels", "ben", answers.pairs)
    other.answer(position, right, seconds=1)
    other.answer(1 - position, "tie", seconds=1)
    assert agreement_between(answers, other) == (1, 2)


def test_random_answers_agree_with_the_truth_half_of_the_time(log, tmp_path):
    groups = [group(f"p{i}", ("a", "b"), (1, 0), first=10 * i) for i in range(400)]
    log.write(1, groups)
    answers = Answers(tmp_path / "labels", "coin", pairs_of(log, 1, num=400, seed=0))
    rng = random.Random(0)
    for position in range(0, 400, 4):
        answers.answer(position, rng.choice(["first", "second"]), seconds=0)
    agreed, known = agreement_with_truth(answers)
    assert known == 100
    assert 30 < agreed < 70  # 50, standard deviation 5


@pytest.fixture
def client(answers):
    pytest.importorskip("starlette")
    from starlette.testclient import TestClient

    from experiments.label.server import LabelPage, make_app

    return TestClient(make_app(LabelPage(answers, []), "secret"), base_url="http://127.0.0.1:1")


def test_the_page_walks_through_the_pairs_and_tells_agreement_at_the_end_alone(client, answers):
    token = {"token": "secret"}
    state = client.get("/api/pair", params=token).json()
    assert "summary" not in state
    assert {state["first"], state["second"]} in ({"a", "b"}, {"c", "d"})
    state = client.post("/api/answer", params={**token, "position": 0, "answer": "first", "seconds": 3}).json()
    assert (state["done"], state["position"], state["seconds_each"]) == (1, 1, 3.0)
    assert client.post("/api/undo", params=token).json()["position"] == 0
    for position in (0, 1):
        state = client.post("/api/answer", params={**token, "position": position, "answer": "second"}).json()
    assert state["summary"]["counts"] == {"first": 0, "second": 2, "tie": 0}
    assert state["summary"]["with_truth"][1] == 1


def test_the_page_refuses_strangers_and_wrong_answers(client):
    assert client.get("/api/pair").status_code == 403
    for query in (
        {"position": "x", "answer": "first"},
        {"position": 0, "answer": "best"},
        {"position": 9, "answer": "tie"},
    ):
        assert client.post("/api/answer", params={"token": "secret", **query}).status_code == 400
    assert client.get("/api/answer", params={"token": "secret", "position": 0, "answer": "tie"}).status_code == 405


def test_where_nothing_was_sampled_the_arms_that_can_be_labelled_are_named(tmp_path, log):
    study = tmp_path / "study"
    with pytest.raises(UserError, match="holds no study"):
        label(study)
    (study / "seed-3" / "rl").mkdir(parents=True)
    (study / "config.yaml").write_text("name: study\n")
    with pytest.raises(UserError, match="this study has none yet"):
        label(study)
    shutil.copytree(log.folder, study / "seed-3" / "rl" / "rollouts")
    with pytest.raises(UserError, match="--arm can be rl; --seed 3"):
        label(study, arm="sft", seed=0)
