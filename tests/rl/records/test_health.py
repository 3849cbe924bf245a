"""Warnings: each trouble is told when it begins, and a resumed run warns as the undisturbed one."""

from __future__ import annotations

import json
import re

import pytest

from rl.records.health import Health, HealthLimits, WorkerWatch
from rl.workers import WorkerHealth, WorkerState

FINE = {
    "reward/mean": 0.5,
    "gold/correct": 0.5,
    "groups/no_signal": 0.3,
    "groups/all_right": 0.2,
    "groups/all_wrong": 0.1,
    "finish/length": 0.02,
    "outcome/error": 0.0,
    "outcome/timeout": 0.005,
    "policy/entropy": 0.8,
    "policy/kl": 3.0,
    "policy/staleness_max": 0.0,
    "mismatch/logprob_abs_diff": 1e-6,
}


def test_a_healthy_step_says_nothing():
    assert Health(HealthLimits(kl=10)).check(FINE) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"groups/no_signal": 0.85, "groups/all_wrong": 0.8}, "85% of groups have no advantage .*80% all wrong"),
        ({"finish/length": 0.11}, "11% of completions are truncated"),
        ({"outcome/error": 0.006}, r"1\.1% of completions"),  # 0.006 errors + 0.005 time-outs
        ({"policy/entropy": 0.01}, "entropy has collapsed"),
        ({"policy/kl": 11.0}, "over its limit of 10"),
        ({"mismatch/logprob_abs_diff": 0.06}, "sampler and learner disagree"),
    ],
)
def test_a_trouble_is_told_once_until_it_comes_again(change, words):
    health = Health(HealthLimits(kl=10, calm_steps=3))
    messages = health.check({**FINE, **change})
    assert len(messages) == 1
    assert re.search(words, messages[0])
    assert health.check({**FINE, **change}) == []
    for _ in range(3):
        assert health.check(FINE) == []
    assert len(health.check({**FINE, **change})) == 1


def test_a_number_that_crosses_its_limit_again_and_again_is_one_episode():
    health = Health()
    said = [m for i in range(200) for m in health.check({**FINE, "groups/no_signal": 0.85 if i % 7 else 0.75})]
    assert len(said) == 1
    assert health.check(FINE) == []  # the first of twenty calm steps
    said = [m for i in range(60) for m in health.check({**FINE, "groups/no_signal": 0.85 if i in (18, 50) else 0.5})]
    assert len(said) == 1  # at 18 the episode was not over; at 50 it was


def test_held_out_accuracy_counts_before_that_of_the_training_problems():
    def told(held_out, gold):
        health = Health(HealthLimits(window=5, evaluations=2))
        said = []
        for i in range(20):
            said += health.check({**FINE, "reward/mean": i / 20, "gold/correct": gold(i)})
            if i % 3 == 2:
                health.held_out(held_out(i))
        return said

    down, flat = (lambda i: 0.9 - i / 40), (lambda i: 0.5)
    said = told(down, flat)
    assert len(said) == 1
    assert "held-out gold accuracy falls over the last 4 evaluations" in said[0]
    assert told(flat, down) == []  # the curriculum may have moved to harder problems


def test_old_samples_may_differ_from_the_learner():
    assert Health().check({**FINE, "mismatch/logprob_abs_diff": 0.5, "policy/staleness_max": 1.0}) == []


def drift(health, steps, *, reward, gold):
    return [m for i in range(steps) for m in health.check({**FINE, "reward/mean": reward(i), "gold/correct": gold(i)})]


def test_reward_that_rises_while_gold_falls_is_over_optimisation():
    limits = HealthLimits(window=5)
    up, down = (lambda i: i / 10), (lambda i: 0.9 - i / 20)
    assert any("exploiting" in message for message in drift(Health(limits), 12, reward=up, gold=down))
    assert drift(Health(limits), 12, reward=up, gold=up) == []
    assert drift(Health(limits), 12, reward=down, gold=down) == []
    assert drift(Health(limits), 9, reward=up, gold=down) == []  # two windows are not full yet


