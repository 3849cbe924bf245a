"""Every field of a config changes something or is refused with a reason; a field added without a case here fails.

A study in miniature is run with one field changed. What it came to (weights, evaluations, metrics, cards, what was
saved and when, what workers and learners were built with) must differ from the study without the change.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from experiments.config.arms.kinds import arm_kinds, methods_of
from experiments.config.experiment import Experiment
from experiments.config.loading import load_experiment
from experiments.config.sections import Component, OptimizerSection, SamplingSection
from experiments.run.errors import UserError

BASE = [
    "imitation={num_demonstrations: 40, steps: 3, batch_size: 8, step_accuracy: 1.0}",
    "rl={steps: 2, problems_per_step: 4, group_size: 2, evaluate_every: 1, checkpoint_every: 0}",
    "rl.optimizer={lr: 0.01}",
    "rl.algorithm={name: reinforce, baseline: none}",  # learns from rewards that are all equal too
    "preference={num_pairs: 24, annotator: {name: careful}, reward_model: {epochs: 1, batch_size: 8, lr: 0.01}}",
    "preference.dpo={batch_size: 8, lr: 0.01}",
    "evaluation={problems_per_level: 3, num_samples: 2, validation_problems: 4, validation_samples: 2}",
]
RL = "arms={rl: {method: rl, reward: {name: verifier, weights: {tokens: 0.1}}}, rlhf: null, dpo: null}"
RLHF = "arms={rl: null, rlhf: {method: rl, reward: proxy}, dpo: null}"
DPO = "arms={rl: null, rlhf: null, dpo: {method: dpo}}"


def only(name: str, settings: str) -> str:
    return f"arms={{rl: null, rlhf: null, dpo: null, {name}: {{{settings}}}}}"


IMITATION = only("imitate", "method: imitation")
EXPERT = only("expert", "method: expert_iteration, rounds: 2, batch_size: 2, max_per_problem: 2")
BEST = only("best", "method: best_of_n, n: 2, reward: {name: length, weight: -0.1}")
KTO = only("kto", "method: kto, batch_size: 8, lr: 0.01, epochs: 1")
ONLINE = only("online", "method: online_dpo, rounds: 2")
DISTILL = only(
    "distill",
    "method: distill, teacher: sft, student: {tiny: {layers: 1, hidden: 16, heads: 2, context: 96}}, "
    "verified_only: false, batch_size: 2, epochs: 1, rl: {optimizer: {lr: 0.01}}",
)
# expert iteration needs completions that are verified: an environment in which every second one is
EASY = ["env={name: EASY_FILE:Easy, modulus: 11, operands: [2, 3], levels: [1, 2, 3], ood_levels: [4]}"]

# path -> (overrides in both studies, the override that must change something)
CASES: dict[str, tuple[list[str], str]] = {
    "name": ([RL], "name=other"),
    "seeds": ([RL], "seeds=[1]"),
    "threads": ([RL], "threads=2"),
    "trackers": ([RL], "trackers=[tensorboard]"),
    "metrics": ([RL], "metrics=['EASY_FILE:lengths']"),
    "report_sections": ([RL], "report_sections=['EASY_FILE:no_such']"),
    "env": ([RL], "env.modulus=13"),
    "policy.path": ([RL], "policy={tiny: null, path: no/such/model}"),
    "policy.tiny.layers": ([RL], "policy.tiny.layers=1"),
    "policy.tiny.hidden": ([RL], "policy.tiny.hidden=16"),
    "policy.tiny.heads": ([RL], "policy.tiny.heads=4"),
    "policy.tiny.context": ([RL], "policy.tiny.context=64"),
    "policy.dtype": ([RL], "policy.dtype=bfloat16"),
    "policy.device": ([RL], "policy.device='cpu:0'"),
    "policy.lora_rank": ([RL], "policy.lora_rank=2"),
    "policy.trust_remote_code": ([RL], "policy.trust_remote_code=true"),
    "policy.chat_template_kwargs": ([RL], "policy.chat_template_kwargs={enable_thinking: false}"),
    "imitation.demonstrator": ([RL], "imitation.demonstrator.error_rate=0.9"),
    "imitation.num_demonstrations": ([RL], "imitation.num_demonstrations=20"),
    "imitation.single_step_share": ([RL], "imitation.single_step_share=1.0"),
    "imitation.step_accuracy": ([RL], "imitation.step_accuracy=0.0"),
    "imitation.steps": ([RL], "imitation.steps=2"),
    "imitation.min_steps": ([RL, *EASY, "imitation.step_accuracy=0.01"], "imitation.min_steps=9"),
    "imitation.batch_size": ([RL], "imitation.batch_size=4"),
    "imitation.optimizer": ([RL], "imitation.optimizer.lr=1e-4"),
    "rl.algorithm": ([RL], "rl.algorithm=rloo"),
    "rl.steps": ([RL], "rl.steps=1"),
    "rl.problems_per_step": ([RL], "rl.problems_per_step=3"),
    "rl.group_size": ([RL], "rl.group_size=3"),
    "rl.sampling": ([RL], "rl.sampling.max_new_tokens=8"),
    "rl.optimizer": ([RL], "rl.optimizer.lr=1e-4"),
    "rl.curriculum": ([RL], "rl.curriculum={name: uniform, levels: [1]}"),
    "rl.micro_tokens": ([RL], "rl.micro_tokens=64"),
    "rl.value_pretraining": ([RL, "rl.algorithm=ppo", "rl.value_pretraining=0"], "rl.value_pretraining=1"),
    "rl.value_optimizer": ([RL, "rl.algorithm=ppo"], "rl.value_optimizer={lr: 0.1}"),
    "rl.gradient_checkpointing": ([RL], "rl.gradient_checkpointing=true"),
    "rl.autocast": ([RL], "rl.autocast=bf16"),
    "rl.measure_every": ([RL], "rl.measure_every=2"),
    "rl.max_staleness": ([RL], "rl.max_staleness=1"),
    "rl.fixed_staleness": ([RL, "rl={max_staleness: 2, steps: 5}"], "rl.fixed_staleness=false"),
    "rl.checkpoint_every": ([RL], "rl.checkpoint_every=1"),
    "rl.log_rollouts": ([RL], "rl.log_rollouts=false"),
    "rl.log_token_values": ([RL], "rl.log_token_values=true"),
    "rl.evaluate_every": ([RL], "rl.evaluate_every=0"),
    "preference.annotator": ([RLHF], "preference.annotator=verbose"),
    "preference.num_pairs": ([RLHF], "preference.num_pairs=16"),
    "preference.selector": ([RLHF, "rl.group_size=4"], "preference.selector=contrasting"),
    "preference.comparisons": ([RLHF], "preference.comparisons=nowhere.jsonl"),
    "preference.reward_model.layers": ([RLHF], "preference.reward_model.layers=1"),
    "preference.reward_model.members": ([RLHF], "preference.reward_model.members=2"),
    "preference.reward_model.combine": (
        [RLHF, "preference.reward_model.members=2"],
        "preference.reward_model.combine=min",
    ),
    "preference.reward_model.penalty": (
        [RLHF, "preference.reward_model={members: 2, combine: mean_minus_std}"],
        "preference.reward_model.penalty=3.0",
    ),
    "preference.reward_model.center": ([RLHF], "preference.reward_model.center=1.0"),
    "preference.reward_model.epochs": ([RLHF], "preference.reward_model.epochs=2"),
    "preference.reward_model.lr": ([RLHF], "preference.reward_model.lr=1e-3"),
    "preference.reward_model.batch_size": ([RLHF], "preference.reward_model.batch_size=4"),
    "preference.reward_model.held_out": ([RLHF], "preference.reward_model.held_out=0.5"),
    "preference.dpo.loss": ([DPO], "preference.dpo.loss=hinge"),
    "preference.dpo.beta": ([DPO], "preference.dpo.beta=3.0"),
    "preference.dpo.label_smoothing": (
        [DPO, "preference.dpo={loss: robust, label_smoothing: 0.1}"],
        "preference.dpo.label_smoothing=0.4",
    ),
    "preference.dpo.epochs": ([DPO], "preference.dpo.epochs=2"),
    "preference.dpo.lr": ([DPO], "preference.dpo.lr=1e-3"),
    "preference.dpo.batch_size": ([DPO], "preference.dpo.batch_size=4"),
    "preference.dpo.held_out": ([DPO], "preference.dpo.held_out=0.5"),
    "evaluation.split": ([RL], "evaluation.split=validation"),
    "evaluation.levels": ([RL], "evaluation={levels: [2, 3]}"),
    "evaluation.problems_per_level": ([RL], "evaluation.problems_per_level=2"),
    "evaluation.num_samples": ([RL], "evaluation.num_samples=1"),
    "evaluation.min_per_level": ([RL], "evaluation.min_per_level=20"),
    "evaluation.support_samples": ([RL, *EASY], "evaluation.support_samples=2"),
    "evaluation.sampling": ([RL], "evaluation.sampling.temperature=0.3"),
    "evaluation.validation_problems": ([RL], "evaluation.validation_problems=3"),
    "evaluation.validation_samples": ([RL], "evaluation.validation_samples=1"),
    "evaluation.headline_level": ([RL], "evaluation.headline_level=9"),
    "workers.executor": ([RL], "workers.executor=ray"),
    "workers.num": ([RL], "workers.num=3"),
    "workers.threads": ([RL], "workers.threads=2"),
    "workers.address": ([RL, "workers.executor=ray"], "workers.address='10.0.0.1:6379'"),
    "workers.shard_size": ([RL], "workers.shard_size=2"),
    "workers.cpus": ([RL], "workers={executor: ray, cpus: 0.5}"),
    "workers.gpus": ([RL], "workers={executor: ray, gpus: 0.5}"),
    "workers.resources": ([RL], "workers={executor: ray, resources: {fast: 1}}"),
    "workers.placement": ([RL], "workers={executor: ray, placement: apart}"),
    "learner.processes": ([RL], "learner.processes=2"),
    "learner.sharding": ([RL], "learner={processes: 2, sharding: fsdp}"),
    "workers.backend": ([RL], "workers.backend=generate"),
    "workers.deadline_seconds": ([RL], "workers.deadline_seconds=1.0"),
    "workers.memory_megabytes": ([RL], "workers.memory_megabytes=512"),
    "arms.rl.reward": ([RL], "arms.rl.reward.weights.tokens=-0.1"),
    "arms.rl.rl": ([RL], "arms.rl.rl={optimizer: {lr: 1e-4}}"),
    "arms.imitation.optimizer": ([IMITATION], "arms.imitate.optimizer.lr=0.02"),
    "arms.imitation.rl": ([IMITATION], "arms.imitate.rl={group_size: 3}"),
    "arms.expert_iteration.rounds": ([EXPERT, *EASY], "arms.expert.rounds=1"),
    "arms.expert_iteration.max_per_problem": ([EXPERT, *EASY], "arms.expert.max_per_problem=1"),
    "arms.expert_iteration.epochs": ([EXPERT, *EASY], "arms.expert.epochs=1"),
    "arms.expert_iteration.batch_size": ([EXPERT, *EASY], "arms.expert.batch_size=1"),
    "arms.expert_iteration.restart": ([EXPERT, *EASY], "arms.expert.restart=false"),
    "arms.expert_iteration.pool": ([EXPERT, *EASY], "arms.expert.pool=false"),
    "arms.expert_iteration.optimizer": ([EXPERT, *EASY], "arms.expert.optimizer.lr=0.02"),
    "arms.expert_iteration.rl": ([EXPERT, *EASY], "arms.expert.rl={group_size: 3}"),
    "arms.best_of_n.n": ([BEST], "arms.best.n=1"),
    "arms.best_of_n.reward": ([BEST], "arms.best.reward.weight=0.1"),
    "arms.best_of_n.policy": ([BEST], "arms.best.policy=another"),
    "arms.best_of_n.rl": ([BEST], "arms.best.rl={group_size: 3}"),
    "arms.dpo.dpo": ([DPO], "arms.dpo.dpo={beta: 3.0}"),
    "arms.dpo.rl": ([DPO], "arms.dpo.rl={group_size: 3}"),
    "arms.kto.feedback": ([KTO], "arms.kto.feedback=pairs"),
    "arms.kto.beta": ([KTO], "arms.kto.beta=3.0"),
    "arms.kto.desirable_weight": ([KTO], "arms.kto.desirable_weight=0.1"),
    "arms.kto.undesirable_weight": ([KTO], "arms.kto.undesirable_weight=0.1"),
    "arms.kto.epochs": ([KTO], "arms.kto.epochs=2"),
    "arms.kto.lr": ([KTO], "arms.kto.lr=1e-3"),
    "arms.kto.batch_size": ([KTO], "arms.kto.batch_size=4"),
    "arms.kto.held_out": ([KTO], "arms.kto.held_out=0.5"),
    "arms.kto.rl": ([KTO], "arms.kto.rl={group_size: 3}"),
    "arms.online_dpo.rounds": ([ONLINE], "arms.online.rounds=1"),
    "arms.rl.refits": ([RLHF], "arms.rlhf.refits=1"),
    "arms.rl.judgements": ([RLHF], "arms.rlhf.judgements=1"),
    "arms.rl.preference": ([RLHF], "arms.rlhf.preference={annotator: verbose}"),
    "arms.imitation.preference": ([IMITATION], "arms.imitate.preference={num_pairs: 3}"),
    "arms.expert_iteration.preference": ([EXPERT, *EASY], "arms.expert.preference={num_pairs: 3}"),
    "arms.best_of_n.preference": ([BEST, "arms.best.reward=proxy"], "arms.best.preference={annotator: verbose}"),
    "arms.dpo.preference": ([DPO], "arms.dpo.preference={annotator: verbose}"),
    "arms.kto.preference": ([KTO], "arms.kto.preference={annotator: verbose}"),
    "arms.online_dpo.preference": ([ONLINE], "arms.online.preference={annotator: verbose}"),
    "arms.distill.preference": ([DISTILL], "arms.distill.preference={num_pairs: 3}"),
    "arms.online_dpo.dpo": ([ONLINE], "arms.online.dpo={beta: 3.0}"),
    "arms.online_dpo.rl": ([ONLINE], "arms.online.rl={group_size: 4}"),
    "arms.distill.teacher": ([DISTILL], "arms.distill.teacher=another"),
    "arms.distill.student": ([DISTILL], "arms.distill.student.tiny.layers=2"),
    "arms.distill.route": ([DISTILL], "arms.distill.route=off_policy"),
    "arms.distill.samples_per_problem": ([DISTILL], "arms.distill.samples_per_problem=2"),
    "arms.distill.verified_only": ([DISTILL], "arms.distill.verified_only=true"),
    "arms.distill.epochs": ([DISTILL], "arms.distill.epochs=2"),
    "arms.distill.batch_size": ([DISTILL], "arms.distill.batch_size=1"),
    "arms.distill.optimizer": ([DISTILL], "arms.distill.optimizer.lr=0.02"),
    "arms.distill.clip": ([DISTILL, "arms.distill.route=on_policy"], "arms.distill.clip=0.0"),
    "arms.distill.rl": ([DISTILL], "arms.distill.rl.steps=1"),
}

SHARED = {  # sections that several others hold: each of their fields, tried in one place
    "optimizer.lr": ([RL], "rl.optimizer.lr=1e-4"),
    "optimizer.kind": ([RL], "rl.optimizer.kind='EASY_FILE:sgd'"),
    "optimizer.betas": ([RL], "rl.optimizer.betas=[0.5, 0.5]"),
    "optimizer.weight_decay": ([RL], "rl.optimizer.weight_decay=10.0"),
    "optimizer.clip_norm": ([RL], "rl.optimizer.clip_norm=1e-9"),
    "optimizer.warmup_steps": ([RL], "rl.optimizer.warmup_steps=5"),
    "optimizer.schedule": ([RL], "rl.optimizer.schedule=linear"),
    "sampling.max_new_tokens": ([RL], "evaluation.sampling.max_new_tokens=4"),
    "sampling.temperature": ([RL], "evaluation.sampling.temperature=0.3"),
    "sampling.top_k": ([RL], "evaluation.sampling.top_k=1"),
    "sampling.top_p": ([RL], "evaluation.sampling.top_p=0.1"),
    "sampling.stop": ([RL], 'evaluation.sampling.stop=[";"]'),
    "sampling.temperature of RL": ([RL], "rl.sampling.temperature=0.5"),
    "value_optimizer without values": ([RL], "rl.value_optimizer={lr: 0.1}"),
    "no sampling in RL": ([RL], "rl.sampling.temperature=0"),
    "truncated sampling in RL": ([RL], "rl.sampling.top_k=5"),
}

EASY_FILE = """
from envs.leaps.environment import Leaps
from verifiers.types import Outcome, Verdict


