"""Thumbs: what a modelled annotator approves of, what a budget buys, what a file keeps."""

from __future__ import annotations

import json
import random

import pytest

from envs.types import Problem
from policies.types import Completion, FinishReason
from rl.preference.labels.annotators import GoldPerception, ModelledAnnotator, Panel, StylePreference, make_annotator
from rl.preference.labels.features import SolutionFeatures
from rl.preference.labels.feedback import collect_feedback, from_comparisons, load_feedback, save_feedback
from rl.types import Comparison, Group, Trajectory
from verifiers.types import Outcome, Verdict


def features(*, right: bool, length: float = 1.0) -> SolutionFeatures:
    return SolutionFeatures(1, right, () if right else (1,), (), 1, length, False, True)


def groups(num: int = 40, size: int = 4) -> list[Group]:
    made = []
    for index in range(num):
        problem = Problem(f"p{index}", "1")
        rows = []
        for uid in range(size):
            right = uid == 0
            verdict = Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), answer="1")
            completion = Completion((uid,), (0.0,), f"text {index} {uid}", FinishReason.STOP)
            rows.append(Trajectory(uid, problem, (1,), completion, verdict))
        made.append(Group(problem, tuple(rows)))
    return made


def test_a_perfect_annotator_approves_of_what_is_right():
    perfect = make_annotator("perfect")
    assert (perfect.approves(features(right=True), 0.0), perfect.approves(features(right=False), 0.0)) == (1.0, 0.0)


def test_approval_by_hand():
    # w 1, temperature 1/2, gold perception, flip 0.1: sigmoid(+-0.5 / 0.5) = 0.731 / 0.269, then 0.9 p + 0.1 (1 - p)
    annotator = ModelledAnnotator(perception=GoldPerception(), temperature=0.5, flip=0.1)
    assert annotator.approves(features(right=True), 0.0) == pytest.approx(0.9 * 0.7310586 + 0.1 * 0.2689414)
    # style counts from what is usual: a solution of the usual length is judged by its correctness alone
    concise = ModelledAnnotator(perception=GoldPerception(), temperature=0.5, style=StylePreference(length=-1.0))
    assert concise.approves(features(right=True, length=2.0), usual=-2.0) == pytest.approx(0.7310586)
    assert concise.approves(features(right=True, length=1.0), usual=-2.0) == pytest.approx(0.9525741)  # sigmoid(3)


def test_a_panel_votes_on_single_completions_too():
    always, never = make_annotator("perfect"), make_annotator("perfect", correctness=-1.0)
    right = features(right=True)
    assert Panel((always, never)).approves(right, 0.0) == 0.5
    assert Panel((always, always, never), vote="majority").approves(right, 0.0) == 1.0
    assert Panel((always, never), vote="majority").approves(right, 0.0) == 0.5


def test_a_panel_and_its_annotators_are_made_from_plain_settings():
    panel = make_annotator("panel", annotators=["careful", {"name": "verbose", "flip": 0.2}], vote="majority")
    assert panel.judgements_per_pair == 2
    assert panel.annotators[1].flip == 0.2
    assert make_annotator("careful", perception={"skill": 0.1}, style={"length": 2.0}).perception.skill == 0.1
    with pytest.raises(ValueError, match="annotators is empty"):
        make_annotator("panel")


def test_a_budget_is_spread_over_the_problems_and_the_card_counts_it():
    rows, card = collect_feedback(groups(), make_annotator("perfect"), 60, random.Random(0))
    assert len(rows) == card.num_judgements == 60
    per_problem = [sum(row.problem.id == group.problem.id for row in rows) for group in groups()]
    assert sorted(set(per_problem)) == [1, 2]  # one of each, then a second of some
    assert (card.agreement, card.false_positive_rate, card.false_negative_rate) == (1.0, 0.0, 0.0)
    assert card.good_share == sum(row.is_good for row in rows) / 60
    voting = make_annotator("panel", annotators=["perfect"] * 3, vote="majority")
    assert len(collect_feedback(groups(), voting, 60, random.Random(0))[0]) == 20
    with pytest.raises(ValueError, match="buys no thumb"):
        collect_feedback(groups(), voting, 2, random.Random(0))


def test_feedback_survives_a_file_and_a_broken_line_is_named(tmp_path):
    rows, _ = collect_feedback(groups(3), make_annotator("careful"), 5, random.Random(0))
    save_feedback(rows, tmp_path / "thumbs.jsonl")
    assert load_feedback(tmp_path / "thumbs.jsonl") == rows
    human = {"problem": {"prompt": "1 + 1 ?", "answer": "2"}, "response": "2", "is_good": True}
    for broken in ("{}", "[1]", "thumbs up"):
        (tmp_path / "human.jsonl").write_text(f"{json.dumps(human)}\n{broken}\n")
        with pytest.raises(ValueError, match=r"human\.jsonl:2: no feedback .* an object with problem"):
            load_feedback(tmp_path / "human.jsonl")
    (tmp_path / "human.jsonl").write_text(json.dumps(human) + "\n")
    (row,) = load_feedback(tmp_path / "human.jsonl")
    assert (row.annotator, row.is_good, row.tokens) == ("human", True, None)


def test_a_labelled_pair_is_one_thumb_up_and_one_down():
    pair = Comparison(Problem("p", "1"), "good", "bad", "people", chosen_tokens=(1,))
    assert [(r.response, r.is_good, r.tokens) for r in from_comparisons([pair])] == [
        ("good", True, (1,)),
        ("bad", False, None),
    ]
