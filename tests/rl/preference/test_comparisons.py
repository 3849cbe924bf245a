"""Comparisons: the budget, the pairs, the card and the files."""

from __future__ import annotations

import json
import random

import pytest

from envs.types import Message
from policies.types import Completion, FinishReason
from rl.preference.labels.annotators import (
    GoldPerception,
    LimitedPerception,
    ModelledAnnotator,
    Panel,
    StylePreference,
    make_annotator,
)
from rl.preference.labels.comparisons import (
    ContrastingPairs,
    RankedPairs,
    card_of_labels,
    choose_pairs,
    collect_comparisons,
    different_pairs,
    load_comparisons,
    save_comparisons,
)
from rl.preference.labels.label_report import misjudgement
from rl.types import Group, Trajectory


def solutions(env, problem, rng, num=6) -> list[str]:
    """Right and wrong solutions of a LEAPS problem with various leaps."""
    operations = [tuple(o) for o in problem.info["operations"]]
    texts = []
    while len(texts) < num:
        leaps, left = [], len(operations)
        while left:
            leaps.append(rng.randint(1, min(3, left)))
            left -= leaps[-1]
        lines = env.solve(problem.info["start"], operations, leaps)
        answer = problem.answer
        if rng.random() < 0.6:
            answer = str((int(answer) + rng.randint(1, env.modulus - 1)) % env.modulus)
            lines[-1] = lines[-1].replace(f"= {problem.answer} ;", f"= {answer} ;")
        texts.append(env.render_solution(lines, answer))
    return texts


@pytest.fixture(scope="module")
def groups(leaps_env) -> list[Group]:
    rng, found = random.Random(0), []
    for index in range(60):
        problem = leaps_env.problem(index)
        rows = [
            Trajectory(
                uid=index * 10 + i,
                problem=problem,
                prompt_tokens=(1,),
                completion=Completion((2 + i,), (0.0,), text, FinishReason.STOP),
                verdict=leaps_env.grade(problem, text),
            )
            for i, text in enumerate(solutions(leaps_env, problem, rng))
        ]
        found.append(Group(problem, tuple(rows)))
    return found


def test_the_budget_counts_judgements_not_labels(groups):
    comparisons, card = collect_comparisons(groups, make_annotator("perfect"), 100, random.Random(0))
    assert card.num_judgements == 100
    assert len(comparisons) == card.num_labels < 100  # its ties were paid for and teach nothing


def test_a_voting_panel_pays_for_every_annotator(groups):
    panel = Panel([make_annotator("careful")] * 3, vote="majority")
    comparisons, card = collect_comparisons(groups, panel, 100, random.Random(0))
    assert card.num_judgements == 99  # 33 pairs, three judgements each
    assert len(comparisons) <= 33
    with pytest.raises(ValueError, match="buys no label"):
        collect_comparisons(groups, panel, 2, random.Random(0))


def test_perfect_labels_agree_with_gold_on_every_decisive_pair(groups):
    comparisons, card = collect_comparisons(groups, make_annotator("perfect"), 300, random.Random(0))
    assert card.agreement == 1.0
    assert comparisons
    assert all(c.agrees_with_gold for c in comparisons)


def test_an_annotator_who_prefers_wrong_solutions_never_agrees(groups):
    contrary = ModelledAnnotator("contrary", GoldPerception(), correctness=-1.0, temperature=0.0, tie_margin=0.0)
    comparisons, card = collect_comparisons(groups, contrary, 300, random.Random(0))
    assert card.agreement == 0.0
    assert not any(c.agrees_with_gold for c in comparisons)


def test_a_preference_for_length_shows_in_the_card(groups):
    style = {"correctness": 0.0, "temperature": 0.0}
    _, long = collect_comparisons(
        groups, ModelledAnnotator(style=StylePreference(length=1), **style), 300, random.Random(0)
    )
    _, short = collect_comparisons(
        groups, ModelledAnnotator(style=StylePreference(length=-1), **style), 300, random.Random(0)
    )
    assert (long.longer, short.longer) == (1.0, 0.0)
    assert (long.larger_step, short.larger_step) == (0.0, 1.0)  # fewer lines for the same operations


def test_the_card_by_level_adds_up(groups):
    _, card = collect_comparisons(groups, make_annotator("careful"), 200, random.Random(0))
    assert sum(part.num_judgements for part in card.by_level.values()) == 200
    assert sum(part.num_decisive for part in card.by_level.values()) == card.num_decisive
    assert card.to_json()["by_level"].keys() == {str(level) for level in card.by_level}


def test_misjudgement_is_measured_on_any_policys_completions(groups):
    perfect = misjudgement(groups, make_annotator("perfect"))
    assert (perfect.false_positive_rate, perfect.false_negative_rate) == (0.0, 0.0)
    blind = misjudgement(
        groups, ModelledAnnotator(perception=LimitedPerception(skill=0, notice_malformed=0, false_alarm=0.1))
    )
    assert blind.false_positive_rate == pytest.approx(0.9)
    assert blind.false_negative_rate == pytest.approx(0.1)
    assert blind.num_right + blind.num_wrong == 60 * 6


