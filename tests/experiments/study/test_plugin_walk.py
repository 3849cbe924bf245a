"""A new user's walk: install the example plug-in, check it, train a tiny policy on it, see accuracy rise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.study.run import run_study

PLUGIN = Path(__file__).parents[3] / "examples" / "beyond-plugin-example"
CONFIG = str(PLUGIN / "clock.yaml")
SHORT = [
    "policy.tiny={layers: 1, hidden: 32, heads: 2, context: 160}",
    "imitation.steps=20",
    "imitation.num_demonstrations=200",
    "rl.steps=2",
    "rl.problems_per_step=4",
    "rl.group_size=3",
    "rl.sampling.max_new_tokens=20",
    "evaluation={headline_level: 1, problems_per_level: 6, num_samples: 2, validation_problems: 4}",
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip installed the plug-in, as it would into a fresh environment."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*pip, str(folder), str(PLUGIN)], check=True, capture_output=True)
    return folder


def test_the_walk_in_miniature(installed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))  # grading processes inherit it, and find the entry point there
    run_study(load_experiment([CONFIG], SHORT), tmp_path / "clock", quiet=True)
    results = load_study(tmp_path / "clock")
    assert list(results.policies) == ["sft", "rl"]
    errors = [row["outcome/error"] for row in results.metrics("rl", 0) if "outcome/error" in row]
    assert errors == [0.0, 0.0]


def test_the_check_passes_where_the_plug_in_is_installed(installed):
    command = [sys.executable, "-m", "experiments", "env", "check", "clock_arithmetic", "-n", "30", "--json"]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env={"PYTHONPATH": str(installed), "PATH": ""}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["is_ok"]


@pytest.mark.slow
def test_accuracy_rises_above_the_start_and_above_the_demonstrator(installed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))
    run_study(load_experiment([CONFIG]), tmp_path / "clock", quiet=True)
    results = load_study(tmp_path / "clock")
    start, trained = results.policies["sft"], results.policies["rl"]
    demonstrator = results.demonstrator(1)
    assert trained.interval().low > start.interval().high
    assert trained.values().mean() > demonstrator
    assert trained.values("greedy").mean() > start.values("greedy").mean() + 0.25  # what imitation learned wrong
