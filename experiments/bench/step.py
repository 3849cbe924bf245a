"""A whole GRPO step: trl's GRPOTrainer beside ours, on the same model, prompts, group size, lengths and optimizer step.

    python -m experiments.bench.step [--repeats 5] [--autocast bf16] [--out results/bench_step.json]
    python -m experiments.bench.step --executor ray --workers 2 --threads 2 --trl-threads 2 [...]

1.8 million parameters (Llama-shaped, random), 32 prompts of 8 to 24 tokens x 8 completions of at most 64 tokens; one of
32 near-equally likely tokens ends a completion, so lengths are ragged (mean about 28). The reward is the parity of the
number of words. Both do everything a step has: sampling, grading, advantages, one AdamW step, publishing weights; ours
also grades in killable processes and records its metrics. With `--autocast bf16` both learn in bfloat16 (trl's own
`bf16=True`), and ours samples in it too. First, losses and gradients of both are compared on one frozen batch. Then
they take turns (A B A B ...); the second step of each turn counts. CPU-seconds include child processes. Writes JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers

from envs.environment import Environment
from envs.types import EnvSpec, Problem
from experiments.bench.measuring import Clock, Timing, write_report
from experiments.bench.trl_grpo import make_trainer
from policies.causal import CausalPolicy, load_policy
from policies.tiny import TinyConfig, build_tiny
from policies.types import Sampling
from rl.algorithms import make
from rl.curriculum import Curriculum
from rl.learning.collate import collate
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.shards import make_shards
from rl.rollouts.stream import RolloutSettings
from rl.rollouts.wait import run_shards
from rl.train import Training, TrainSettings
from rl.types import Batch
from rl.workers import PolicySpec, Workers, WorkerSpec, make_workers
from verifiers.types import Outcome, Verdict

MODEL = TinyConfig(layers=4, hidden=192, heads=6)
WORDS = tuple(f"w{i}" for i in range(28))  # and four special tokens: 32
PROMPTS, GROUP_SIZE, MAX_NEW_TOKENS = 32, 8, 64
SETTINGS: dict[str, Any] = {"lr": 1e-5, "betas": (0.9, 0.95)}


@dataclass(frozen=True)
class StepWork:
    """The step that both do.

    Attributes:
        folder: of the policy.
        env: gives the problems, and grades by `parity_reward`.
    """

    folder: str
    env: Environment
    num_problems: int = PROMPTS
    group_size: int = GROUP_SIZE
    max_new_tokens: int = MAX_NEW_TOKENS
    micro_tokens: int = 16384

    @property
    def rows(self) -> int:
        """Completions of a step."""
        return self.num_problems * self.group_size


class Parity(Environment):
    """Prompts of 8 to 24 words; a response with an even number of words is right."""

    name = "parity"

    def generate(self, rng: Random, level: int) -> Problem:
        """A prompt of random words; the level changes nothing."""
        return Problem(prompt=" ".join(rng.choices(WORDS, k=rng.randint(7, 23))), answer="even")

    def grade(self, problem: Problem, response: str) -> Verdict:
        """CORRECT for an even number of words: it takes next to no time to grade."""
        return parity_verdict(response)


def parity_verdict(response: str) -> Verdict:
    """CORRECT for an even number of words."""
    right = parity_reward(response)
    return Verdict(Outcome.CORRECT if right else Outcome.WRONG, right)


def parity_reward(text: str) -> float:
    """1 for an even number of words."""
    return float(len(text.split()) % 2 == 0)


def parity_rewards(completions: list[Any], **_: Any) -> list[float | None]:
    """The same, as trl calls it: with texts, or with messages."""
    return [parity_reward(text if isinstance(text, str) else text[0]["content"]) for text in completions]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, measure, print, write."""
    parser = argparse.ArgumentParser(description="A whole GRPO step beside trl's.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of our learner; of our sampler too if it is inline")
    parser.add_argument("--trl-threads", type=int, default=1)
    parser.add_argument("--autocast", default=None, choices=["bf16"], help="arithmetic of both; the default is float32")
    parser.add_argument("--executor", default="inline", choices=["inline", "ray"])
    parser.add_argument("--workers", type=int, default=1, help="rollout workers of executor ray, one thread each")
    parser.add_argument("--staleness", type=int, default=0, help="updates between sampling and training, ours")
    parser.add_argument("--out", type=Path, default=Path("results/bench_step.json"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        build_tiny(MODEL, vocabulary=WORDS, seed=0).save(folder)
        spec = WorkerSpec(
            PolicySpec(folder, dtype="bfloat16" if options.autocast else "float32"),
            EnvSpec("experiments.bench.step:Parity"),
            threads=options.threads if options.executor == "inline" else 1,
        )
        workers = make_workers(options.executor, spec, options.workers)
        try:
            work = StepWork(folder, Parity())
            ours = {"threads": options.threads, "autocast": options.autocast, "staleness": options.staleness}
            frozen = compare(folder, workers)
            print(f"frozen batch: {frozen}", flush=True)
            turns = []
            for turn in range(options.repeats):
                trl = time_trl(work, turn, threads=options.trl_threads, is_half=options.autocast is not None)
                turns.append((trl, time_ours(work, workers, turn, **ours)))
                print(f"turn {turn}: trl {turns[-1][0]}, ours {turns[-1][1]}", flush=True)
        finally:
            workers.close()
    report = summarise(turns, frozen) | {
        "options": {key: str(value) for key, value in vars(options).items() if key != "out"},
    }
    write_report(options.out, report)
    print(json.dumps({key: report[key] for key in ("trl", "ours", "ratio")}, indent=1))


def summarise(turns: Sequence[tuple[Timing, Timing]], frozen: dict[str, float]) -> dict[str, Any]:
    """Medians of each side and of the ratio within a turn."""
    sides = {"trl": [a for a, _ in turns], "ours": [b for _, b in turns]}
    report: dict[str, Any] = {"frozen_batch": frozen}
    for side, timings in sides.items():
        rows = [asdict(timing) for timing in timings]
        report[side] = {key: statistics.median(row[key] for row in rows) for key in rows[0]} | {"turns": rows}
    report["ratio"] = {
        key: statistics.median(getattr(a, key) / getattr(b, key) for a, b in turns)
        for key in ("cpu_seconds", "wall_seconds")
    }
    return report


# ---------------------------------------------------------------------- ours


class StepClock(SilentRecorder):
    """Times one step of a stage, of so many rows: from the record of the one before to its own."""

    def __init__(self, step: int, rows: int) -> None:
        super().__init__()
        self.step, self.num_rows, self.clock = step, rows, Clock()
        self.timing: Timing | None = None

    def metrics(self, stage: str, step: int, values: Any) -> None:
        """Called once per step."""
        super().metrics(stage, step, values)
        if step == self.step - 1:
            self.clock.start()
        elif step == self.step:
            self.timing = self.clock.elapsed(values["completion/tokens_mean"] * self.num_rows)


def time_ours(
    work: StepWork,
    workers: Workers,
    turn: int,
    *,
    threads: int = 1,
    autocast: str | None = None,
    staleness: int = 0,
) -> Timing:
    """The second of two steps of `rl.train`; a later one when sampling runs ahead."""
    torch.set_num_threads(threads)
    recorder = StepClock(2 + staleness, work.rows)
    Training(
        learner=our_learner(load_policy(work.folder), autocast, work.micro_tokens),
        workers=workers,
        problems=Curriculum(work.env, seed=turn),
        reward=VerifierReward(),
        settings=TrainSettings(
            steps=2 + 2 * staleness,
            rollouts=RolloutSettings(
                max_staleness=staleness,
                problems_per_step=work.num_problems,
                group_size=work.group_size,
                sampling=Sampling(max_new_tokens=work.max_new_tokens),
            ),
        ),
        recorder=recorder,
    ).run()
    assert recorder.timing is not None
    return recorder.timing


def our_learner(policy: CausalPolicy, autocast: str | None = None, micro_tokens: int = 16384) -> Learner:
    """GRPO as trl computes it: group deviation, clip 0.2, mean over completions of means over tokens."""
    settings = LearnerSettings(OptimizerSettings(**SETTINGS), autocast=autocast, micro_tokens=micro_tokens)
    return Learner(Models(policy), make("grpo"), settings)


# ---------------------------------------------------------------------- trl


def trl_trainer(work: StepWork, output: str, seed: int, *, is_half: bool = False, callback: Any = None) -> Any:
    """A GRPOTrainer with the same setting, for two steps."""
    problems = Curriculum(work.env, seed=seed).problems(0, 2 * work.num_problems)
    return make_trainer(
        work.folder,
        output,
        [{"prompt": prompt_as_rows(problem)} for problem in problems],
        parity_rewards,
        num_problems=work.num_problems,
        group_size=work.group_size,
        max_new_tokens=work.max_new_tokens,
        max_steps=2,
        lr=SETTINGS["lr"],
        seed=seed,
        is_half=is_half,
        callback=callback,
    )


def prompt_as_rows(problem: Problem) -> str | list[dict[str, str]]:
    """A prompt as text, or as messages for the model's chat template."""
    if isinstance(problem.prompt, str):
        return problem.prompt
    return [{"role": message.role, "content": message.content} for message in problem.prompt]


def time_trl(work: StepWork, turn: int, *, threads: int = 1, is_half: bool = False) -> Timing:
    """The second of two optimizer steps of GRPOTrainer, generation included."""
    torch.set_num_threads(threads)

    class SecondStep(transformers.TrainerCallback):
        """Stops the clock at the end of each step; the last one counts."""

        clock = Clock()
        timing: Timing | None = None  # set by the end of a step

        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Start the clock anew."""
            self.clock.start()

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Read the clock."""
            self.timing = self.clock.elapsed()

    callback = SecondStep()
    with tempfile.TemporaryDirectory() as output:
        trainer = trl_trainer(work, output, turn, is_half=is_half, callback=callback)
        trainer.train()
        mean_length = trainer.state.log_history[-1]["completions/mean_length"]
    assert callback.timing is not None
    return replace(callback.timing, amount=mean_length * work.rows)


# ---------------------------------------------------------------------- the same loss


def compare(folder: str, workers: Workers) -> dict[str, float]:
    """Loss and gradient of both on one batch, under slightly different weights than sampled it.

    Raises:
        AssertionError: they differ, so that timing them would compare different work.
    """
    policy = load_policy(folder)
    workers.publish(policy.weights(), 0)
    shards = make_shards(
        Curriculum(Parity(), seed=99).problems(0, 4),
        group_size=GROUP_SIZE,
        step=0,
        sampling=Sampling(max_new_tokens=MAX_NEW_TOKENS),
    )
    groups = VerifierReward().compute_rewards(run_shards(workers, shards))
    generator = torch.Generator().manual_seed(0)
    for parameter in policy.model.parameters():
        parameter.data += 0.01 * torch.randn(parameter.shape, generator=generator)
    learner = our_learner(policy)
    batch = learner.algorithm.compute_advantages(collate(groups, pad_id=policy.pad_id, learner_version=0))
    before = {name: parameter.detach().clone() for name, parameter in policy.model.named_parameters()}
    ours = learner.step(batch)
    with tempfile.TemporaryDirectory() as output:
        trainer = trl_trainer(StepWork(folder, Parity()), output, 0)
        trainer.model.load_state_dict(before)
        trainer.model.eval()
        loss = trainer._compute_loss(trainer.model, trl_inputs(batch, policy.pad_id))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1e9)
    found = {
        "our_loss": ours["learner/loss"],
        "trl_loss": float(loss.detach()),
        "our_gradient_norm": ours["learner/grad_norm"],
        "trl_gradient_norm": float(norm),
    }
    assert abs(found["our_loss"] - found["trl_loss"]) < 1e-4, found
    assert abs(found["our_gradient_norm"] / found["trl_gradient_norm"] - 1) < 1e-2, found
    return found


def trl_inputs(batch: Batch, pad_id: int) -> dict[str, torch.Tensor]:
    """The batch as trl lays it out: prompts padded on the left, completions on the right."""
    sampled = batch.mask.bool()
    completions = [row[mask] for row, mask in zip(batch.tokens, sampled)]
    prompts = [row[real & ~mask] for row, real, mask in zip(batch.tokens, batch.attention, sampled)]
    old = [row[mask] for row, mask in zip(batch.sampler_logprobs, sampled)]

    def pad(rows: list[torch.Tensor], value: float, side: str = "right") -> torch.Tensor:
        """Rows as one tensor [rows, longest], `value` where a row is shorter."""
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value, padding_side=side)

    assert batch.advantages is not None
    return {
        "prompt_ids": pad(prompts, pad_id, "left"),
        "prompt_mask": pad([torch.ones_like(row) for row in prompts], 0, "left"),
        "completion_ids": pad(completions, pad_id),
        "completion_mask": pad([torch.ones_like(row) for row in completions], 0),
        "old_per_token_logps": pad(old, 0.0),
        "advantages": torch.stack([row[mask][0] for row, mask in zip(batch.advantages, sampled)]),
    }


if __name__ == "__main__":
    main()
