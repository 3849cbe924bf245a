"""A demonstrator that is several writers: shares, names, coverage; in environments, mixtures and conversations."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from envs import make
from envs.demonstrators.base import Demonstrator, StepDemonstrator
from envs.demonstrators.writers import Writers, make_demonstrator, who_writes
from envs.leaps import LeapDemonstrator
from rl.imitation.demonstrations import (
    DemonstrationSource,
    count_writers,
    load_demonstrations,
    measure_demonstrator,
    save_demonstrations,
)

LEAPING_AND_PATIENT = {"leaping": 0.9, "patient": {"share": 0.1, "size_law": [[99, [1.0]]]}}


def test_shares_are_those_of_the_demonstrations_also_with_unequal_coverage() -> None:
    env = make("leaps")
    writers = {"beginner": {"share": 0.25, "max_level": 1}, "expert": 0.75}
    source = DemonstrationSource(env, make_demonstrator(env, writers=writers, error_rate=0.0), single_step_share=0.3)
    written = source.write(2000)
    assert count_writers(written)["beginner"] / 2000 == pytest.approx(0.25, abs=0.03)  # standard error .0097
    own = [d.problem.level for d in written if not d.is_single_step and d.writer == "beginner"]
    assert set(own) == {1}
    assert {d.problem.level for d in written if not d.is_single_step and d.writer == "expert"} == {1, 2, 3, 4, 5, 6}


def test_each_writer_has_its_own_step_sizes_and_errors() -> None:
    env = make("leaps")
    writers = {"leaping": {"share": 0.5, "size_law": [[99, [0, 1.0]]]}, "patient": {"share": 0.5, "error_rate": 0.5}}
    demonstrator = make_demonstrator(env, writers=writers, error_rate=0.0, size_law=[[99, [1.0]]])
    problem = env.problem(0, level=4)
    lines: dict[str, set[int]] = {"leaping": set(), "patient": set()}
    right: dict[str, list[bool]] = {"leaping": [], "patient": []}
    for seed in range(300):
        rng = random.Random(seed)
        name, writer = who_writes(demonstrator, problem, rng)
        verdict = env.grade(problem, writer.write(problem, rng))
        lines[name] |= {step.size for step in verdict.worked_steps}
        right[name].append(verdict.parts["answer"] == 1)
    assert lines == {"leaping": {2}, "patient": {1}}
    assert all(right["leaping"])
    # without a slip .5^4 = .0625, and some products by zero or equal values come out right all the same
    assert sum(right["patient"]) / len(right["patient"]) < 0.25


def test_a_problem_that_one_writer_covers_is_written_by_that_writer() -> None:
    env = make("arithmetic_chain")
    demonstrator = make_demonstrator(env, writers={"beginner": {"share": 0.9, "max_level": 1}, "expert": 0.1})
    assert demonstrator.levels == tuple(env.levels)
    high, low = env.problem(0, level=max(env.levels)), env.problem(0, level=1)
    names = Counter(who_writes(demonstrator, high, random.Random(i))[0] for i in range(50))
    assert set(names) == {"expert"}
    # at level 1: .9 over 1 level against .1 over all levels
    expected = 0.9 / (0.9 + 0.1 / len(env.levels))
    found = sum(who_writes(demonstrator, low, random.Random(i))[0] == "beginner" for i in range(2000)) / 2000
    assert found == pytest.approx(expected, abs=0.02)


def test_measured_together_and_one_by_one() -> None:
    env = make("leaps")
    writers = {"careful": {"share": 0.75, "error_rate": 0.0}, "careless": {"share": 0.25, "error_rate": 0.2}}
    demonstrator = make_demonstrator(env, writers=writers)
    problems = [env.problem(i, split="test", level=2) for i in range(300)]
    lines = {line.writer: line.accuracy for line in measure_demonstrator(env, demonstrator, problems, repeats=4)}
    assert lines["careful"] == 1.0
    # (1 - .2)^2 = .64, and two slips that cancel: .2^2 / 30 and a factor of 0 aside
    assert lines["careless"] == pytest.approx(0.64, abs=0.04)
    assert lines[None] == pytest.approx(0.75 + 0.25 * lines["careless"], abs=0.04)


def test_who_wrote_it_survives_a_file(tmp_path: Any) -> None:
    env = make("leaps")
    written = DemonstrationSource(env, make_demonstrator(env, writers=LEAPING_AND_PATIENT)).write(40)
    save_demonstrations(written, tmp_path / "demos.jsonl")
    assert load_demonstrations(tmp_path / "demos.jsonl") == written
    assert {d.writer for d in written} == {"leaping", "patient"}
    single = DemonstrationSource(env, make_demonstrator(env)).write(5)
    assert {d.writer for d in single} == {None}
    assert count_writers(single) == {}


def test_one_writer_is_the_environments_own_demonstrator() -> None:
    env = make("leaps")
    assert type(make_demonstrator(env, error_rate=0.1)) is LeapDemonstrator


def test_writers_of_a_mixture_of_environments() -> None:
    env = make("mixture", parts={"leaps": 1, "countdown": 1})
    both = make_demonstrator(env, writers={"plain": 0.5, "short": {"share": 0.5, "styles": {"terse": 1.0}}})
    names = Counter((d.writer, d.problem.info["part"]) for d in DemonstrationSource(env, both).write(200))
    assert set(names) == {(w, p) for w in ("plain", "short") for p in ("leaps", "countdown")}
    one = env.demonstrator(parts={"leaps": {"writers": LEAPING_AND_PATIENT}})
    written = DemonstrationSource(env, one).write(300)
    assert {d.writer for d in written if d.problem.info["part"] == "countdown"} == {None}
    assert {d.writer for d in written if d.problem.info["part"] == "leaps"} == {"leaping", "patient"}
    nested = make_demonstrator(env, writers={"a": {"share": 1.0, "parts": {"leaps": {"writers": LEAPING_AND_PATIENT}}}})
    assert {d.writer for d in DemonstrationSource(env, nested).write(300)} == {"a", "a/leaping", "a/patient"}


def test_writers_of_conversations() -> None:
    env = make("guess_number")
    demonstrator = make_demonstrator(env, writers={"able": 0.5, "lost": {"share": 0.5, "horizon": 1}})
    written = DemonstrationSource(env, demonstrator, single_step_share=0.0).write(60)
    turns = {w: max(len(d.transcript or ()) for d in written if d.writer == w) for w in ("able", "lost")}
    assert turns["lost"] < turns["able"]


def test_a_demonstrator_of_ones_own_is_mixed_too() -> None:
    class Mine:
        levels = (1,)

        def covers(self, problem: Any) -> bool:
            return problem.level == 1

        def write(self, problem: Any, rng: random.Random) -> str:
            return "mine"

    env = make("arithmetic_chain")
    others: dict[str, Demonstrator] = {"mine": Mine(), "other": StepDemonstrator(env)}
    demonstrator = Writers(env, others, {"mine": 0.5, "other": 0.5})
    written = DemonstrationSource(env, demonstrator, single_step_share=0.0).write(100)
    assert all((d.response == "mine") == (d.writer == "mine") for d in written)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"writers": {}}, "writers is {}, expected name -> share"),
        ({"writers": {"a": 0.5, "b": 0.4}}, r"sum to 0.9 \(a 0.5, b 0.4\), expected 1"),
        ({"writers": {"a": 1.0, "b": 0.0}}, "'b' has share 0.0, expected a number in"),
        ({"writers": {"a": {"error_rate": 0.1}}}, "'a' has no share, only error_rate"),
        ({"writers": {"a": {"share": 1, "error_rate": 2}}}, "writer 'a': error_rate is 2"),
        ({"writers": {"a": {"share": 1, "styles": {"wordy": 1}}}}, "writer 'a': no style is called 'wordy'"),
        ({"writers": {"a": "half"}}, "'a' has share 'half'"),
        ({"size_law": []}, "size_law is empty"),
    ],
)
def test_errors_say_what_was_given(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_demonstrator(make("leaps"), **settings)


def test_beyond_the_last_row_of_a_size_law_the_last_holds() -> None:
    env = make("leaps")
    problem = env.problem(0, split="test", level=7)
    text = make_demonstrator(env, error_rate=0.0, size_law=[[6, [1.0]]]).write(problem, random.Random(0))
    assert [step.size for step in env.grade(problem, text).worked_steps] == [1] * 7
    chain = make("arithmetic_chain")
    top = chain.problem(0, level=max(chain.levels))
    assert make_demonstrator(chain, size_law=[[1, [1.0]]]).write(top, random.Random(0)).count("\n") == len(top.solution)


def test_leaps_have_horizon_and_terse_style() -> None:
    env = make("leaps")
    problem = env.problem(0, level=4)
    short = make_demonstrator(env, error_rate=0.0, horizon=2, size_law=[[9, [1.0]]]).write(problem, random.Random(0))
    assert [step.size for step in env.grade(problem, short).worked_steps] == [1, 1]
    terse = make_demonstrator(env, error_rate=0.0, styles={"terse": 1.0}).write(problem, random.Random(0))
    assert terse == f"# {problem.answer}"
