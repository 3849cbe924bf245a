"""Sampling ahead: what is admitted when, how old samples may be, and replay from the log."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.leaps.environment import Leaps
from policies.types import Completion, FinishReason, Sampling
from rl.curriculum import LearnabilityCurriculum
from rl.rollouts.log import RolloutLog
from rl.rollouts.replay import Replay
from rl.rollouts.shards import make_shards
from rl.rollouts.stream import RolloutSettings, RolloutStream
from rl.rollouts.wait import run_shards
from rl.types import Group, Trajectory
from rl.workers.types import ShardResult
from verifiers.types import Outcome, Verdict

SAMPLING = Sampling(max_new_tokens=4)


class ScriptedWorkers:
    """Workers whose progress a test decides: `work(n)` runs the next n queued shards with the weights of now."""

    def __init__(self, lag=0):
        self.version, self.lag = 0, lag
        self.queue, self.done, self.submitted = [], [], []

    def publish(self, weights, version):
        self.version = version

    def submit(self, shard):
        assert shard.id not in {s.id for s in self.queue} | {r.shard_id for r in self.done}
        self.queue.append(shard)
        self.submitted.append(shard)

    def work(self, num):
        for shard in self.queue[:num]:
            version = max(0, self.version - self.lag) if shard.version is None or self.lag else shard.version
            self.done.append(ShardResult(shard.id, tuple(answer(shard, version)), version, "scripted"))
        del self.queue[:num]

    def poll(self, timeout_seconds, wanted=None):
        if timeout_seconds and not any(r.shard_id in wanted for r in self.done):
            self.work(1)
        ready = [r for r in self.done if r.shard_id in wanted]
        self.done = [r for r in self.done if r.shard_id not in wanted]
        return ready

    def cancel(self, shard_ids):
        self.queue = [s for s in self.queue if s.id not in shard_ids]
        self.done = [r for r in self.done if r.shard_id not in shard_ids]

    def health(self):
        return []

    def stacks(self):
        return ""


def answer(shard, version):
    """One token per completion, which depends on the uid and the weights' version alone."""
    for problem, uids in zip(shard.problems, shard.uids):
        rows = []
        for uid in uids:
            done = Completion((hash((uid, version)) % 50,), (-1.0,), "", FinishReason.STOP, version)
            verdict = Verdict(Outcome.CORRECT, 1.0) if uid % 3 else Verdict(Outcome.WRONG, 0.0)
            rows.append(Trajectory(uid, problem, (1,), done, verdict))
        yield Group(problem, tuple(rows))


def ahead(eta, *, fixed_staleness=False):
    return RolloutSettings(4, 2, SAMPLING, shard_size=2, max_staleness=eta, fixed_staleness=fixed_staleness)


def run(workers, source, curriculum, steps, work=lambda step: 0, first_step=0, log=None):
    """The loop without a learner: version = step."""
    consumed = []
    for step in range(first_step, steps):
        source.publish({}, step)
        groups = source.groups(step, 4, version=step)
        workers.work(work(step))  # while the learner would update
        curriculum.observe(groups)
        source.release(step)
        if log:
            log.write(step, groups, version=step)
        consumed.append(groups)
    return consumed


def test_without_staleness_a_stream_is_the_synchronous_loop():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    streamed = run(
        workers, RolloutStream(workers, curriculum, ahead(0), num_steps=6), curriculum, 6, work=lambda step: 9
    )
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    for step, groups in enumerate(streamed):
        workers.publish({}, step)
        shards = make_shards(
            curriculum.problems(step, 4), group_size=2, step=step, shard_size=2, sampling=SAMPLING, version=step
        )
        assert run_shards(workers, shards) == groups
        curriculum.observe(groups)


@settings(max_examples=30, deadline=None)
@given(eta=st.integers(0, 3), work=st.lists(st.integers(0, 9), min_size=6, max_size=6), fixed_staleness=st.booleans())
def test_admission_and_age_keep_their_bounds_whatever_the_workers_speed(eta, work, fixed_staleness):
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    stream = RolloutStream(workers, curriculum, ahead(eta, fixed_staleness=fixed_staleness), num_steps=6)
    seen = []
    for step in range(6):
        stream.publish({}, step)
        groups = stream.groups(step, 4, version=step)
        admitted = sum(len(shard.problems) for shard in workers.submitted)
        assert admitted <= (eta + step + 1) * 4
        ages = {step - row.completion.version for group in groups for row in group.trajectories}
        assert ages == {min(step, eta)} if fixed_staleness else all(0 <= age <= eta for age in ages)
        seen += [row.uid for group in groups for row in group.trajectories]
        assert [uid >> 34 for uid in seen[-8:]] == [step] * 8
        stream.release(step)
        workers.work(work[step])
    assert len(set(seen)) == len(seen) == 6 * 8
    assert not workers.queue  # nothing is sampled for steps that do not come
    assert not workers.done


def test_idle_workers_sample_the_next_step_with_the_weights_of_now():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    consumed = run(
        workers, RolloutStream(workers, curriculum, ahead(1), num_steps=6), curriculum, 3, work=lambda step: 9
    )
    ages = [{step - row.completion.version for g in groups for row in g.trajectories} for step, groups in
            enumerate(consumed)]  # fmt: skip
    assert ages == [{0}, {1}, {1}]


