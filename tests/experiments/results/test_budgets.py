"""In what the arms of a study are alike, and that nothing claims more."""

import pytest
from made_studies import make_study, write

from experiments.results.budgets import budgets, compare_budgets, sentence
from experiments.results.read import load_study

SAME = {1: 0.5, 2: 0.5, 3: 0.5, 4: 0.0}
TRAINING = {"optimizer_steps": 2, "tokens_sampled": 1000, "tokens_trained": 4000, "verdicts": 64, "labels": 0}


@pytest.fixture
def made(tmp_path):
    def make(rlhf, prompts):
        study = make_study(
            tmp_path / "a", dict.fromkeys(("sft", "rl", "rlhf"), SAME), costs={"rl": TRAINING, "rlhf": rlhf}
        )
        for arm, asked in zip(("rl", "rlhf"), prompts):
            folder = study / "seed-0" / arm
            write(folder / "metrics.jsonl", [{"stage": arm, "step": s, "groups/sampled": 8.0} for s in range(2)])
            write(folder / "samples.jsonl", [{"step": s, "problem": p} for s, p in enumerate(asked)])
        return budgets(load_study(study))

    return make


def test_alike_within_a_twentieth_or_not():
    arms = [{"prompts": 100, "labels": 0, "tokens_sampled": 1000}, {"prompts": 100, "labels": 5, "tokens_sampled": 960}]
    assert compare_budgets(arms) == (["prompts", "tokens sampled"], ["labels"])
    assert compare_budgets(arms[:1]) == ([], [])


def test_prompts_and_completions_are_counted_from_the_steps(made):
    found = made({**TRAINING, "verdicts": 0, "labels": 60}, (["p", "q"], ["p", "q"]))
    # two steps of 8 groups; the smoke config samples 4 completions of each
    assert (found["arms"]["rl"]["prompts"], found["arms"]["rl"]["completions"]) == (16, 64)
    assert found["unmatched"] == ["labels", "ground-truth verdicts"]
    assert "optimizer steps" in found["matched"]
    text = sentence(found)
    assert "the same problems at every step" in text
    assert "not alike in labels, ground-truth verdicts" in text


def test_other_prompts_are_told(made):
    found = made(TRAINING, (["p", "q"], ["p", "r"]))
    assert found["same_prompts"] is False
    assert "not the same problems at every step" in sentence(found)


def test_no_sentence_speaks_of_the_same_budget(made):
    assert "budget" not in sentence(made({**TRAINING, "verdicts": 0}, (["p"], ["p"])))
