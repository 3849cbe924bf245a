"""A policy that calls a tool, sampled by vLLM: `make vllm` runs this in an environment of its own.

    python -m experiments.bench.vllm_tools [--fit 1200] [--steps 5]

A small transformer (heads of 32, which vLLM's kernels for CPUs have) imitates worked solutions that call a calculator.
Then the same problems are solved greedily through `workers.backend` engine and vllm: turns, calls and log-probabilities
side by side. Some GRPO steps through vLLM follow, and the comparison again with the new weights in the running engine.
Writes results/vllm_tools.json; exit status 1 when conversations differ, log-probabilities by more than TOLERANCE, or
nothing was called.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from envs.demonstrators.writers import make_demonstrator
from envs.environment import Environment
from envs.registry import make
from envs.types import EnvSpec
from experiments.bench.measuring import write_report
from experiments.bench.vllm_engine import SHOWN, TOLERANCE
from experiments.stages.training import corrected
from policies.causal import CausalPolicy, load_policy
from policies.tiny import TinyConfig, build_tiny
from policies.types import Sampling
from rl.algorithms import make as make_algorithm
from rl.curriculum import make_curriculum
from rl.imitation.demonstrations import DemonstrationSource, encode_demonstrations, shuffled_epochs
from rl.imitation.sft import SftSettings, fit_sft
from rl.learning.learner import Learner, LearnerSettings, Models
from rl.learning.optimizer import OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.shards import make_shards
from rl.rollouts.stream import RolloutSettings
from rl.rollouts.wait import run_shards
from rl.train import Training, TrainSettings
from rl.types import Trajectory
from rl.workers import PolicySpec, WorkerSpec, make_workers
from rl.workers.types import Workers

ENV = EnvSpec("calculator_use", {})
SHAPE = TinyConfig(layers=4, hidden=64, heads=2, context=160)
SAMPLING = Sampling(max_new_tokens=90)
GREEDY = Sampling(max_new_tokens=90, temperature=0.0)
LEVELS = (1, 2)
DEMONSTRATIONS = 20_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Teach, compare, train, compare, write."""
    parser = argparse.ArgumentParser(description="A policy that calls a calculator, sampled by vLLM.")
    parser.add_argument("--fit", type=int, default=1200, help="steps of imitation, of 64 solutions")
    parser.add_argument("--steps", type=int, default=5, help="of GRPO through vLLM")
    parser.add_argument("--problems", type=int, default=16, help="of each level, solved by both")
    parser.add_argument("--out", type=Path, default=Path("results/vllm_tools.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    env = make(ENV)
    with tempfile.TemporaryDirectory() as folder:
        policy = taught(env, options.fit)
        policy.save(folder)
        both = {
            backend: make_workers("inline", WorkerSpec(PolicySpec(folder), ENV, backend=backend, max_rows=64))
            for backend in ("engine", "vllm")
        }
        try:
            report: dict[str, Any] = {"before": compare(env, both, options.problems)}
            report["training"], weights = train(env, both["vllm"], folder, options.steps)
            for workers in both.values():
                workers.publish(weights, options.steps + 1)
            report["after"] = compare(env, both, options.problems)
        finally:
            for workers in both.values():
                workers.close()
    for name, rows in report.items():
        print(name, json.dumps(rows), flush=True)
    write_report(options.out, report)
    compared = (report["before"], report["after"])
    raise SystemExit(
        not all(row["same_conversations"] and row["calls"] and row["logprob_diff"] < TOLERANCE for row in compared)
    )


def taught(env: Environment, steps: int) -> CausalPolicy:
    """A small policy that has imitated solutions which call the calculator."""
    policy = build_tiny(SHAPE, vocabulary=None, seed=0)
    source = DemonstrationSource(env, make_demonstrator(env), single_step_share=0.0, seed=0)
    examples = encode_demonstrations(source.write(DEMONSTRATIONS), policy)
    optimizer = OptimizerSettings(lr=2e-2, kind="muon", schedule="cosine", warmup_steps=100, total_steps=steps)
    learner = Learner(Models(policy), make_algorithm("sft"), LearnerSettings(optimizer))
    fit_sft(learner, shuffled_epochs(examples, 0), SftSettings(max_steps=steps, target=None), SilentRecorder())
    return policy


def compare(env: Environment, both: dict[str, Workers], count: int) -> dict[str, Any]:
    """Greedy conversations about the same problems through both backends."""
    problems = [env.problem(index, split="test", seed=0, level=level) for level in LEVELS for index in range(count)]
    shards = make_shards(problems, group_size=1, step=0, sampling=GREEDY)
    ours, theirs = ([group.trajectories[0] for group in run_shards(both[name], shards)] for name in ("engine", "vllm"))
    pairs = list(zip(ours, theirs))
    return {
        "problems": len(pairs),
        "same_conversations": all(a.completion.tokens == b.completion.tokens for a, b in pairs),
        "calls": sum(map(calls_of, theirs)),
        "solved": sum(b.verdict.is_correct for b in theirs),
        "solved_by_engine": sum(a.verdict.is_correct for a in ours),
        "logprob_diff": max(abs(p - q) for a, b in pairs for p, q in zip(a.completion.logprobs, b.completion.logprobs)),
    }


def calls_of(trajectory: Trajectory) -> int:
    """How many calls were answered."""
    return sum(message.role != "assistant" for message in trajectory.transcript or ())


def train(
    env: Environment, workers: Workers, folder: str, steps: int
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """Metrics of some GRPO steps whose conversations vLLM writes, and the weights after them."""
    policy = load_policy(folder)
    algorithm = corrected(make_algorithm("grpo"), "vllm")
    learner = Learner(Models(policy), algorithm, LearnerSettings(OptimizerSettings(lr=3e-4)))
    recorder = SilentRecorder()
    Training(
        learner=learner,
        workers=workers,
        problems=make_curriculum("uniform", env, seed=0, levels=LEVELS),
        reward=VerifierReward(),
        settings=TrainSettings(
            steps=steps, rollouts=RolloutSettings(problems_per_step=8, group_size=8, sampling=SAMPLING)
        ),
        recorder=recorder,
    ).run()
    rows = [{name: row[name] for name in SHOWN if name in row} for _, _, row in recorder.rows]
    return rows, policy.weights()


if __name__ == "__main__":
    main()
