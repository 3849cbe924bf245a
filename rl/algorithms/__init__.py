"""Named algorithms with vetted defaults. `make("grpo", clip_high=0.28, kl={"beta": 0.05})` builds one."""

from rl.algorithms.base import Algorithm, AlgorithmState, LossParts, Scores
from rl.algorithms.registry import ALGORITHMS, make
from rl.algorithms.settings import Correction, Kl, Placement, Scale
from rl.algorithms.sft import Sft

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "AlgorithmState",
    "Correction",
    "Kl",
    "LossParts",
    "Placement",
    "Scale",
    "Scores",
    "Sft",
    "make",
]
