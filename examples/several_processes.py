"""RL with a learner on several processes, one per GPU or CPU core.

    accelerate launch --num_processes 2 examples/several_processes.py --policy my-policy --env arithmetic_chain

Rank 0 runs the loop: it samples, grades and asks for updates. The other ranks follow: each does its share of every
optimizer step's micro-batches. The weights come out as those of one process. `--sharding fsdp` spreads weights,
gradients and optimizer state over the ranks (FSDP2).
"""

from __future__ import annotations

import argparse

from envs.registry import make as make_env
from envs.registry import parse_reference
from policies.causal import load_policy
from policies.types import Sampling
from rl.algorithms import make as make_algorithm
from rl.curriculum import Curriculum
from rl.learning.learner import LearnerSettings, Models, OptimizerSettings
from rl.learning.led import LedLearner
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings
from rl.workers import PolicySpec, WorkerSpec, make_workers


class Printer(SilentRecorder):
    """A line per step."""

    def progress(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Gold accuracy and reward."""
        print(f"{stage} {done}/{total}  {note}", flush=True)


def main() -> None:
    """Every rank builds the same learner; rank 0 trains it, the others follow."""
    parser = argparse.ArgumentParser(description="RL with a learner on several processes.")
    parser.add_argument("--policy", required=True, help="Hugging Face folder or hub id of a causal LM")
    parser.add_argument("--env", required=True, help="name of an environment, as `beyond env list` prints it")
    parser.add_argument("--device", default="cpu", help="cpu or cuda; rank r takes cuda:r")
    parser.add_argument("--sharding", default=None, choices=["fsdp"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--problems", type=int, default=32, help="per step")
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--out", default="trained-policy", help="folder of the trained policy")
    options = parser.parse_args()
    from accelerate import PartialState

    rank = PartialState(cpu=options.device == "cpu").process_index
    device = options.device if options.device == "cpu" else f"{options.device}:{rank}"
    learner = LedLearner(
        Models(load_policy(options.policy, device=device)),
        make_algorithm("grpo"),
        LearnerSettings(OptimizerSettings(lr=options.lr), sharding=options.sharding),
    )
    if learner.is_main:
        train(learner, options, device)
        learner.close()
    else:
        learner.follow()
    learner.processes.end()


def train(learner: LedLearner, options: argparse.Namespace, device: str) -> None:
    """The loop, on rank 0; its workers sample on rank 0's device."""
    spec = WorkerSpec(PolicySpec(options.policy, device=device), parse_reference(options.env))
    workers = make_workers("inline", spec, 1)
    try:
        Training(
            learner=learner,
            workers=workers,
            problems=Curriculum(make_env(options.env)),
            reward=VerifierReward(),
            settings=TrainSettings(
                steps=options.steps,
                rollouts=RolloutSettings(
                    problems_per_step=options.problems,
                    group_size=options.group_size,
                    sampling=Sampling(options.max_new_tokens),
                ),
            ),
            recorder=Printer(),
        ).run()
    finally:
        workers.close()
    trained = load_policy(options.policy)
    trained.load_weights(learner.weights())  # whole, also where the learner's are spread over ranks
    trained.save(options.out)
    print(f"saved {options.out}")


if __name__ == "__main__":
    main()
