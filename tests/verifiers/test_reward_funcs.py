"""Verifiers as reward functions, called the way trl's GRPOTrainer calls them."""

import pickle
from collections.abc import Iterator

import pytest
from fixed_verifiers import LastLine

from verifiers.trl import RewardFunc, reward_func, text_of


@pytest.fixture(scope="module")
def func() -> Iterator[RewardFunc]:
    func = reward_func("fixed_verifiers:LastLine", deadline_seconds=0.3)
    yield func
    func.close()


def test_plain_completions_are_scored_against_the_solution_column(func: RewardFunc) -> None:
    scores = func(prompts=["p"] * 3, completions=["4", "so\n4", "5"], completion_ids=[[1]] * 3, solution=["4"] * 3)
    assert scores == [1.0, 1.0, 0.0]


def test_conversations_are_scored_by_their_last_assistant_turn(func: RewardFunc) -> None:
    completion = [{"role": "assistant", "content": "5"}, {"role": "assistant", "content": "4"}]
    assert func(prompts=["p"], completions=[completion], solution=["4"]) == [1.0]
    assert text_of([{"role": "tool", "content": "4"}]) == ""


def test_a_broken_verifier_skips_the_sample_and_a_slow_answer_is_not_paid(func: RewardFunc) -> None:
    assert func(prompts=["p"] * 3, completions=["break", "hang", "4"], solution=["4"] * 3) == [None, 0.0, 1.0]


def test_settings_reach_the_verifier_and_another_column_may_hold_the_answer() -> None:
    func = reward_func("fixed_verifiers:LastLine", answer_column="gold", shout=True)
    assert func(completions=["yes"], gold=["YES"]) == [1.0]
    func.close()


def test_a_missing_column_says_which_there_are(func: RewardFunc) -> None:
    with pytest.raises(KeyError, match=r"solution.*gold"):
        func(completions=["4"], gold=["4"])


def test_it_has_a_name_and_pickles_while_its_pool_runs(func: RewardFunc) -> None:
    assert func.__name__ == "fixed_verifiers:LastLine"
    assert reward_func(LastLine()).__name__ == "LastLine"
    copy = pickle.loads(pickle.dumps(func))
    assert copy(completions=["4"], solution=["4"]) == [1.0]
    copy.close()


def test_references_are_found_in_the_columns_of_trl_and_of_our_exports():
    func = reward_func("symbolic")
    try:
        assert func(completions=["\\boxed{3}", "\\boxed{4}"], answer=["3", 3]) == [1.0, 0.0]
        assert func(completions=["\\boxed{3}"], answer=["4"], solution=["3"]) == [1.0]
        with pytest.raises(KeyError, match="no column 'solution' or 'answer'"):
            func(completions=["\\boxed{3}"], gold=["3"])
        with pytest.raises(TypeError, match="expected text or a number"):
            func(completions=["\\boxed{3}"], answer=[["3"]])
    finally:
        func.close()