def test_its_memory_goes_through_a_checkpoint():
    limits = HealthLimits(window=3)
    whole, first = Health(limits), Health(limits)
    rows = [{**FINE, "reward/mean": i / 10, "gold/correct": 0.9 - i / 10, "finish/length": 0.5} for i in range(8)]
    expected = [whole.check(row) for row in rows]
    said = [first.check(row) for row in rows[:4]]
    second = Health(limits)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert said + [second.check(row) for row in rows[4:]] == expected
    assert sum(map(len, expected)) == 2


def test_replaced_workers_are_told_calmly_and_a_worker_that_is_given_up_at_once():
    def row(name, restarts, state=WorkerState.HEALTHY):
        return WorkerHealth(name, state, restarts=restarts, last_error=f"killed {restarts}")

    watch = WorkerWatch()
    assert watch.check([row("a", 0), row("b", 0)]) == []
    assert watch.check([row("a", 1), row("b", 0)]) == ["a died and was replaced, once so far; last: killed 1"]
    told = [message for n in range(1, 20) for message in watch.check([row("a", n), row("b", 0)])]
    assert [re.search(r"(\d+) times", message)[1] for message in told] == ["2", "4", "8", "16"]
    (message,) = watch.check([row("a", 19), row("b", 0, WorkerState.RETIRED)])
    assert message == "b is given up, 1 of 2 left; last: killed 0"
    assert watch.check([row("a", 19), row("b", 0, WorkerState.RETIRED)]) == []


def levels(success: dict[int, float], **faults: float) -> dict[str, float]:
    """Metrics of a step by level; the faults are those of level 5."""
    found = {f"gold/solution/level/{level}": share for level, share in success.items()}
    return {**FINE, **found, **{f"gold/fault/{name}/level/5": share for name, share in faults.items()}}


def told_of_a_climb(top: float, **faults: float) -> list[str]:
    """What is said while level 4 climbs from .1 to .9 in 40 steps and level 5 ends at `top`."""
    health = Health()
    rows = (levels({4: 0.1 + 0.02 * i, 5: top * i / 40}, **faults) for i in range(41))
    return [message for row in rows for message in health.check(row) if "level 5" in message]


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"conclusion": 0.7, "step": 0.3}, "70% of its completions announce an answer that does not follow.*too early"),
        ({"conclusion": 0.1, "length": 0.9}, "90% of its completions are cut off.*max_new_tokens"),
        ({"step": 0.8, "step_number": 2.5, "step_size": 3.0}, r"number 2\.5, carrying out 3\.0 operations"),
    ],
)
def test_a_level_that_stalls_while_another_moves_is_told_once_with_the_reason(faults, words):
    # level 4 at steps 0 to 19: .1 to .48, mean .29; at 20 to 39: .5 to .88, mean .69
    (message,) = told_of_a_climb(0.0, **{"length": 0.0, **faults})
    assert re.search("level 5 stays at 0.0% right solutions while level 4 went from 29% to 69%", message)
    assert re.search(words, message)


def test_a_level_that_begins_to_move_is_not_stalled():
    assert told_of_a_climb(0.2) == []  # the mean of its later half is .15, over .05


def test_nothing_stalls_where_nothing_moves_or_a_level_is_hardly_asked():
    health = Health()
    still = [m for _ in range(60) for m in health.check(levels({4: 0.9, 5: 0.0}, length=1.0))]
    assert still == []
    health = Health()
    rows = [levels({4: 0.1 + 0.02 * i} | ({5: 0.0} if i % 3 == 0 else {}), length=1.0) for i in range(41)]
    assert [m for row in rows for m in health.check(row)] == []


def test_a_resumed_run_remembers_the_levels():
    whole, first, second = Health(), Health(), Health()
    rows = [levels({4: 0.1 + 0.02 * i, 5: 0.0}, length=1.0) for i in range(41)]
    expected = [whole.check(row) for row in rows]
    said = [first.check(row) for row in rows[:30]]
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert said + [second.check(row) for row in rows[30:]] == expected
    assert sum(map(len, expected)) == 1
