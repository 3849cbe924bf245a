"""How a study ends: a line, an exit code, a state."""

import subprocess
import sys

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import EXIT_RUN_FAILED, UserError
from experiments.run.folders import read_json
from experiments.study.endings import OF_THE_MACHINE, StudyInterrupted, told_ends
from experiments.study.run import run_study
from rl.train import Training, TrainResult

SMALL = ["arms={rlhf: null, dpo: null}", "rl.steps=2", "imitation.steps=4", "imitation.num_demonstrations=40"]


@pytest.mark.parametrize(
    "error", [RuntimeError("boom"), KeyError("x"), ZeroDivisionError(), *(e("y") for e in OF_THE_MACHINE)]
)
def test_any_failure_is_a_state_a_line_and_exit_code_3(tmp_path, error):
    states = []
    with pytest.raises(UserError) as told, told_ends(tmp_path, states.append):
        raise error
    assert states == ["failed"]
    assert told.value.exit_code == EXIT_RUN_FAILED
    assert len(str(told.value).splitlines()) == 1


def test_what_nobody_foresaw_leaves_its_traceback_in_a_file(tmp_path):
    with pytest.raises(UserError, match=r"RuntimeError: boom .*failure.txt"), told_ends(tmp_path, lambda _: None):
        raise RuntimeError("boom")
    assert "raise RuntimeError" in (tmp_path / "failure.txt").read_text()


def test_an_interruption_is_no_failure(tmp_path):
    states = []
    with pytest.raises(SystemExit) as stopped, told_ends(tmp_path, states.append):
        raise StudyInterrupted
    assert (states, stopped.value.code) == (["interrupted"], 130)


def test_a_loss_that_is_not_finite_ends_in_the_state_failed(tmp_path, monkeypatch):
    ended = TrainResult(1, 10, 1.0, "non_finite_loss", {})
    monkeypatch.setattr(Training, "run", lambda self: ended)
    with pytest.raises(UserError, match="rl: the loss was not finite after step 1") as told:
        run_study(load_experiment(["smoke"], SMALL), tmp_path / "run", quiet=True)
    assert told.value.exit_code == EXIT_RUN_FAILED
    assert read_json(tmp_path / "run" / "study.json")["state"] == "failed"
    assert read_json(tmp_path / "run" / "seed-0" / "rl" / "status.json")["state"] == "failed"


def test_a_reward_that_raises_ends_in_one_line(tmp_path):
    (tmp_path / "own.py").write_text(
        "class Broken:\n"
        "    name, calls = 'broken', 0\n"
        "    def compute_rewards(self, groups):\n"
        "        self.calls += 1\n"
        "        if self.calls > 4:  # not yet where it is tried before the run\n"
        "            raise KeyError('no such column')\n"
        "        return groups\n"
    )
    settings = [*SMALL, "arms.rl.reward=own.py:Broken", "rl.steps=8"]
    command = [
        sys.executable,
        "-m",
        "experiments",
        "study",
        "smoke",
        "-o",
        "run",
        *(a for s in settings for a in ("-s", s)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == EXIT_RUN_FAILED, done.stderr
    assert "Traceback" not in done.stderr
    assert "own.py:6" in done.stderr
    assert read_json(tmp_path / "run" / "study.json")["state"] == "failed"


def test_a_resume_that_computes_differently_says_so(tmp_path, monkeypatch, capsys):
    from experiments.study import provenance

    folder = tmp_path / "run"
    run_study(load_experiment(["smoke"], SMALL), folder, quiet=True)
    first = read_json(folder / "provenance.json")["arithmetic"]
    capsys.readouterr()
    run_study(load_experiment(["smoke"], SMALL), folder, resume=True, quiet=True)
    assert "goes on with" not in capsys.readouterr().err
    other = {"kernels": None if first["kernels"] else "a" * 16, "compiler": None, "arch": None}
    monkeypatch.setattr(provenance, "describe_kernels", lambda: other)
    run_study(load_experiment(["smoke"], SMALL), folder, resume=True, quiet=True)
    assert "goes on with" in capsys.readouterr().err
    assert read_json(folder / "provenance.json")["resumed"][-1]["arithmetic"] == other
