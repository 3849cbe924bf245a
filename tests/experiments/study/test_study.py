"""Whole studies in miniature: every stage, every file; interrupted and resumed; another task and another model."""

import json
import re
import signal

import pytest

from experiments.config.loading import load_experiment
from experiments.results.read import load_study
from experiments.run.display import Display
from experiments.run.errors import UserError
from experiments.study.run import run_study

RL_ONLY = "arms={rl: {reward: {name: verifier, weights: {format: 1.0, solution: 1.0}}}, rlhf: null, dpo: null}"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "smoke"
    run_study(load_experiment(["smoke"]), folder, quiet=True)
    return folder


def test_every_arm_is_trained_and_evaluated_on_the_same_problems(study):
    results = load_study(study)
    assert list(results.policies) == ["sft", "rl", "rlhf", "rlhf/best-by-verifier", "rlhf/kl-matched", "dpo"]
    assert results.arms == ["rl", "rlhf", "dpo"]
    hashes = {e["problems_hash"] for p in results.policies.values() for e in p.evaluations}
    assert hashes == {results.study["problems"]["test"]}
    for name, policy in results.policies.items():
        assert policy.values().shape == (1, 24), name  # 4 levels x 6 problems
        assert (study / "seed-0" / name / "policy" / "model.safetensors").exists()


def test_gold_is_recorded_beside_the_proxy_at_every_step(study):
    rows = [row for row in load_study(study).metrics("rlhf", 0) if "reward/mean" in row]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    for row in rows:
        assert row["reward/part/proxy"] == pytest.approx(row["reward/mean"])
        assert 0 <= row["gold/part/solution"] <= row["gold/correct"] <= 1


def test_test_problems_are_never_training_problems(study):
    def ids(path):
        return {json.loads(line)["id"] for line in path.read_text().splitlines()}

    test, validation = (ids(study / "problems" / f"{name}.jsonl") for name in ("test", "validation"))
    trained = {row["problem"] for name in ("rl", "rlhf") for row in load_study(study).samples(name, 0)}
    paired = {
        json.loads(line)["problem"]["id"]
        for line in (study / "seed-0/preferences/comparisons.jsonl").read_text().splitlines()
    }
    assert trained
    assert paired
    assert not test & validation
    assert not (test | validation) & (trained | paired)


def test_report_is_one_file_that_needs_no_network(study):
    html = (study / "report.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:text/csv;base64,)""", html)
    assert not re.findall(r"<script[^>]*\bsrc\b", html)
    assert html.count("<svg") >= 4
    for name in ("sft", "rl", "rlhf", "dpo", "demonstrator"):
        assert f">{name}<" in html
    figures = json.loads((study / "report.json").read_text())
    assert {claim["verdict"] for claim in figures["claims"]} <= {"held", "not held", "undecided", "not claimed"}
    assert "| rlhf |" in (study / "report.md").read_text()


def test_a_trained_policy_is_exported_evaluated_and_its_rollouts_judged_again(study, tmp_path, capsys):
    from envs.graders import EnvGrader
    from experiments.cli.evaluate import evaluate
    from experiments.results.export import export_policy
    from rl.records.rescore import rescore_run

    exported = export_policy(study / "seed-0" / "rl", tmp_path / "exported")
    assert "| level |" in (exported / "README.md").read_text()
    env = "leaps?modulus=11&operands=[2,4]&levels=1-3&ood_levels=4"
    evaluate(
        str(exported), env, split="test", levels="1-2", problems=2, samples=2, temperature=1.0,
        max_new_tokens=None, seed=0, device="cpu", output=tmp_path / "evaluation.json",
    )  # fmt: skip
    assert json.loads((tmp_path / "evaluation.json").read_text())["sampling"]["max_new_tokens"] > 32
    assert "pass@2" in capsys.readouterr().out
    from envs.registry import parse_reference

    assert rescore_run(study / "seed-0" / "rl", EnvGrader(parse_reference(env))).agreement == 1.0


def test_a_used_folder_is_refused_unless_resuming(study):
    with pytest.raises(UserError, match="add --resume"):
        run_study(load_experiment(["smoke"]), study, quiet=True)
    with pytest.raises(UserError, match="the config differs"):
        run_study(load_experiment(["smoke"], ["rl.group_size=2"]), study, resume=True, quiet=True)


