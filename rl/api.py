"""The names that `rl` exports, from where they live."""

from rl.algorithms import Algorithm
from rl.algorithms import make as make_algorithm
from rl.curriculum import Curriculum, make_curriculum
from rl.imitation.demonstrations import DemonstrationSource, encode_demonstrations, shuffled_epochs
from rl.imitation.sft import SftSettings, fit_sft
from rl.learning.checkpoint import Checkpoints
from rl.learning.learner import Learner, LearnerSettings, Models
from rl.learning.optimizer import OptimizerSettings
from rl.records.evaluate import Evaluation, evaluate
from rl.records.recorder import Recorder, SilentRecorder
from rl.rewards.base import RewardFunction
from rl.rewards.registry import make_reward
from rl.rewards.verifier import VerifierReward
from rl.rollouts.log import RolloutLog
from rl.rollouts.stream import RolloutSettings
from rl.train import Training, TrainResult, TrainSettings
from rl.types import Group, Trajectory
from rl.workers import PolicySpec, Workers, WorkerSpec, make_workers

__all__ = [
    "Algorithm",
    "Checkpoints",
    "Curriculum",
    "DemonstrationSource",
    "Evaluation",
    "Group",
    "Learner",
    "LearnerSettings",
    "Models",
    "OptimizerSettings",
    "PolicySpec",
    "Recorder",
    "RewardFunction",
    "RolloutLog",
    "RolloutSettings",
    "SftSettings",
    "SilentRecorder",
    "TrainResult",
    "TrainSettings",
    "Training",
    "Trajectory",
    "VerifierReward",
    "WorkerSpec",
    "Workers",
    "encode_demonstrations",
    "evaluate",
    "fit_sft",
    "make_algorithm",
    "make_curriculum",
    "make_reward",
    "make_workers",
    "shuffled_epochs",
]
