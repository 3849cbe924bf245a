"""A pretrained model of 135 million weights: generation and a whole GRPO step, beside the field's own.

    beyond models fetch smollm2-135m-instruct
    python -m experiments.bench.real_model [--policy PATH] [--repeats 3] [--threads 1]

Generation: 8 chat prompts of arithmetic x 8 completions of at most 64 tokens, float32, ours beside transformers'
`generate` and, where it is installed (`make vllm` makes such an environment), vLLM, in turns. Equal: no token ends a
completion. Ragged: one token in 24 does, the same for all. Ours and vLLM's include log-probabilities. The matmul bound
counts all weights, the tied head once, at the rate of a large product.

Step: 8 prompts x 8 completions of at most 48 tokens, trl's GRPOTrainer beside ours, in turns, each in a process of its
own, whose largest memory is read at its end. The reward is the parity of the number of words, so nearly every group
carries signal. The second of two steps counts. Writes results/bench_real_model.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import torch

from envs.environment import Environment
from envs.registry import make
from envs.types import EnvSpec, Problem
from experiments.bench.generation import (
    GROUP_SIZE,
    MAX_NEW_TOKENS,
    Sampler,
    check_greedy_tokens,
    make_samplers,
    matmul_flops,
    take_turns,
)
from experiments.bench.measuring import Timing, machine, write_report
from experiments.bench.step import StepWork, parity_verdict, prompt_as_rows, time_ours, time_trl
from policies.causal import CausalPolicy, load_policy
from policies.pretrained.fetch import located
from policies.sampling.engine import SamplingEngine
from policies.types import Request, Sampling
from rl.workers import PolicySpec, WorkerSpec, make_workers
from verifiers.types import Verdict

NUM_PROMPTS = 8
STEP_TOKENS = 48
MICRO_TOKENS = 512  # what the study `smollm` passes at once
STOP_EVERY = 24  # one token in so many ends a ragged completion


class WordParity(Environment):
    """Chains of arithmetic as a chat model is asked them, paid for an even number of words."""

    name = "word_parity"

    def __init__(self) -> None:
        self._asks = make(EnvSpec("arithmetic_chain", {"template": "chat"}))

    def generate(self, rng: Random, level: int) -> Problem:
        """A problem of `arithmetic_chain`."""
        problem = self._asks.write_prompt(self._asks.generate(rng, level))
        return Problem(prompt=problem.prompt, answer=problem.answer)

    def grade(self, problem: Problem, response: str) -> Verdict:
        """By the number of words."""
        return parity_verdict(response)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="A pretrained model: generation and a GRPO step beside others.")
    parser.add_argument("--policy", default="smollm2-135m-instruct")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--parts", nargs="*", default=["generation", "step"], choices=["generation", "step"])
    parser.add_argument("--out", type=Path, default=Path("results/bench_real_model.json"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    folder = str(located(options.policy))
    kept = json.loads(options.out.read_text()) if options.out.exists() else {}  # a part that is not asked for stays
    report: dict[str, Any] = kept | {"machine": machine() | {"threads": options.threads}, "policy": options.policy}
    if "step" in options.parts:
        report["step"] = measure_steps(folder, options.repeats, options.threads)
        write_report(options.out, report)  # minutes of work, and the other part may fail
    if "generation" in options.parts:
        report["generation"] = [
            row for lengths in ("equal", "ragged") for row in measure_generation(folder, lengths, options.repeats)
        ]
    write_report(options.out, report)


def measure_generation(folder: str, lengths: str, repeats: int) -> list[dict[str, Any]]:
    """One row per sampler: medians of tokens per CPU-second, ours in theirs, the share of the matmul bound."""
    policy = load_policy(folder, dtype="float32")
    size = policy.model.get_input_embeddings().num_embeddings
    policy.stop_ids = tuple(range(0, size, STOP_EVERY)) if lengths == "ragged" else (1 << 30,)
    requests = requests_of(policy)
    check_greedy_tokens(policy, requests[:2])
    samplers = make_samplers(policy, requests, with_continuous=False)
    if importlib.util.find_spec("vllm") is not None:
        samplers["vllm"] = vllm_sampler(policy, folder, requests)
    timings = take_turns(samplers, repeats)
    bound = matmul_flops(torch.float32) / (2 * policy.num_parameters)
    ours = statistics.median(t.amount / t.cpu_seconds for t in timings["engine"])
    rows = []
    for name, repeated in timings.items():
        rate = statistics.median(t.amount / t.cpu_seconds for t in repeated)
        rows.append(
            {
                "lengths": lengths,
                "sampler": name,
                "tokens_per_cpu_second": round(rate, 1),
                "tokens_per_wall_second": round(statistics.median(t.amount / t.wall_seconds for t in repeated), 1),
                "engine_in_this": round(ours / rate, 2),
                "share_of_matmul_bound": round(rate / bound, 3),
                "repeats": [asdict(t) for t in repeated],
            }
        )
        print({key: value for key, value in rows[-1].items() if key != "repeats"}, flush=True)
    return rows


def requests_of(policy: CausalPolicy) -> list[Request]:
    """The prompts as the model reads them, eight uids each."""
    prompts = [policy.encode(prompt_as_rows(problem)) for problem in WordParity().problems(NUM_PROMPTS)]
    return [Request(tuple(p), tuple(range(i * GROUP_SIZE, (i + 1) * GROUP_SIZE))) for i, p in enumerate(prompts)]


def vllm_sampler(policy: CausalPolicy, folder: str, requests: list[Request]) -> Sampler:
    """vLLM as `workers.backend: vllm` runs it."""
    engine = SamplingEngine(policy, backend="vllm", folder=folder, max_rows=NUM_PROMPTS * GROUP_SIZE)

    def run(repeat: int) -> int:
        """Useful tokens that it sampled."""
        groups = engine.generate(requests, Sampling(MAX_NEW_TOKENS), seed=repeat + 1)
        return sum(len(completion.tokens) for group in groups for completion in group)

    return run


def measure_steps(folder: str, repeats: int, threads: int) -> dict[str, Any]:
    """CPU-seconds of a step of both, the ratio within a turn, and the largest memory of each process."""
    turns = []
    for turn in range(repeats):
        pair = {side: in_a_process(run, folder, turn, threads) for side, run in SIDES.items()}
        turns.append(pair)
        print({side: (round(t.cpu_seconds, 1), f"{memory:.1f} GB") for side, (t, memory) in pair.items()}, flush=True)
    report: dict[str, Any] = {
        side: {
            "cpu_seconds": statistics.median(pair[side][0].cpu_seconds for pair in turns),
            "peak_gigabytes": max(pair[side][1] for pair in turns),
            "turns": [asdict(pair[side][0]) for pair in turns],
        }
        for side in SIDES
    }
    report["ratio"] = statistics.median(p["trl"][0].cpu_seconds / p["ours"][0].cpu_seconds for p in turns)
    return report


def in_a_process(run: Callable[..., tuple[Timing, float]], *arguments: Any) -> tuple[Timing, float]:
    """What a function gives in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(run, *arguments).result()


def our_step(folder: str, turn: int, threads: int) -> tuple[Timing, float]:
    """Ours, and the largest memory of its process in gigabytes."""
    workers = make_workers(
        "inline", WorkerSpec(PolicySpec(folder), EnvSpec("experiments.bench.real_model:WordParity"), threads=threads)
    )
    try:
        timing = time_ours(work_of(folder), workers, turn, threads=threads)
    finally:
        workers.close()
    return timing, peak_gigabytes()


def trl_step(folder: str, turn: int, threads: int) -> tuple[Timing, float]:
    """trl's, likewise."""
    return time_trl(work_of(folder), turn, threads=threads), peak_gigabytes()


SIDES: dict[str, Callable[..., tuple[Timing, float]]] = {"ours": our_step, "trl": trl_step}


def work_of(folder: str) -> StepWork:
    """The step that both do."""
    return StepWork(folder, WordParity(), NUM_PROMPTS, GROUP_SIZE, STEP_TOKENS, MICRO_TOKENS)


def peak_gigabytes() -> float:
    """The largest resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes on Linux


if __name__ == "__main__":
    main()
