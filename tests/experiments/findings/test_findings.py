"""A study from its name to its page: what it will take, what is taken over, what is written, and what the page says."""

import json

import pytest
import yaml
from made_studies import make_study

from experiments.config.loading import STUDY_FOLDER
from experiments.config.renamed import check_folder_names
from experiments.findings.figure import draw, figure_data
from experiments.findings.page import hypothesis_row, not_run, origin, summary, written
from experiments.findings.price import price_of
from experiments.findings.reproduce import find_study, folders_of, reproduce, sources_of, write_finding
from experiments.findings.result import per_point
from experiments.hypotheses.keeping import keep_hypotheses
from experiments.hypotheses.loading import load_variants, read_design
from experiments.hypotheses.vocabulary import Figure
from experiments.results.read import load_study
from experiments.results.spending import training_flop, watt_hours
from experiments.run.errors import UserError
from experiments.run.folders import read_json, write_json

LOW, HIGH = dict.fromkeys((1, 2, 3, 4), 0.2), dict.fromkeys((1, 2, 3, 4), 0.9)
COSTS = {"optimizer_steps": 1, "tokens_sampled": 100, "tokens_trained": 50, "verdicts": 7, "labels": 0}
DESIGN = {
    "question": "Does it work?",
    "hypotheses": {
        "gain": {
            "sentence": "RL gains.",
            "role": "exploratory",
            "measure": {"kind": "difference", "of": "rl", "minus": "sft"},
            "predicts": {"above": 0.1},
            "falsified": {"below": 0.0},
        }
    },
    "sceptic": {"asks": "By guessing?", "measure": {"kind": "accuracy", "of": "sft", "metric": "answer"}},
    "figure": {"kind": "levels", "policies": ["sft", "rl"]},
}


ONE = ["seeds=[0]"]


@pytest.fixture
def config(tmp_path):
    """A study in seconds, with hypotheses."""
    (tmp_path / "mine.yaml").write_text(
        f"base: {STUDY_FOLDER.parent}/configs/smoke.yaml\nname: mine\nseeds: [0, 1, 2]\n"
        "imitation: {steps: 4}\nrl: {steps: 1}\narms: {rlhf: null, dpo: null}\n"
    )
    (tmp_path / "mine.hypotheses.yaml").write_text(yaml.safe_dump(DESIGN))
    return tmp_path / "mine.yaml"


@pytest.fixture
def finished(tmp_path):
    """A study of three seeds in which RL went from .2 to .9."""
    folder = make_study(tmp_path / "run", {"sft": LOW, "rl": HIGH}, seeds=(0, 1, 2), costs={"rl": COSTS})
    digest = keep_hypotheses(folder, yaml.safe_dump(DESIGN))
    write_json(folder / "provenance.json", {**read_json(folder / "provenance.json"), "hypotheses": digest})
    return folder


def test_a_finding_has_verdicts_costs_and_a_figure(finished, tmp_path):
    path = write_finding("mine", {"": finished}, tmp_path / "results")
    found = json.loads(path.read_text())
    assert [row["verdict"] for row in found["hypotheses"]] == ["held"]
    assert found["sceptic"]["value"] == pytest.approx(0.2, abs=0.03)
    (row,) = found["costs"]
    assert (row["policy"], row["tokens"], row["verdicts"]) == ("rl", 150, 7)
    assert row["per_point"]["tokens"] == pytest.approx(150 / row["points"])
    assert row["points"] == pytest.approx(70, abs=3)
    assert set(found["figure"]["lines"]) == {"sft", "rl"}
    assert (tmp_path / "results" / "mine.svg").read_text().startswith("<svg")
    check_folder_names(finished)


def test_operations_are_two_a_token_sampled_and_six_a_token_trained(finished):
    study = load_study(finished)
    study.policies["rl"].evaluations[1]["parameters"] = 1000
    # 1000 weights: 2 x 100 + 6 x 50 = 500 tokens' worth
    assert training_flop(study, "rl", 1) == 500_000
    assert training_flop(study, "rl", 0) is None  # its weights were not noted
    assert watt_hours(3600.0) == 10.0


@pytest.mark.parametrize(
    ("amount", "points", "each"), [(100.0, 50.0, 2.0), (100.0, 0.2, None), (100.0, -9.0, None), (None, 9.0, None)]
)
def test_an_amount_is_for_a_point_only_where_one_was_gained(amount, points, each):
    assert per_point(amount, points) == each


@pytest.mark.parametrize(
    "figure",
    [
        {"kind": "levels", "policies": ["sft", "rl", "demonstrator", "nobody"]},
        {"kind": "pass_at", "policies": ["sft"]},
        {"kind": "points", "x": "share", "scale": "log", "series": {"rl": {"1": "sft", "2": "rl"}}},
    ],
)
def test_a_figure_is_drawn_from_its_data_alone_and_the_same_each_time(finished, figure):
    data = json.loads(json.dumps(figure_data(Figure.model_validate(figure), {"": load_study(finished)})))
    assert "nobody" not in data["lines"]
    assert draw(data, "A question") == draw(data, "A question")
    assert 'aria-label="A question' in draw(data, "A question")


def test_pass_at_k_of_the_figure_ends_at_the_samples_there_are(finished):
    data = figure_data(Figure(kind="pass_at", policies=("sft",)), {"": load_study(finished)})
    assert [point["x"] for point in data["lines"]["sft"]] == [1, 2, 4, 8]
    assert data["lines"]["sft"][-1]["value"] == pytest.approx(1 - 0.8**8, abs=0.05)


