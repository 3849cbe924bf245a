"""A few steps of a config's RL, run for their timings: nothing is kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.config.experiment import Experiment
from experiments.run.display import Display
from experiments.stages.serving import PolicyServer, start_executor, stop_executor
from experiments.stages.training import algorithm_of, curriculum_of, make_learner, train_settings
from experiments.study.before.lengths import fitted_env
from experiments.study.forecast.model import Rates
from experiments.study.forecast.rates import WARM_UP_STEPS, rates_of_rows
from rl.records.recorder import SilentRecorder
from rl.rewards.verifier import VerifierReward
from rl.train import Training

MEASURED_STEPS = 4
BUSY_LOAD = 0.5  # processes that want a CPU, before the steps begin


def trial_rows(experiment: Experiment, scratch: Path, steps: int) -> list[Mapping[str, Any]]:
    """Metrics of `steps` updates with the config's workers, rewarded by the verifier.

    Args:
        scratch: an empty folder, for the policy that the workers load.
    """
    env_spec, env = fitted_env(experiment)
    seed = experiment.seeds[0]
    server = PolicyServer(experiment, seed, env_spec, scratch / "policy", Display(quiet=True), lambda: False)
    start_executor(experiment)
    try:
        policy = server.untrained(experiment.policy, env)
        policy.save(scratch / "policy")
        section = experiment.rl.model_copy(update={"steps": steps, "evaluate_every": 0, "checkpoint_every": 0})
        learner = make_learner(policy, section, algorithm_of(section.algorithm), seed=seed, threads=experiment.threads)
        settings = train_settings(section, experiment.workers.shard_size)
        recorder = SilentRecorder()
        Training(
            learner=learner,
            workers=server.workers(),
            problems=curriculum_of(section, env, seed),
            reward=VerifierReward(),
            settings=replace(settings, steps=steps),
            recorder=recorder,
        ).run()
        return [row for _, _, row in recorder.rows]
    finally:
        server.close()
        stop_executor(experiment)


def measure(experiment: Experiment, steps: int = MEASURED_STEPS) -> Rates:
    """Rates of this machine as it is now: some steps of RL from the untrained policy, without evaluation or checkpoint.

    Other work on the machine slows them; a run on a quiet one is faster than they say.
    """
    load = os.getloadavg()[0]
    beside = f"; other work ran beside them (load {load:.1f} on {os.cpu_count()} CPUs)" if load > BUSY_LOAD else ""
    with tempfile.TemporaryDirectory(prefix="beyond-plan-") as scratch:
        rows = trial_rows(experiment, Path(scratch), WARM_UP_STEPS + steps)
    completions = experiment.rl.problems_per_step * experiment.rl.group_size
    return rates_of_rows(rows, completions, f"measured here in {steps} steps of the untrained policy{beside}")
