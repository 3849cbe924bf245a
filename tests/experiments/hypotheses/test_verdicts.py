"""What hypotheses come to, on tables and figures whose statistics are worked by hand."""

import json
import math
import random

import numpy as np
import pytest
from made_studies import make_study, write

from experiments.hypotheses.measuring import NotMeasured, estimate, of_seeds, of_table
from experiments.hypotheses.verdicts import judge, p_outside
from experiments.hypotheses.vocabulary import Design, Hypothesis, Region
from experiments.results.read import load_study

FIGURE = {"kind": "levels", "policies": ["sft"]}
SCEPTIC = {"asks": "And?", "measure": {"kind": "accuracy", "of": "sft"}}


def design(**hypotheses):
    return Design.model_validate({"question": "Q?", "hypotheses": hypotheses, "sceptic": SCEPTIC, "figure": FIGURE})


def hypothesis(measure, predicts, falsified, role="exploratory"):
    return {"sentence": "S.", "role": role, "measure": measure, "predicts": predicts, "falsified": falsified}


def test_the_mean_of_seeds_has_the_t_interval():
    # 1, 2, 3: mean 2, sd 1, error 1/sqrt(3) = .57735; t(.975, 2) = 4.30265 (Student's table): 2 -+ 2.48414
    found = of_seeds([1.0, 2.0, 3.0])
    assert (found.value, found.num_seeds) == (2.0, 3)
    assert found.low == pytest.approx(2 - 2.48414, abs=1e-5)
    # t = 2 / .57735 = 3.4641 on 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2) = 1 - 3.4641 / sqrt(14) = .07418
    assert found.p_at(0.0) == pytest.approx(1 - 12**0.5 / 14**0.5, abs=1e-9)


def test_one_seed_says_nothing_about_others():
    found = of_seeds([5.0])
    assert (found.low, found.high, found.p_at(0.0)) == (-math.inf, math.inf, 1.0)


def test_a_figure_that_is_endless_is_no_figure():
    with pytest.raises(NotMeasured, match="no finite value"):
        of_seeds([1.0, math.inf])


def test_a_table_is_tested_against_any_value_as_against_nothing():
    rng = np.random.default_rng(0)
    table = rng.binomial(8, 0.6, (5, 40)) / 8
    strata = [1] * 20 + [2] * 20
    whole, shifted = of_table(table, strata, kind="difference"), of_table(table - 0.5, strata, kind="difference")
    assert whole.p_at(0.5) == pytest.approx(shifted.p_at(0.0), rel=1e-6)
    assert whole.p_at(whole.low) == pytest.approx(0.05, rel=1e-4)  # the interval ends where the test begins to refute


@pytest.mark.parametrize(
    ("region", "p"),
    [
        ({"above": 0.0}, "p_at(0)"),
        ({"above": 3.0}, 1.0),  # 2 is not above 3
        ({"above": 3.0, "tolerance": 2.0}, "p_at(1)"),
        ({"below": 3.0}, "p_at(3)"),
        ({"near": 2.5, "tolerance": 1.0}, "p_at(1.5)"),  # the nearer end, and so the larger p
        ({"outside": [0.0, 1.0]}, "p_at(1)"),
        ({"outside": [1.0, 3.0]}, 1.0),
    ],
)
def test_the_p_value_of_a_region_is_that_of_its_nearest_end(region, p):
    found = of_seeds([1.0, 2.0, 3.0])
    expected = found.p_at(float(p[5:-1])) if isinstance(p, str) else p
    assert p_outside(found, Region.model_validate(region)) == expected


def test_a_hypothesis_that_cannot_be_wrong_is_refused():
    with pytest.raises(ValueError, match=r"as foretold \(above 0.1\) and falsify"):
        Hypothesis.model_validate(hypothesis({"kind": "accuracy", "of": "rl"}, {"above": 0.1}, {"above": 0.2}))


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ({}, "expected exactly one of above, below, near and outside, got none"),
        ({"above": 1, "below": 2}, "got above, below"),
        ({"near": 1}, "near needs a tolerance"),
        ({"outside": [2, 1]}, "low < high"),
    ],
)
def test_a_region_is_one_and_has_a_size(region, told):
    with pytest.raises(ValueError, match=told):
        Region.model_validate(region)


