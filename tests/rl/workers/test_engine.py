"""Shards, uids, the rollout engine, and the wait for results."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from envs.types import EnvSpec, Problem
from policies.types import FinishReason, Sampling
from rl.records.evaluate import GREEDY_SAMPLE
from rl.rollouts.shards import EVALUATION_STEP, make_shards, rollout_uid
from rl.rollouts.wait import run_shards, wait_for
from rl.workers import make_workers
from rl.workers.types import ShardResult
from verifiers.types import Outcome

SAMPLING = Sampling(max_new_tokens=16)
STEP, POSITION, SAMPLE = 2**29 - 1, 2**20 - 1, 2**14 - 1


@pytest.fixture(scope="module")
def inline_workers(worker_spec):
    """Workers of this module's own: its tests publish weights."""
    workers = make_workers("inline", worker_spec)
    yield workers
    workers.close()


def plain(number):
    return Problem(prompt=f"problem {number}", answer="")


def content(groups):
    return [
        (t.uid, t.problem.id, t.completion, t.verdict.outcome, t.verdict.parts) for g in groups for t in g.trajectories
    ]


@given(st.lists(st.tuples(st.integers(0, STEP), st.integers(0, POSITION), st.integers(0, SAMPLE)), unique=True))
def test_positions_and_uids_are_one_to_one(positions):
    uids = [rollout_uid(*position) for position in positions]
    assert len(set(uids)) == len(uids)
    assert all(0 <= uid < 2**63 for uid in uids)
    assert [(u // 2**34, u // 2**14 % 2**20, u % 2**14) for u in uids] == positions


@pytest.mark.parametrize("position", [(STEP + 1, 0, 0), (0, POSITION + 1, 0), (0, 0, SAMPLE + 1), (-1, 0, 0)])
def test_a_position_outside_its_field_is_refused(position):
    with pytest.raises(ValueError, match="expected 0 to"):
        rollout_uid(*position)


@given(num=st.integers(0, 40), size=st.integers(1, 9), group=st.integers(1, 5), first=st.integers(0, 1000))
def test_uids_do_not_depend_on_how_a_step_is_cut(num, size, group, first):
    settings = {"group_size": group, "step": 7, "sampling": SAMPLING, "first_position": first}
    shards = make_shards([plain(i) for i in range(num)], shard_size=size, **settings)
    assert [uids for shard in shards for uids in shard.uids] == [
        tuple(rollout_uid(7, first + i, j) for j in range(group)) for i in range(num)
    ]
    assert len({shard.id for shard in shards}) == len(shards) == math.ceil(num / size)


def test_evaluation_never_shares_a_uid_with_training():
    assert rollout_uid(EVALUATION_STEP - 1, POSITION, SAMPLE) < rollout_uid(EVALUATION_STEP, 0, 0)
    assert GREEDY_SAMPLE == SAMPLE


def test_a_shard_tried_again_gives_the_same_result(inline_workers, leaps_problems):
    shards = make_shards(leaps_problems[:4], group_size=3, step=2, shard_size=2, sampling=SAMPLING)
    once = run_shards(inline_workers, shards)
    again = run_shards(inline_workers, reversed(shards))
    assert content(once) == content([*again[2:], *again[:2]])


def test_samples_differ_between_steps_positions_and_samples(inline_workers, leaps_problems):
    problems = [leaps_problems[0]] * 3
    groups = [
        group
        for step in (0, 1)
        for group in run_shards(inline_workers, make_shards(problems, group_size=3, step=step, sampling=SAMPLING))
    ]
    texts = [t.completion.text for group in groups for t in group.trajectories]
    assert len(set(texts)) == 18  # sixteen random tokens of 70: equal ones would be the same stream of numbers


def test_a_truncated_completion_is_marked_and_judged_on_what_stands_there(inline_workers, leaps_problems):
    short = Sampling(max_new_tokens=2)
    groups = run_shards(inline_workers, make_shards(leaps_problems[:8], group_size=4, step=0, sampling=short))
    rows = [t for group in groups for t in group.trajectories]
    truncated = [t for t in rows if t.is_truncated]
    assert len(truncated) > 20
    for row in truncated:
        assert len(row.completion.tokens) == 2
        assert row.completion.finish is FinishReason.LENGTH
        assert not row.verdict.is_correct  # no two words are a solution


def test_published_weights_are_served_and_their_version_is_on_every_completion(
    inline_workers, tiny_policy, leaps_problems
):
    shards = make_shards(leaps_problems[:2], group_size=2, step=0, sampling=SAMPLING)
    before = content(run_shards(inline_workers, shards))
    inline_workers.publish({name: w * 2 for name, w in tiny_policy.weights().items()}, 5)
    results = gather_all(inline_workers, shards)
    after = [g for r in results for g in r.groups]
    assert {r.version for r in results} == {t.completion.version for g in after for t in g.trajectories} == {5}
    assert [row[2].tokens for row in content(after)] != [row[2].tokens for row in before]
    inline_workers.publish(tiny_policy.weights(), 0)
    assert content(run_shards(inline_workers, shards)) == before


def gather_all(workers, shards):
    for shard in shards:
        workers.submit(shard)
    return list(wait_for(workers, [shard.id for shard in shards]).values())


def test_the_sampler_runs_with_its_own_threads_and_leaves_the_process_as_it_was(worker_spec, leaps_problems):
    workers = make_workers("inline", replace(worker_spec, threads=2))
    seen = []
    generate = workers.engine.sampler.generate

    def spy(*args, **kwargs):
        seen.append(torch.get_num_threads())
        return generate(*args, **kwargs)

    workers.engine.sampler.generate = spy
    before = torch.get_num_threads()
    run_shards(workers, make_shards(leaps_problems[:1], group_size=1, step=0, sampling=SAMPLING))
    workers.close()
    assert seen == [2]
    assert torch.get_num_threads() == before


@pytest.fixture(scope="module")
def trouble_workers(worker_spec, trouble_ref):
    workers = make_workers("inline", replace(worker_spec, env=EnvSpec(trouble_ref), deadline_seconds=0.5))
    yield workers
    workers.close()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [("fine", Outcome.CORRECT), ("crash", Outcome.ERROR), ("raise", Outcome.ERROR), ("hang", Outcome.TIMEOUT)],
)
def test_what_a_verifier_does_is_a_verdict_and_not_an_exception(trouble_workers, answer, outcome):
    problems = [Problem("1 + 1 ?", "fine"), Problem("2 + 2 ?", answer), Problem("3 + 3 ?", "fine")]
    groups = run_shards(
        trouble_workers, make_shards(problems, group_size=1, step=0, sampling=Sampling(max_new_tokens=4))
    )
    assert [g.trajectories[0].verdict.outcome for g in groups] == [Outcome.CORRECT, outcome, Outcome.CORRECT]


def test_verification_overlaps_the_generation_of_the_next_shard(trouble_workers):
    problems = [Problem("1 + 1 ?", "hang"), Problem("2 + 2 ?", "fine"), Problem("3 + 3 ?", "fine")]
    for shard in make_shards(problems, group_size=1, step=0, shard_size=1, sampling=Sampling(max_new_tokens=4)):
        trouble_workers.submit(shard)
    trouble_workers.poll(0.01)
    trouble_workers.poll(0.01)
    doing = trouble_workers.health()[0].doing  # the first still hangs, the second was generated all the same
    assert doing == "1 shard(s) queued, 2 being verified"
    done = []
    while len(done) < 3:
        done += trouble_workers.poll(5.0)


def test_results_of_other_shards_stay_for_their_own_reader(inline_workers, leaps_problems):
    first, second = make_shards(leaps_problems[:4], group_size=2, step=0, shard_size=2, sampling=SAMPLING)
    inline_workers.submit(first)
    groups = run_shards(inline_workers, [second])
    assert [g.problem for g in groups] == leaps_problems[2:4]
    assert [g.problem for g in wait_for(inline_workers, [first.id])[first.id].groups] == leaps_problems[:2]


def test_a_shard_in_flight_cannot_be_submitted_again(inline_workers, leaps_problems):
    (shard,) = make_shards(leaps_problems[:1], group_size=1, step=0, sampling=SAMPLING)
    inline_workers.submit(shard)
    with pytest.raises(ValueError, match="in flight already"):
        inline_workers.submit(shard)
    inline_workers.cancel([shard.id])
    assert inline_workers.poll(0.1) == []


class SilentWorkers:
    """Workers that never answer."""

    def submit(self, shard):
        pass

    def poll(self, timeout_seconds, wanted=None):
        return []

    def health(self):
        from rl.workers import WorkerHealth, WorkerState

        return [WorkerHealth("worker-7", WorkerState.SUSPECT, doing="run shard 3 (9.0 s)", last_error="killed")]

    def stacks(self):
        return "stack of worker-7"


def test_a_wait_ends_and_says_what_was_waited_for(leaps_problems):
    shards = make_shards(leaps_problems[:6], group_size=1, step=0, shard_size=1, sampling=SAMPLING)
    with pytest.raises(TimeoutError) as caught:
        run_shards(SilentWorkers(), shards, timeout_seconds=0.05)
    message = str(caught.value)
    for fact in ("6 shard(s)", "worker-7 suspect", "run shard 3", "killed", "stack of worker-7"):
        assert fact in message


class SlowWorkers(SilentWorkers):
    """Workers with one result every three seconds of their clock."""

    def __init__(self, clock):
        self.clock, self.shards = clock, []

    def submit(self, shard):
        self.shards.append(shard.id)

    def poll(self, timeout_seconds, wanted=None):
        self.clock[0] += 3.0
        return [ShardResult(self.shards.pop(0), groups=(), version=0, worker="slow")]


def test_a_wait_goes_on_while_results_come(leaps_problems, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("rl.rollouts.wait.time.monotonic", lambda: clock[0])
    shards = make_shards(leaps_problems[:6], group_size=1, step=0, shard_size=1, sampling=SAMPLING)
    run_shards(SlowWorkers(clock), shards, timeout_seconds=4.0)
    assert clock[0] == 18.0


def test_a_long_wait_is_told_before_it_ends(leaps_problems, monkeypatch):
    monkeypatch.setattr("rl.rollouts.wait.WARN_SECONDS", 0.01)
    told = []
    shards = make_shards(leaps_problems[:1], group_size=1, step=0, sampling=SAMPLING)
    with pytest.raises(TimeoutError):
        run_shards(SilentWorkers(), shards, timeout_seconds=0.05, on_wait=told.append)
    assert "waiting for 1 shard(s)" in told[0]


def test_unknown_executors_and_settings_are_refused(worker_spec):
    with pytest.raises(ValueError, match="inline, ray"):
        make_workers("threads", worker_spec)
    with pytest.raises(ValueError, match="no settings address"):
        make_workers("inline", worker_spec, address="auto")
