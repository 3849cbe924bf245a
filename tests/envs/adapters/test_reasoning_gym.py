"""Environments of other libraries, with the libraries themselves."""

import json
import random
from pathlib import Path

import pytest

from envs import make
from envs.check.conformance import check_environment
from envs.transcripts import play_episode
from envs.types import StopReason
from experiments.bench.reasoning_gym import measure

rg = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
NOT_ALL_GOLD: set[str] = set()  # whose references our extraction or their own scorer does not take as they stand
# whose scorers take a rounded number, or 0 for 0.0
PAID_IN_PART = {"number_format", "polynomial_equations", "power_function"}
gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")


@pytest.mark.parametrize("name", ["chain_sum", "gcd", "simple_equations", "basic_arithmetic"])
def test_reasoning_gym_problems_have_gold_and_disjoint_splits(name):
    env = make(f"rg:{name}")
    problems = list(env.problems(25))
    assert all(env.grade(p, f"#### {p.answer}").is_correct for p in problems)
    test = {p.id for p in env.problems(25, split="test", seed=1)}
    assert not test & {p.id for p in problems}


def test_reasoning_gym_with_seed_one_is_not_seed_zero_shifted():
    theirs = [rg.create_dataset("chain_sum", seed=s, size=30) for s in (0, 1)]
    first, second = ({item["question"] for item in data} for data in theirs)
    assert len(first & second) >= 29  # the library's own seeds: this is why ours are hashed
    env = make("rg:chain_sum", levels=[3])
    ours, others = ({p.prompt for p in env.problems(30, seed=s)} for s in (0, 1))
    assert len(ours & others) < 5


def test_reasoning_gym_levels_follow_the_curriculum():
    env = make("rg:chain_sum")
    lengths = [max(p.prompt.count(" + ") + p.prompt.count(" - ") for p in env.problems(30, level=n)) for n in (1, 4)]
    assert lengths[0] < lengths[1]
    assert make("rg:chain_sum", config={"min_terms": 2, "max_terms": 2}).levels == (1,)


def test_reasoning_gym_is_scored_strictly():
    env = make("rg:chain_sum")
    problem = env.problem(0)
    for response in (problem.answer, f"#### {problem.answer} or 7", f"#### 1{problem.answer}", "####"):
        assert env.grade(problem, response).score == 0
    text = make("rg:gsm_symbolic")
    problem = text.problem(0)
    assert text.grade(problem, f"#### {problem.answer}").is_correct
    assert not text.grade(problem, f"#### {problem.answer} or 7").is_correct  # the library pays for it


@pytest.mark.parametrize(
    "name", ["mini_sudoku", "rotate_matrix", "tower_of_hanoi", "knights_knaves", "spiral_matrix", "number_sorting"]
)
def test_references_of_every_form_are_paid_as_demonstrations_write_them(name):
    env = make(f"rg:{name}")
    rng = random.Random(0)
    for level in env.levels[:2]:
        problem = env.generate(rng, level)
        assert env.grade(problem, env.render_solution((), problem.answer)).is_correct
        first_line = problem.answer.splitlines()[0]
        if first_line != problem.answer:
            assert not env.grade(problem, f"#### {first_line}").is_correct
            assert "<answer>" in env.mark
        assert not env.grade(problem, env.render_solution((), problem.answer + " or 7")).is_correct


def test_levels_that_the_library_refuses_are_left_out():
    assert make("rg:caesar_cipher").levels == (1, 2)
    assert make("rg:modulo_grid").levels == (1, 3)
    with pytest.raises(ValueError, match="no level of its curriculum is a legal configuration"):
        make("rg:knight_swap")
    env = make("rg:pool_matrix")  # numpy takes seeds below 2 ** 32 only
    assert all(p.info["seed"] < 2**32 for p in env.problems(3))


TABLE = json.loads((Path(__file__).parents[3] / "results" / "reasoning_gym.json").read_text())


def test_the_table_has_every_data_set_and_pays_for_references_only():
    from reasoning_gym import factory

    assert set(TABLE) == set(factory.DATASETS)
    usable = {name: row for name, row in TABLE.items() if "refused" not in row and "error" not in row}
    assert len(usable) >= 80
    assert {name for name, row in usable.items() if row["gold"] < 1} == NOT_ALL_GOLD
    assert {name for name, row in usable.items() if row["partial"] > 0} == PAID_IN_PART


@pytest.mark.parametrize("name", ["chain_sum", "sudoku", "spell_backward", "letter_counting"])
def test_the_table_is_what_grading_does(name):
    assert measure(name) == {key: TABLE[name][key] for key in ("gold", "partial", "library", "levels")}


@pytest.mark.parametrize("name", ["puzzle24", "game_of_life_halting", "coin_flip", "boxnet"])
def test_data_sets_that_cannot_be_trusted_are_refused_unless_asked(name):
    with pytest.raises(ValueError, match="is refused"):
        make(f"rg:{name}")
    if name == "coin_flip":
        env = make(f"rg:{name}", accept_exploitable=True)
        report = check_environment(env, num=30, hostile=False, fresh_process=False)
        assert any(finding.check == "exploit probes" for finding in report.problems)  # why it is refused


def test_unknown_data_sets_are_answered_with_near_ones():
    with pytest.raises(ValueError, match="'chain_sum'"):
        make("rg:chainsum")


def test_gymnasium_is_played_in_text():
    env = make("gym:FrozenLake-v1", options={"is_slippery": False})
    path = iter("112122")  # down, down, right, down, right, right: the safe way of the standard map
    episode = play_episode(env, env.problem(0), lambda messages: next(path))
    assert (episode.stop, episode.verdict.is_correct, sum(episode.rewards)) == (StopReason.COMPLETED, True, 1)
    assert env.grade(env.problem(0), "\n".join("112122")).is_correct


def test_gymnasium_actions_that_cannot_be_read_end_the_episode():
    env = make("gym:FrozenLake-v1?success=1")
    for action in ("9", "left", "1 2", ""):
        episode = play_episode(env, env.problem(1), lambda messages, action=action: action)
        assert (episode.stop, episode.verdict.outcome) == (StopReason.PARSE_ERROR, "unparseable")


def test_gymnasium_text_spaces():
    class Echo(gymnasium.Env):
        observation_space = gymnasium.spaces.Text(20)
        action_space = gymnasium.spaces.Text(20)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.word = str(self.np_random.integers(1000))
            return self.word, {}

        def step(self, action):
            return "over", float(action == self.word[::-1]), True, False, {}

    gymnasium.register(id="Echo-v0", entry_point=Echo, disable_env_checker=True)
    env = make("gym:Echo-v0", instruction="Reverse the word.")
    problem = env.problem(3)
    assert problem.prompt.startswith("Reverse the word.\n")
    word = problem.prompt.splitlines()[1]
    assert play_episode(env, problem, lambda messages: word[::-1]).verdict.is_correct
    assert not play_episode(env, problem, lambda messages: "x").verdict.is_correct
