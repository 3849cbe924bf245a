"""Time to the same held-out accuracy: trl's GRPOTrainer beside ours, from the same policy, on the same problems.

    python -m experiments.bench.time_to_accuracy [--seeds 0,1,2] [--target 0.8] [--executor ray --staleness 1 ...]

LEAPS at one level: a policy of 0.2 million parameters that imitates leaping demonstrations is trained against the
verifier (a solution counts when every line is right). Both sides make the same updates: the same problems in the same
order, group size, length limit, learning rate, loss and number of optimizer steps per batch; they differ in their
samples' randomness. After every second step 256 problems of the validation split are sampled once each, by our engine
for both, with the clock stopped; the run ends when the accuracy reaches the target. Loading and start-up do not count.
The sides take turns, seed by seed; the ratio of a seed is trl's seconds over ours. Writes
results/bench_time_to_accuracy.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from envs.environment import Environment
from envs.registry import make as make_env
from envs.registry import parse_reference
from envs.types import Problem
from experiments.bench.measuring import Clock, Timing, write_report
from experiments.bench.trl_grpo import make_trainer
from policies.causal import CausalPolicy, load_policy
from policies.sampling.engine import SamplingEngine
from policies.tiny import TinyConfig, build_tiny
from policies.types import Request, Sampling
from rl.algorithms import make as make_algorithm
from rl.curriculum import Curriculum
from rl.imitation.demonstrations import DemonstrationSource, encode_demonstrations, shuffled_epochs
from rl.imitation.sft import SftSettings, fit_sft
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.workers import PolicySpec, WorkerSpec, WorkerState, make_workers

ENV = "leaps?modulus=31&operands=[2,5]&levels=[3]&ood_levels=[4]&require=strict"
MODEL = TinyConfig(layers=4, hidden=64, heads=4, context=160)
PROBLEMS, GROUP_SIZE, MAX_NEW_TOKENS, LR = 32, 8, 48, 3e-4
IMITATION_STEPS, DEMONSTRATIONS, IMITATION_LR = 1500, 12000, 2e-3
HELD_OUT, EVALUATE_EVERY = 256, 2


@dataclass
class Race:
    """One side on its way to the target.

    Attributes:
        curve: (step, seconds, accuracy) of every evaluation.
        reached: the time at which the target was reached; None: it was not.
    """

    target: float
    evaluate: Callable[[dict[str, torch.Tensor]], float]
    clock: Clock = field(default_factory=Clock)
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    reached: Timing | None = None

    def after(self, step: int, weights: Callable[[], dict[str, torch.Tensor]]) -> bool:
        """Looks at the policy after a step, with the clock stopped; True when the target is reached."""
        self.clock.pause()
        if step % EVALUATE_EVERY == 0 and self.reached is None:
            accuracy = self.evaluate(weights())
            # both clocks stand: nothing is added between pause and resume
            timing = self.clock.paused(step)
            self.curve.append((step, round(timing.wall_seconds, 3), accuracy))
            if accuracy >= self.target:
                self.reached = timing
        self.clock.resume()
        return self.reached is not None


def main(arguments: Sequence[str] | None = None) -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description="Time to the same accuracy beside trl's GRPOTrainer.")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--target", type=float, default=0.8)
    parser.add_argument("--max-steps", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1, help="of our learner; of our sampler too if it is inline")
    parser.add_argument("--trl-threads", type=int, default=1)
    parser.add_argument("--executor", default="inline", choices=["inline", "ray"])
    parser.add_argument("--workers", type=int, default=1, help="rollout workers of executor ray, one thread each")
    parser.add_argument("--staleness", type=int, default=0, help="updates between sampling and training, ours")
    parser.add_argument("--out", type=Path, default=Path("results/bench_time_to_accuracy.json"))
    options = parser.parse_args(arguments)
    env = make_env(ENV)
    races: list[tuple[int, Race, Race]] = []
    for seed in map(int, options.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            torch.set_num_threads(1)
            imitate(env, seed).save(folder)
            held_out = HeldOut(env, folder)
            print(f"seed {seed}: start {held_out(load_policy(folder).weights()):.3f}", flush=True)
            trl = race_trl(folder, env, seed, options, held_out)
            print(f"seed {seed}: trl {trl.reached} {trl.curve}", flush=True)
            ours = race_ours(folder, env, seed, options, held_out)
            print(f"seed {seed}: ours {ours.reached} {ours.curve}", flush=True)
            races.append((seed, trl, ours))
    both = [(trl.reached, ours.reached) for _, trl, ours in races if trl.reached and ours.reached]
    ratios = {
        name: statistics.median(getattr(trl, name) / getattr(ours, name) for trl, ours in both)
        for name in ("cpu_seconds", "wall_seconds")
        if both
    }
    report = {
        "target": options.target,
        "ratio": ratios,
        "seeds_that_both_reached": len(both),
        "rows": [{"seed": seed, "trl": describe(trl), "ours": describe(ours)} for seed, trl, ours in races],
        "options": {key: str(value) for key, value in vars(options).items() if key != "out"},
    }
    write_report(options.out, report)
    print(json.dumps(ratios, indent=1))


def describe(race: Race) -> dict[str, Any]:
    """JSON values."""
    return {"reached": None if race.reached is None else asdict(race.reached), "curve": race.curve}


def imitate(env: Environment, seed: int) -> CausalPolicy:
    """The policy that both sides start from."""
    policy = build_tiny(MODEL, vocabulary=env.vocabulary(), seed=seed)
    source = DemonstrationSource(env, env.demonstrator(), single_step_share=0.3, seed=seed)
    examples = encode_demonstrations(source.write(DEMONSTRATIONS), policy)
    learner = Learner(
        Models(policy), make_algorithm("sft"), LearnerSettings(OptimizerSettings(lr=IMITATION_LR, warmup_steps=100))
    )
    settings = SftSettings(max_steps=IMITATION_STEPS, target=None, seed=seed)
    fit_sft(learner, shuffled_epochs(examples, seed), settings, SilentRecorder())
    return policy


class HeldOut:
    """Share of validation problems that a policy solves, sampled once each at temperature 1."""

    def __init__(self, env: Environment, folder: str) -> None:
        self.env, self.policy = env, load_policy(folder)
        self.problems = Curriculum(env, seed=1000, split="validation").problems(0, HELD_OUT)
        self.engine = SamplingEngine(self.policy)

    def __call__(self, weights: dict[str, torch.Tensor]) -> float:
        """The share in [0, 1]; every call samples with the same seed, so that only the weights make a difference."""
        self.policy.load_weights(weights)
        requests = [Request(self.policy.encode(problem.text), (i,)) for i, problem in enumerate(self.problems)]
        groups = self.engine.generate(requests, Sampling(MAX_NEW_TOKENS), seed=7)
        verdicts = [self.env.grade(p, group[0].text) for p, group in zip(self.problems, groups, strict=True)]
        return sum(verdict.is_correct for verdict in verdicts) / len(verdicts)


# ---------------------------------------------------------------------- ours


class Runner(SilentRecorder):
    """Looks at the policy after every step, and stops the run at the target."""

    def __init__(self, race: Race, learner: Learner) -> None:
        super().__init__()
        self.race, self.learner = race, learner

    def metrics(self, stage: str, step: int, values: Any) -> None:
        """Called once per step."""
        self.stop_requested = self.race.after(step, self.learner.weights)


def race_ours(
    folder: str, env: Environment, seed: int, options: argparse.Namespace, evaluate: Callable[..., float]
) -> Race:
    """`rl.train` until the target."""
    torch.set_num_threads(options.threads)
    threads = options.threads if options.executor == "inline" else 1
    spec = WorkerSpec(PolicySpec(folder), parse_reference(ENV), seed=seed, threads=threads)
    workers = make_workers(options.executor, spec, options.workers)
    learner = Learner(
        Models(load_policy(folder)),
        make_algorithm("grpo"),
        LearnerSettings(OptimizerSettings(lr=LR, betas=(0.9, 0.95), weight_decay=0.0)),
    )
    settings = TrainSettings(
        steps=options.max_steps,
        rollouts=RolloutSettings(
            problems_per_step=PROBLEMS,
            group_size=GROUP_SIZE,
            sampling=Sampling(MAX_NEW_TOKENS),
            max_staleness=options.staleness,
        ),
    )
    try:
        wait_until_healthy(workers)
        race = Race(options.target, evaluate)
        Training(
            learner=learner,
            workers=workers,
            problems=Curriculum(env, seed=seed),
            reward=VerifierReward(),
            settings=settings,
            recorder=Runner(race, learner),
        ).run()
    finally:
        workers.close()
    return race


def wait_until_healthy(workers: Any, seconds: float = 120.0) -> None:
    """Start-up is not part of the race (nor is trl's loading)."""
    end = time.monotonic() + seconds
    while any(row.state is not WorkerState.HEALTHY for row in workers.health()) and time.monotonic() < end:
        time.sleep(0.1)


# ---------------------------------------------------------------------- trl


def race_trl(
    folder: str, env: Environment, seed: int, options: argparse.Namespace, evaluate: Callable[..., float]
) -> Race:
    """GRPOTrainer until the target."""
    torch.set_num_threads(options.trl_threads)
    curriculum = Curriculum(env, seed=seed)
    problems = [problem for step in range(options.max_steps) for problem in curriculum.problems(step, PROBLEMS)]

    def reward(completions: list[str], problem: list[str], **_: Any) -> list[float | None]:
        """1.0 for a completion that the environment grades CORRECT, else 0.0; as trl calls it."""
        asked = [Problem.from_json(json.loads(row)) for row in problem]
        return [float(env.grade(p, text).is_correct) for p, text in zip(asked, completions, strict=True)]

    class Watch(transformers.TrainerCallback):
        """Looks at the policy after every step, and stops the run at the target."""

        race: Race | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Start the clock when trl is ready to train."""
            self.race = Race(options.target, evaluate)

        def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            """Stop the run at the target; the clock stands still while the policy is evaluated."""
            assert self.race is not None
            model = others["model"]
            control.should_training_stop = self.race.after(
                state.global_step, lambda: {name: tensor.detach() for name, tensor in model.named_parameters()}
            )

    watch = Watch()
    with tempfile.TemporaryDirectory() as output:
        make_trainer(
            folder,
            output,
            [{"prompt": p.text, "problem": json.dumps(p.to_json())} for p in problems],
            reward,
            num_problems=PROBLEMS,
            group_size=GROUP_SIZE,
            max_new_tokens=MAX_NEW_TOKENS,
            max_steps=options.max_steps,
            lr=LR,
            seed=seed,
            callback=watch,
        ).train()
    assert watch.race is not None
    return watch.race


if __name__ == "__main__":
    main()
