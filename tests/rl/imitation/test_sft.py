"""Imitation: demonstrations and single-step problems, supervised fits, and the stopping rule."""

from __future__ import annotations

import json
from itertools import islice

import pytest
import torch

from envs.splits import split_of
from rl.algorithms import make
from rl.imitation.demonstrations import (
    DemonstrationSource,
    encode_demonstrations,
    load_demonstrations,
    measure_demonstrator,
    save_demonstrations,
    shuffled_epochs,
)
from rl.imitation.sft import FitProgress, SftSettings, fit_sft, length_bucketed
from rl.learning.learner import Learner, LearnerSettings, Models
from rl.learning.optimizer import OptimizerSettings
from rl.records.recorder import SilentRecorder

pytestmark = pytest.mark.learning


@pytest.fixture(scope="module")
def source(leaps_env):
    return DemonstrationSource(leaps_env, leaps_env.demonstrator(error_rate=0.1), single_step_share=0.3, seed=4)


@pytest.fixture
def learner(leaps_env):
    """A fresh tiny policy with the algorithm sft; deterministic."""
    from policies.tiny import TinyConfig, build_tiny

    policy = build_tiny(
        TinyConfig(layers=1, hidden=16, heads=2, context=128), vocabulary=leaps_env.vocabulary(), seed=0
    )
    return Learner(Models(policy), make("sft"), LearnerSettings(OptimizerSettings(lr=3e-3)))


def test_a_demonstration_is_a_function_of_its_index(source, leaps_env):
    again = DemonstrationSource(leaps_env, leaps_env.demonstrator(error_rate=0.1), single_step_share=0.3, seed=4)
    assert source.write(20) == [again.at(i) for i in range(20)]
    other = DemonstrationSource(leaps_env, leaps_env.demonstrator(error_rate=0.1), single_step_share=0.3, seed=5)
    # easy levels have few problems up to names; of those of five operations and more no two draws are alike
    mine, theirs = ({d.problem.id for d in s.write(200) if d.problem.level >= 5} for s in (source, other))
    assert mine.isdisjoint(theirs)
    assert len(mine) > 20


def test_demonstrations_and_evaluation_are_disjoint_by_content(source, leaps_env):
    shown = {d.problem.id for d in source.write(500)}
    for split in ("validation", "test"):
        assert shown.isdisjoint(p.id for p in leaps_env.problems(200, split=split))
    assert all(split_of(d.problem) == "train" and d.problem.split == "train" for d in source.write(500))


def test_single_step_problems_have_their_share_and_one_operation(source):
    written = source.write(2000)
    single = [d for d in written if d.is_single_step]
    assert len(single) / 2000 == pytest.approx(0.3, abs=0.05)  # standard error .010
    assert {d.problem.level for d in single} == {1}
    assert {d.problem.level for d in written if not d.is_single_step} == {
        1,
        2,
        3,
        4,
        5,
        6,
    }  # the demonstrator's coverage


def test_only_right_demonstrations_when_asked(leaps_env):
    source = DemonstrationSource(leaps_env, leaps_env.demonstrator(error_rate=0.3), seed=0, keep="right")
    assert all(leaps_env.grade(d.problem, d.response).is_correct for d in source.write(50))


def test_a_demonstrator_who_never_succeeds_is_refused_when_only_right_ones_are_kept(leaps_env):
    class Hopeless:
        levels = (1,)

        def write(self, problem, rng):
            return "# no"

    with pytest.raises(ValueError, match="no right solution"):
        DemonstrationSource(leaps_env, Hopeless(), keep="right").at(0)


def test_the_demonstrator_line_is_the_closed_form(leaps_env):
    """(1 - error_rate) ** n, whatever the leaps; two slips that cancel have probability about 1 / 31 of slip^2."""
    problems = [leaps_env.problem(i, split="test", level=n) for n in (2, 5, 8) for i in range(150)]
    lines = measure_demonstrator(leaps_env, leaps_env.demonstrator(error_rate=0.05), problems, repeats=4)
    assert [(line.level, line.is_covered, line.num_solutions) for line in lines] == [
        (2, True, 600),
        (5, True, 600),
        (8, False, 600),
    ]
    for line in lines:
        assert line.accuracy == pytest.approx(0.95**line.level, abs=0.06)  # standard error at most .02
        assert line.parts["solution"] <= line.accuracy
    own = measure_demonstrator(leaps_env, leaps_env.demonstrator(), problems[:3], repeats=[1, 2, 4])
    assert [line.num_solutions for line in own] == [7]