def test_reproduce_says_what_it_takes_runs_what_is_missing_and_goes_on(config, tmp_path, capsys):
    root, results = tmp_path / "runs", tmp_path / "results"
    assert reproduce(str(config), root=root, results=results, only_price=True, overrides=ONE) is None
    told = capsys.readouterr().out
    assert "starts are trained" in told
    assert "to do: 1 start(s) to train" in told
    assert not root.exists()
    path = reproduce(str(config), root=root, results=results, quiet=True, overrides=ONE)
    found = json.loads(path.read_text())
    assert (found["hypotheses"][0]["verdict"], found["hypotheses"][0]["reason"]) == (
        "undecided",
        "1 of 3 seeds that are needed",
    )
    capsys.readouterr()
    again = reproduce(str(config), root=root, results=results, quiet=True, overrides=ONE)
    assert "to do: nothing but the figure" in capsys.readouterr().out
    assert json.loads(again.read_text()) == found


def test_starts_of_another_study_are_found(config, tmp_path):
    design = read_design(find_study(str(config))[1])
    experiments = load_variants(config, design)
    folders = folders_of(tmp_path / "runs", design)
    assert sources_of(experiments, folders, [tmp_path / "none"]) == {"": None}


def test_a_study_that_there_is_not_is_told():
    with pytest.raises(UserError, match="no study 'laddr'; did you mean 'ladder'"):
        find_study("laddr")
    with pytest.raises(UserError, match="no study 'demo'"):
        find_study("demo")


def test_the_price_counts_starts_seeds_and_what_is_there(config):
    experiments = load_variants(config, read_design(find_study(str(config))[1]))
    whole = price_of(experiments, has_start={"": False}, levels=4)
    rest = price_of(experiments, has_start={"": True}, levels=4)
    assert (whole.starts, rest.starts) == (3, 0)
    # each seed: 4 levels x 6 problems x (4 + 1) for sft and for rl; rl: 1 step x 8 x 4, no evaluation at 1 // 2
    assert whole.completions == rest.completions == 3 * (2 * 4 * 6 * 5 + 32)
    assert whole.seconds > rest.seconds


def test_the_price_of_a_model_that_was_not_made_here_is_of_its_size_or_not_told(config):
    design = read_design(find_study(str(config))[1])
    known, unknown = (
        price_of(
            load_variants(config, design, ("policy.tiny=null", f"policy.path={path}")), has_start={"": True}, levels=4
        )
        for path in ("smollm2-135m-instruct", "some/folder")
    )
    tiny = price_of(load_variants(config, design), has_start={"": True}, levels=4)
    assert known.completions == unknown.completions == tiny.completions
    assert known.seconds > 60 * tiny.seconds
    assert unknown.seconds is None
    assert "not known" in str(unknown)


def test_the_page_and_its_figures_are_current():
    for path, text in written().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run python -m experiments.findings.page"


ROW = {"verdict": "held", "role": "exploratory", "sentence": "It is so.", "predicts": "above 1", "falsified": "below 0"}
ROW |= {"value": 1.5, "low": 1.2, "high": 1.8, "num_seeds": 3, "reason": ""}


def test_what_failed_is_told_by_its_sentence():
    told = summary([ROW, {**ROW, "verdict": "not held", "sentence": "It is not."}, {**ROW, "verdict": "undecided"}])
    assert told == "Of 3 exploratory hypotheses: 1 held, 1 not held, 1 undecided (“It is not” failed)."


def test_an_exploratory_hypothesis_is_marked():
    assert hypothesis_row(ROW) == "| **held** (exploratory) | It is so. | above 1 | below 0 | 1.5 [1.2, 1.8] |"
    assert hypothesis_row({**ROW, "role": "primary"}).startswith("| **held** | ")


def test_hypotheses_changed_after_the_run_are_told():
    finding = {
        "name": "distil",
        "seeds": [0],
        "commit": "c" * 40,
        "uncommitted": True,
        "overrides": ["a=1"],
        "machine": {"cores": 2},
        "seconds": 60,
    }
    told = origin(finding, is_changed=True)
    assert "changed after this run" in told
    assert "with uncommitted changes" in told
    assert "`beyond reproduce distil -s a=1`" in told
    assert "changed" not in origin({**finding, "uncommitted": False}, is_changed=False)


def test_a_study_without_results_has_its_command_and_price_and_no_claim():
    told = not_run([STUDY_FOLDER / "distil.yaml"])
    assert "beyond reproduce distil" in told
    assert "minutes on two quiet cores" in told
    assert "keeps what RL reached" not in told


def test_a_legend_beside_a_drawing_with_a_layout_of_its_own_hides_nothing():
    from matplotlib.figure import Figure as Drawing

    from experiments.report.drawing import chart

    drawing = Drawing(figsize=(7.2, 3.6), layout="constrained")
    axes = drawing.subplots()
    lines = [axes.plot([1, 2], [0, i], label=f"policy number {i}")[0] for i in range(8)]
    beside = drawing.legend(lines, [line.get_label() for line in lines], loc="outside right upper")
    chart(drawing, "A question")
    assert not beside.get_window_extent().overlaps(axes.get_tightbbox())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"kind": "points", "scale": "log", "lines": {"a": [{"x": 28000}, {"x": 8e5}]}}, [28000, 8e5]),
        ({"kind": "points", "scale": "linear", "lines": {"a": [{"x": 0}, {"x": 0.005}, {"x": 0.1}]}}, []),
        ({"kind": "points", "scale": "log", "lines": {"a": [{"x": 0}, {"x": 1}]}}, []),
        ({"kind": "levels", "scale": "linear", "lines": {"a": [{"x": 2}], "b": [{"x": 1}]}}, [1, 2]),
        ({"kind": "costs", "scale": "log", "lines": {"a": [{"x": 1}]}}, []),
    ],
)
def test_ticks_stand_at_points_that_are_few_and_apart(data, expected):
    from experiments.findings.figure import _ticks

    assert _ticks(data) == expected