def test_resuming_a_finished_study_changes_nothing(study):
    before = (study / "report.json").read_text()
    run_study(load_experiment(["smoke"]), study, resume=True, quiet=True)
    after = (study / "report.json").read_text()
    assert json.loads(before)["headline"] == json.loads(after)["headline"]


class StopAfter(Display):
    """Presses Ctrl-C when a stage has made so many steps."""

    def __init__(self, stage, step):
        super().__init__(quiet=True)
        self.stage, self.at = stage, step

    def progress(self, stage, done, total, note=""):
        super().progress(stage, done, total, note)
        if stage == self.stage and done == self.at:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("stage", "step"), [("sft", 31), ("rl", 3)])
def test_interrupted_and_resumed_is_the_undisturbed_run_bit_for_bit(tmp_path, stage, step):
    experiment = load_experiment(["smoke"], [RL_ONLY, "imitation.steps=50"])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_study(experiment, whole, quiet=True)
    with pytest.raises(SystemExit) as stopped:
        run_study(experiment, broken, display=StopAfter(stage, step))
    assert stopped.value.code == 130
    assert json.loads((broken / "study.json").read_text())["state"] == "interrupted"
    run_study(experiment, broken, resume=True, quiet=True)
    for name in ("sft", "rl"):
        file = f"seed-0/{name}/policy/model.safetensors"
        assert (whole / file).read_bytes() == (broken / file).read_bytes()
    tables = [json.loads((folder / "report.json").read_text()) for folder in (whole, broken)]
    for table in tables:
        for row in table["headline"]:
            row.pop("seconds")
    assert tables[0]["headline"] == tables[1]["headline"]


@pytest.fixture
def gsm8k_like(tmp_path):
    """Files of GSM8K's shape, and a small GPT-2 with a tokenizer of its own: another task, another architecture."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from policies.causal import CausalPolicy
    from policies.tiny import TinyConfig, build_tiny

    data = tmp_path / "data"
    data.mkdir()
    for split, offset in (("train", 0), ("test", 1000)):
        rows = [
            {"question": f"Tom has {i} apples and buys 3. How many?", "answer": f"{i} + 3 = {i + 3}\n#### {i + 3}"}
            for i in range(offset, offset + 60)
        ]
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tokenizer = build_tiny(TinyConfig(layers=1, hidden=16, heads=2), vocabulary=None, seed=0).tokenizer
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=16, n_layer=1, n_head=2,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    CausalPolicy(GPT2LMHeadModel(config), tokenizer).save(tmp_path / "model")
    return tmp_path


def test_the_same_study_runs_on_gsm8k_files_with_a_hugging_face_model(gsm8k_like):
    experiment = load_experiment(
        ["gsm8k"],
        [
            f"env.folder={gsm8k_like / 'data'}",
            f"policy={{path: {gsm8k_like / 'model'}, device: cpu}}",
            "threads=1",
            "rl={steps: 2, problems_per_step: 4, group_size: 4, autocast: null, sampling: {max_new_tokens: 12}}",
            "evaluation={problems_per_level: 5, num_samples: 2, validation_problems: 4}",
            "evaluation.sampling.max_new_tokens=12",
            "workers={executor: inline, threads: 1}",
            "arms={rl: {reward: {name: verifier, weights: {correct: 1.0, tokens: 0.01}}}, rlhf: null, dpo: null}",
        ],
    )
    folder = gsm8k_like / "run"
    run_study(experiment, folder, quiet=True)
    results = load_study(folder)
    assert results.policies["rl"].values().shape == (1, 5)
    assert len([row for row in results.metrics("rl", 0) if "reward/mean" in row]) == 2


@pytest.mark.ray
def test_ray_and_inline_give_the_same_study(tmp_path):
    tables = []
    for executor in ("inline", "ray"):
        experiment = load_experiment(["smoke"], [RL_ONLY, "imitation.steps=20", f"workers.executor={executor}"])
        run_study(experiment, tmp_path / executor, quiet=True)
        tables.append((tmp_path / executor / "seed-0/rl/policy/model.safetensors").read_bytes())
    assert tables[0] == tables[1]


@pytest.mark.slow
@pytest.mark.learning
def test_the_first_look_shows_rl_above_its_start(tmp_path):
    run_study(load_experiment(["mini"]), tmp_path / "mini", quiet=True)
    results = load_study(tmp_path / "mini")
    gain = results.policies["rl"].minus(results.policies["sft"])
    assert gain.low > 0
    assert results.policies["sft"].mean() > 0.3
