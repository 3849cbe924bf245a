"""Problems are identified by content, splits are decided by it, and problem i is a pure function of its key."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import Message, Problem, make
from envs.prompts import TEMPLATES, present
from envs.splits import split_of

settings.register_profile("loaded", deadline=None)  # other work may share the machine
settings.load_profile("loaded")

text = st.text(max_size=30)
messages = st.lists(st.builds(Message, st.sampled_from(["system", "user"]), text), min_size=1, max_size=3).map(tuple)
problems = st.builds(
    Problem,
    prompt=text | messages,
    answer=text,
    solution=st.lists(text, max_size=3).map(tuple),
    level=st.integers(0, 9),
    info=st.dictionaries(text, st.integers() | text | st.lists(st.integers(), max_size=2), max_size=3),
    canonical=text,
)


@given(problems)
def test_problems_survive_json_and_pickle(problem):
    assert Problem.from_json(json.loads(json.dumps(problem.to_json()))) == problem
    assert pickle.loads(pickle.dumps(problem)) == problem


@given(problems)
def test_identity_ignores_where_a_problem_came_from(problem):
    assert replace(problem, env="other", split="test", index=7, level=3, solution=("x",)).id == problem.id


def test_identity_is_the_hash_of_the_prompt():
    # sha256 of the JSON text ["1 + 1"], by hashlib alone
    import hashlib

    assert Problem("1 + 1", "2").id == hashlib.sha256(b'["1 + 1"]').hexdigest()[:16]


@pytest.mark.parametrize("template", ["", *TEMPLATES, "Q: {question} A:"])
def test_a_template_changes_the_prompt_and_not_the_problem(template):
    plain, dressed = make("countdown"), make("countdown", template=template)
    a, b = plain.problem(3), dressed.problem(3)
    assert a.id == b.id
    assert a.text in b.text
    assert (a.prompt == b.prompt) == (template == "")


def test_a_template_without_the_question_is_refused():
    with pytest.raises(ValueError, match="question"):
        present(Problem("1 + 1", "2"), "no field")


def test_braces_in_a_question_survive_a_template():
    assert present(Problem(r"\frac{1}{2}", "1/2"), "question").text == "Question: \\frac{1}{2}\nAnswer:"


@pytest.mark.parametrize("template", ["", "instruct", "chat", "system"])
def test_shots_are_worked_examples_before_the_question_and_never_the_problem_itself(template):
    env = make("arithmetic_chain", shots=2, template=template)
    first, second = make("arithmetic_chain").problem(0), make("arithmetic_chain").problem(1)
    problem, plain = env.problem(0, split="test"), make("arithmetic_chain").problem(0, split="test")
    assert problem.id == plain.id
    parts = [problem.prompt] if isinstance(problem.prompt, str) else [m.content for m in problem.prompt]
    text = "\n".join(parts)
    order = [text.index(each) for each in (first.text, f"#### {first.answer}", second.text, plain.text)]
    assert order == sorted(order)
    assert f"#### {plain.answer}" not in text.replace(f"#### {first.answer}", "").replace(f"#### {second.answer}", "")
    assert env.problem(0).text.count(first.text) == 1  # of its own examples only the other is shown


def test_messages_of_shots_take_turns_and_end_with_the_question():
    problem = make("arithmetic_chain", shots=2, template="chat", system="Be brief.").problem(0, split="test")
    assert [m.role for m in problem.prompt] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert problem.prompt[0].content == "Be brief."


def test_a_template_asks_for_the_mark_that_the_environment_reads():
    env = make("leaps", template="chat")
    assert "holds # and then" in env.problem(0).prompt[-1].content
    assert "holds #### and then" in make("addition", template="instruct").problem(0).text


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"shots": -1}, "shots"), ({"shots": "2"}, "shots"), ({"system": 3}, "system"), ({"template": None}, "template")],
)
def test_prompting_settings_are_checked(settings, told):
    with pytest.raises(ValueError, match=f"{told} is .*, expected"):
        make("addition", **settings)


def test_a_system_message_needs_messages():
    with pytest.raises(ValueError, match="use template 'chat'"):
        make("addition", system="Be brief.", template="instruct").problem(0)


def test_problem_i_is_a_pure_function_of_its_key():
    env = make("linear_equations")
    stream = list(env.problems(20, split="test", seed=5))
    assert [env.problem(i, split="test", seed=5) for i in reversed(range(20))] == stream[::-1]
    assert [p.index for p in stream] == list(range(20))


def test_other_seeds_give_other_problems_not_shifted_ones():
    env = make("linear_equations", levels="3")
    first = {p.id for p in env.problems(300, seed=0)}
    second = {p.id for p in env.problems(300, seed=1)}
    assert len(first & second) < 30  # the reasoning-gym seed shift would share 299


@pytest.mark.parametrize("name", ["leaps", "countdown", "linear_systems", "word_problems"])
def test_splits_share_nothing_whatever_the_seeds(name):
    env = make(name)
    train = {p.id for p in env.problems(400, split="train", seed=0)}
    test = {p.id for p in env.problems(100, split="test", seed=123)}
    validation = {p.id for p in env.problems(100, split="validation", seed=9)}
    assert not train & test
    assert not train & validation
    assert not test & validation


def test_about_ninety_percent_of_the_space_is_for_training():
    env = make("leaps")
    import random

    rng = random.Random(0)
    share = sum(split_of(env.generate(rng, 4)) == "train" for _ in range(2000)) / 2000
    assert 0.88 < share < 0.92  # 3 standard errors of sqrt(.9 * .1 / 2000) = 0.0067


def test_unknown_splits_and_levels_are_named():
    env = make("leaps")
    with pytest.raises(ValueError, match="train, validation, test"):
        env.problem(0, split="dev")
    with pytest.raises(ValueError, match="no level 99"):
        env.problem(0, level=99)


def test_importing_envs_is_light():
    heavy = ("torch", "ray", "transformers", "trl", "datasets", "sympy")
    code = f"import sys, envs; envs.make('linear_equations'); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
