"""What is drawn comes from the seeds of the run: another process, and a second arm of one process, draw the same."""

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import torch

from rl.learning.random_state import load_random_state, random_state, seed_global_generators

ROOT = Path(__file__).parent.parent.parent.parent
PROGRAM = """
import hashlib, random, sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import torch

spec = spec_from_file_location("letters", sys.argv[1])
letters = module_from_spec(spec)
spec.loader.exec_module(letters)
from policies.causal import load_policy
from policies.scoring.reward_model import RewardModel
from policies.types import Sampling
from rl.algorithms import make
from rl.learning.learner import Learner, LearnerSettings, Models, OptimizerSettings, make_value_model
from rl.learning.random_state import seed_global_generators
from rl.records.recorder import SilentRecorder
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainSettings

torch.manual_seed(int.from_bytes(random.SystemRandom().randbytes(6), "big"))  # as a fresh process would be


def show(name, module):
    digest = hashlib.sha256()
    for key, tensor in module.state_dict().items():
        digest.update(key.encode() + tensor.detach().numpy().tobytes())
    print(name, digest.hexdigest())


class Noisy:
    '''A plug-in's reward, which draws from every global generator.'''

    def compute_rewards(self, groups):
        def noise():
            return random.random() + np.random.rand() + float(torch.rand(()))
        return [replace(g, trajectories=tuple(t.rewarded({"noise": noise()}) for t in g.trajectories)) for g in groups]


letters.letter_policy(seed=3, layers=2).save(sys.argv[2])
lora = {"r": 2, "target_modules": ["q_proj", "v_proj"], "lora_dropout": 0.5}
for arm in ("first arm", "second arm of the same process"):
    show(f"lora, {arm}", load_policy(sys.argv[2], lora=lora, seed=7).model)
show("lora of another seed", load_policy(sys.argv[2], lora=lora, seed=8).model)
policy = load_policy(sys.argv[2])
show("tiny", letters.letter_policy(seed=4).model)
show("reward model", RewardModel.from_policy(policy, seed=5).model)
for trunk in ("separate", "shared"):
    show(f"critic, {trunk}", make_value_model(make("ppo", trunk=trunk), policy))

for backend in ("adapters", "dropout"):
    seed_global_generators(0, backend)
    policy = load_policy(sys.argv[2], lora=lora if backend == "adapters" else None, seed=7)
    if backend == "dropout":
        policy.model.config.attention_dropout = 0.3
        for layer in policy.model.model.layers:
            layer.self_attn.attention_dropout = 0.3
    learner = Learner(Models(policy), make("grpo", minibatches=2), LearnerSettings(OptimizerSettings(lr=1e-2)))
    workers = letters.LetterWorkers(letters.letter_policy(seed=3, layers=2))
    settings = TrainSettings(steps=2, rollouts=RolloutSettings(4, 4, Sampling(max_new_tokens=2)))
    Training(learner=learner, workers=workers, problems=letters.LetterProblems(), reward=Noisy(), settings=settings,
             recorder=SilentRecorder()).run()
    show(f"trained with {backend}", learner.policy.model)
"""


def test_every_initialiser_dropout_and_plug_in_draws_the_same_in_another_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    letters = str(Path(__file__).with_name("conftest.py"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    runs = []
    for number in range(2):
        command = [sys.executable, str(program), letters, str(tmp_path / f"policy-{number}")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
        assert done.returncode == 0, done.stderr
        runs.append(dict(line.rsplit(" ", 1) for line in done.stdout.splitlines()))
    assert runs[0] == runs[1]
    found = runs[0]
    assert len(found) == 9
    assert found["lora, first arm"] == found["lora, second arm of the same process"]
    assert found["lora, first arm"] != found["lora of another seed"]


def draws():
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002 - the global state is the point


def test_the_global_generators_are_seeded_saved_and_restored():
    before = random_state()
    try:
        seed_global_generators(1, "rl")
        first = draws()
        saved = random_state()
        second = draws()
        load_random_state(saved)
        assert draws() == second
        seed_global_generators(1, "rl")
        assert draws() == first
        seed_global_generators(1, "rlhf")
        assert draws() != first
        assert first != second
    finally:
        load_random_state(before)
