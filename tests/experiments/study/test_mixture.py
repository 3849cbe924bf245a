"""A mixture trained end to end in miniature: reward beside gold of every part, and a resume that changes nothing."""

import json
import signal

import pytest

from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.run.display import Display
from experiments.study.run import run_study

PARTS = ("chains", "linear_equations", "modular_arithmetic")
SMALL = [
    "policy.tiny={layers: 2, hidden: 32, heads: 2, context: 160}",
    "imitation={num_demonstrations: 300, steps: 40, min_steps: 0, single_step_share: 0.0}",
    "imitation.demonstrator={error_rate: 0.1}",
    "rl.steps=4",
    "rl.problems_per_step=12",
    "rl.group_size=3",
    "rl.sampling.max_new_tokens=24",
    "rl.evaluate_every=2",
    "rl.checkpoint_every=2",
    "rl.curriculum={name: target_success, accuracy: 0.5, pools: {hard_share: 0.5}}",
    "evaluation={problems_per_level: 6, num_samples: 2, validation_problems: 8, sampling: {max_new_tokens: 24}}",
]


class StopAfter(Display):
    """Presses Ctrl-C when RL has made so many steps."""

    def __init__(self, step):
        super().__init__(quiet=True)
        self.at = step

    def progress(self, stage, done, total, note=""):
        super().progress(stage, done, total, note)
        if stage == "rl" and done == self.at:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixture") / "whole"
    run_study(load_experiment(["mixture"], SMALL), folder, quiet=True)
    return folder


def test_reward_and_gold_of_every_part_are_recorded(study):
    rows = [row for row in load_study(study).metrics("rl", 0) if "reward/mean" in row]
    seen = {part for row in rows for part in PARTS if f"groups/count/env/{part}" in row}
    assert seen == set(PARTS)
    for row in rows:
        counts = {part: row.get(f"groups/count/env/{part}", 0.0) for part in PARTS}
        assert sum(counts.values()) == row["groups/count"] == 12
        for name in ("reward/mean", "gold/correct"):  # the parts' means, weighted by their groups, are the whole's
            total = sum(row[f"{name}/env/{part}"] * count for part, count in counts.items() if count)
            assert total / 12 == pytest.approx(row[name])
    assert rows[-1]["curriculum/pool/hard"] > 0
    assert rows[-1]["curriculum/pool/repeated"] > 0
    weights = [v for k, v in rows[-1].items() if k.startswith("curriculum/weight/")]
    assert len(weights) == 5
    assert sum(weights) == pytest.approx(1)


def test_evaluation_tells_the_parts_apart(study, capsys):
    from experiments.results.tables import print_study

    policy = load_study(study).policies["rl"]
    assert set(policy.by_part()) == set(PARTS)
    assert set(policy.evaluations[0]["parts"]) == set(PARTS)
    print_study(study)
    printed = " ".join(capsys.readouterr().out.split())  # a title wraps where its table is narrow
    assert "by environment" in printed
    assert all(part in printed for part in PARTS)


def test_a_mixture_with_pools_resumes_bit_for_bit(study, tmp_path):
    experiment = load_experiment(["mixture"], SMALL)
    broken = tmp_path / "broken"
    with pytest.raises(SystemExit):
        run_study(experiment, broken, display=StopAfter(3))
    run_study(experiment, broken, resume=True, quiet=True)
    file = "seed-0/rl/policy/model.safetensors"
    assert (study / file).read_bytes() == (broken / file).read_bytes()

    def curriculum(folder):
        lines = (folder / "seed-0/rl/metrics.jsonl").read_text().splitlines()
        rows = [row for row in map(json.loads, lines) if "reward/mean" in row]
        return [{k: v for k, v in row.items() if "curriculum" in k or "/env/" in k} for row in rows]

    assert curriculum(study) == curriculum(broken)


def test_a_part_that_does_not_exist_is_named_before_anything_runs():
    from experiments.run.errors import UserError
    from experiments.study.plan import check_components  # what `beyond check` and `beyond study` do first

    experiment = load_experiment(["mixture"], ["env.parts={chainz: {env: arithmetic_chane}}"])
    with pytest.raises(UserError, match="did you mean 'arithmetic_chain'"):
        check_components(experiment)
