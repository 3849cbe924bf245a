"""Reward models that are fitted anew as the policy moves, and early stopping by the annotator's own judgements."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from experiments.config.loading import load_experiment
from experiments.results.read import StudyResults, load_study
from experiments.run.evaluations import BEST_BY_ANNOTATOR
from experiments.study.run import run_study

SMALL = [
    "imitation={num_demonstrations: 300, steps: 30, batch_size: 16}",
    "rl={steps: 4, problems_per_step: 4, group_size: 4, evaluate_every: 1, checkpoint_every: 1}",
    "preference={num_pairs: 40, reward_model: {epochs: 1, batch_size: 8, held_out: 0.3}}",
    "evaluation={problems_per_level: 2, num_samples: 2, validation_problems: 6, validation_samples: 2}",
    "arms={rl: null, dpo: null, rlhf: {method: rl, reward: proxy, refits: 1, judgements: 2, rl: {evaluate_every: 1}}}",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = tmp_path_factory.mktemp("strong") / "run"
    run_study(load_experiment(["smoke"], SMALL), folder, quiet=True)
    return load_study(folder)


def test_the_label_budget_is_split_over_the_fits(results: StudyResults) -> None:
    first = results.card("preferences-rlhf/label_report.json", 0)
    second = results.card("rlhf/refit-1/label_report.json", 0)
    assert first is not None
    assert second is not None
    assert first["num_judgements"] == second["num_judgements"] == 20
    model = results.card("rlhf/refit-1/reward_model/reward.json", 0)
    assert model is not None
    assert model["num_pairs"] + model["num_held_out"] == first["num_labels"] + second["num_labels"]


def test_the_refit_is_on_fresh_problems(results: StudyResults) -> None:
    def prompts(name: str) -> set[str]:
        rows = (results.folder / "seed-0" / name / "comparisons.jsonl").read_text().splitlines()
        return {json.loads(row)["problem"]["prompt"] for row in rows}

    assert prompts("rlhf/refit-1").isdisjoint(prompts("preferences-rlhf"))


def test_what_chooses_the_policy_is_paid_for(results: StudyResults) -> None:
    rows = [row for row in results.metrics("rlhf", 0) if "eval/win_rate" in row]
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["eval/win_rate"] == 0.5  # the start against itself: nobody is asked
    asked = sum(row["eval/win_rate_judgements"] for row in rows)
    assert asked <= 4 * 6 * 2
    cost = results.training_cost("rlhf")
    assert cost is not None
    assert cost["labels"] == 40 + asked


def test_the_annotators_choice_is_tested_beside_the_last(results: StudyResults) -> None:
    card = results.card(f"rlhf/{BEST_BY_ANNOTATOR}/snapshot.json", 0)
    assert card is not None
    rows = {row["step"]: row["eval/win_rate"] for row in results.metrics("rlhf", 0) if "eval/win_rate" in row}
    best = max(rows.values())
    assert card["step"] == min(step for step, rate in rows.items() if rate == best)
    assert f"rlhf/{BEST_BY_ANNOTATOR}" in results.policies


def test_stopped_between_the_fits_it_ends_as_undisturbed(results: StudyResults, tmp_path: Path) -> None:
    whole = results.folder
    broken = tmp_path / "run"
    shutil.copytree(whole, broken)
    arm = broken / "seed-0/rlhf"
    for name in ("policy", "test", "status.json", "training.json"):
        target = arm / name
        shutil.rmtree(target, ignore_errors=True) if target.is_dir() else target.unlink(missing_ok=True)
    for checkpoint in sorted((arm / "checkpoints").iterdir()):  # back to the step before the refit
        if checkpoint.name > "step-00000001":
            shutil.rmtree(checkpoint)
    shutil.rmtree(arm / "refit-1")
    run_study(load_experiment(["smoke"], SMALL), broken, resume=True, quiet=True)
    assert (arm / "policy/model.safetensors").read_bytes() == (
        whole / "seed-0/rlhf/policy/model.safetensors"
    ).read_bytes()
