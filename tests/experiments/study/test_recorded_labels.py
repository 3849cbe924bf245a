"""Labels that people recorded, in the place of a modelled annotator."""

import json

import pytest

from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.study.plan import check_components
from experiments.study.run import run_study

pytestmark = pytest.mark.learning

SMALL = [
    "imitation={num_demonstrations: 40, steps: 3, batch_size: 8}",
    "rl={steps: 2, problems_per_step: 4, group_size: 2, evaluate_every: 1}",
    "preference={reward_model: {epochs: 1, batch_size: 8, held_out: 0.3}, dpo: {batch_size: 8, held_out: 0.3}}",
    "evaluation={problems_per_level: 2, num_samples: 2, validation_problems: 8, validation_samples: 4}",
    "arms={rl: null, kto: {method: kto, feedback: pairs, batch_size: 8}}",
]


@pytest.fixture
def labels(tmp_path):
    """People who prefer right solutions to empty ones, written down without tokens."""
    from envs.registry import make

    env = make("leaps", modulus=7, operands=[2, 3], levels=[1, 2, 3], ood_levels=[4])
    rows = []
    for index in range(24):
        problem = env.problem(index)
        right = f"{' ; '.join(s.rstrip(' ;') for s in problem.solution)} ; # {problem.answer}"
        rows.append({"problem": problem.to_json(), "chosen": right, "rejected": "# 0 0", "annotator": "people"})
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_study_learns_from_recorded_labels(labels, tmp_path):
    folder = tmp_path / "run"
    run_study(load_experiment(["smoke"], [*SMALL, f"preference.comparisons={labels}"]), folder, quiet=True)
    results = load_study(folder)
    report = results.card("preferences/label_report.json", 0)
    assert (report["annotator"], report["num_labels"]) == ("people", 24)
    assert report["agreement"] == 1.0  # the environment graded both sides
    stored = [json.loads(line) for line in (folder / "seed-0/preferences/comparisons.jsonl").read_text().splitlines()]
    assert all(row["agrees_with_gold"] for row in stored)
    for arm in ("rlhf", "dpo", "kto"):
        assert results.card(f"{arm}/training.json", 0)["cost"]["labels"] == 24
    watched = [row for row in results.metrics("rlhf", 0) if "eval/kl" in row]
    assert watched
    assert not any("eval/reward_model_accuracy_labels" in row for row in watched)  # nobody is there to ask


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), ("", "holds no comparison"), ('{"chosen": "x"}\n', r"labels\.jsonl:1")],
)
def test_a_file_without_labels_is_told_before_anything_is_trained(tmp_path, content, told):
    path = tmp_path / "labels.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=told):
        check_components(load_experiment(["smoke"], [f"preference.comparisons={path}"]))


@pytest.mark.parametrize("arm", ["online: online_dpo", "thumbs: kto"])
def test_methods_that_need_somebody_to_ask_are_refused(labels, arm):
    with pytest.raises(UserError, match=r"somebody to ask|nobody is there"):
        check_components(load_experiment(["smoke"], [f"preference.comparisons={labels}", f"arms={{{arm}}}"]))
