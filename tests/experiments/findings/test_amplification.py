"""The replicator law on rollouts whose shares are set by hand, and on a process that obeys it exactly."""

from __future__ import annotations

import math

import pytest

from envs.types import Problem
from experiments.findings.amplification import Mixture, amplification, explained, mixtures, rl_gains, rounds_of
from policies.types import Completion, FinishReason
from rl.rollouts.log import RolloutLog
from rl.types import Group, Trajectory
from verifiers.types import Outcome, StepVerdict, Verdict

LEVEL = 3


def trajectory(uid, is_written_out, is_right):
    sizes = (1,) * LEVEL if is_written_out else (1, 2)
    steps = [StepVerdict((i, i + 1), True, size) for i, size in enumerate(sizes)]
    steps.append(StepVerdict((9, 10), is_right, is_conclusion=True))
    verdict = Verdict(Outcome.CORRECT if is_right else Outcome.WRONG, float(is_right), "1").judged(tuple(steps))
    return Trajectory(
        uid, Problem("p", "1", level=LEVEL), (1,), Completion((2,), (-1.0,), "x", FinishReason.STOP), verdict
    )


def group(out, out_right, other, other_right):
    rows = [(True, i < out_right) for i in range(out)] + [(False, i < other_right) for i in range(other)]
    return Group(Problem("p", "1", level=LEVEL), tuple(trajectory(i, *row) for i, row in enumerate(rows)))


def test_a_mixture_is_counted_and_foretells_the_next_by_hand():
    found = mixtures([group(10, 8, 30, 2), group(10, 8, 30, 2)])
    assert found == {LEVEL: Mixture(20, 16, 60, 4)}
    assert found[LEVEL].share == 0.25
    assert found[LEVEL].predicted == 0.8  # .25 x .8 of .25 x .8 + .75 / 15
    assert found[LEVEL].log_odds == pytest.approx(math.log(20.5 / 60.5))


def test_half_right_others_give_the_law_of_the_paper():
    mixture = Mixture(200, 200, 600, 300)
    assert mixture.predicted == pytest.approx(2 * mixture.share / (1 + mixture.share))


def test_a_process_that_obeys_the_law_is_explained_whole_and_one_that_stands_still_is_not(tmp_path):
    obeys, still = RolloutLog(tmp_path / "obeys"), RolloutLog(tmp_path / "still")
    out = 40
    for number in range(4):
        obeys.write(number, [group(out, out, 1600 - out, (1600 - out) // 2)])
        still.write(number, [group(400 + number, 400, 1200 - number, 600)])
        out = round(1600 * 2 * out / (1600 + out))
    rows = rounds_of(obeys, [LEVEL])
    assert [row["round"] for row in rows] == [1, 2, 3]
    assert explained(rows) > 0.999
    assert explained(rounds_of(still, [LEVEL])) < 0
    assert rows[0]["gain"] == pytest.approx(math.log(2), abs=0.05)  # others are right half the time


def test_cells_that_say_nothing_are_left_out(tmp_path):
    log = RolloutLog(tmp_path)
    for number, cell in enumerate([(2, 2, 10, 5), (10, 0, 90, 0), (10, 0, 90, 9), (30, 3, 70, 7)]):
        log.write(number, [group(*cell)])  # too few; nothing right; nothing right that is written out
    assert rounds_of(log, [LEVEL]) == []
    assert explained([]) is None


def test_rl_is_measured_over_as_many_stretches(tmp_path):
    log = RolloutLog(tmp_path)
    for step in range(40):
        log.write(step, [group(10 + step, 5, 90 - step, 5)])
    gains = rl_gains(log, [LEVEL, 5], parts=4)
    assert [row["stretch"] for row in gains] == [1, 2, 3, 4]
    first = mixtures(g for step in range(5) for g in log.read(step).groups)[LEVEL].log_odds
    last = mixtures(g for step in range(35, 40) for g in log.read(step).groups)[LEVEL].log_odds
    assert sum(row["gain"] for row in gains) == pytest.approx(last - first)


def test_a_study_is_read_seed_by_seed(tmp_path):
    (tmp_path / "config.yaml").write_text(
        "name: s\nseeds: [0, 1]\nenv: {name: leaps, levels: [1, 3]}\npolicy: {tiny: {layers: 1}}\n"
        "arms: {rl: {method: rl, reward: verifier}, expert-iteration: {method: expert_iteration}}\n"
    )
    for seed in (0, 1):
        for arm, gain in (("expert-iteration", 20), ("rl", 40)):
            log = RolloutLog(tmp_path / f"seed-{seed}" / arm / "rollouts")
            for step in range(4):
                out = 20 + step * gain
                log.write(step, [group(out, out, 200 - out, (200 - out) // 2)])
    (row,) = amplification([tmp_path]).values()
    assert row["gain_first"]["seeds"] == 2
    assert 0 < row["gain_first"]["value"] < row["gain_rl"]["value"]
    assert [seed["seed"] for seed in row["seeds"]] == [0, 1]
