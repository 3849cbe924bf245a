"""What a report claims about studies whose truth is known."""

import json
import sys

import pytest
from made_studies import add_proxy, make_study

from experiments.report.claims import _least_held, study_claims
from experiments.report.figures import label_report
from experiments.results.read import load_study

START = {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.0}
PAST = {1: 1.0, 2: 0.99, 3: 0.99, 4: 0.1}
HUMAN = dict.fromkeys(START, 0.8)


def claims_of(folder):
    return study_claims(load_study(folder))


def the(claims, word):
    (found,) = [claim for claim in claims if word in claim["sentence"]]
    return found


def test_the_demonstrator_is_passed_at_every_trained_level_and_in_their_mean(tmp_path):
    claims = claims_of(make_study(tmp_path / "a", {"sft": START, "rl": PAST}, human=HUMAN))
    passing = the(claims, "when it samples")
    assert passing["verdict"] == "held"
    assert "at each of levels 1 to 3, and in their mean" in passing["sentence"]


def test_one_trained_level_below_the_demonstrator_is_enough_to_fail(tmp_path):
    claims = claims_of(make_study(tmp_path / "a", {"sft": START, "rl": {**PAST, 3: 0.5}}, human=HUMAN))
    passing = the(claims, "when it samples")
    assert passing["verdict"] == "not held"
    assert "weakest at level 3" in passing["measured"]
    assert passing["measured"].endswith("; under its demonstrator at level 3")


def test_a_level_as_good_as_the_demonstrator_leaves_the_claim_open_or_denied(tmp_path):
    verdicts = {
        the(
            claims_of(make_study(tmp_path / str(i), {"sft": START, "rl": {**PAST, 3: 0.8}}, human=HUMAN, seeds=(i,))),
            "when it samples",
        )["verdict"]
        for i in range(6)
    }
    assert "held" not in verdicts


def test_a_trained_level_outside_the_headline_at_which_it_is_under_the_demonstrator_is_named(tmp_path):
    study = make_study(
        tmp_path / "a",
        {"sft": START, "rl": {**PAST, 3: 0.1}},
        overrides=["evaluation.headline_level=2"],
        human=HUMAN,
    )
    passing = the(claims_of(study), "when it samples")
    assert passing["verdict"] == "held"
    assert passing["measured"].endswith("; under its demonstrator at level 3")


def test_longer_problems_are_no_part_of_the_headline(tmp_path):
    results = load_study(make_study(tmp_path / "a", {"sft": START, "rl": PAST}))
    assert (results.headline, results.longer) == ([1, 2, 3], [4])
    assert results.where == "over levels 1 to 3"
    assert results.policies["rl"].mean(levels=results.headline) > 0.95


def test_one_level_may_be_the_headline(tmp_path):
    study = make_study(
        tmp_path / "a", {"sft": START, "rl": PAST}, overrides=["evaluation.headline_level=2"], human=HUMAN
    )
    results = load_study(study)
    assert (results.headline, results.where) == ([2], "at level 2")
    assert "at level 2 when it samples" in the(study_claims(results), "when it samples")["sentence"]


RISES = {0: [0.0] * 30, 8: [1.5] * 30, 20: [3.0] * 30}


HELD_BY_NOTHING = "arms.rlhf.rl.algorithm={name: grpo, kl: {beta: 0}}"
HELD = "arms.rlhf.rl.algorithm={name: grpo, kl: {beta: 0.3}}"


def rlhf_study(folder, *, peak, last, scores=RISES, held=HELD_BY_NOTHING):
    accuracies = {"sft": START, "rl": PAST, "rlhf": last, "rlhf/best-by-verifier": peak}
    study = make_study(folder, accuracies, human=HUMAN, overrides=[held])
    add_proxy(study, "rlhf", 0, step=8, scores=scores)
    return study


PEAK = {1: 0.8, 2: 0.7, 3: 0.5, 4: 0.0}
RISEN = {1: 0.9, 2: 0.9, 3: 0.8, 4: 0.0}  # above the peak, so that chance draws no fall


def test_an_arm_that_rises_peaks_and_falls_is_told_so_with_its_step(tmp_path):
    claim = the(claims_of(rlhf_study(tmp_path / "a", peak=PEAK, last={**START, 1: 0.1, 2: 0.0})), "peaks at step 8")
    assert claim["verdict"] == "held"
    assert "while its proxy rises" in claim["sentence"]
    assert "proxy +3.00" in claim["measured"]


