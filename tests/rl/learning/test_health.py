"""Warnings: each trouble is told when it begins, and a resumed run warns as the undisturbed one."""

from __future__ import annotations

import json
import re

import pytest

from rl.health import Health, HealthLimits

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
    health = Health(HealthLimits(kl=10))
    messages = health.check({**FINE, **change})
    assert len(messages) == 1
    assert re.search(words, messages[0])
    assert health.check({**FINE, **change}) == []
    assert health.check(FINE) == []
    assert len(health.check({**FINE, **change})) == 1


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
