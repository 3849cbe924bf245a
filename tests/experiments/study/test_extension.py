"""More steps for a study that ended."""

import json

import pytest

from experiments.config.loading import load_experiment
from experiments.run.errors import UserError
from experiments.study.extension import Extension
from experiments.study.run import run_study

SMALL = [
    "arms={rlhf: null, dpo: null}",
    *("rl.evaluate_every=1", "evaluation.problems_per_level=2", "evaluation.num_samples=2", "imitation.steps=40"),
]


def smoke(*settings):
    return load_experiment(["smoke"], [*SMALL, *settings])


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    root = tmp_path_factory.mktemp("studies")
    run_study(smoke("rl.steps=3"), root / "whole", quiet=True)
    run_study(smoke("rl.steps=2"), root / "extended", quiet=True, same_start=root / "whole")
    return root


def rows(folder, name):
    return [json.loads(line) for line in (folder / "seed-0" / "rl" / name).read_text().splitlines()]


def learned(folder):
    """What the curves show, without clocks."""
    kept = ("step", "reward/", "gold/", "policy/", "groups/", "learner/grad_norm", "learner/lr", "eval/mean")
    return [{key: row[key] for key in row if key.startswith(kept)} for row in rows(folder, "metrics.jsonl")]


@pytest.mark.slow
def test_an_extended_study_is_the_one_that_had_the_steps_from_the_beginning(studies, capsys):
    whole, extended = studies / "whole", studies / "extended"
    before = (extended / "config.yaml").read_text()
    run_study(smoke("rl.steps=3"), extended, resume=True, quiet=True)
    assert f"{extended} is extended: rl from 2 to 3 steps" in capsys.readouterr().err
    policies = [folder / "seed-0" / "rl" / "policy" / "model.safetensors" for folder in (whole, extended)]
    assert policies[0].read_bytes() == policies[1].read_bytes()
    assert learned(whole) == learned(extended)
    assert len([row for row in rows(extended, "evals.jsonl") if row["step"] is None]) == 1
    assert (extended / "config.yaml").read_text() == (whole / "config.yaml").read_text()
    assert (extended / "config.before-1.yaml").read_text() == before
    assert json.loads((extended / "study.json").read_text())["state"] == "done"


@pytest.mark.slow
def test_other_changes_are_refused(studies):
    with pytest.raises(UserError, match=r"differs from .* in more than rl\.steps"):
        run_study(smoke("rl.steps=4", "rl.group_size=5"), studies / "whole", resume=True, quiet=True)
    with pytest.raises(UserError, match="steps are only added"):
        run_study(smoke("rl.steps=1"), studies / "whole", resume=True, quiet=True)


def test_arms_that_spend_steps_otherwise_or_build_on_the_extended_are_named(tmp_path):
    def ladder(*settings):
        return load_experiment(["mini-ladder"], ["name=x", *settings])

    with pytest.raises(UserError, match=r"cannot take more steps than it was begun with; arms\.more-imitation\.rl"):
        Extension.between(tmp_path, ladder(), ladder("rl.steps=9"))
    with pytest.raises(UserError, match="majority-of-4 builds on rl, whose steps grow"):
        Extension.between(tmp_path, ladder(), ladder("arms.rl.rl.steps=9"))
    found = Extension.between(tmp_path, ladder(), ladder("arms.rlhf.rl.steps=9"))
    assert found is not None
    assert found.steps == {"rlhf": (2, 9)}
    assert Extension.between(tmp_path, ladder(), ladder("rl.group_size=5")) is None
