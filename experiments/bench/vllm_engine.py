"""vLLM as the sampler, for real: `make vllm` runs this in an environment of its own.

    python -m experiments.bench.vllm_engine POLICY [--steps 4] [--lora 0]

A policy (SmolLM2 by default) is sampled by vLLM and by our engine: greedy tokens and log-probabilities side by side,
before and after new weights were put into the running engine; seeds repeat; a second turn after the first. Then some
GRPO steps through `workers.backend: vllm`, with the mismatch between sampler and learner that the correction bounds.
Writes results/vllm.json; exit status 1 when greedy tokens or log-probabilities differ by more than TOLERANCE.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from envs.registry import make
from envs.types import EnvSpec
from experiments.bench.measuring import write_report
from experiments.stages.training import corrected
from policies.causal import CausalPolicy, load_policy
from policies.pretrained.fetch import located
from policies.sampling.engine import SamplingEngine
from policies.types import Completion, Request, Sampling
from rl.algorithms import make as make_algorithm
from rl.curriculum import make_curriculum
from rl.learning.learner import Learner, LearnerSettings, Models
from rl.learning.optimizer import OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.workers import PolicySpec, WorkerSpec, make_workers

TOLERANCE = 1e-3  # nats, of a token's log-probability in float32
GREEDY = Sampling(max_new_tokens=24, temperature=0.0)
DRAWN = Sampling(max_new_tokens=24)
QUESTIONS = ("What is 2 + 3?", "What is 17 + 25?", "Name three prime numbers.", "Count from 1 to 5.")
SHOWN = (
    "gold/correct",
    "mismatch/logprob_abs_diff",
    "mismatch/logprob_abs_diff_max",
    "mismatch/kl",
    "time/step_seconds",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, train, print, write."""
    parser = argparse.ArgumentParser(description="vLLM beside our engine, and some steps of GRPO through it.")
    parser.add_argument("policy", nargs="?", default="smollm2-135m-instruct")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--lora", type=int, default=0, help="rank of the learner's adapters; 0: all weights")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("results/vllm.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    folder = str(located(options.policy))
    spec = WorkerSpec(
        PolicySpec(folder, device=options.device),
        EnvSpec("addition", {"template": "chat"}),
        backend="vllm",
        max_rows=32,
    )
    workers = make_workers("inline", spec)
    try:
        policy, theirs = workers.engine.policy, workers.engine.sampler  # type: ignore[attr-defined]
        report: dict[str, Any] = {"before": compare(policy, theirs)}
        report["seeds"] = seeds(policy, theirs)
        report["update"] = update(policy, theirs)
        report["after"] = compare(policy, theirs)
        report["turns"] = second_turn(policy, theirs)
        report["training"] = train(workers, folder, options)
    finally:
        workers.close()
    for name, rows in report.items():
        print(name, json.dumps(rows), flush=True)
    write_report(options.out, report)
    compared = (report["before"], report["after"], report["turns"])
    is_equal = all(row["same_tokens"] and row["logprob_diff"] < TOLERANCE for row in compared)
    raise SystemExit(not (is_equal and report["seeds"]["repeat"] and report["update"]["samples_changed"]))


def prompts_of(policy: CausalPolicy) -> list[tuple[int, ...]]:
    """The questions as the model reads them."""
    return [policy.encode([{"role": "user", "content": text}]) for text in QUESTIONS]


def rows_of(
    sampler: SamplingEngine, prompts: Sequence[tuple[int, ...]], sampling: Sampling, seed: int
) -> list[Completion]:
    """One completion of every prompt."""
    asked = [Request(prompt, (uid,)) for uid, prompt in enumerate(prompts)]
    return [group[0] for group in sampler.generate(asked, sampling, seed=seed)]


def compare(policy: CausalPolicy, theirs: SamplingEngine, prompts: Sequence[tuple[int, ...]] = ()) -> dict[str, Any]:
    """Greedy tokens and log-probabilities of both engines, with the policy's present weights."""
    prompts = prompts or prompts_of(policy)
    pairs = list(zip(rows_of(theirs, prompts, GREEDY, 0), rows_of(SamplingEngine(policy), prompts, GREEDY, 0)))
    return {
        "completions": len(pairs),
        "same_tokens": all(a.tokens == b.tokens for a, b in pairs),
        "logprob_diff": max(abs(p - q) for a, b in pairs for p, q in zip(a.logprobs, b.logprobs)),
    }


def seeds(policy: CausalPolicy, theirs: SamplingEngine) -> dict[str, bool]:
    """Whether a seed repeats its samples, also in another company, and another seed gives others."""
    prompts = prompts_of(policy)
    first = rows_of(theirs, prompts, DRAWN, 1)
    return {
        "repeat": [c.tokens for c in rows_of(theirs, prompts, DRAWN, 1)] == [c.tokens for c in first],
        "alone": rows_of(theirs, prompts[:1], DRAWN, 1)[0].tokens == first[0].tokens,
        "other_seed_differs": [c.tokens for c in rows_of(theirs, prompts, DRAWN, 2)] != [c.tokens for c in first],
    }


def update(policy: CausalPolicy, theirs: SamplingEngine) -> dict[str, Any]:
    """Puts disturbed weights into the running engine."""
    prompts = prompts_of(policy)
    before = rows_of(theirs, prompts, GREEDY, 0)
    generator = torch.Generator().manual_seed(0)
    disturbed = {
        name: w + 0.05 * w.std() * torch.randn(w.shape, generator=generator) if w.dim() > 1 else w
        for name, w in policy.weights().items()
    }
    policy.load_weights(disturbed)
    began = time.perf_counter()
    theirs.refresh()
    seconds = time.perf_counter() - began
    after = rows_of(theirs, prompts, GREEDY, 0)
    return {"seconds": seconds, "samples_changed": [c.tokens for c in after] != [c.tokens for c in before]}


def second_turn(policy: CausalPolicy, theirs: SamplingEngine) -> dict[str, Any]:
    """The comparison after a first answer and another question, whose beginning is in the prefix cache."""
    prompts = prompts_of(policy)
    first = rows_of(theirs, prompts, GREEDY, 0)
    again = policy.encode_completion("\nAnd then?")[:-1]
    return compare(policy, theirs, [(*p, *c.tokens, *again) for p, c in zip(prompts, first)])


def train(workers: Any, folder: str, options: argparse.Namespace) -> list[dict[str, float]]:
    """Metrics of some GRPO steps whose completions vLLM writes."""
    lora = {"r": options.lora} if options.lora else None
    policy = load_policy(folder, dtype="float32", device=options.device, lora=lora)
    algorithm = corrected(make_algorithm("grpo"), "vllm")
    learner = Learner(Models(policy), algorithm, LearnerSettings(OptimizerSettings(lr=1e-5), micro_tokens=2048))
    recorder = SilentRecorder()
    env = make(EnvSpec("addition", {"template": "chat"}))
    rollouts = RolloutSettings(problems_per_step=4, group_size=4, shard_size=4, sampling=dataclasses.replace(DRAWN))
    Training(
        learner=learner,
        workers=workers,
        problems=make_curriculum("uniform", env, seed=0),
        reward=VerifierReward(),
        settings=TrainSettings(steps=options.steps, rollouts=rollouts),
        recorder=recorder,
    ).run()
    return [{name: row[name] for name in SHOWN if name in row} for _, _, row in recorder.rows]


if __name__ == "__main__":
    main()
