"""Files of hypotheses: those that are shipped fit their studies, and a mistake in one is told with its place."""

import pytest
import yaml
from made_studies import make_study

from experiments.config.loading import STUDY_FOLDER, load_experiment, shipped_configs
from experiments.hypotheses.keeping import keep_hypotheses, kept_hypotheses, report_of
from experiments.hypotheses.loading import hypotheses_beside, load_variants, read_design, text_digest
from experiments.report import write_report
from experiments.results.read import load_study
from experiments.run.errors import UserError
from experiments.run.folders import read_json, write_json
from experiments.study.plan import check_components

STUDIES = [path for path in shipped_configs() if path.parent == STUDY_FOLDER]


@pytest.mark.parametrize("config", STUDIES, ids=lambda path: path.stem)
def test_every_shipped_study_can_be_built_and_has_hypotheses_that_fit(config):
    path = hypotheses_beside(config)
    assert path is not None
    design = read_design(path)
    for experiment in load_variants(config, design).values():
        check_components(experiment)
    assert path.read_text().startswith("# Written before any run ")
    assert any(h.role == "primary" for h in design.hypotheses.values()) <= (len(load_experiment([config]).seeds) >= 5)


GIVEN = {
    "question": "Q?",
    "hypotheses": {
        "gain": {
            "sentence": "RL gains.",
            "role": "exploratory",
            "measure": {"kind": "difference", "of": "rl", "minus": "sft"},
            "predicts": {"above": 0.1},
            "falsified": {"below": 0.0},
        }
    },
    "sceptic": {"asks": "And?", "measure": {"kind": "accuracy", "of": "sft"}},
    "figure": {"kind": "levels", "policies": ["sft", "rl"]},
}


@pytest.fixture
def study(tmp_path):
    """A config of three seeds with the hypotheses of GIVEN, changed by a function."""

    def made(change=lambda design: None, seeds="[0, 1, 2]"):
        (tmp_path / "mine.yaml").write_text(
            f"base: {STUDY_FOLDER.parent}/configs/smoke.yaml\nname: mine\nseeds: {seeds}\n"
        )
        design = yaml.safe_load(yaml.safe_dump(GIVEN))
        change(design)
        (tmp_path / "mine.hypotheses.yaml").write_text(yaml.safe_dump(design))
        return tmp_path / "mine.yaml"

    return made


def load(config):
    path = hypotheses_beside(config)
    return load_variants(config, read_design(path))


def test_a_design_that_fits_is_read(study):
    assert list(load(study())) == [""]


def change_of(place, value):
    def change(design):
        *path, last = place.split(".")
        for part in path:
            design = design[part]
        design[last] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("hypotheses.gain.measure.kind", "diff", "no measure; expected 'accuracy', 'difference'"),
        ("hypotheses.gain.measure.of", "rll", "names a policy that the study will not have; did you mean 'rl'"),
        (
            "hypotheses.gain.measure.of",
            "fast:rl",
            "names the variant 'fast', which there is not; the study has no variants",
        ),
        ("hypotheses.gain.measure.metric", "pass@64", "pass@64 needs 64 samples, and evaluation.num_samples is 4"),
        ("hypotheses.gain.measure.metric", "best", "string should match pattern"),
        ("hypotheses.gain.role", "primary", "gain is primary and needs 5 seeds; the config has 3"),
        (
            "hypotheses.gain.predicts",
            {"below": 0.1},
            "as foretold (below 0.1) and falsify the sentence (below 0) at once",
        ),
        ("hypotheses.gain.predict", {"above": 1}, "unknown key 'hypotheses.gain.predict'"),
        (
            "sceptic",
            {"asks": "?", "measure": {"kind": "uncovered", "of": "rl", "k": 8}},
            "needs evaluation.support_samples",
        ),
        (
            "sceptic",
            {"asks": "?", "measure": {"kind": "curve", "of": "rl", "metric": "gold"}},
            "no metric 'gold' is recorded",
        ),
        (
            "hypotheses.gain.measure",
            {"kind": "difference", "of": "rl", "minus": "demonstrator", "metric": "greedy"},
            "the demonstrator has no greedy completion",
        ),
        ("variants", {"a": {"rl": {"stpes": 3}}}, "variants.a: unknown key 'rl.stpes'; did you mean 'steps'?"),
        ("figure", {"kind": "points", "policies": ["rl"]}, "a figure of kind points takes series"),
    ],
)
def test_a_mistake_is_told_with_its_place(study, place, value, told):
    with pytest.raises(UserError) as caught:
        load(study(change_of(place, value)))
    assert told in str(caught.value)


def test_a_measure_of_both_sides_may_read_each_in_its_way(study):
    measure = {
        "kind": "difference",
        "of": "sft",
        "minus": "demonstrator",
        "metric": "greedy",
        "minus_metric": "sampled",
    }
    load(study(change_of("hypotheses.gain.measure", measure)))


def begun(folder, text):
    """A study whose folder keeps hypotheses as a run does."""
    digest = keep_hypotheses(folder, text)
    write_json(folder / "provenance.json", {**read_json(folder / "provenance.json"), "hypotheses": digest})


LOW, HIGH = dict.fromkeys((1, 2, 3, 4), 0.2), dict.fromkeys((1, 2, 3, 4), 0.9)


@pytest.fixture
def finished(study, tmp_path):
    folder = make_study(tmp_path / "run", {"sft": LOW, "rl": HIGH}, seeds=(0, 1, 2))
    begun(folder, hypotheses_beside(study()).read_text())
    return folder


def test_the_report_says_what_the_hypotheses_came_to(finished):
    write_report(finished)
    assert (
        "**held** (exploratory): RL gains. Foretold above 0.1, falsified below 0"
        in (finished / "report.md").read_text()
    )
    page = (finished / "report.html").read_text()
    assert 'id="hypotheses"' in page
    assert "held, exploratory" in page
    assert read_json(finished / "report.json")["hypotheses"]["rows"][0]["num_seeds"] == 3


def test_a_study_without_hypotheses_has_no_such_section(tmp_path):
    folder = make_study(tmp_path / "run", {"sft": LOW, "rl": HIGH})
    write_report(folder)
    assert 'id="hypotheses"' not in (folder / "report.html").read_text()


def test_a_later_change_is_seen_and_a_resume_changes_nothing(finished):
    kept = kept_hypotheses(finished)
    assert not kept.is_changed
    text = (finished / "hypotheses.yaml").read_text()
    assert keep_hypotheses(finished, text.replace("0.1", "0.0")) == kept.digest == text_digest(text)
    (finished / "hypotheses.yaml").write_text(text.replace("above: 0.1", "above: 0.3"))
    assert report_of(load_study(finished))["is_changed"]
    write_report(finished)
    assert "the file in this folder was changed since" in (finished / "report.html").read_text()
