"""Prompts and worked solutions are counted before a run.

A policy from scratch reads a character a token, and a beginning. So the prompt of n characters has n + 1 tokens, and
with a context of 64 and completions of 16 there is room for 48.
"""

import json

import pytest

from envs import make
from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.run.terminal import tell
from experiments.stages.problems import final_problems, validation_problems
from experiments.study.before.lengths import check_lengths, fitted_env
from experiments.study.before.vocabulary import check_vocabulary
from policies.causal import CausalPolicy
from policies.tiny import TinyConfig, build_tiny
from rl.curriculum.base import Curriculum

ROOM = 48
SHORT, LONG = "What is {i} + {i}?", "A long story. " * 20 + "What is 7 + 7?"

OWN = """
from envs import Problem
from envs.environment import Environment

class Stories(Environment):
    name = "stories"

    def generate(self, rng, level):
        a, b = rng.randint(1, 999), rng.randint(1, 999)
        story = "Well. " * 20 if (a + b) % 4 == 0 else ""
        return Problem(f"{story}What is {a} + {b}?", str(a + b), (f"{a} + {b} = {a + b}",))
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """A config whose environment is a file of 60 short rows and, where asked for, long ones."""
    monkeypatch.chdir(tmp_path)
    tell.cache_clear()

    def build(env="jsonl:rows.jsonl?prompt=q&split=part", *, long=(), overrides=()):
        parts = ["train"] * 40 + ["validation"] * 10 + ["test"] * 10
        rows = [{"q": SHORT.format(i=i), "answer": 2 * i, "part": part} for i, part in enumerate(parts)]
        rows += [{"q": f"{number}. {LONG}", "answer": 14, "part": part} for number, part in enumerate(long)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "own.py").write_text(OWN)
        (tmp_path / "config.yaml").write_text(
            f"name: x\nenv: '{env}'\npolicy: {{tiny: {{layers: 1, hidden: 16, heads: 2, context: 64}}}}\n"
            "rl: {sampling: {max_new_tokens: 16}}\nevaluation: {sampling: {max_new_tokens: 16}}\n"
        )
        return load_experiment([str(tmp_path / "config.yaml")], list(overrides))

    return build


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_long_row_of_any_part_is_refused_with_its_row_and_lengths(experiment, part):
    with pytest.raises(UserError) as caught:
        check_lengths(experiment(long=[part]))
    # "0. " and 20 x 14 characters of story, 14 of question, the beginning: 298 tokens
    told = str(caught.value)
    assert "rows.jsonl row 61: its prompt has 298 tokens" in told or "rows.jsonl:61: its prompt has 298 tokens" in told
    assert "max_new_tokens is 16, and the model's context is 64: there is room for 48" in told
    assert "raise policy.tiny.context" in told
    assert "long_prompts=drop" in told


def test_of_several_long_rows_the_number_and_the_longest_are_told(experiment):
    with pytest.raises(UserError, match=r"11 of 71 counted prompts are too long, up to 299 \(.*71\)"):
        check_lengths(experiment(long=["train"] * 11))  # row 71 begins with "10. ", one more character


def test_rows_that_are_dropped_are_counted_and_never_asked(experiment, capsys):
    config = experiment("jsonl:rows.jsonl?prompt=q&split=part&long_prompts=drop", long=["train", "train", "test"])
    check_lengths(config)
    told = capsys.readouterr().err
    assert "2 of 42 train, 1 of 11 test prompts have more than 48 tokens" in told
    assert "left out (env.long_prompts: drop)" in told
    env = fitted_env(config)[1]
    asked = [p.text for p in Curriculum(env, seed=0).problems(0, 80)]
    assert sorted(set(asked)) == sorted(SHORT.format(i=i) for i in range(40))
    assert len(final_problems(env, config.evaluation)) == 10


def test_rows_that_are_cut_keep_their_end_and_stay_the_same_problem(experiment, capsys):
    config = experiment("jsonl:rows.jsonl?prompt=q&split=part&long_prompts=cut", long=["validation"])
    check_lengths(config)
    assert "1 of 11 validation prompts have more than 48 tokens" in capsys.readouterr().err
    whole = next(p for p in make(config.env.name).rows["validation"] if p.text.startswith("0. "))
    cut = next(p for p in validation_problems(fitted_env(config)[1], config.evaluation) if p.id == whole.id)
    assert cut.text == whole.text[-(ROOM - 1) :].lstrip()
    assert cut.answer == whole.answer


def test_a_template_without_room_is_told_where_prompts_are_cut(experiment):
    config = experiment(
        "jsonl:rows.jsonl?prompt=q&split=part&long_prompts=cut", overrides=["env.template='" + "x" * 60 + "{question}'"]
    )
    with pytest.raises(UserError, match="no room for what stands around the question"):
        check_lengths(config)


def test_where_every_row_is_too_long_nothing_is_left(experiment):
    config = experiment(
        "jsonl:rows.jsonl?prompt=q&split=part&long_prompts=drop",
        overrides=["env.template='" + "x" * 60 + "{question}'"],
    )
    with pytest.raises(UserError, match="all 40 train prompts are longer than 48 tokens"):
        check_lengths(config)


def test_problems_that_are_drawn_without_end_are_counted_too(experiment):
    with pytest.raises(UserError, match=r"environment 'stories', problem .* of split 'train', level 1: its prompt has"):
        check_lengths(experiment("own.py:Stories"))


def test_in_the_place_of_one_that_is_dropped_another_is_drawn(experiment):
    env = fitted_env(experiment("own.py:Stories?long_prompts=drop"))[1]
    plain = make("own.py:Stories")
    drawn, before = (list(e.problems(200, split="test")) for e in (env, plain))
    assert all(len(p.text) < ROOM and p.split == "test" for p in drawn)
    kept = [(new, old) for new, old in zip(drawn, before) if len(old.text) < ROOM]
    assert 120 < len(kept) < 180  # three in four of 200
    assert all(new == old for new, old in kept)
    assert drawn == list(env.problems(200, split="test"))


def test_what_is_met_only_later_is_told_with_its_place(experiment):
    env = fitted_env(experiment("own.py:Stories"))[1]
    with pytest.raises(ValueError, match=r"stories.*tokens, and the policy has room for 48; long_prompts=drop"):
        list(env.problems(100))


def test_a_length_limit_that_fills_the_context_is_told(experiment):
    with pytest.raises(UserError, match=r"rl.sampling.max_new_tokens is 64, and the model's context is 64"):
        check_lengths(experiment(overrides=["rl.sampling.max_new_tokens=64"]))


def test_solutions_longer_than_completions_may_be_are_told(experiment, capsys):
    # "999 + 999 = 1998" and "#### 1998": 26 characters and the end; even "1 + 1 = 2", "#### 2" has 17 tokens
    check_lengths(experiment("own.py:Stories?long_prompts=drop"))
    told = capsys.readouterr().err
    assert (
        "warning: rl.sampling.max_new_tokens is 16, and 32 of 32 worked solutions of train problems are longer" in told
    )
    assert "warning: evaluation.sampling.max_new_tokens is 16, and 32 of 32 worked solutions of test problems" in told


def test_a_template_and_a_room_of_a_mixture_are_those_of_its_parts(experiment):
    config = experiment(
        overrides=["env={name: mixture, template: question, long_prompts: drop, parts: {own.py:Stories: 1}}"]
    )
    env = fitted_env(config)[1]
    for problem in (*env.problems(40), *(env.stream_problem(env.task_streams((1,))[0], i) for i in range(40))):
        assert problem.text.startswith("Question: What is")
        assert len(problem.text) < ROOM


def test_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="long_prompts is 'trim', expected one of refuse, drop, cut"):
        make("addition", long_prompts="trim")


def test_stop_texts_that_stand_in_worked_solutions_are_told(experiment, capsys):
    stops = ["rl.sampling.stop=['####', 'Question:']", "evaluation.sampling.stop=['14']"]
    check_lengths(experiment(overrides=stops))
    told = "".join(capsys.readouterr())
    assert "rl.sampling.stop has '####', which stands in 32 of 32 worked solutions" in told  # #### 14
    assert "Question:" not in told
    assert "evaluation.sampling.stop" not in told  # 14 ends a solution


def test_a_token_that_the_tokenizer_alone_has_is_refused():
    env = make("addition")
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=64), vocabulary=env.vocabulary(), seed=0)
    problems = [(env, env.problem(0))]
    check_vocabulary(policy, problems)
    size = policy.num_tokens
    policy.tokenizer.add_tokens([env.problem(0).text.split()[0]])  # it had the letters
    with pytest.raises(UserError, match=rf"writes token {size} .*, and the model has {size:,} tokens"):
        check_vocabulary(policy, problems)


def test_a_padding_token_without_a_row_is_not_used():
    env = make("addition")
    policy = build_tiny(TinyConfig(layers=1, hidden=16, heads=2, context=64), vocabulary=env.vocabulary(), seed=0)
    policy.tokenizer.add_special_tokens({"pad_token": "<another pad>"})
    assert policy.tokenizer.pad_token_id == policy.num_tokens
    assert CausalPolicy(policy.model, policy.tokenizer).pad_id == policy.stop_ids[0]
