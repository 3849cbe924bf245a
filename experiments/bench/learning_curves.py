"""Learning curves: every algorithm on one small environment, from the same starts, over five seeds.

    python -m experiments.bench.learning_curves                          all that results/learning_curves.json lacks
    python -m experiments.bench.learning_curves --only grpo --again      one algorithm, anew
    python -m experiments.bench.learning_curves --draw                   the pictures of docs/algorithms alone

One-operation LEAPS problems modulo 7. The start of a seed (29 thousand parameters) imitates a demonstrator that gets
30 % of its lines wrong until it samples about as well as that one; training has 100 steps of 16 problems x 8
completions, with the settings in SETTINGS. Held-out problems are answered every ten steps. `sft` goes on imitating the
same demonstrator for as many steps; `distill` has the policy that GRPO came to as its teacher; `expert_iteration` and
`online_dpo` (judged by the verifier) have rounds, whose completions together are as many.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from envs.environment import Environment
from envs.registry import make as make_env
from envs.registry import parse_reference
from envs.types import Problem
from policies.causal import CausalPolicy, load_policy
from policies.tiny import TinyConfig, build_tiny
from policies.types import Sampling
from rl.algorithms import ALGORITHMS, Algorithm
from rl.algorithms import make as make_algorithm
from rl.curriculum import make_curriculum
from rl.imitation.demonstrations import DemonstrationSource, encode_demonstrations, shuffled_epochs
from rl.imitation.expert_iteration import ExpertIteration, ExpertIterationSettings, RoundReport
from rl.imitation.sft import SftSettings, fit_sft
from rl.learning.learner import Learner, LearnerSettings, Models, make_value_model
from rl.learning.optimizer import OptimizerSettings
from rl.preference.direct.dpo import DpoSettings
from rl.preference.direct.online_dpo import fit_online_dpo
from rl.preference.labels.annotators import make_annotator
from rl.records.evaluate import evaluate
from rl.records.recorder import SilentRecorder
from rl.rewards.base import RewardFunction
from rl.rewards.verifier import VerifierReward
from rl.rollouts.shards import make_shards
from rl.rollouts.stream import RolloutSettings
from rl.rollouts.wait import run_shards
from rl.train import Training, TrainSettings
from rl.workers import PolicySpec, Workers, WorkerSpec, make_workers

ENVIRONMENT = {"modulus": 7, "operands": [2, 4], "levels": [1], "ood_levels": [2]}
DEMONSTRATOR = {"max_level": 1, "error_rate": 0.3}
SEEDS, STEPS, PROBLEMS, GROUP = 5, 100, 16, 8
ROUNDS = 5  # of expert iteration and online DPO: as many completions as STEPS x PROBLEMS x GROUP
IMITATED, MOST_IMITATION = 0.6, 4000  # a start has come near its demonstrator; optimizer steps at most
EVERY, FRESH, SAMPLES = 10, 64, 8  # steps between evaluations; problems, and completions of each
SAMPLING = Sampling(max_new_tokens=16)
LEARNING_RATE = 5e-4
# a critic needs several passes, so a smaller step; VAPO's alpha is for completions of thousands of tokens, these have 9
CRITIC = {"lr": 2e-4, "value_lr": 2e-3, "value_pretraining": 5}
SETTINGS: dict[str, dict[str, Any]] = {
    "ppo": CRITIC,
    "vapo": {**CRITIC, "length_alpha": 2.0},
    "online_dpo": {"lr": 1e-3, "epochs": 2},  # five fits, where the others take a hundred steps
}
FITS = ("sft", "distill", "expert_iteration", "online_dpo")
NAMES = (*(name for name in ALGORITHMS if name not in FITS), *FITS)
RESULTS = Path("results/learning_curves.json")

Curve = list[float]  # accuracy on fresh draws, at the start and then at equal distances


@dataclass
class World:
    """One seed: its environment, the start that all algorithms leave from, and workers that sample and grade."""

    seed: int
    folder: Path
    env: Environment = field(init=False)
    workers: Workers = field(init=False)
    fresh: list[Problem] = field(init=False)

    def __post_init__(self) -> None:
        self.env = make_env("leaps", **ENVIRONMENT)
        # Up to the names of variables this world has 60 problems, and all must be trained on: five facts that are held
        # out are not to be inferred from 55. So the curves measure learning; fresh draws differ in their names alone.
        self.fresh = [self.env.problem(i, split="train", seed=1, level=1) for i in range(FRESH)]
        policy = build_tiny(
            TinyConfig(layers=2, hidden=32, heads=2, context=48), vocabulary=self.env.vocabulary(), seed=self.seed
        )
        policy.save(self.start)  # what workers load; the weights of the start are published, and saved below
        spec = WorkerSpec(PolicySpec(str(self.start)), parse_reference("leaps", **ENVIRONMENT), seed=self.seed)
        self.workers = make_workers("inline", spec)
        self.imitate(policy, steps=MOST_IMITATION, lr=3e-3, target=IMITATED)
        policy.save(self.start)

    @property
    def start(self) -> Path:
        """Folder of the start policy."""
        return self.folder / f"start-{self.seed}"

    def imitate(
        self, policy: CausalPolicy, *, steps: int, lr: float, first: int = 0, target: float | None = None
    ) -> None:
        """Fits the policy to demonstrations first .. first + 4000 - 1, until `target` is reached where there is one."""
        source = DemonstrationSource(
            self.env, self.env.demonstrator(**DEMONSTRATOR), single_step_share=0.0, seed=self.seed
        )
        examples = shuffled_epochs(encode_demonstrations(source.write(4000, first=first), policy), self.seed)
        learner = Learner(
            Models(policy), make_algorithm("sft"), LearnerSettings(OptimizerSettings(lr=lr, warmup_steps=10))
        )
        settings = SftSettings(max_steps=steps, batch_size=32, target=target, probe_every=200)
        probe = None if target is None else lambda step: self.accuracy(policy, step)
        fit_sft(learner, examples, settings, SilentRecorder(), probe=probe)

    def accuracy(self, policy: CausalPolicy, version: int) -> float:
        """Share of sampled completions of freshly drawn problems with the right answer."""
        self.workers.publish(policy.weights(), version)
        found = evaluate(
            self.workers, self.fresh, num_samples=SAMPLES, sampling=SAMPLING, include_greedy=False, version=version
        )
        return found.mean_at_k("answer")


def train(
    world: World,
    algorithm: Algorithm,
    *,
    lr: float = LEARNING_RATE,
    value_lr: float | None = None,
    value_pretraining: int = 0,
    reward: RewardFunction | None = None,
    teacher: CausalPolicy | None = None,
    steps: int = STEPS,
) -> tuple[Curve, CausalPolicy]:
    """The training loop from the start of a seed: the curve, and the policy that it came to."""
    policy = load_policy(world.start)
    learner = Learner(
        Models(
            policy,
            value_model=make_value_model(algorithm, policy),
            reference=teacher or (load_policy(world.start) if algorithm.needs_reference else None),
        ),
        algorithm,
        LearnerSettings(
            OptimizerSettings(lr=lr),
            value_optimizer=OptimizerSettings(lr=value_lr) if value_lr else None,
            value_pretraining=value_pretraining,
            seed=world.seed,
        ),
    )
    curve = [world.accuracy(policy, 0)]

    def look(step: int) -> Mapping[str, float]:
        """Adds a point to the curve; the loop itself is told nothing."""
        curve.append(world.accuracy(policy, learner.updates))
        return {}

    Training(
        learner=learner,
        workers=world.workers,
        problems=make_curriculum("uniform", world.env, seed=world.seed),
        reward=reward or VerifierReward({"answer": 1.0}),
        settings=TrainSettings(
            steps=steps,
            rollouts=RolloutSettings(problems_per_step=PROBLEMS, group_size=GROUP, sampling=SAMPLING),
            evaluate_every=EVERY,
        ),
        recorder=SilentRecorder(),
        evaluate=look,
    ).run()
    return curve, policy


def run(world: World, name: str) -> Curve:
    """The curve of an algorithm in one world."""
    if name in BESIDE:
        return BESIDE[name](world)
    settings = dict(SETTINGS.get(name, {}))
    others = {key: settings.pop(key) for key in CRITIC if key in settings}
    return train(world, make_algorithm(name, **settings), **others)[0]


def _sft(world: World) -> Curve:
    policy, curve = load_policy(world.start), []
    for part in range(STEPS // EVERY + 1):
        if part:
            world.imitate(policy, steps=EVERY, lr=LEARNING_RATE, first=4000 * part)
        curve.append(world.accuracy(policy, part))
    return curve


def _distill(world: World) -> Curve:
    teacher = train(world, make_algorithm("grpo"))[1]
    return train(world, make_algorithm("distill"), teacher=teacher)[0]


def _expert_iteration(world: World) -> Curve:
    policy = load_policy(world.start)
    curve = [world.accuracy(policy, 0)]

    def after_round(report: RoundReport) -> Mapping[str, float]:
        """Adds a point to the curve."""
        curve.append(world.accuracy(policy, report.round))
        return {}

    ExpertIteration(
        Learner(Models(policy), make_algorithm("sft"), LearnerSettings(OptimizerSettings(lr=LEARNING_RATE))),
        world.workers,
        make_curriculum("uniform", world.env, seed=world.seed),
        ExpertIterationSettings(
            rounds=ROUNDS, problems_per_round=STEPS * PROBLEMS // ROUNDS, group_size=GROUP, batch_size=32,
            sampling=SAMPLING, seed=world.seed, restart=False,
        ),
        SilentRecorder(),
        after_round=after_round,
    ).run()  # fmt: skip
    return curve


def _online_dpo(world: World) -> Curve:
    curve = [world.accuracy(load_policy(world.start), 0)]
    problems = make_curriculum("uniform", world.env, seed=world.seed)
    per_round = STEPS * PROBLEMS * GROUP // ROUNDS

    def sample(folder: Path, number: int) -> Sequence[Any]:
        """A round's completions of the policy in `folder`, on problems of its own."""
        world.workers.publish(load_policy(folder).weights(), number)
        asked = problems.problems(number, per_round // GROUP)
        return run_shards(
            world.workers, make_shards(asked, group_size=GROUP, step=number, sampling=SAMPLING, version=number)
        )

    fit_online_dpo(
        world.start, sample, make_annotator("perfect"), DpoSettings(**SETTINGS["online_dpo"], held_out=0.0),
        world.folder / f"online-{world.seed}", SilentRecorder(), rounds=ROUNDS, num_pairs=ROUNDS * per_round // 2,
        seed=world.seed, max_per_problem=GROUP // 2,
        after_round=lambda folder, found: curve.append(world.accuracy(load_policy(folder), 1000 + found.round)),
    )  # fmt: skip
    return curve


BESIDE: dict[str, Callable[[World], Curve]] = {
    "sft": _sft,
    "distill": _distill,
    "expert_iteration": _expert_iteration,
    "online_dpo": _online_dpo,
}


def main() -> None:
    """Runs what is missing, saves after every curve, prints the table and draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="comma-separated algorithms; default: all")
    parser.add_argument("--again", action="store_true", help="also what is in the results already")
    parser.add_argument("--draw", action="store_true", help="draw the pictures of what is there, run nothing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    wanted = options.only.split(",") if options.only else list(NAMES)
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        parser.error(f"unknown algorithm {unknown[0]!r}: expected some of {', '.join(NAMES)}")
    found = json.loads(options.out.read_text()) if options.out.exists() else {"curves": {}, "cpu_seconds": {}}
    results = {**_header(), **{key: found[key] for key in ("curves", "cpu_seconds")}}
    if options.again:
        for name in wanted:
            results["curves"].pop(name, None)
    if not options.draw:
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(SEEDS):
                _run_seed(seed, wanted, results, options.out, Path(folder))
    _print(results)
    from experiments.bench.learning_pictures import draw_all  # matplotlib, and tests of this module draw nothing

    draw_all(results, Path("docs/images/learning"))


def _run_seed(seed: int, wanted: Sequence[str], results: dict[str, Any], out: Path, folder: Path) -> None:
    missing = [name for name in wanted if str(seed) not in results["curves"].get(name, {})]
    if not missing:
        return
    world = World(seed, folder)
    for name in missing:
        began = time.process_time()
        curve = run(world, name)
        seconds = time.process_time() - began
        results["curves"].setdefault(name, {})[str(seed)] = curve
        results["cpu_seconds"].setdefault(name, {})[str(seed)] = round(seconds, 2)
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps(results, indent=1) + "\n")
        print(f"seed {seed} {name:<18} {curve[0]:.2f} -> {curve[-1]:.2f}  {seconds:.1f} CPU-seconds", flush=True)
    world.workers.close()


def _header() -> dict[str, Any]:
    return {
        "environment": ENVIRONMENT,
        "demonstrator": DEMONSTRATOR,
        "steps": STEPS,
        "problems_per_step": PROBLEMS,
        "group_size": GROUP,
        "evaluate_every": EVERY,
        "rounds": ROUNDS,
        "learning_rate": LEARNING_RATE,
        "settings": SETTINGS,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _print(results: Mapping[str, Any]) -> None:
    print("| algorithm | start | half-way | end, median (smallest) of the seeds |")
    print("|---|---|---|---|")
    for name in NAMES:
        curves = list(results["curves"].get(name, {}).values())
        if curves:
            start, half, end = ([c[i] for c in curves] for i in (0, len(curves[0]) // 2, -1))
            print(
                f"| {name} | {statistics.median(start):.2f} | {statistics.median(half):.2f} | "
                f"{statistics.median(end):.2f} ({min(end):.2f}) |"
            )


if __name__ == "__main__":
    main()
