"""A study whose every part is its user's: the examples of docs/plugins.md, cut out of the page and run."""

import json
import re
from pathlib import Path

import pytest

from experiments.config.loading import load_experiment
from experiments.study.run import run_study
from verifiers.parts import KINDS
from verifiers.plugins import trusting_only

PAGE = Path(__file__).parents[3] / "docs/plugins.md"
CONFIG = """
env: {name: environment.py:mine, levels: [1], ood_levels: [2]}
policy: {tiny: {layers: 1, hidden: 16, heads: 2, context: 160}}
imitation:
  demonstrator: {name: demonstrator.py:Mine, forgets: 0.5}
  optimizer: {kind: optimizer.py:mine, lr: 0.01}
  num_demonstrations: 40
  steps: 3
  batch_size: 8
  single_step_share: 0
  step_accuracy: 0
rl:
  algorithm: algorithm.py:Mine
  curriculum: {name: curriculum.py:Mine, enough: 0.5}
  optimizer: {kind: optimizer.py:mine, lr: 0.01}
  steps: 2
  problems_per_step: 4
  group_size: 2
  sampling: {max_new_tokens: 8}
  evaluate_every: 0
preference:
  annotator: {name: annotator.py:Mine, per_word: 0.1}
  selector: selector.py:Mine
  num_pairs: 16
  reward_model: {batch_size: 8}
  dpo: {batch_size: 8}
evaluation: {levels: [1], headline_level: null, problems_per_level: 3, num_samples: 2, sampling: {max_new_tokens: 8}}
workers: {executor: inline, backend: backend.py:mine}
metrics: [metric.py:mine]
trackers: [tracker.py:Mine]
report_sections: [section.py:mine]
arms:
  rl: {method: rl, reward: {name: reward.py:Mine, price: 0.01}}
  rlhf: null
  dpo: {method: dpo}
  soup: {method: arm.py:Mine, other: rl, share: 0.25}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The examples of the page, each in a file of its kind's name."""
    text = PAGE.read_text()
    for kind in KINDS:
        section = text.partition(f"\n## {kind.capitalize()}\n")[2]
        (tmp_path / f"{kind}.py").write_text(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1])
    (tmp_path / "own.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_study_of_nothing_but_ones_own_parts(folder):
    with trusting_only([folder]):  # as the commands do
        run_study(load_experiment(["smoke", folder / "own.yaml"]), folder / "run", quiet=True)
    arm = folder / "run/seed-0"
    rows = [json.loads(line) for line in (arm / "rl/metrics.jsonl").read_text().splitlines()]
    assert any("own/equations_per_completion" in row for row in rows)
    assert {part for row in rows for part in row if part.startswith("reward/part/")} == {
        "reward/part/right",
        "reward/part/length",
    }
    told = [json.loads(line)["step"] for line in (arm / "rl/mine.jsonl").read_text().splitlines()]
    assert {1, 2} <= set(told)
    labels = [json.loads(line) for line in (arm / "preferences/comparisons.jsonl").read_text().splitlines()]
    assert {row["annotator"] for row in labels} == {"Mine"}
    report = json.loads((folder / "run/report.json").read_text())
    assert [section["title"] for section in report["own_sections"]] == ["The best policy"]
    assert "The best policy" in (folder / "run/report.html").read_text()
    assert "| sft |" in (folder / "run/report.md").read_text().partition("## The best policy")[2]
    assert {row["arm"] for row in report["headline"]} >= {"sft", "rl", "soup"}


def test_a_verifier_of_ones_own_grades_a_data_file(folder):
    from envs import make

    rows = [{"prompt": f"Capital of France, in {year}?", "answer": "Paris"} for year in range(1900, 1960)]
    (folder / "capitals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    env = make("jsonl:capitals.jsonl?verify=verifier.py:Mine")
    problem = env.problem(0)
    assert env.grade(problem, "#### paris").is_correct
    assert not env.grade(problem, "#### Lyon").is_correct