def test_what_is_too_old_is_dropped_and_sampled_again():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers(lag=5)
    stream = RolloutStream(workers, curriculum, ahead(0), num_steps=6)
    run(workers, stream, curriculum, 1)
    stream.publish({}, 4)
    poll = workers.poll

    def recover(timeout_seconds, wanted=None):
        found = poll(timeout_seconds, wanted)
        workers.lag = 0
        return found

    workers.poll = recover  # the first of two shards is served by version 0, everything later by version 4
    groups = stream.groups(1, 4, version=4)
    assert {row.completion.version for group in groups for row in group.trajectories} == {4}
    assert stream.num_dropped == 4


def test_an_asynchronous_run_is_replayed_from_its_log(tmp_path):
    log = RolloutLog(tmp_path)
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    stream = RolloutStream(workers, curriculum, ahead(2), num_steps=6)
    consumed = run(workers, stream, curriculum, 6, work=lambda step: (3, 0, 1, 4, 0, 2)[step], log=log)
    ages = {step - row.completion.version for step, gs in enumerate(consumed) for g in gs for row in g.trajectories}
    assert len(ages) > 1  # else this is not the asynchronous case
    again = LearnabilityCurriculum(Leaps())
    assert run(ScriptedWorkers(), Replay(log, ScriptedWorkers(), again, ahead(2), num_steps=6), again, 6) == consumed
    assert again.state_dict() == curriculum.state_dict()


def test_replay_refuses_the_log_of_another_run(tmp_path):
    log = RolloutLog(tmp_path)
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    run(workers, RolloutStream(workers, curriculum, ahead(0), num_steps=6), curriculum, 2, log=log)
    other = LearnabilityCurriculum(Leaps(), seed=1)
    with pytest.raises(ValueError, match="not those of this configuration and seed"):
        Replay(log, ScriptedWorkers(), other, ahead(0), num_steps=6).groups(0, 4, version=0)
    with pytest.raises(ValueError, match="consumed by version 0, replayed by 3"):
        Replay(log, ScriptedWorkers(), LearnabilityCurriculum(Leaps()), ahead(0), num_steps=6).groups(0, 4, version=3)


@pytest.mark.parametrize("when", ["between steps", "in the middle of a step", "in its second round"])
@pytest.mark.parametrize("eta", [0, 1, 3])
def test_a_resumed_stream_with_a_fixed_staleness_gives_the_groups_of_the_undisturbed_one(eta, when):
    def begin():
        curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
        return curriculum, workers, RolloutStream(workers, curriculum, ahead(eta, fixed_staleness=True), num_steps=8)

    def go_on(source, workers, curriculum):
        groups = []
        for step in range(2, 8):
            source.publish({}, step)
            groups.append([*source.groups(step, 4, version=step), *source.groups(step, 2, first=4, version=step)])
            workers.work(step % 3)
            curriculum.observe(groups[-1])
            source.release(step)
        return groups

    curriculum, workers, stream = begin()
    run(workers, stream, curriculum, 2, work=lambda step: 1)
    undisturbed = go_on(stream, workers, curriculum)

    curriculum, workers, stream = begin()
    run(workers, stream, curriculum, 2, work=lambda step: 1)
    stream.publish({}, 2)
    if when != "between steps":
        stream.groups(2, 4, version=2)
    if when == "in its second round":
        stream.groups(2, 2, first=4, version=2)
    workers.work(1)
    saved = json.loads(json.dumps([stream.state_dict(), curriculum.state_dict()]))

    curriculum, workers, stream = begin()
    curriculum.load_state_dict(saved[1])
    stream.load_state_dict(saved[0])
    assert go_on(stream, workers, curriculum) == undisturbed
    if when != "between steps":
        assert not {shard.id for shard in workers.submitted} & {row["shard"] for row in saved[0]["results"]}


def test_a_saved_stream_holds_the_weights_that_sample_what_is_in_flight():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    stream = RolloutStream(workers, curriculum, ahead(2, fixed_staleness=True), num_steps=6)
    for step in range(3):
        stream.publish({"w": step}, step)
        stream.groups(step, 4, version=step)
        stream.release(step)
    stream.publish({"w": 3}, 3)
    assert stream.state_dict()["weights"] == {"1": {"w": 1}, "2": {"w": 2}}  # of steps 3 and 4
    workers.work(2)
    assert stream.state_dict()["weights"] == {"2": {"w": 2}}  # step 3 is in the buffer now
    assert len(stream.state_dict()["results"]) == 2


def test_later_rounds_of_a_step_get_their_own_positions():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    stream = RolloutStream(workers, curriculum, ahead(1), num_steps=6)
    groups = [*stream.groups(0, 4, version=0), *stream.groups(0, 3, first=4, version=0)]
    assert [group.trajectories[0].uid >> 14 for group in groups] == list(range(7))
    assert len({group.problem.id for group in groups}) == 7


def test_a_closed_stream_leaves_nothing_in_the_workers():
    curriculum, workers = LearnabilityCurriculum(Leaps()), ScriptedWorkers()
    stream = RolloutStream(workers, curriculum, ahead(3), num_steps=6)
    stream.groups(0, 4, version=0)
    workers.work(1)
    stream.close()
    assert not workers.queue
    assert not workers.done
