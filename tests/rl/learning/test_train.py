"""The loop: it learns, it records gold beside the reward, it stops when told, and it says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from policies.types import Sampling
from rl.algorithms import make
from rl.algorithms.grpo import Grpo
from rl.learning.checkpoint import Checkpoints
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.records.names import is_known
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.rollouts.wait import WaitStopped
from rl.train import Training, TrainSettings
from rl.workers.types import WorkersLost

pytestmark = pytest.mark.learning

SETTINGS = TrainSettings(
    steps=40, rollouts=RolloutSettings(problems_per_step=8, group_size=8, sampling=Sampling(max_new_tokens=2))
)


def run(world, *, algorithm="grpo", reward=None, settings=SETTINGS, lr=1e-2, recorder=None, **others):
    policy = world.policy()
    chosen = make(algorithm) if isinstance(algorithm, str) else algorithm
    learner = Learner(
        Models(policy, value_model=make_value_model(chosen, policy)), chosen, LearnerSettings(OptimizerSettings(lr=lr))
    )
    recorder = recorder or SilentRecorder()
    parts = {"workers": world.Workers(world.policy()), "problems": world.Problems(), **others}
    result = Training(
        learner=learner, reward=reward or VerifierReward(), settings=settings, recorder=recorder, **parts
    ).run()
    return learner, recorder, result


def gold(recorder):
    return [values["gold/correct"] for _, _, values in recorder.rows if "gold/correct" in values]


LEARNING = replace(
    SETTINGS, steps=25, rollouts=replace(SETTINGS.rollouts, sampling=Sampling(max_new_tokens=1))
)  # one token: right by chance 1 in 8


def test_a_step_says_what_it_is_at(world):
    class Told(SilentRecorder):
        told = ()

        def doing(self, stage, what):
            self.told = (*self.told, what)

    recorder = Told()
    run(world, settings=replace(SETTINGS, steps=1), recorder=recorder)
    assert recorder.told[-2:] == ("sampled 8 of 8 problems", "updating on 64 completions")


@pytest.mark.parametrize("algorithm", ["grpo", "dr_grpo", "rloo", "reinforce", "ppo"])
def test_the_policy_learns_to_repeat_a_letter(world, algorithm):
    lr = 3e-3 if algorithm == "ppo" else 1e-2  # PPO takes four optimizer steps per update
    _, recorder, result = run(world, algorithm=algorithm, settings=LEARNING, lr=lr)
    curve = gold(recorder)
    assert sum(curve[:3]) / 3 < 0.35
    assert sum(curve[-5:]) / 5 > 0.9
    assert (result.reason, result.steps) == ("done", 25)


def test_a_flipped_reward_does_not_teach_it(world):
    _, recorder, _ = run(world, reward=VerifierReward({"correct": -1.0}), settings=LEARNING)
    assert sum(gold(recorder)[-5:]) / 5 < 0.05


def test_gold_is_recorded_beside_a_reward_that_ignores_it(world):
    settings = replace(SETTINGS, steps=2)
    _, recorder, _ = run(world, reward=VerifierReward({"tokens": -0.5}), settings=settings)
    _, step, metrics = recorder.rows[0]
    assert step == 1
    assert metrics["reward/mean"] == pytest.approx(-0.5 * metrics["completion/tokens_mean"])
    assert 0 <= metrics["gold/correct"] < 0.6
    assert metrics["reward/part/tokens"] == pytest.approx(metrics["reward/mean"])


def test_verdicts_are_counted_where_the_reward_or_the_curriculum_reads_them(world):
    class Blind(world.Problems):
        def observe(self, groups):
            pass

    settings, form = replace(SETTINGS, steps=2), VerifierReward({"tokens": -0.5})
    for reward, problems, expected in (
        (form, Blind(), 0),
        (form, world.Problems(), 64),  # it weighs letters by how often they were right: 8 problems x 8 completions
        (VerifierReward(), Blind(), 64),
        (VerifierReward(), world.Problems(), 64),
    ):
        _, recorder, _ = run(world, reward=reward, problems=problems, settings=settings)
        assert [values["gold/verdicts_read"] for _, _, values in recorder.rows] == [expected, expected]


def test_every_metric_is_in_the_one_list(world):
    settings = replace(SETTINGS, steps=2, evaluate_every=1)
    _, recorder, _ = run(world, settings=settings, evaluate=lambda step: {"solution": 0.5})
    names = {name for _, _, values in recorder.rows for name in values}
    assert [name for name in names if not is_known(name)] == []
    assert {"eval/solution", "time/update_seconds", "mismatch/logprob_abs_diff", "policy/entropy"} <= names


def test_sampler_and_learner_agree_on_policy(world):
    _, recorder, _ = run(world, settings=replace(SETTINGS, steps=3))
    assert all(values["mismatch/logprob_abs_diff_max"] < 1e-4 for _, _, values in recorder.rows)
    assert all(values["policy/ratio_mean"] == pytest.approx(1, abs=1e-5) for _, _, values in recorder.rows)
    assert all(values["policy/staleness_max"] == 0 for _, _, values in recorder.rows)


def test_two_runs_of_one_seed_are_one_run(world):
    one, first, _ = run(world, settings=replace(SETTINGS, steps=4))
    two, second, _ = run(world, settings=replace(SETTINGS, steps=4))
    assert gold(first) == gold(second)
    for a, b in zip(one.policy.model.parameters(), two.policy.model.parameters()):
        assert torch.equal(a, b)


def test_the_size_of_shards_changes_no_sample(world):
    _, whole, _ = run(world, settings=replace(SETTINGS, steps=3, rollouts=replace(SETTINGS.rollouts, shard_size=8)))
    _, cut, _ = run(world, settings=replace(SETTINGS, steps=3, rollouts=replace(SETTINGS.rollouts, shard_size=3)))
    assert gold(whole) == gold(cut)


@dataclass(frozen=True)
class KeepsMixed(Grpo):
    """GRPO that replaces groups without signal, twice at most."""

    @property
    def max_resamples(self):
        return 2

    def filter_group(self, group):
        return group.has_signal


def test_groups_that_the_algorithm_refuses_are_replaced_by_other_problems(world):
    learner, recorder, _ = run(world, algorithm=KeepsMixed(), settings=replace(SETTINGS, steps=6))
    rows = [values for _, _, values in recorder.rows]
    assert any(values["groups/sampled"] > 8 for values in rows)
    for values in rows:
        kept = values["groups/kept"] * values["groups/sampled"]
        assert kept == pytest.approx(round(kept))
        assert kept <= 8
    assert learner.updates == 6


@dataclass(frozen=True)
class KeepsNone(KeepsMixed):
    """Refuses whatever it is given."""

    def filter_group(self, group):
        return False


def test_a_step_without_any_group_left_changes_no_weight_and_is_told(world):
    learner, recorder, result = run(world, algorithm=KeepsNone(), settings=replace(SETTINGS, steps=2))
    assert learner.updates == 0
    assert result.steps == 2
    told = [message for _, message in recorder.warnings if "no group was left" in message]
    assert [message.partition(":")[0] for message in told] == ["step 1", "step 2"]


class StopAfter(SilentRecorder):
    """Asks to stop once so many rows were recorded."""

    def __init__(self, rows):
        super().__init__()
        self.limit = rows

    def metrics(self, stage, step, values):
        super().metrics(stage, step, values)
        self.stop_requested = len(self.rows) >= self.limit


def test_a_request_to_stop_leaves_a_checkpoint_of_that_step(world, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    _, _, result = run(world, recorder=StopAfter(3), checkpoints=checkpoints)
    assert (result.steps, result.reason) == (3, "stopped")
    assert checkpoints.latest(pytest.fail).step == 3


class DyingWorkers:
    """Workers of which none is left at the third step."""

    def __init__(self, inner):
        self.inner = inner
        self.steps = set()

    def submit(self, shard):
        self.steps.add(shard.step)
        self.inner.submit(shard)

    def poll(self, timeout_seconds, wanted=None):
        if len(self.steps) == 3 and timeout_seconds > 0:
            raise WorkersLost("worker-0: out of memory")
        return self.inner.poll(timeout_seconds, wanted)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_losing_every_worker_leaves_a_checkpoint_of_the_last_update(world, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(WorkersLost):
        run(world, workers=DyingWorkers(world.Workers(world.policy())), checkpoints=checkpoints)
    assert checkpoints.latest(pytest.fail).step == 2
    whole, _, _ = run(world)
    resumed, _, result = run(world, checkpoints=checkpoints)
    assert result.reason == "done"
    assert all(torch.equal(a, b) for a, b in zip(whole.policy.model.parameters(), resumed.policy.model.parameters()))


class SilentFrom:
    """Workers that give no result any more from some submission on, and a recorder that is told to stop then."""

    def __init__(self, inner, recorder, is_silent):
        self.inner, self.recorder, self.is_silent = inner, recorder, is_silent

    def submit(self, shard):
        self.recorder.stop_requested = self.is_silent(shard)
        if not self.recorder.stop_requested:
            self.inner.submit(shard)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def test_a_request_to_stop_is_obeyed_while_nothing_comes_back(world, tmp_path, monkeypatch):
    monkeypatch.setattr("rl.rollouts.wait.STOP_SECONDS", 0.05)
    checkpoints, recorder = Checkpoints(tmp_path), SilentRecorder()
    workers = SilentFrom(world.Workers(world.policy()), recorder, lambda shard: shard.step == 2)
    _, _, result = run(world, workers=workers, checkpoints=checkpoints, recorder=recorder)
    assert (result.steps, result.reason) == (2, "stopped")
    assert any("waiting for 1 shard" in message for _, message in recorder.warnings)
    whole, _, _ = run(world)
    resumed, _, result = run(world, checkpoints=checkpoints)
    assert result.reason == "done"
    assert all(torch.equal(a, b) for a, b in zip(whole.policy.model.parameters(), resumed.policy.model.parameters()))


def test_an_evaluation_that_a_stop_interrupted_is_made_up_for_on_resume(world, tmp_path):
    settings, checkpoints = replace(SETTINGS, steps=4, evaluate_every=2), Checkpoints(tmp_path)

    def interrupted(step):
        raise WaitStopped("no result")

    _, _, result = run(world, settings=settings, checkpoints=checkpoints, evaluate=interrupted)
    assert (result.steps, result.reason) == (2, "stopped")
    _, recorder, _ = run(
        world, settings=settings, checkpoints=checkpoints, evaluate=lambda step: {"mean_answer": float(step)}
    )
    evaluated = [row["eval/mean_answer"] for _, _, row in recorder.rows if "eval/mean_answer" in row]
    assert evaluated == [2.0, 4.0]


@dataclass(frozen=True)
class BreaksAtThird(Grpo):
    """GRPO whose loss is NaN in the third update."""

    def loss(self, batch, scores, totals):
        parts = super().loss(batch, scores, totals)
        return replace(parts, loss=parts.loss * float("nan")) if self.state.updates == 2 else parts


def test_a_loss_that_is_not_finite_stops_the_run_with_its_last_weights(world, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    learner, recorder, result = run(world, algorithm=BreaksAtThird(), checkpoints=checkpoints)
    assert (result.steps, result.reason) == (2, "non_finite_loss")
    assert all(torch.isfinite(p).all() for p in learner.policy.model.parameters())
    assert checkpoints.latest(pytest.fail).step == 2
    assert any("not applied" in message for _, message in recorder.warnings)


def test_settings_that_would_bias_the_gradient_are_refused(world):
    with pytest.raises(ValueError, match="top_p"):
        replace(SETTINGS, rollouts=replace(SETTINGS.rollouts, sampling=Sampling(top_p=0.9)))
    with pytest.raises(ValueError, match="temperature"):
        run(world, settings=replace(SETTINGS, rollouts=replace(SETTINGS.rollouts, sampling=Sampling(temperature=0.7))))
