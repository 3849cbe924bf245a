"""Every kind of arm in one study: same start, prompts and budget; costs told; stopped and resumed bit for bit."""

import json
import shutil
import signal

import pytest

from experiments.arms import methods_of_study
from experiments.config.arms.kinds import arm_kinds, methods_of
from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.results.tables import arm_rows, cheapest_that_will_do, cost_rows
from experiments.run.display import Display
from experiments.study.run import run_study
from rl.records.names import is_known

LABELS = 40  # preference.num_pairs of the config
COMPLETIONS = 2 * 6 * 4  # steps x problems x group size


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ladder") / "run"
    run_study(load_experiment(["mini-ladder"]), folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def results(ladder):
    return load_study(ladder)


def cost(results, arm):
    return results.card(f"{arm}/training.json", 0)["cost"]


def test_the_config_has_an_arm_of_every_method():
    used = {arm.method for arm in load_experiment(["mini-ladder"]).arms.values()}
    assert used == {method for kind in arm_kinds() for method in methods_of(kind)}
    own_studies = {"distill", "ipo"}  # of which the ladder needs no arm
    assert {arm.method for arm in load_experiment(["ladder"]).arms.values()} == used - own_studies


def test_every_arm_answers_the_same_problems(results):
    hashes = {e["problems_hash"] for policy in results.policies.values() for e in policy.evaluations}
    assert hashes == {results.study["problems"]["test"]}
    assert set(results.arms) == set(results.experiment.arms)
    extra = set(results.policies) - set(results.arms) - {"sft"}
    assert extra == {"rlhf/best-by-verifier", "rlhf/kl-matched", "distilled/off-policy"}


def test_budgets_are_equal_and_told(results):
    # RL: the same completions, the same verdicts
    assert cost(results, "rl")["verdicts"] == cost(results, "expert-iteration")["verdicts"] == COMPLETIONS
    assert cost(results, "rlhf")["verdicts"] == 0
    assert cost(results, "more-imitation")["demonstrations"] == COMPLETIONS
    assert cost(results, "more-imitation")["optimizer_steps"] == 2
    # preferences: the same number of judgements (fewer only where equal texts leave no pair)
    labels = {arm: cost(results, arm)["labels"] for arm in ("rlhf", "dpo", "ipo", "kto", "kto-pairs", "best-of-2")}
    assert max(labels.values()) <= LABELS
    assert labels["rlhf"] == labels["dpo"] == labels["ipo"] == labels["best-of-2"] == labels["kto-pairs"]
    assert LABELS - 2 <= labels["kto"] <= LABELS
    assert LABELS // 2 <= cost(results, "online-dpo")["labels"] <= LABELS  # a sure policy repeats itself
    # PPO takes 2 epochs x 2 minibatches of each of the 2 updates; the reward model's steps are RLHF's too
    assert cost(results, "rl")["optimizer_steps"] == 8
    fit = results.card("preferences/reward_model/reward.json", 0)
    assert cost(results, "rlhf")["optimizer_steps"] == 2 + fit["steps"]
    assert cost(results, "rlhf")["tokens_trained"] > fit["tokens_trained"]


def test_preference_arms_leave_from_the_start(results):
    for arm in ("dpo", "ipo"):
        assert results.card(f"{arm}/training.json", 0)["fit"]["margin_before"] == 0.0
    rounds = results.card("online-dpo/training.json", 0)["rounds"]
    assert rounds[0]["fit"]["margin_before"] == 0.0
    assert [r["round"] for r in rounds] == [1, 2]


def test_arms_in_rounds_are_evaluated_after_each(ladder):
    from experiments.run.folders import read_jsonl

    for arm in ("expert-iteration", "online-dpo"):
        rows = [row for row in read_jsonl(ladder / "seed-0" / arm / "evals.jsonl") if row["split"] == "validation"]
        assert [row["step"] for row in rows] == [1, 2], arm


def test_distance_from_the_start_is_one_measure_for_all(results):
    distances = {row["arm"]: row.get("kl") for row in arm_rows(results, None)}
    assert distances["sft"] is None
    assert abs(distances["dpo"]) < 0.1  # one step at a warming learning rate
    assert distances["distilled"] > 5 * max(0.1, abs(distances["rl"]))  # another model altogether
    assert distances["best-of-2"] == pytest.approx(0.6931 - 0.5, abs=1e-3)  # ln n - (n - 1) / n


def test_a_chooser_answers_with_the_best_of_each_run_of_samples(results):
    rows = results.policies["best-of-2"].evaluations[0]["rows"]
    assert {row["n"] for row in rows} == {2}  # 4 samples per problem make 2 answers of 2
    assert not results.policies["best-of-2"].has_greedy
    curve = results.card("best-of-2/best_of_n.json", 0)
    assert [point["n"] for point in curve] == [1, 2, 4]
    scores = [point["score"] for point in curve]
    assert scores == sorted(scores)
    start = results.policies["sft"].values().mean()
    assert curve[0]["gold"] == pytest.approx(start)  # the same samples: best of one is the start
    costs = {row["arm"]: row for row in cost_rows(results, None)}
    assert costs["best-of-2"]["tokens_per_answer"] == pytest.approx(2 * costs["sft"]["tokens_per_answer"])


def test_a_smaller_student_is_cheaper_and_its_price_is_known(results):
    card = results.card("distilled/training.json", 0)
    costs = {row["arm"]: row for row in cost_rows(results, None)}
    assert costs["distilled"]["parameters"] == card["parameters"]["student"] < card["parameters"]["teacher"]
    assert costs["distilled"]["flop_per_answer"] < costs["sft"]["flop_per_answer"]
    off, on = card["costs"]["off-policy"], card["costs"]["on-policy"]
    assert off["student_tokens_sampled"] == 0 < on["student_tokens_sampled"]
    assert off["flop"] > 2 * card["parameters"]["teacher"] * off["teacher_tokens"]
    cheapest = cheapest_that_will_do(results, 1, margin=1.1)  # where anything will do
    assert cheapest in ("distilled", "distilled/off-policy")  # one size; which answers shorter is no matter here
    assert cheapest_that_will_do(results, 1, margin=-1.1) != "distilled"  # where only the best will


def test_the_proxy_is_watched_and_rlhf_is_tested_where_gold_would_have_stopped_it(results):
    card = results.card("preferences/reward_model/reward.json", 0)
    assert len(card["normalisers"]) == 2
    if card["calibration"] is not None:  # no held-out pair in so few
        assert 0 <= card["calibration"]["ece"] <= 1  # sure and wrong: up to 1
    rows = [row for row in results.metrics("rlhf", 0) if "eval/kl" in row]
    assert [row["step"] for row in rows] == [0, 2]
    assert rows[0]["eval/kl"] == pytest.approx(0.0, abs=1e-4)  # the start itself
    assert {"eval/proxy", "eval/reward_model_accuracy_labels", "eval/annotator_false_positive_rate"} <= set(rows[0])
    best = results.card("rlhf/best-by-verifier/snapshot.json", 0)
    assert best["gold"] == max(row["eval/mean_solution"] for row in rows)
    assert results.card("rlhf/kl-matched/snapshot.json", 0)["target_kl"] == results.policies["rl"].fact("kl")
    assert results.label("rlhf/best-by-verifier") == "rlhf, best by verifier"


def test_every_recorded_metric_is_in_the_one_list(results):
    names = {name for arm in results.arms for row in results.metrics(arm, 0) for name in row}
    assert [n for n in names - {"stage", "step", "wall_seconds"} if not is_known(n)] == []


def test_the_report_shows_every_arm_and_what_it_took(ladder, results):
    html, text = (ladder / "report.html").read_text(), (ladder / "report.md").read_text()
    for name in results.policies:
        assert f">{results.label(name)}<" in html
        assert f"| {results.label(name)} |" in text
    assert "the cheapest that will do" in html.lower()
    figures = json.loads((ladder / "report.json").read_text())
    assert figures["proxy_arms"] == ["rlhf"]
    assert {row["arm"] for row in figures["costs"]} == {results.label(name) for name in results.policies}


class StopAt(Display):
    """Presses Ctrl-C once, when a stage has made so many steps."""

    def __init__(self, stage, step):
        super().__init__(quiet=True)
        self.at = (stage, step)

    def progress(self, stage, done, total, note=""):
        super().progress(stage, done, total, note)
        if (stage, done) == self.at:
            self.at = None
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("arm", "stage"),
    [
        ("rl", "rl"),
        ("rlhf", "rlhf"),
        ("more-imitation", "more-imitation"),
        ("expert-iteration", "expert-iteration_round_1"),
        ("expert-iteration", "expert-iteration"),
        ("dpo", "dpo"),
        ("kto", "kto"),
        ("online-dpo", "online-dpo"),
        ("online-dpo", "online-dpo_round_2"),
        ("distilled", "distilled-off-policy"),
        ("distilled", "distilled"),
    ],
)
def test_interrupted_and_resumed_every_arm_ends_as_the_undisturbed_one(ladder, tmp_path, monkeypatch, arm, stage):
    monkeypatch.setattr("experiments.report.write_report", lambda folder: folder)  # written above; seconds each time
    monkeypatch.setattr("experiments.results.tables.print_study", lambda folder: None)
    experiment = load_experiment(["mini-ladder"])
    broken = tmp_path / "broken"
    shutil.copytree(ladder, broken)
    shutil.rmtree(broken / "seed-0" / arm)
    with pytest.raises(SystemExit) as stopped:
        run_study(experiment, broken, resume=True, display=StopAt(stage, 1))
    assert stopped.value.code == 130
    run_study(experiment, broken, resume=True, quiet=True)
    for policy in (ladder / "seed-0" / arm).rglob("policy/model.safetensors"):
        assert policy.read_bytes() == (broken / policy.relative_to(ladder)).read_bytes(), policy
    before, after = (json.loads((f / "seed-0" / arm / "training.json").read_text()) for f in (ladder, broken))
    assert before["cost"] == after["cost"]