def lengths(groups):
    return {"groups": len(groups)}


def sgd(groups, settings):
    import torch

    return torch.optim.SGD(groups, lr=settings.lr)


class Easy(Leaps):
    def grade(self, problem, response):
        right = len(str(response)) % 2 == 0
        outcome = Outcome.CORRECT if right else Outcome.WRONG
        return Verdict(outcome, float(right), answer="1", parts={"solution": float(right)})
"""


def leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted paths of the fields of a section; a nested section used once is walked, a shared one is one field."""
    found = []
    for name, field in model.model_fields.items():
        if name in ("arms", "method"):
            continue
        options = (field.annotation, *get_args(field.annotation))
        nested = [t for t in options if isinstance(t, type) and issubclass(t, BaseModel) and t is not Component]
        is_shared = name in (
            "optimizer",
            "value_optimizer",
            "sampling",
            "student",
        )  # each of their fields is tried once, below
        if nested and not is_shared:
            found += leaves(nested[0], f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


def test_every_field_has_a_case():
    paths = set(leaves(Experiment))
    for kind in arm_kinds():
        paths |= set(leaves(kind, f"arms.{methods_of(kind)[0]}."))
    assert paths == set(CASES)
    sections = {"optimizer": OptimizerSection, "sampling": SamplingSection}
    assert {f"{name}.{field}" for name, kind in sections.items() for field in kind.model_fields} <= set(SHARED)


@pytest.fixture(scope="module")
def easy_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("env") / "easy.py"
    path.write_text(EASY_FILE)
    return path


@pytest.fixture
def calls(monkeypatch):
    """What workers and learners were built with, and what was saved: effects that leave no other trace."""
    import torch

    import experiments.stages.serving
    import experiments.study.run
    import rl.learning.checkpoint
    import rl.learning.learner
    from rl.workers import make_workers

    seen: list[Any] = []

    def workers(executor, spec, num, **settings):
        policy = (spec.policy.dtype, spec.policy.device, spec.policy.trust_remote_code)
        seen.append([executor, num, settings, policy, spec.threads, spec.backend, spec.deadline_seconds])
        seen.append(spec.memory_bytes)
        inline = make_workers("inline", spec)
        submit = inline.submit
        inline.submit = lambda shard: (seen.append(["any weights", shard.version is None]), submit(shard))[1]
        return inline

    checkpoints, learner = rl.learning.checkpoint.Checkpoints, rl.learning.learner
    save, set_threads = checkpoints.save, torch.set_num_threads
    prepare = learner.prepare_for_training
    monkeypatch.setattr(
        learner, "prepare_for_training", lambda module, saving: (seen.append(saving), prepare(module, saving))[1]
    )
    monkeypatch.setattr(experiments.stages.serving, "make_workers", workers)
    monkeypatch.setattr(experiments.study.run, "start_executor", lambda experiment: None)
    monkeypatch.setattr(experiments.study.run, "stop_executor", lambda experiment: None)
    monkeypatch.setattr(checkpoints, "save", lambda self, step, state: (seen.append(step), save(self, step, state))[1])
    monkeypatch.setattr(torch, "set_num_threads", lambda n: (seen.append(["threads", n]), set_threads(1)))
    monkeypatch.setattr(experiments.study.run, "write_report", lambda folder: folder)
    monkeypatch.setattr(experiments.study.run, "print_study", lambda folder: None)
    return seen


CLOCK = re.compile(r"seconds|^time/|^speed/|^workers/|heartbeat|^pid$")


def timeless(value: Any) -> Any:
    """A JSON value without what clocks say."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if not CLOCK.search(key)}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def content(path: Path) -> str:
    """What a file says, but for clocks."""
    if path.suffix == ".json":
        return json.dumps(timeless(json.loads(path.read_text())))
    if path.suffix == ".jsonl":
        return json.dumps([timeless(json.loads(line)) for line in path.read_text().splitlines()])
    return hashlib.sha256(path.read_bytes()).hexdigest()


def outcome(overrides: list[str], easy_file: Path, folder: Path, calls: list[Any]) -> str:
    """Everything that a study came to, as one text; or the refusal."""
    from experiments.study.run import run_study

    calls.clear()
    try:
        experiment = load_experiment(["smoke"], [text.replace("EASY_FILE", str(easy_file)) for text in overrides])
        run_study(experiment, folder, quiet=True)
    except UserError as error:
        return f"refused: {error}"
    found = [json.dumps(calls)]
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name in ("config.yaml", "provenance.json") or path.is_dir() or "status.json" in name:
            continue
        found.append(f"{name}: {content(path)}" if "tensorboard" not in name else "tensorboard")
    return "\n".join(found)


undisturbed: dict[tuple[str, ...], str] = {}


@pytest.mark.slow
@pytest.mark.parametrize("path", [*CASES, *SHARED])
def test_every_field_changes_something_or_is_refused(path, easy_file, tmp_path, calls):
    common, change = {**CASES, **SHARED}[path]
    base = [*BASE, *common]
    if tuple(base) not in undisturbed:
        undisturbed[tuple(base)] = outcome(base, easy_file, tmp_path / "base", calls)
        assert not undisturbed[tuple(base)].startswith("refused"), undisturbed[tuple(base)]
    changed = outcome([*base, change], easy_file, tmp_path / "changed", calls)
    assert changed != undisturbed[tuple(base)]
    if changed.startswith("refused"):
        assert len(changed) > 40, "a refusal says why"


def enum_values() -> list[tuple[str, Any]]:
    """(case, value) for every value of every field that is one of a list, the value that a case tries included."""
    sections = {"optimizer.schedule": OptimizerSection.model_fields["schedule"]}
    for path in CASES:
        model: Any = Experiment
        parts = path.split(".")
        if parts[0] == "arms":
            model = next(kind for kind in arm_kinds() if parts[1] in methods_of(kind))
            parts = parts[2:]
        for part in parts[:-1]:
            options = (model.model_fields[part].annotation, *get_args(model.model_fields[part].annotation))
            model = next(t for t in options if isinstance(t, type) and issubclass(t, BaseModel))
        sections[path] = model.model_fields[parts[-1]]
    found = []
    for path, field in sections.items():
        options = (field.annotation, *get_args(field.annotation))
        literal = next((t for t in options if get_origin(t) is Literal), None)
        found += [(path, value) for value in get_args(literal)] if literal is not None else []
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("path", "value"), enum_values())
def test_every_value_of_a_list_runs_or_is_refused(path, value, easy_file, tmp_path, calls):
    common, change = {**CASES, **SHARED}[path]
    key = change.partition("=")[0]
    found = outcome([*BASE, *common, f"{key}={json.dumps(value)}"], easy_file, tmp_path / "run", calls)
    if found.startswith("refused"):
        assert path in REFUSED_VALUES, found
        assert len(found) > 40, "a refusal says why"


REFUSED_VALUES = {
    "preference.dpo.loss",  # robust wants label_smoothing, and the others refuse it
    "preference.reward_model.combine",  # mean refuses a penalty
}


@pytest.mark.slow
def test_nothing_changed_changes_nothing(easy_file, tmp_path, calls):
    """The measure itself: two studies of one config come to the same."""
    one, two = (outcome([*BASE, RL], easy_file, tmp_path / name, calls) for name in ("one", "two"))
    assert one.splitlines() == two.splitlines()
