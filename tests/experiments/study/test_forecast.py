"""Predictions worked by hand, and where their rates come from."""

import pytest
from typer.testing import CliRunner

from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.study.forecast.model import Load, Machines, Rates, predict
from experiments.study.forecast.rates import rates_of_rows, rates_of_sheet
from experiments.study.plan import print_plan

RATES = Rates(
    sample=0.01, grade=0.05, learn=0.001, publish=0.1, rest=0.02, completion_tokens=10, prompt_tokens=5, source="hand"
)
LOAD = Load(problems=8, group_size=4, shard_size=2, steps=100)  # 32 completions in 4 shards of 8

# A shard is written in 8 x 10 x .01 = .8 s and graded in 8 x .05 = .4 s; the update takes 32 x 15 x .001 = .48 s.


@pytest.mark.parametrize(
    ("workers", "step"),
    [
        (1, 4 * 0.8 + 0.4 + 0.48 + 0.12),  # four shards after one another; the last one's verdicts are waited for
        (2, 2 * 0.8 + 0.4 + 0.48 + 0.12),
        (3, 2 * 0.8 + 0.4 + 0.48 + 0.12),  # one of three works twice
        (4, 0.8 + 0.4 + 0.48 + 0.12),
        (9, 0.8 + 0.4 + 0.48 + 0.12),  # five have nothing to do
    ],
)
def test_the_step_is_that_of_the_shards_after_one_another(workers, step):
    found = predict(RATES, LOAD, Machines(workers))
    assert found.step_seconds == pytest.approx(step)
    assert sum(found.parts.values()) == pytest.approx(step)
    assert found.run_hours == pytest.approx(100 * step / 3600)
    assert found.worker_idle == pytest.approx(1 - 4 * 0.8 / (workers * step))


def test_grading_slower_than_writing_sets_the_pace_and_is_named():
    slow = Rates(0.01, 0.2, 0.001, 0.1, 0.02, 10, 5)  # a shard is graded in 1.6 s, written in .8 s
    found = predict(slow, LOAD, Machines(1))
    assert found.step_seconds == pytest.approx(0.8 + 3 * 1.6 + 1.6 + 0.48 + 0.12)
    assert found.bottleneck.startswith("verification")


def test_sampling_ahead_takes_the_longer_of_both_sides():
    ahead = Load(8, 4, 2, 100, is_ahead=True)
    assert predict(RATES, ahead, Machines(1)).step_seconds == pytest.approx(3.6)
    assert predict(RATES, ahead, Machines(1)).bottleneck.startswith("sampling")
    learning = Rates(0.01, 0.05, 0.01, 0.1, 0.02, 10, 5)
    assert predict(learning, ahead, Machines(1)).step_seconds == pytest.approx(4.8 + 0.12)
    assert predict(learning, ahead, Machines(1)).bottleneck.startswith("learning")


def test_cost_is_hours_times_what_is_paid_for():
    found = predict(RATES, LOAD, Machines(workers=4, learners=2, paid=6, price=3.0))
    hours = 100 * (0.8 + 0.4 + 0.48 / 1.8 + 0.12) / 3600  # two devices do the work of 1.8
    assert found.cost == pytest.approx(hours * 6 * 3.0)


def test_lengths_and_sizes_scale_what_depends_on_them():
    longer = predict(RATES.at_length(20), LOAD, Machines(4))
    assert longer.step_seconds == pytest.approx(1.6 + 0.4 + 32 * 25 * 0.001 + 0.12)
    larger = predict(RATES.of_size(3), LOAD, Machines(4))
    assert larger.step_seconds == pytest.approx(2.4 + 0.4 + 3 * 0.48 + 0.3 + 0.02)


def step(generate, update, *, total=10.0):
    return {
        "time/step_seconds": total,
        "time/rollout_seconds": 5.0,
        "time/update_seconds": update,
        "time/publish_seconds": 0.5,
        "time/worker_generate_seconds": generate,
        "time/worker_grade_seconds": 0.64,
        "completion/tokens_mean": 10.0,
        "learner/batch_tokens": 32 * 16.0,
    }


def test_rates_are_medians_of_the_steps_after_the_first():
    rows = [step(99.0, 99.0), step(3.2, 2.0), step(3.2, 2.0), step(64.0, 2.0), {"eval/mean_answer": 0.5}]
    rates = rates_of_rows(rows, 32, "here")
    assert rates.sample == pytest.approx(3.2 / 320)
    assert rates.grade == pytest.approx(0.02)
    assert rates.learn == pytest.approx(2.0 / 512)
    assert (rates.publish, rates.rest) == (0.5, pytest.approx(2.5))
    assert (rates.completion_tokens, rates.prompt_tokens) == (10.0, pytest.approx(6.0))


def test_rows_without_a_step_are_refused_with_what_to_give():
    with pytest.raises(UserError, match="holds no step of an RL arm"):
        rates_of_rows([{"eval/mean_answer": 0.5}], 32, "runs/x")


def test_a_sheet_rate_is_the_reading_of_the_weights_and_six_flop_a_token():
    # h100, 7e9 parameters: 14e9 bytes over 3.35e12 x .4 B/s for 256 rows; 56e9 FLOP over 989e12 x .35 FLOP/s
    rates = rates_of_sheet("h100", 7e9, completion_tokens=500, prompt_tokens=200)
    assert rates.sample == pytest.approx(14e9 / 1.34e12 / 256)
    assert rates.learn == pytest.approx(56e9 / 346.15e12)
    assert "not measured" in rates.source
    with pytest.raises(UserError, match="a100, h100"):
        rates_of_sheet("tpu", 7e9, completion_tokens=1, prompt_tokens=1)


def run(*arguments):
    from experiments.__main__ import app

    return CliRunner().invoke(app, ["plan", *arguments])


def test_the_command_prints_step_bottleneck_and_assumptions():
    shown = run("gsm8k", "--device", "h100", "--parameters", "5e8", "--workers", "7", "--gpus", "8", "--price", "2")
    assert shown.exit_code == 0, shown.output
    for part in ("7 worker(s), 1 learning device(s)", "bottleneck", "assumes", "not measured", "at 2 per hour x 8"):
        assert part in shown.output


def test_a_plan_is_measured_on_the_spot():
    small = ["-s", "rl.problems_per_step=4", "-s", "rl.group_size=2", "-s", "rl.sampling.max_new_tokens=8"]
    shown = run("smoke", *small)
    assert shown.exit_code == 0, shown.output
    assert "measured here" in shown.output


@pytest.mark.parametrize("name", ["one-gpu", "eight-gpus", "many-nodes"])
def test_recipes_are_accepted_by_check(name, capsys):
    print_plan(load_experiment([name]))
    assert "grpo against verifier" in capsys.readouterr().out
