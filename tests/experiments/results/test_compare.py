"""`beyond compare` on studies whose truth is known: labels, pairing, what is named, formats."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest
from browser import Browser, needs_browser
from made_studies import make_study

from experiments.results.compare import comparison, load_contenders, short_labels
from experiments.results.compare_output import print_comparison, render
from experiments.run.errors import UserError

START = {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.0}
BETTER = {1: 0.9, 2: 0.9, 3: 0.9, 4: 0.1}
COST = {"optimizer_steps": 4, "tokens_sampled": 900, "tokens_trained": 3000, "verdicts": 128, "labels": 0}


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "old" / "demo", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2), costs={"rl": COST})


def test_studies_whose_folders_have_one_name_keep_their_policies_apart(study, tmp_path):
    other = make_study(tmp_path / "new" / "demo", {"sft": START, "rl": BETTER, "dpo": START}, seeds=(0, 1, 2))
    assert set(load_contenders([study, other])) == {
        "old/demo/sft",
        "old/demo/rl",
        "new/demo/sft",
        "new/demo/rl",
        "new/demo/dpo",
    }


def test_a_label_is_the_shortest_end_that_no_other_path_has(tmp_path):
    folders = [tmp_path / name for name in ("a/x/demo", "b/x/demo", "b/y/demo")]
    assert list(short_labels(folders).values()) == ["a/x/demo", "b/x/demo", "b/y/demo"]
    assert list(short_labels(folders[1:]).values()) == ["x/demo", "y/demo"]
    assert list(short_labels(folders[:1]).values()) == [""]


def test_a_folder_given_twice_is_refused(study):
    with pytest.raises(UserError, match="given twice"):
        load_contenders([study, study.parent / "." / "demo"])


def test_within_a_study_all_pairs_and_the_trained_levels(study):
    found = comparison([study])
    (pair,) = found["pairs"]
    assert found["where"] == "levels 1 to 3"
    # by hand: (.5 + .3 + .2) / 3 = 1/3 against .9; four standard errors of 40 x 3 problems of 3 seeds
    assert pair["difference"] == pytest.approx(1 / 3 - 0.9, abs=0.05)
    assert pair["mark"] == "*"
    assert pair["better"] == 0.0
    assert pair["only_second"] > 5 * max(1, pair["only_first"])


def test_of_two_studies_like_arms_are_matched(study, tmp_path):
    other = make_study(tmp_path / "b", {"sft": START, "rl": START}, seeds=(0, 1, 2))
    found = comparison([study, other])
    assert [pair["pair"] for pair in found["pairs"]] == ["demo/sft - b/sft", "demo/rl - b/rl"]
    equal, better = found["pairs"]
    assert equal["mark"] != "*"
    assert better["mark"] == "*"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"temperature": 0.3}, "sampling settings differ"),
        ({"seeds": (5, 6, 7)}, "seeds differ (0, 1, 2: old/demo/sft, old/demo/rl; 5, 6, 7: new/demo/sft, new/demo/rl)"),
        ({"costs": {"rl": {**COST, "verdicts": 0, "labels": 60}}}, "different budgets: labels, ground-truth verdicts"),
    ],
)
def test_what_else_is_unlike_is_named(study, tmp_path, changes, told):
    settings = {"seeds": (0, 1, 2), "costs": {"rl": COST}, **changes}
    other = make_study(tmp_path / "new" / "demo", {"sft": START, "rl": BETTER}, **settings)
    assert any(told in text for text in comparison([study, other])["unlike"])


def test_like_studies_have_nothing_unlike(study, tmp_path):
    other = make_study(tmp_path / "new" / "demo", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2), costs={"rl": COST})
    found = comparison([study, other])
    assert found["unlike"] == []
    assert found["settings"] == {}


def test_settings_that_differ_are_told_those_of_the_start_first(study, tmp_path):
    changes = ["rl.steps=9", "imitation.steps=7"]
    other = make_study(tmp_path / "b", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2), overrides=changes)
    assert list(comparison([study, other])["settings"]) == ["imitation.steps", "rl.steps"]


def test_equal_seeds_are_paired_in_whatever_order_they_ran(tmp_path):
    a = make_study(tmp_path / "a", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2))
    b = make_study(tmp_path / "b", {"sft": START, "rl": BETTER}, seeds=(2, 0, 1))
    found = comparison([a, b])
    assert found["unlike"] == []
    assert [pair["difference"] for pair in found["pairs"]] == [0.0, 0.0]  # the same draws seed by seed
    assert [pair["mark"] for pair in found["pairs"]] == ["=", "="]


def test_other_numbers_of_seeds_are_refused(study, tmp_path):
    other = make_study(tmp_path / "b", {"sft": START}, seeds=(0, 1))
    with pytest.raises(UserError, match="the same number"):
        comparison([study, other])


def test_run_folders_are_compared_by_their_seeds(study):
    folders = [study / "seed-0" / "rl", study / "seed-1" / "rl"]
    found = comparison(folders)
    assert len(found["pairs"]) == 1
    assert any("paired" in text or "pairs are made by position" in text for text in found["unlike"])


def test_csv_holds_every_policy_and_pair(study):
    blocks = render(comparison([study]), "csv").split("\n\n")
    policies, pairs = (list(csv.DictReader(block.splitlines())) for block in blocks)
    assert [(row["policy"], row["kind"]) for row in policies] == [
        ("sft", "sampled"),
        ("sft", "greedy"),
        ("rl", "sampled"),
        ("rl", "greedy"),
    ]
    assert [row["pair"] for row in pairs] == ["sft - rl"]


def test_json_is_the_comparison(study):
    found = comparison([study])
    assert json.loads(render(found, "json")) == json.loads(json.dumps(found))


def test_latex_escapes_names(tmp_path):
    study = make_study(tmp_path / "a", {"sft": START, "rl": BETTER})
    found = comparison([study])
    found["policies"] = {"a_b & c": found["policies"]["rl"]}
    text = render(found, "latex")
    assert r"a\_b \& c &" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


def test_html_is_well_formed_and_names_run_no_script(study):
    found = comparison([study])
    found["unlike"] = ["<script>alert(1)</script>"]
    text = render(found, "html")
    assert "<script" not in text

    class Balanced(HTMLParser):
        depth = 0

        def handle_starttag(self, tag, attrs):
            self.depth += tag != "meta"

        def handle_endtag(self, tag):
            self.depth -= 1

    parser = Balanced()
    parser.feed(text)
    assert parser.depth == 0


def test_every_format_tells_the_settings_that_differ_and_the_flips(study, tmp_path):
    other = make_study(tmp_path / "b", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2), overrides=["rl.steps=77"])
    found = comparison([study, other])
    pair = found["pairs"][-1]
    for form, flips in {
        "csv": f",{pair['only_first']},{pair['only_second']}\n",
        "latex": f"$+{pair['only_first']}$ $-{pair['only_second']}$",
        "html": f"<td>{pair['only_first']}</td><td>{pair['only_second']}</td>",
    }.items():
        text = render(found, form)
        assert flips in text
        assert re.search(r"rl\.steps\W.*\b77\b", text)
    found["unlike"] = ["a name\n\\input{else}"]
    assert "\n\\input" not in render(found, "latex")  # a comment ends with its line


@needs_browser
def test_the_page_of_a_comparison_is_as_wide_as_its_window(study, tmp_path):
    (tmp_path / "compared.html").write_text(render(comparison([study]), "html"))
    with Browser(tmp_path / "browser") as browser:
        for width in (390, 1024, 1440):
            browser.look(width, dark=width == 390)
            browser.open("about:blank")
            browser.open((tmp_path / "compared.html").as_uri())
            assert browser.overflow() <= 0
        assert browser.errors == []


def test_an_unknown_format_is_refused(study):
    with pytest.raises(UserError, match="expected one of table, csv"):
        render(comparison([study]), "word")


def test_tables_fit_eighty_columns(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    other = make_study(tmp_path / "another-name" / "demo", {"sft": START, "rl": BETTER}, seeds=(0, 1, 2))
    print_comparison(comparison([study, other]))
    told = capsys.readouterr().out
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= 80
