"""A user's mistake, verb by verb: what was given, what was expected, what to do; never a traceback.

In this process, so that many cost little; `test_cli.py` has the real command.
"""

import sys

import pytest

from experiments.__main__ import main


@pytest.fixture
def beyond(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder with a few useless files: (exit code, what it printed, what it complained)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("x")
    (tmp_path / "latin.jsonl").write_bytes(b'{"response": "\xff", "answer": "1"}\n')
    (tmp_path / "pair.jsonl").write_text('{"response": "\\\\boxed{1}", "answer": "1"}\n')

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["beyond", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return ended.value.code or 0, told.out, told.err

    return run


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("study smoke --seeds=", "--seeds is '', expected whole numbers separated by commas, e.g. 0,1,2"),
        ("study smoke --seeds 0,a", "--seeds is '0,a'"),
        ("study smoke -s rl.steps=", "rl.steps: input should be a valid integer (got null)"),
        ("study smoke -o empty", "empty is a file, expected a folder"),
        ("study smoke -o used", "used exists already: add --resume"),
        ("study smoke -o used --resume", "used holds no study"),
        ("check smoke -s imitation.demonstrator.error_rat=1", "no setting 'error_rat'; did you mean 'error_rate'?"),
        ("check smoke -s rl.curriculum.flor=1", "rl.curriculum: no setting 'flor'"),
        (
            "check smoke -s arms.rl.reward.weights.verifed=1",
            "weight 'verifed' measures nothing in environment 'leaps'",
        ),
        ("check smoke -s evaluation.levels=[77]", "evaluation.levels has 77, and environment 'leaps' has levels"),
        (
            "check smoke -s env.levels=[]",
            "levels of environment 'leaps' are (), expected whole numbers from 0 on",
        ),
        ("configs -s rl.steps=3", "-s goes with a config"),
        ("configs nosuch", "no config file 'nosuch'"),
        ("compare used", "used holds no final evaluation (evals.jsonl): give the folder of a study"),
        ("compare nowhere", "nowhere is not a folder: give the folder of a study"),
        ("report empty", "empty/study.json does not exist: is empty the folder of a run or study?"),
        ("report used", "used/study.json does not exist"),
        ("verify empty", "empty holds no responses: expected one JSON object per line"),
        ("verify latin.jsonl", "latin.jsonl:1: not UTF-8 text"),
        ("verify pair.jsonl --verifier nosuch", "unknown verifier 'nosuch'; expected one of symbolic"),
        ("verify pair.jsonl --workers 0", "'--workers': Input should be greater than or equal to 1"),
        ("verify pair.jsonl -o folder", "folder is a folder, expected the path of a file"),
        ("verify pair.jsonl -o empty/verdicts.jsonl", "cannot make the folder empty: there is a file of that name"),
        ("perplexity nowhere --text nosuch.txt", "nosuch.txt cannot be read as UTF-8 text"),
        ("perplexity nowhere --text latin.jsonl", "latin.jsonl cannot be read as UTF-8 text"),
        ("perplexity nowhere --text pair.jsonl", "cannot load 'nowhere' as a Hugging Face causal LM"),
        ("rescore nowhere", "nowhere is not a folder: give a run with a rollout log"),
        ("eval nowhere --env leaps -n 0", "Input should be greater than or equal to 1"),
        ("eval nowhere --env leaps --temperature -1", "Input should be greater than or equal to 0"),
        ("eval nowhere --env leaps -o folder", "folder is a folder"),
        ("eval runs/demo/seed-0/rl --env leaps", "runs/demo/seed-0/rl is not a folder, nor a hub id (owner/name)"),
        (
            "study smoke -o folder -s policy.tiny.context=40",
            "rl.sampling.max_new_tokens is 32, and the model's context is 40",
        ),
        (
            "check smoke -s rl.group_size=1",
            "rl.algorithm grpo with rl.group_size 1: every group has a single completion",
        ),
        ("check smoke -s rl.group_size=1 -s rl.algorithm=max_rl", "every group has a single completion"),
        (
            "check mixture -s rl.algorithm=sft",
            "rl.algorithm 'sft' reads no rewards: use method imitation",
        ),
        ("check smoke -s env=mixture", "env: environment 'mixture' needs the setting 'parts'"),
        ("study smoke -o folder -s policy.device=gpu", "policy.device 'gpu' cannot be used"),
        ("env show leaps -n 0", "Input should be greater than or equal to 1"),
        ("env check leaps -n 0", "Input should be greater than or equal to 2"),
        ("env play leaps --level 99", "environment 'leaps' has no level 99"),
        ("new environment class", "expected a Python identifier that is no keyword"),
        ("new environment good -o empty", "cannot make the folder empty"),
        ("env export leaps -o folder", "folder is a folder"),
        ("env export leaps -o x.parquet -n 2", "what is written are JSON lines, expected a name that ends in .jsonl"),
        ("env export leaps -o x.jsonl -n 0", "Input should be greater than or equal to 1"),
        ("env pages -o empty", "cannot make the folder empty"),
        ("env audit leaps -o folder", "folder is a folder"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_done(beyond, tmp_path, command, told):
    before = sorted(tmp_path.rglob("*"))
    code, _, complaint = beyond(*command.split(" "))
    assert code == 2, complaint
    assert told in complaint
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("weights: {verified: 1}", "weight 'verified' is now called 'solution'"),
        ("weights: {solutoin: 1}", "weight 'solutoin' measures nothing in environment 'leaps'"),
        ("wrong: -1", "wrong is -1, expected 0 or more"),
        ("corect: 1", "no setting 'corect'"),
    ],
)
def test_a_process_reward_is_built_by_a_check_like_any_other(beyond, settings, told):
    code, _, complaint = beyond("check", "smoke", "-s", f"arms.rl.reward={{name: process, {settings}}}")
    assert code == 2, complaint
    assert told in complaint


@pytest.mark.parametrize("settings", ["", ", weights: {solution: 1.0}, wrong: 0.5", ", weights: {}, right: 0.2"])
def test_a_process_reward_takes_what_a_verifiers_takes(beyond, settings):
    code, _, complaint = beyond("check", "smoke", "-s", f"arms.rl.reward={{name: process{settings}}}")
    assert code == 0, complaint


def test_a_folder_is_still_free_after_a_mistake_in_the_config(beyond, tmp_path):
    code, _, complaint = beyond("study", "smoke", "-s", "env.moduls=7")
    assert code == 2, complaint
    assert not (tmp_path / "runs").exists()


def test_a_tracker_that_is_not_installed_is_told_before_the_run(beyond, monkeypatch):
    monkeypatch.setattr("experiments.run.trackers.find_spec", lambda name: None)
    code, _, complaint = beyond("check", "smoke", "-s", "trackers=[tensorboard]")
    assert code == 2
    assert "tensorboard is not installed" in complaint
    code, _, complaint = beyond("check", "smoke", "-s", "trackers=[tensorbord]")
    assert (code, "did you mean" in complaint) == (2, True)
    code, _, complaint = beyond("check", "smoke", "-s", "tensorboard=true")
    assert (code, "tensorboard is called trackers: [tensorboard] now" in complaint) == (2, True)


def test_an_unknown_gymnasium_environment_is_a_users_mistake(beyond):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    code, _, complaint = beyond("env", "show", "gym:NoSuchGame-v0")
    assert code == 2
    assert "gymnasium cannot make the environment 'NoSuchGame-v0'" in complaint


def test_the_folder_of_an_output_is_made_before_the_work(beyond, tmp_path):
    code, _, complaint = beyond("verify", "pair.jsonl", "-o", "new/verdicts.jsonl")
    assert code == 0, complaint
    assert '"correct"' in (tmp_path / "new" / "verdicts.jsonl").read_text()


def test_a_config_is_printed_whole_and_read_again_is_the_same(beyond, tmp_path):
    from experiments.config.loading import load_experiment

    code, printed, complaint = beyond("configs", "smoke", "-s", "rl.steps=7")
    assert code == 0, complaint
    (tmp_path / "mine.yaml").write_text(printed)
    assert load_experiment([tmp_path / "mine.yaml"]) == load_experiment(["smoke"], ["rl.steps=7"])
