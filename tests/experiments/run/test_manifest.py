"""Artefacts that later stages read: whole, of this stage and run, or refused by name."""

import shutil

import pytest

from experiments.bench.reliability.subject import content, differences
from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.run.folders import append_jsonl, read_json, write_json
from experiments.run.manifest import MANIFEST, DamagedArtefactError, seal, verify, verify_figures
from experiments.study.run import run_study

SETTINGS = [
    *("arms={rlhf: {rl: {steps: 2}}, dpo: null}", "rl.steps=4", "rl.checkpoint_every=2", "imitation.steps=4"),
    *("imitation.num_demonstrations=40", "preference.num_pairs=24"),
]
IDENTITY = {"seed": 0, "stage": "rl", "config": "a" * 64}


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "model.safetensors").write_bytes(b"weights")
    append_jsonl(tmp_path / "metrics.jsonl", [{"step": 1}, {"step": 2}])
    seal(tmp_path, IDENTITY, {"sft": "b" * 64})
    return tmp_path


def test_what_was_written_is_found_again_and_logs_may_grow(sealed):
    append_jsonl(sealed / "metrics.jsonl", [{"step": 3}])
    verify(sealed, IDENTITY, {"sft": "b" * 64})
    verify_figures(sealed)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: flip_a_bit(f / "policy" / "model.safetensors"), "model.safetensors was changed"),
        (lambda f: (f / "policy" / "model.safetensors").unlink(), "model.safetensors is missing"),
        (
            lambda f: (f / "policy" / "model.safetensors").write_bytes(b"weights and more"),
            "model.safetensors was changed",
        ),
        (lambda f: (f / "metrics.jsonl").write_text('{"step": 1}\n'), "metrics.jsonl was cut short"),
        (lambda f: flip_a_bit(f / "metrics.jsonl"), "metrics.jsonl was changed"),
        (lambda f: (f / MANIFEST).unlink(), "manifest.json is missing"),
        (lambda f: flip_a_bit(f / MANIFEST), "manifest.json"),
    ],
)
def test_what_was_changed_is_named(sealed, spoil, told):
    spoil(sealed)
    with pytest.raises(UserError, match=told):
        verify(sealed, IDENTITY, {"sft": "b" * 64})


@pytest.mark.parametrize(
    ("identity", "parents", "told"),
    [
        ({**IDENTITY, "seed": 1}, {}, "is of another seed"),
        ({**IDENTITY, "stage": "rlhf"}, {}, "is of another stage"),
        ({**IDENTITY, "config": "c" * 64}, {}, "is of another config"),
        (IDENTITY, {"sft": "c" * 64}, "was made from another sft"),
    ],
)
def test_what_is_of_another_is_refused(sealed, identity, parents, told):
    with pytest.raises(DamagedArtefactError, match=told):
        verify(sealed, identity, parents)


def test_sealing_again_does_not_take_a_changed_file_for_right(sealed):
    flip_a_bit(sealed / "policy" / "model.safetensors")
    append_jsonl(sealed / "evals.jsonl", [{"step": None}])
    seal(sealed, IDENTITY)
    verify_figures(sealed)
    with pytest.raises(DamagedArtefactError, match=r"model.safetensors was changed"):
        verify(sealed, IDENTITY, {})


# --- a real study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifest") / "run"
    run_study(load_experiment(["smoke"], SETTINGS), folder, quiet=True)
    return folder


def swapped(folder):
    shutil.rmtree(folder / "seed-0/sft/policy")
    shutil.copytree(folder / "seed-0/sft/untrained", folder / "seed-0/sft/policy")


def of_another_arm(folder):
    shutil.rmtree(folder / "seed-0/rl")
    shutil.copytree(folder / "seed-0/rlhf", folder / "seed-0/rl")