def test_one_arm_runs_with_those_that_it_builds_on():
    experiment = load_experiment(["mini-ladder"])
    assert list(experiment.only("majority-of-4").arms) == ["rl", "majority-of-4"]
    assert list(experiment.only("distilled").arms) == ["distilled"]


def test_the_plan_tells_what_every_arm_will_do(capsys):
    from experiments.study.plan import print_plan

    experiment = load_experiment(["mini-ladder"])
    print_plan(experiment)
    told = capsys.readouterr().out
    for name, method in methods_of_study(experiment).items():
        assert f"  {name:<14} {method.plan()}" in told
    assert "40 judgements by careful" in told
    assert "ensemble of 2" in told


@pytest.mark.ray
@pytest.mark.slow
def test_a_student_of_another_shape_is_the_same_on_ray(tmp_path):
    """The pool of workers is exchanged for one that loads the student, and back."""
    experiment = load_experiment(["mini-ladder"]).only("distilled")
    rows = []
    for executor in ("inline", "ray"):
        workers = experiment.workers.model_copy(update={"executor": executor})
        folder = tmp_path / executor
        run_study(experiment.model_copy(update={"workers": workers}), folder, quiet=True)
        paths = sorted((folder / "seed-0" / "distilled").rglob("policy/model.safetensors"))
        rows.append([(str(path.relative_to(folder)), path.read_bytes()) for path in paths])
    assert len(rows[0]) == 3  # off-policy, on-policy, and the arm's
    assert rows[0] == rows[1]