def test_equal_seeds_give_equal_labels(groups):
    once = collect_comparisons(groups, make_annotator("careful"), 50, random.Random(3))[0]
    again = collect_comparisons(groups, make_annotator("careful"), 50, random.Random(3))[0]
    other = collect_comparisons(groups, make_annotator("careful"), 50, random.Random(4))[0]
    assert once == again
    assert once != other


def test_pairs_are_of_one_problem_and_of_different_texts(groups):
    for pair in choose_pairs(groups, make_annotator("careful"), 10_000, random.Random(0)):
        assert pair.first.problem.id == pair.second.problem.id
        assert pair.first.completion.text != pair.second.completion.text


def test_a_small_budget_is_spread_over_the_problems(groups):
    pairs = choose_pairs(groups, make_annotator("careful"), 30, random.Random(0))
    assert len({p.first.problem.id for p in pairs}) == 30


def test_equal_texts_make_no_pair(groups):
    row = groups[0].trajectories[0]
    assert different_pairs(Group(row.problem, (row, row, row)), random.Random(0)) == []


def test_contrasting_pairs_are_more_often_decisive(groups):
    perfect = make_annotator("perfect")
    uniform = collect_comparisons(groups, perfect, 40, random.Random(0))[1]
    contrasting = collect_comparisons(groups, perfect, 40, random.Random(0), selector=ContrastingPairs())[1]
    assert contrasting.decisive_share > uniform.decisive_share


def test_ranked_pairs_ask_for_the_most_valuable_first(groups):
    selector = RankedPairs(lambda a, b: abs(a.uid - b.uid))
    best = selector.select(groups[0], make_annotator("careful"), random.Random(0))[0]
    distinct = {t.completion.text: t.uid for t in groups[0].trajectories}.values()
    assert abs(best.first.uid - best.second.uid) == max(distinct) - min(distinct)


def test_comparisons_survive_a_file(groups, tmp_path):
    comparisons, _ = collect_comparisons(groups, make_annotator("careful"), 20, random.Random(0))
    save_comparisons(comparisons, tmp_path / "pairs.jsonl")
    assert load_comparisons(tmp_path / "pairs.jsonl") == comparisons
    assert comparisons[0].chosen_tokens is not None


def test_human_labels_need_only_problem_and_texts(tmp_path, leaps_env):
    problem = leaps_env.problem(3)
    good = leaps_env.render_solution(problem.solution, problem.answer)
    path = tmp_path / "human.jsonl"
    path.write_text(json.dumps({"problem": problem.to_json(), "chosen": good, "rejected": "# 0 # 1"}) + "\n")
    (row,) = load_comparisons(path)
    assert (row.annotator, row.chosen_tokens) == ("human", None)
    card = card_of_labels([row], leaps_env.grade)
    assert (card.annotator, card.agreement, card.false_positive_rate) == ("human", 1.0, None)


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('\n{"chosen": "a"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:2"):
        load_comparisons(path)


QUESTION = [{"role": "user", "content": "What is 1 + 1?"}]


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"prompt": "What is 1 + 1?", "answer": 2, "chosen": "It is 2.", "rejected": "3"}, "What is 1 + 1?"),
        (
            {
                "prompt": QUESTION,
                "answer": "2",
                "chosen": [*QUESTION, {"role": "assistant", "content": "It is 2."}],
                "rejected": [{"role": "assistant", "content": "3"}],
            },
            (Message("user", "What is 1 + 1?"),),
        ),
    ],
)
def test_rows_in_the_forms_of_trl_are_comparisons(tmp_path, row, prompt):
    (tmp_path / "labels.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = load_comparisons(tmp_path / "labels.jsonl")
    assert (found.problem.prompt, found.problem.answer) == (prompt, "2")
    assert (found.chosen, found.rejected, found.annotator) == ("It is 2.", "3", "human")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"chosen": "2", "rejected": "3"}, "it has no prompt, answer"),
        ({"prompt": "x", "chosen": "2"}, "it has no rejected, answer"),
        ({"prompt": "x", "answer": None, "chosen": "2", "rejected": "3"}, "answer is missing"),
        ({"prompt": "x", "answer": "2", "chosen": None, "rejected": "3"}, "chosen is no text"),
        ({"prompt": "x", "answer": "2", "chosen": "2", "rejected": QUESTION}, "rejected is no text"),
        ({"problem": "x", "chosen": "2", "rejected": "3"}, "problem is 'x'"),
    ],
)
def test_a_row_that_is_no_comparison_says_what_it_lacks(tmp_path, row, told):
    (tmp_path / "labels.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(ValueError, match=rf"labels\.jsonl:1: .*{told}"):
        load_comparisons(tmp_path / "labels.jsonl")