LOW, HIGH = {1: 0.2, 2: 0.2, 3: 0.2, 4: 0.0}, {1: 0.9, 2: 0.9, 3: 0.9, 4: 0.0}
FIVE = (0, 1, 2, 3, 4)


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    folder = make_study(tmp_path_factory.mktemp("five") / "a", {"sft": LOW, "rl": HIGH, "same": LOW}, seeds=FIVE)
    return {"": load_study(folder)}


def gain(of="rl", **more):
    return {"kind": "difference", "of": of, "minus": "sft", **more}


def verdicts(found):
    return {judgement.name: judgement.verdict for judgement in found}


def test_held_not_held_and_undecided(five):
    found = judge(
        design(
            rises=hypothesis(gain(), {"above": 0.5}, {"below": 0.0}),
            sinks=hypothesis(gain(), {"below": 0.0}, {"above": 0.5}),
            same=hypothesis(gain("same"), {"above": 0.0}, {"below": -0.1}),
            near=hypothesis(gain("sft"), {"near": 0.0, "tolerance": 0.05}, {"outside": [-0.2, 0.2]}),
        ),
        five,
    )
    assert verdicts(found) == {"rises": "held", "sinks": "not held", "same": "undecided", "near": "held"}
    assert found[0].found.value == pytest.approx(0.7, abs=0.03)  # .9 - .2


def test_primary_hypotheses_pay_for_each_other_and_exploratory_ones_do_not(five):
    one = hypothesis(gain(), {"above": 0.5}, {"below": 0.0}, "primary")
    alone = judge(design(a=one), five)[0].p_held
    # Holm: the smallest of m p-values times m; equal ones share the product
    assert [j.p_held for j in judge(design(a=one, b=one, c=one), five)] == pytest.approx([3 * alone] * 3)
    mixed = judge(design(a=one, b={**one, "role": "exploratory"}), five)
    assert [j.p_held for j in mixed] == pytest.approx([alone, alone])


def test_four_seeds_decide_no_primary_hypothesis(tmp_path):
    four = {"": load_study(make_study(tmp_path / "a", {"sft": LOW, "rl": HIGH}, seeds=FIVE[:4]))}
    found = judge(
        design(
            main=hypothesis(gain(), {"above": 0.5}, {"below": 0.0}, "primary"),
            more=hypothesis(gain(), {"above": 0.5}, {"below": 0.0}),
        ),
        four,
    )
    assert verdicts(found) == {"main": "undecided", "more": "held"}
    assert found[0].reason == "4 of 5 seeds that are needed"


def test_what_was_not_run_is_undecided_and_says_why(five):
    (found,) = judge(design(other=hypothesis(gain("dpo"), {"above": 0.0}, {"below": 0.0})), five)
    assert (found.verdict, found.reason, found.to_json()["value"]) == ("undecided", "dpo was not tested", None)


def measured(studies, **measure):
    return estimate(design(x=hypothesis(measure, {"above": 0}, {"below": 0})).hypotheses["x"].measure, studies)


def test_pass_at_k_is_a_share_by_problem(five):
    # 8 samples of p = .2: pass@8 is 1 - .8^8 = .832 in expectation
    found = measured(five, kind="accuracy", of="sft", metric="pass@8", levels=[1, 2])
    assert found.value == pytest.approx(1 - 0.8**8, abs=0.05)
    with pytest.raises(NotMeasured, match="fewer than 16"):
        measured(five, kind="accuracy", of="sft", metric="pass@16")


def test_a_ratio_and_a_slope_are_taken_seed_by_seed(five):
    found = measured(five, kind="ratio", of="rl", over="sft", what="sampled")
    study = five[""]
    shares = {n: study.policies[n].values(levels=[1, 2, 3]).mean(1) for n in ("rl", "sft")}
    assert found.value == pytest.approx(float(np.mean(shares["rl"] / shares["sft"])))
    # log10 of 10 and 1000 are 2 apart
    found = measured(five, kind="slope", points={"10": "sft", "1000": "rl"})
    assert found.value == pytest.approx(float(np.mean(shares["rl"] - shares["sft"])) / 2)


