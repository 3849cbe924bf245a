"""The rollout log: equal groups come back, damage is noticed, stored responses are judged again."""

import gzip
import hashlib
import json
import tracemalloc

import pytest

from envs.graders import AnswerGrader, EnvGrader
from envs.types import EnvSpec, Message, Problem
from policies.types import Completion, FinishReason, Sampling
from rl.records.rescore import Agreement, rescore, rescore_run
from rl.rollouts.log import DamagedLogError, RolloutLog
from rl.rollouts.shards import make_shards
from rl.rollouts.wait import run_shards
from rl.types import Group, Trajectory
from verifiers.types import Outcome, Reason, StepVerdict, Verdict

STEPS = (StepVerdict((0, 4), True, size=2), StepVerdict((5, 6), False, 0, is_conclusion=True, detail="too early"))


def group(responses, answer="4"):
    problem = Problem("2 + 2 ?", answer, ("2 + 2 = 4",), level=3, info={"a": [1]}, env="sums", split="train", index=5)
    rows = []
    for i, (text, outcome) in enumerate(responses):
        done = Completion((7, 1), (-0.1 - i, -1e-9), text, FinishReason.LENGTH, version=2)
        verdict = Verdict(outcome, float(outcome is Outcome.CORRECT), text, "so", Reason.ECHO, {"answer": 1.0}, STEPS)
        rows.append(Trajectory(i, problem, (3, 4), done, verdict, 0.25, {"correct": 0.5, "format": -0.25}))
    return Group(problem, tuple(rows))


EXAMPLE = group([("4", Outcome.CORRECT), ("5", Outcome.WRONG)])


def test_groups_come_back_equal(tmp_path):
    talk = (Message("assistant", "[2+2]"), Message("tool", "4"))
    row = Trajectory(
        9,
        EXAMPLE.problem,
        (1,),
        Completion((1, 2), (-0.5, 0.0), "x", FinishReason.STOP),
        Verdict(Outcome.NO_ANSWER, 0.0),
        action_mask=(1, 0),
        token_rewards=(0.5, 0.0),
        transcript=talk,
    )
    log = RolloutLog(tmp_path / "rollouts")
    log.write(3, [EXAMPLE, Group(EXAMPLE.problem, (row,))], version=2, facts={"dropped": 1})
    record = log.read(3)
    assert record.groups == (EXAMPLE, Group(EXAMPLE.problem, (row,)))
    assert (record.step, record.version, record.facts) == (3, 2, {"dropped": 1})


def test_sampled_groups_come_back_equal_but_for_wall_times(tmp_path, inline_workers, leaps_problems):
    shards = make_shards(leaps_problems[:3], group_size=2, step=0, sampling=Sampling(max_new_tokens=8))
    groups = run_shards(inline_workers, shards)
    log = RolloutLog(tmp_path)
    log.write(0, groups)
    for stored, fresh in zip(log.groups(), groups, strict=True):
        for a, b in zip(stored.trajectories, fresh.trajectories, strict=True):
            assert (a.uid, a.problem, a.prompt_tokens, a.completion) == (
                b.uid,
                b.problem,
                b.prompt_tokens,
                b.completion,
            )
            assert a.verdict.to_json() | {"seconds": 0} == b.verdict.to_json() | {"seconds": 0}


def test_equal_groups_give_equal_files(tmp_path):
    one = RolloutLog(tmp_path / "one").write(0, [EXAMPLE])
    two = RolloutLog(tmp_path / "two").write(0, [EXAMPLE])
    assert one.read_bytes() == two.read_bytes()


def test_steps_are_written_once_until_the_run_goes_back(tmp_path):
    log = RolloutLog(tmp_path)
    for step in range(4):
        log.write(step, [EXAMPLE])
    with pytest.raises(FileExistsError, match=r"truncate\(2\)"):
        log.write(2, [EXAMPLE])
    log.truncate(2)
    assert log.steps() == [0, 1]
    log.write(2, [EXAMPLE])
    assert len(list(log.groups())) == 3


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path):
    log = RolloutLog(tmp_path)
    path = log.write(0, [EXAMPLE])
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedLogError):
            log.read(0)
    path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b'"reward": 0.25', b'"reward": 0.26')))
    with pytest.raises(DamagedLogError, match="checksum"):
        log.read(0)


