"""Arms with annotators, budgets and reward models of their own, beside each other in one study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.config.labels import labels_of_arms
from experiments.config.loading import load_experiment
from experiments.results.labels import Agreement, agreement_of
from experiments.results.read import StudyResults, load_study
from experiments.run.errors import UserError
from experiments.run.folders import read_jsonl
from experiments.study.plan import check_components, print_plan
from experiments.study.run import run_study

SMALL = [
    "imitation={num_demonstrations: 300, steps: 30, batch_size: 16}",
    "rl={steps: 2, problems_per_step: 4, group_size: 4, evaluate_every: 1}",
    "preference={num_pairs: 40, reward_model: {epochs: 1, batch_size: 8, held_out: 0.3}, dpo: {batch_size: 8}}",
    "evaluation={problems_per_level: 2, num_samples: 2, validation_problems: 6, validation_samples: 2}",
]
ARMS = [
    "arms.verbose={method: rl, reward: proxy, preference: {annotator: verbose}}",
    "arms.verbose-dpo={method: dpo, preference: {annotator: verbose}}",
    "arms.few={method: rl, reward: proxy, preference: {num_pairs: 20}}",
    "arms.several={method: rl, reward: proxy, preference: {reward_model: {members: 2}}}",
    "arms.several-min={method: rl, reward: {name: proxy, combine: min}, preference: {reward_model: {members: 2}}}",
    "arms.shallow={method: rl, reward: proxy, preference: {reward_model: {layers: 1}}}",
    "arms.both={method: rl, reward: proxy, preference: {annotator: verbose, reward_model: {members: 2}}}",
]


def folders(overrides: list[str]) -> dict[str, tuple[str, str]]:
    experiment = load_experiment(["smoke"], overrides)
    found = labels_of_arms(experiment, experiment.arms)
    return {arm: (labels.pairs, labels.reward_model) for arm, labels in found.items()}


def test_arms_with_equal_settings_share_labels_and_reward_models() -> None:
    assert folders(ARMS) == {
        "rlhf": ("preferences", "preferences/reward_model"),
        "dpo": ("preferences", "preferences/reward_model"),
        "verbose": ("preferences-verbose", "preferences-verbose/reward_model"),
        "verbose-dpo": ("preferences-verbose", "preferences-verbose/reward_model"),
        "few": ("preferences-few", "preferences-few/reward_model"),
        "several": ("preferences", "preferences/reward_model-several"),
        "several-min": ("preferences", "preferences/reward_model-several"),
        "shallow": ("preferences", "preferences/reward_model-shallow"),
        "both": ("preferences-verbose", "preferences-verbose/reward_model-both"),
    }


def test_an_arm_that_spells_out_the_shared_settings_shares_them() -> None:
    same = folders(["arms.mine={method: dpo, preference: {annotator: {name: careful}, num_pairs: 60}}"])
    assert same["mine"] == same["rlhf"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = tmp_path_factory.mktemp("labels") / "run"
    run_study(load_experiment(["smoke"], [*SMALL, *ARMS]), folder, quiet=True)
    return load_study(folder)


def test_every_set_of_labels_is_bought_once(results: StudyResults) -> None:
    stages = [row["stage"] for row in results.study["stages"]]
    assert len(stages) == len(set(stages))
    assert [s for s in stages if "preferences" in s or "reward_model" in s] == [
        "preferences",
        "reward_model",
        "preferences-verbose",
        "preferences-verbose/reward_model",
        "preferences-few",
        "preferences-few/reward_model",
        "reward_model-several",
        "reward_model-shallow",
        "preferences-verbose/reward_model-both",
    ]
    labels = {arm: (results.training_cost(arm) or {})["labels"] for arm in ("rlhf", "dpo", "verbose", "few")}
    assert labels == {"rlhf": 40, "dpo": 40, "verbose": 40, "few": 20}


def test_every_reward_model_keeps_the_log_of_its_fit(results: StudyResults) -> None:
    models = ("preferences/reward_model", "preferences/reward_model-several", "preferences/reward_model-shallow")
    for seed in results.seeds:
        stages = [
            {row["stage"] for row in read_jsonl(results.folder / f"seed-{seed}" / model / "metrics.jsonl")}
            for model in models
        ]
        assert stages == [{"reward_model"}, {"reward_model_0", "reward_model_1"}, {"reward_model"}]


def test_annotators_judge_the_same_pairs(results: StudyResults) -> None:
    def pairs(name: str) -> set[frozenset[str]]:
        path = results.folder / "seed-0" / name / "comparisons.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return {frozenset((r["problem"]["prompt"], r["chosen"], r["rejected"])) for r in rows}

    assert pairs("preferences-verbose") == pairs("preferences")


def test_agreement_is_told_for_every_arm_with_labels(results: StudyResults) -> None:
    verbose, careful = results.agreement("verbose"), results.agreement("rlhf")
    assert verbose is not None
    assert careful is not None
    assert (verbose.annotator, careful.annotator) == ("verbose", "careful")
    assert results.agreement("dpo") == Agreement("careful", careful.num_labels, careful.num_decisive, careful.labels)
    assert results.agreement("rl") is None
    assert results.agreement("rlhf/best-gold") == careful


def test_agreement_is_pooled_over_seeds_by_the_number_of_pairs() -> None:
    cards = [
        {"annotator": "careful", "num_labels": 40, "num_decisive": 10, "agreement": 0.5},
        {"annotator": "careful", "num_labels": 40, "num_decisive": 30, "agreement": 0.7},
        {"annotator": "careful", "num_labels": 40, "num_decisive": 0, "agreement": None},
    ]
    models = [{"num_decisive": 4, "gold_accuracy": 0.25}]
    found = agreement_of(cards, models)
    assert found.labels == pytest.approx(0.65)  # (10 * .5 + 30 * .7) / 40
    assert str(found) == (
        "careful and agrees with ground truth on 65 % of 40 decisive pairs, the reward model on 25 % of 4"
    )
    with pytest.raises(ValueError, match="no label report"):
        agreement_of([], [])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("arms.rl={preference: {annotator: perfect}}", "arms.rl.preference.annotator changes nothing"),
        ("arms.dpo={preference: {reward_model: {members: 2}}}", "arms.dpo.preference.reward_model changes nothing"),
        ("arms.dpo={preference: {annotator: grumpy}}", "arms.dpo.preference.annotator: unknown annotator 'grumpy'"),
        ("arms.dpo={preference: {comparisons: none.jsonl}}", "arms.dpo.preference.comparisons: 'none.jsonl'"),
        ("arms.rl={refits: 1}", "arms.rl.refits changes nothing: no reward model"),
        ("arms.rlhf={judgements: 2, rl: {evaluate_every: 0}}", "arms.rlhf.judgements are bought at evaluations"),
        ("arms.rlhf={refits: 4}", "arms.rlhf.refits is 4, with 4 steps"),
        ("rl.curriculum=learnability", "rlhf: rl.curriculum learnability chooses problems by ground truth"),
        ("arms.preferences-mine={method: rl}", "may not be called 'preferences-mine'"),
    ],
)
def test_mistakes_are_told(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_components(load_experiment(["smoke"], [override]))


def test_labels_without_a_preference_are_refused_with_what_to_do(tmp_path: Path) -> None:
    perfect = "preference.annotator=perfect"  # of a start that solves nothing: every pair is a tie
    with pytest.raises(UserError, match="all 40 answers of perfect are ties"):
        run_study(load_experiment(["smoke"], [*SMALL, perfect, "arms={rl: null, rlhf: null}"]), tmp_path / "run")


def test_a_curriculum_by_reward_may_choose_for_any_arm() -> None:
    check_components(load_experiment(["smoke"], ["rl.curriculum={name: learnability, by: reward}"]))
    check_components(load_experiment(["smoke"], ["arms={rlhf: null}", "rl.curriculum=learnability"]))


def test_the_plan_tells_every_set_of_labels(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    print_plan(load_experiment(["smoke"], ARMS))
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "preferences 60 judgements by careful on pairs of the start" in told
    assert "preferences-verbose 60 judgements by verbose on pairs of the start" in told
    assert any(line.startswith("reward model-several ensemble of 2") for line in told)