def test_demonstrations_survive_a_file(source, tmp_path):
    save_demonstrations(source.write(10), tmp_path / "demos.jsonl")
    assert load_demonstrations(tmp_path / "demos.jsonl") == source.write(10)
    (tmp_path / "bad.jsonl").write_text('{"response": "x"}\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl:1"):
        load_demonstrations(tmp_path / "bad.jsonl")


def test_epochs_show_everything_once_in_new_orders():
    stream = shuffled_epochs(list(range(50)), seed=1)
    first, second = list(islice(stream, 50)), list(islice(stream, 50))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    with pytest.raises(ValueError, match="no examples"):
        next(shuffled_epochs([], seed=0))


def test_bucketed_batches_keep_every_example_and_little_padding(source, tiny_policy):
    examples = encode_demonstrations(source.write(500), tiny_policy)
    batches = list(length_bucketed(iter(examples), 32, seed=0))
    assert sorted(e[:2] for batch in batches for e in batch) == sorted(e[:2] for e in examples)

    def padding(groups):
        lengths = [[len(e.prompt) + len(e.completion) for e in g] for g in groups]
        return sum(max(g) * len(g) - sum(g) for g in lengths) / sum(max(g) * len(g) for g in lengths)

    assert padding(batches) < 0.1 < padding([examples[i : i + 32] for i in range(0, 500, 32)])


def test_an_encoded_demonstration_ends_with_the_end_token(source, tiny_policy):
    prompt, completion, mask = encode_demonstrations([source.at(0)], tiny_policy)[0]
    assert mask is None
    assert completion[-1] in tiny_policy.stop_ids
    assert tiny_policy.decode(completion) == source.at(0).response
    assert tiny_policy.decode(prompt) == source.at(0).problem.prompt


def test_a_fit_lowers_the_loss_and_counts_completion_tokens(learner, source):
    examples = encode_demonstrations(source.write(200), learner.policy)
    recorder = SilentRecorder()
    settings = SftSettings(max_steps=60, batch_size=16, target=None, log_every=1)
    result = fit_sft(learner, shuffled_epochs(examples, 0), settings, recorder)
    losses = [values["learner/loss"] for _, _, values in recorder.rows]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert (result.steps, result.reached_target, result.interrupted) == (60, False, False)
    mean_length = sum(len(e.completion) for e in examples) / len(examples)
    assert result.tokens_trained == pytest.approx(60 * 16 * mean_length, rel=0.1)


def test_the_probe_ends_the_fit_but_not_before_min_steps(learner, source):
    examples = encode_demonstrations(source.write(50), learner.policy)
    settings = SftSettings(max_steps=40, batch_size=4, target=0.9, probe_every=5, min_steps=10)
    result = fit_sft(learner, shuffled_epochs(examples, 0), settings, SilentRecorder(), probe=lambda step: 0.95)
    assert (result.steps, result.reached_target) == (10, True)
    assert result.probes == ((5, 0.95), (10, 0.95))


def test_a_missed_target_is_said_aloud(learner, source):
    examples = encode_demonstrations(source.write(50), learner.policy)
    recorder = SilentRecorder()
    settings = SftSettings(max_steps=4, batch_size=4, probe_every=2)
    assert not fit_sft(learner, shuffled_epochs(examples, 0), settings, recorder, probe=lambda s: 0.2).reached_target
    assert "0.200 after 4 steps" in recorder.warnings[0][1]


def test_an_interrupted_fit_goes_on_as_if_undisturbed(leaps_env, source):
    from policies.tiny import TinyConfig, build_tiny

    def fresh():
        config = TinyConfig(layers=1, hidden=16, heads=2, context=128)
        policy = build_tiny(config, vocabulary=leaps_env.vocabulary(), seed=0)
        return Learner(Models(policy), make("sft"), LearnerSettings(OptimizerSettings(lr=3e-3)))

    class StopAfter(SilentRecorder):
        def progress(self, stage, done, total, note=""):
            self.stop_requested = done >= 7

    examples = encode_demonstrations(source.write(100), fresh().policy)
    settings = SftSettings(max_steps=12, batch_size=8, target=None)
    whole, first, second = fresh(), fresh(), fresh()
    done = fit_sft(whole, shuffled_epochs(examples, 0), settings, SilentRecorder())
    saved = []
    half = fit_sft(first, shuffled_epochs(examples, 0), settings, StopAfter(), save=saved.append)
    assert (half.steps, half.interrupted) == (7, True)
    assert [progress.steps for progress in saved] == [7]
    second.load_state_dict(first.state_dict())
    rest = fit_sft(second, shuffled_epochs(examples, 0), settings, SilentRecorder(), start=saved[0])
    pairs = zip(whole.weights().values(), second.weights().values())
    assert all(torch.equal(a, b) for a, b in pairs)
    assert (rest.steps, rest.tokens_trained) == (12, done.tokens_trained)


def test_a_fit_is_saved_at_its_own_pace_and_progress_goes_through_json(learner, source):
    examples = encode_demonstrations(source.write(50), learner.policy)
    settings = SftSettings(max_steps=9, batch_size=4, target=None, probe_every=4, save_every=4)
    saved = []
    fit_sft(learner, shuffled_epochs(examples, 0), settings, SilentRecorder(), probe=lambda s: 0.5, save=saved.append)
    assert [progress.steps for progress in saved] == [4, 8]
    assert saved[1].probes == ((4, 0.5), (8, 0.5))
    assert FitProgress.from_json(json.loads(json.dumps(saved[1].to_json()))) == saved[1]


def test_settings_refuse_what_makes_no_sense(leaps_env):
    with pytest.raises(ValueError, match="single_step_share"):
        DemonstrationSource(leaps_env, leaps_env.demonstrator(), single_step_share=1.5)
    with pytest.raises(ValueError, match="keep"):
        DemonstrationSource(leaps_env, leaps_env.demonstrator(), keep="some")
    with pytest.raises(ValueError, match="target"):
        SftSettings(target=95)