def test_curves_are_read_where_they_are_largest(five, tmp_path):
    folder = make_study(tmp_path / "a", {"sft": LOW, "rlhf": LOW}, seeds=(0, 1, 2))
    for seed in (0, 1, 2):
        gold = [(0, 0.3, 0.0), (10, 0.5, 4.0), (20, 0.1, 30.0)]
        write(
            folder / f"seed-{seed}" / "rlhf" / "metrics.jsonl",
            [{"stage": "rlhf", "step": s, "eval/mean_solution": y + seed / 100, "eval/kl": kl} for s, y, kl in gold],
        )
    studies = {"": load_study(folder)}
    curve = {"kind": "curve", "of": "rlhf"}
    assert measured(studies, **curve, at="largest", minus="first").value == pytest.approx(0.2)
    assert measured(studies, **curve, at="last", minus="largest").value == pytest.approx(-0.4)
    assert measured(studies, **curve, at="largest", read="eval/kl").value == pytest.approx(4.0)
    with pytest.raises(NotMeasured, match="eval/proxy of rlhf was not recorded"):
        measured(studies, **curve, read="eval/proxy")


def test_uncovered_is_the_share_of_solutions_that_k_samples_would_not_show(tmp_path):
    folder = make_study(tmp_path / "a", {"sft": LOW, "rl": HIGH}, seeds=(0, 1, 2))
    for seed in (0, 1, 2):
        path = folder / f"seed-{seed}" / "rl" / "support.jsonl"
        # -ln 256 = -5.545: of problem 1-0 one of two lies below, of 1-1 both, of 2-0 none
        rows = [("1-0", 1, -5.5), ("1-0", 1, -5.6), ("1-1", 1, -9.0), ("1-1", 1, -8.0), ("2-0", 2, -1.0)]
        rows += [("3-0", 3, -99.0)] if seed else []  # not of all seeds: left out
        write(path, [{"id": i, "level": level, "start_logprob": p} for i, level, p in rows])
    studies = {"": load_study(folder)}
    # level 1: (1/2 + 1) / 2 = 3/4; level 2: 0; their mean 3/8
    assert measured(studies, kind="uncovered", of="rl", k=256).value == pytest.approx(3 / 8)
    assert measured(studies, kind="uncovered", of="rl", k=256, levels=[1]).value == pytest.approx(3 / 4)


def test_variants_are_compared_on_the_same_problems(five, tmp_path):
    other = load_study(make_study(tmp_path / "b", {"sft": HIGH, "rl": HIGH}, seeds=FIVE))
    both = {"a": five[""], "b": other}
    found = measured(both, kind="difference", of="b:sft", minus="a:sft")
    assert found.value == pytest.approx(0.7, abs=0.03)
    with pytest.raises(NotMeasured, match="variant c has no results"):
        measured(both, kind="accuracy", of="c:sft")
    fewer = load_study(make_study(tmp_path / "c", {"sft": HIGH}, seeds=(0, 1)))
    with pytest.raises(NotMeasured, match="different problems, or for different seeds"):
        measured({"a": five[""], "b": fewer}, kind="difference", of="b:sft", minus="a:sft")


def test_a_true_hypothesis_is_rarely_called_false():
    """Of 400 studies in which nothing differs, about 1 in 20 calls the difference settled, in either direction."""
    rng = random.Random(1)
    wrong = 0
    for _ in range(400):
        found = of_seeds([rng.gauss(0, 1) for _ in range(5)])
        above, below = (p_outside(found, Region.model_validate({side: 0.0})) for side in ("above", "below"))
        wrong += above < 0.05 or below < 0.05
    assert wrong <= 400 * 0.05 + 3 * math.sqrt(400 * 0.05 * 0.95)  # three standard errors: 33


def test_a_judgement_is_json(five):
    (found,) = judge(design(x=hypothesis(gain(), {"above": 0.5, "tolerance": 0.1}, {"below": 0.0})), five)
    row = json.loads(json.dumps(found.to_json()))
    assert (row["predicts"], row["falsified"], row["verdict"]) == ("above 0.5 ± 0.1", "below 0", "held")
    assert row["low"] < row["value"] < row["high"]