DAMAGE = {
    "a flipped bit in the SFT policy": (
        lambda f: flip_a_bit(f / "seed-0/sft/policy/model.safetensors"),
        "sft/policy/model.safetensors was changed",
    ),
    "the untrained policy in its place": (swapped, "sft/policy/model.safetensors was changed"),
    "a flipped bit in the reward model": (
        lambda f: flip_a_bit(f / "seed-0/preferences/reward_model/member_0/model.safetensors"),
        "reward_model/member_0/model.safetensors was changed",
    ),
    "half of the comparisons": (
        lambda f: (f / "seed-0/preferences/comparisons.jsonl").write_text("{}\n"),
        "comparisons.jsonl was cut short",
    ),
    "no comparisons": (
        lambda f: (f / "seed-0/preferences/comparisons.jsonl").unlink(),
        "comparisons.jsonl is missing",
    ),
    "another arm's folder": (of_another_arm, "is of another stage"),
    "half of the evaluations": (
        lambda f: (f / "seed-0/rl/evals.jsonl").write_bytes((f / "seed-0/rl/evals.jsonl").read_bytes()[:900]),
        "rl/evals.jsonl was cut short",
    ),
    "no metrics": (lambda f: (f / "seed-0/rl/metrics.jsonl").unlink(), "rl/metrics.jsonl is missing"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_resume_refuses_by_name(study, tmp_path, damage):
    folder = tmp_path / "run"
    shutil.copytree(study, folder)
    spoil, told = DAMAGE[damage]
    spoil(folder)
    with pytest.raises(UserError, match=told):
        run_study(load_experiment(["smoke"], SETTINGS), folder, resume=True, quiet=True)


@pytest.mark.parametrize(
    "name", ["rl/evals.jsonl", "sft/evals.jsonl", "rl/metrics.jsonl", "rlhf/kl-matched/evals.jsonl"]
)
@pytest.mark.parametrize("how", ["half", "gone", "with its folder"])
def test_no_arm_vanishes_from_what_is_read(study, tmp_path, name, how):
    folder = tmp_path / "run"
    shutil.copytree(study, folder)
    path = folder / "seed-0" / name
    if how == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "gone":
        path.unlink()
    else:
        shutil.rmtree(path.parent)
    with pytest.raises(DamagedArtefactError):
        load_study(folder)


def test_checkpoints_of_another_config_of_the_same_shape_are_refused(study, tmp_path):
    folder, other = tmp_path / "run", tmp_path / "other"
    run_study(load_experiment(["smoke"], [*SETTINGS, "rl.optimizer.lr=1e-3"]), other, quiet=True)
    shutil.copytree(study, folder)
    status = read_json(folder / "seed-0/rl/status.json")
    write_json(folder / "seed-0/rl/status.json", {**status, "state": "running"})
    shutil.rmtree(folder / "seed-0/rl/checkpoints")
    shutil.copytree(other / "seed-0/rl/checkpoints", folder / "seed-0/rl/checkpoints")
    with pytest.raises(UserError, match=r"is of config .* it was copied from another stage or run"):
        run_study(load_experiment(["smoke"], SETTINGS), folder, resume=True, quiet=True)


def test_a_stage_that_is_removed_is_run_again_and_comes_to_the_same(study, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(study, folder)
    shutil.rmtree(folder / "seed-0/rl")
    run_study(load_experiment(["smoke"], SETTINGS), folder, resume=True, quiet=True)
    for name in ("rl", "rlhf"):
        path = f"seed-0/{name}/policy/model.safetensors"
        assert (folder / path).read_bytes() == (study / path).read_bytes()


def test_a_stage_whose_status_is_removed_is_run_and_tested_again_to_the_same_files(study, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(study, folder)
    for stage in ("sft", "rl", "preferences"):
        (folder / "seed-0" / stage / "status.json").unlink()
    run_study(load_experiment(["smoke"], SETTINGS), folder, resume=True, quiet=True)
    assert differences(content(study), content(folder)) == []