@pytest.mark.parametrize(
    ("peak", "last", "scores"),
    [
        (PEAK, PEAK, RISES),  # it never falls
        (START, {1: 0.1, 2: 0.0, 3: 0.0, 4: 0.0}, RISES),  # it never rises
        (PEAK, {1: 0.1, 2: 0.0, 3: 0.0, 4: 0.0}, {0: [1.0] * 30, 20: [0.5] * 30}),  # the proxy falls with it
    ],
)
def test_without_one_of_its_parts_the_hump_is_not_held(tmp_path, peak, last, scores):
    claim = the(claims_of(rlhf_study(tmp_path / "a", peak=peak, last=last, scores=scores)), "peaks at step 8")
    assert claim["verdict"] != "held"


@pytest.mark.parametrize("held", [HELD, HELD_BY_NOTHING])
def test_over_optimisation_of_a_held_arm_is_claimed_only_where_it_was_seen(tmp_path, held):
    fallen = {**START, 1: 0.1, 2: 0.0}
    seen = the(claims_of(rlhf_study(tmp_path / "fell", peak=PEAK, last=fallen, held=held)), "falls")
    assert seen["verdict"] == "held"
    word, verdict = ("nothing of the kind is claimed", "not claimed") if held == HELD else ("falls", "not held")
    assert the(claims_of(rlhf_study(tmp_path / "stays", peak=PEAK, last=RISEN, held=held)), word)["verdict"] == verdict


def test_what_is_not_claimed_is_corrected_for_all_the_same(tmp_path):
    told = [
        claims_of(rlhf_study(tmp_path / held[-4:-2], peak=PEAK, last=RISEN, held=held))
        for held in (HELD, HELD_BY_NOTHING)
    ]
    assert [claim["adjusted_p"] for claim in told[0]] == [claim["adjusted_p"] for claim in told[1]]
    assert len(told[0]) == 5  # imitation, RL above it twice, the arm's own, RL above the arm


def test_the_least_held_of_several_arms_is_foretold_to_be_over_optimised(tmp_path):
    accuracies = {"sft": START, "rl": PAST}
    for name in ("rlhf", "loose"):
        accuracies |= {name: RISEN, f"{name}/best-by-verifier": PEAK}
    loose = "arms.loose={method: rl, reward: proxy, rl: {algorithm: {name: grpo, kl: {beta: 0.01}}}}"
    study = make_study(tmp_path / "a", accuracies, human=HUMAN, overrides=[HELD, loose])
    for name in ("rlhf", "loose"):
        add_proxy(study, name, 0, step=8, scores=RISES)
    claims = claims_of(study)
    assert the(claims, "loose rises, peaks")["verdict"] == "not held"
    assert the(claims, "rlhf was not seen")["verdict"] == "not claimed"


def test_a_coefficient_that_the_config_gives_is_read_without_torch_and_a_default_with_it(tmp_path, monkeypatch):
    held, left_open = (
        load_study(make_study(tmp_path / name, {"sft": START, "rlhf": RISEN}, overrides=[setting]))
        for name, setting in (("held", HELD), ("open", "arms.rlhf.rl.algorithm=grpo"))
    )
    monkeypatch.setitem(sys.modules, "rl.algorithms", None)  # an import of it fails
    assert _least_held(held) == []
    with pytest.raises(ImportError):
        _least_held(left_open)
    monkeypatch.undo()
    assert _least_held(left_open) == ["rlhf"]  # grpo holds nothing by itself


def test_rl_must_beat_rlhf_where_it_was_best_too(tmp_path):
    better = {1: 1.0, 2: 1.0, 3: 1.0, 4: 0.9}
    claim = the(claims_of(rlhf_study(tmp_path / "a", peak=better, last=START)), "stopped early or not")
    assert claim["verdict"] == "not held"
    assert "rlhf, best by verifier" in claim["measured"]


def test_all_claims_share_one_correction(tmp_path):
    claims = claims_of(rlhf_study(tmp_path / "a", peak=PEAK, last=START))
    ordered = sorted(claims, key=lambda claim: claim["p"])
    assert ordered[0]["adjusted_p"] == pytest.approx(min(1.0, len(claims) * ordered[0]["p"]))
    assert all(claim["adjusted_p"] >= claim["p"] for claim in claims)


def test_labels_on_single_completions_are_of_no_pair(tmp_path):
    study = make_study(tmp_path / "a", {"sft": START, "kto": START}, overrides=["arms.kto=kto"])
    (study / "seed-0" / "kto" / "label_report.json").write_text(json.dumps({"annotator": "careful", "num_labels": 3}))
    results = load_study(study)
    assert results.agreement("kto") is None
    assert label_report(results) is None
