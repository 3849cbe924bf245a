"""The names that `policies` exports, from where they live."""

from policies.causal import CausalPolicy, load_policy
from policies.sampling.engine import SamplingEngine
from policies.scoring.logprobs import score_tokens
from policies.scoring.reward_model import RewardModel
from policies.tiny import TinyConfig, build_tiny
from policies.types import Completion, FinishReason, Request, Sampling

__all__ = [
    "CausalPolicy",
    "Completion",
    "FinishReason",
    "Request",
    "RewardModel",
    "Sampling",
    "SamplingEngine",
    "TinyConfig",
    "build_tiny",
    "load_policy",
    "score_tokens",
]