def test_an_unfinished_file_is_not_a_step(tmp_path):
    log = RolloutLog(tmp_path)
    path = log.write(0, [EXAMPLE])
    path.rename(path.with_suffix(".writing"))
    assert log.steps() == []
    with pytest.raises(FileNotFoundError):
        log.read(0)


def test_agreement_and_kappa_by_hand():
    # correct/correct 4, correct/wrong 1, wrong/correct 1, wrong/timeout 4: agreement .8, both call half correct,
    # so chance .5 and kappa (.8 - .5) / .5 = .6
    table = {
        (Outcome.CORRECT, Outcome.CORRECT): 4,
        (Outcome.CORRECT, Outcome.WRONG): 1,
        (Outcome.WRONG, Outcome.CORRECT): 1,
        (Outcome.WRONG, Outcome.TIMEOUT): 4,
    }
    agreement = Agreement(table)
    assert agreement.agreement == pytest.approx(0.8)
    assert agreement.kappa == pytest.approx(0.6)


def test_rescoring_shows_what_the_new_verifier_says_otherwise():
    def grade(items):
        right = (problem.answer == response for problem, response in items)
        return [Verdict(Outcome.CORRECT, 1.0) if r else Verdict(Outcome.WRONG, 0.0) for r in right]

    stored = [("4", Outcome.CORRECT), ("5", Outcome.CORRECT), ("6", Outcome.WRONG)]
    agreement = rescore([group(stored)], grade)
    assert agreement.agreement == pytest.approx(2 / 3)
    ((row, verdict),) = agreement.disagreements
    assert (row.completion.text, verdict.outcome) == ("5", Outcome.WRONG)
    assert agreement.to_json()["responses"] == 3


def test_a_run_rescored_with_its_own_environment_agrees_with_itself(tmp_path, inline_workers, leaps_problems):
    shards = make_shards(leaps_problems[:6], group_size=4, step=0, sampling=Sampling(max_new_tokens=8))
    RolloutLog(tmp_path / "arms" / "rl" / "rollouts").write(0, run_shards(inline_workers, shards))
    agreement = rescore_run(tmp_path, EnvGrader(EnvSpec("leaps")))
    assert agreement.num_responses == 24
    assert {old for old, _ in agreement.table} == {new for _, new in agreement.table}
    assert agreement.agreement == 1
    with pytest.raises(FileNotFoundError, match="no rollout log"):
        rescore_run(tmp_path / "elsewhere", EnvGrader(EnvSpec("leaps")))


def test_another_verifier_judges_stored_responses_by_their_reference_answers(tmp_path):
    rows = [
        ("the answer is \\boxed{8/2}", Outcome.WRONG),
        ("\\boxed{5}", Outcome.WRONG),
        ("\\boxed{4}", Outcome.CORRECT),
    ]
    RolloutLog(tmp_path).write(0, [group(rows)])
    agreement = rescore_run(tmp_path, AnswerGrader("symbolic"))
    assert agreement.agreement == pytest.approx(2 / 3)
    assert agreement.table[Outcome.WRONG, Outcome.CORRECT] == 1  # 8/2 is 4


def written(folder, lines):
    """A step file of these lines, with a sound checksum."""
    body = "".join(f"{line}\n" for line in lines).encode()
    footer = json.dumps({"sha256": hashlib.sha256(body).hexdigest()}) + "\n"
    folder.mkdir(exist_ok=True)
    (folder / "step-00000000.jsonl.gz").write_bytes(gzip.compress(body + footer.encode()))
    return RolloutLog(folder)


@pytest.mark.parametrize("row", ["{}", "[]", "3", "null", '{"problem": {}}', "[" * 100_000, "not JSON"])
def test_a_row_that_is_no_rollout_is_told(tmp_path, row):
    header = json.dumps({"format": 1, "step": 0, "version": 0, "groups": 1, "facts": {}})
    with pytest.raises(DamagedLogError, match="a row that is no rollout"):
        written(tmp_path / "log", [header, row]).read(0)
    with pytest.raises(DamagedLogError, match="a row that is no rollout"):
        written(tmp_path / "log", [row]).read(0)


def test_a_file_that_inflates_beyond_measure_is_refused_before_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr("rl.rollouts.log.MOST_INFLATED", 1 << 20)
    log = written(tmp_path / "log", ["a" * (64 << 20)])
    assert log._path(0).stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(DamagedLogError, match="inflates to more than"):
        log.read(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20
